"""Both networks answer the mirrored case with the mirrored answer, to rounding."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv1d, pad

from understudy.surrogate.encoding import EVEN_CONDITIONS, EVEN_FIELDS, ODD_CONDITIONS, ODD_FIELDS
from understudy.surrogate.networks.convolution import ConvolutionalNetwork, ConvolutionConfig
from understudy.surrogate.networks.graph import GraphNetwork, surface_edges
from understudy.surrogate.networks.graph_config import GraphConfig
from understudy.surrogate.networks.mirror import MirrorConv1d, parts_of, streams_of

FIELDS, CONDITIONS = (len(EVEN_FIELDS), len(ODD_FIELDS)), (len(EVEN_CONDITIONS), len(ODD_CONDITIONS))


def networks() -> list[nn.Module]:
    torch.manual_seed(0)
    convolution = ConvolutionalNetwork(
        ConvolutionConfig((4, 4, 4, 8, 8, 8), (0, 1, 1, 1, 1, 1), hidden=8), FIELDS, CONDITIONS
    )
    graph = GraphNetwork(GraphConfig(features=8, layers=6, fine=4), FIELDS, CONDITIONS)
    return [convolution.double(), graph.double()]


def inputs() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    sizes = [(3, FIELDS[0], 160), (3, FIELDS[1], 160), (3, CONDITIONS[0]), (3, CONDITIONS[1])]
    return [torch.randn(size, generator=random, dtype=torch.float64) for size in sizes]


@pytest.mark.parametrize("network", networks(), ids=["convolution", "graph"])
def test_mirrored_inputs_give_mirrored_outputs(network: nn.Module):
    even, odd, even_conditions, odd_conditions = inputs()
    output = network(even, odd, even_conditions, odd_conditions)
    mirrored = network(even.flip(2), -odd.flip(2), even_conditions, -odd_conditions)
    torch.testing.assert_close(mirrored.fields, output.fields.flip(3), rtol=0, atol=1e-13)
    torch.testing.assert_close(mirrored.numbers, output.numbers, rtol=0, atol=1e-13)
    torch.testing.assert_close(mirrored.pairs, output.pairs.flip(2), rtol=0, atol=1e-13)


@pytest.mark.parametrize("network", networks(), ids=["convolution", "graph"])
def test_trailing_edge_hears_of_the_nose(network: nn.Module):
    even, odd, *conditions = inputs()
    even.requires_grad_()
    network(even, odd, *conditions).fields[..., 0].sum().backward()
    assert (even.grad[:, :, 75:85].abs().amax(1) > 0).all()


def test_kept_kernel_follows_a_change_of_weights():
    layer = MirrorConv1d(2, 2, 3).requires_grad_(False)
    parts = torch.randn(1, 2, 1, 10, 2)
    before = layer(parts)
    with torch.no_grad():
        layer.same.mul_(2)
        layer.cross.mul_(2)
    torch.testing.assert_close(layer(parts), 2 * before)


def test_surface_graph_links_neighbours_and_the_opposite_side():
    edges, kind = surface_edges(2, 10, (1,), torch.device("cpu"))
    pairs = set(map(tuple, edges.T.tolist()))
    assert {(1, 0), (9, 0), (11, 10), (19, 10)} <= pairs
    assert set(map(tuple, edges[:, kind == 2].T.tolist())) >= {(9, 0), (8, 1), (19, 10)}
    assert not any((sender < 10) != (receiver < 10) for sender, receiver in pairs)


def test_even_kernel_with_stride_one_is_refused():
    with pytest.raises(ValueError, match="needs an odd size, or a stride equal to it; got 4, 1"):
        MirrorConv1d(2, 2, 4)


def test_unequal_levels_are_refused():
    with pytest.raises(ValueError, match="channels and blocks must be equally many"):
        ConvolutionConfig(channels=(4, 4), blocks=(1,))


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (5, 1), (1, 1), (2, 2), (3, 3)])
def test_convolution_is_that_of_torch_around_the_contour(size: int, stride: int):
    layer = MirrorConv1d(3, 2, size, stride=stride).double()
    nn.init.normal_(layer.bias)
    case, image = streams = torch.randn(2, 4, 3, 30, dtype=torch.float64)  # channels before nodes, as torch has them
    same, cross = layer.same[0], layer.cross[0]

    def convolve(own: torch.Tensor, other: torch.Tensor, same: torch.Tensor, cross: torch.Tensor) -> torch.Tensor:
        around = pad(torch.cat([own, other], 1), (layer.reach, layer.reach), mode="circular")
        return conv1d(around, torch.cat([same, cross], 1), layer.bias[0], stride)

    expected = [convolve(case, image, same, cross), convolve(image, case, same.flip(2), cross.flip(2))]
    answer = streams_of(layer(parts_of(streams.transpose(2, 3)[None])))
    torch.testing.assert_close(answer[0], torch.stack(expected).transpose(2, 3), rtol=0, atol=1e-13)


@pytest.mark.parametrize("network", networks()[:1], ids=["convolution"])
def test_written_out_gradients_are_those_of_differences(network: nn.Module):
    *fields, even_conditions, odd_conditions = (values[:1].requires_grad_() for values in inputs())
    weights = [network.stem.cross, network.down[1][0].first.same, network.grow[0].bias, network.fields.out.same]

    def answer(*_: torch.Tensor) -> torch.Tensor:
        output = network(*fields, even_conditions, odd_conditions)
        return output.fields.sum() + output.numbers.square().sum()

    assert torch.autograd.gradcheck(answer, (*fields, even_conditions, odd_conditions, *weights), fast_mode=True)
