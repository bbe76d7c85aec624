import math

import pytest
import torch

from understudy.simulators.shapes import naca, panel, panel_each

SECTIONS = ("0012", "2412", "4415-sharp", "23012", "6409", "0021", "0006")


def _spacing(nodes: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(nodes.diff(dim=-2), dim=-1)


@pytest.mark.parametrize("name", SECTIONS[:-1])  # a panel at a thinner nose turns so far that its chord is short
@pytest.mark.parametrize("per_side", [20, 40, 200])
def test_neighbouring_panels_differ_little_and_crowd_at_the_edges(name: str, per_side: int) -> None:
    spacing = _spacing(panel(naca(name, per_side)[None])[0])
    ratio = spacing[1:] / spacing[:-1]
    assert torch.maximum(ratio, 1 / ratio).max() < 1.25
    assert 0.15 < spacing[0] / spacing.mean() < 0.3
    assert 0.15 < spacing[-1] / spacing.mean() < 0.3
    assert spacing.min() / spacing.mean() < 0.25
    assert spacing.max() / spacing.mean() < 1.7


def test_ends_are_kept_exactly() -> None:
    raw = naca("2412")[None]
    nodes = panel(raw, 100)
    assert torch.equal(nodes[:, [0, -1]], raw[:, [0, -1]])


@pytest.mark.parametrize("name", SECTIONS)
def test_a_panelled_contour_stays_where_it_is(name: str) -> None:
    nodes = panel(naca(name)[None])
    moved = torch.linalg.vector_norm(panel(nodes) - nodes, dim=-1)
    assert (moved[:, 1:] / _spacing(nodes)).max() < 0.02


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_mirrored_contour_gets_mirrored_nodes(dtype: torch.dtype) -> None:
    raw = naca("4412", dtype=dtype)[None]
    flip = torch.tensor([1.0, -1.0], dtype=dtype)
    torch.testing.assert_close(
        panel(raw.flip(1) * flip), panel(raw).flip(1) * flip, rtol=0, atol=20 * torch.finfo(dtype).eps
    )


def test_nodes_scale_and_turn_with_the_contour() -> None:
    raw = naca("2412")[None]
    angle = math.radians(7)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    torch.testing.assert_close(panel(3 * raw @ turn.T), 3 * panel(raw) @ turn.T, rtol=0, atol=1e-12)


def test_the_surface_is_met_to_third_order_or_better_in_the_raw_spacing() -> None:
    exact = panel(naca("0015", 1601)[None], 160)

    def error(per_side: int) -> float:
        nodes = panel(naca("0015", per_side)[None], 160)[0]
        fine = exact[0]
        # Distance across the surface only: where along it a node lies is a choice, not an error.
        step = fine.roll(-1, 0) - fine.roll(1, 0)
        normal = torch.stack([-step[:, 1], step[:, 0]], -1) / torch.linalg.vector_norm(step, dim=-1, keepdim=True)
        near = (nodes - fine)[1:-1]
        return (near * normal[1:-1]).sum(-1).abs().max().item()

    errors = [error(per_side) for per_side in (21, 41, 81)]
    assert errors[-1] < 2e-6
    assert math.log2(errors[0] / errors[2]) / 2 > 3


def test_placement_does_not_depend_on_the_number_of_nodes() -> None:
    raw = naca("4412")[None]
    # 81, 161 nodes share every second node: integrals on them converge at their full order.
    torch.testing.assert_close(panel(raw, 161)[:, ::2], panel(raw, 81), rtol=0, atol=1e-12)


def test_polygon_area_converges_at_second_order() -> None:
    raw = naca("2412", 400)[None]

    def polygon_area(nodes: int) -> float:
        x, y = panel(raw, nodes)[0].unbind(-1)
        return 0.5 * (x * y.roll(-1) - y * x.roll(-1)).sum().item()

    coarse, middle, fine = (polygon_area(nodes) for nodes in (81, 161, 321))
    assert math.log2((middle - coarse) / (fine - middle)) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["0012", "4412"])
def test_gradient_is_that_of_finite_differences(name: str) -> None:
    raw = naca(name, 16)[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda points: panel(points, 30), (raw,), fast_mode=True)


def test_single_precision_agrees_with_double() -> None:
    raw = naca("2412")[None]
    torch.testing.assert_close(panel(raw.float()).double(), panel(raw), rtol=0, atol=2e-6)


def test_shapes_of_many_lengths_are_panelled_as_if_alone() -> None:
    shapes = [naca("0012", 20), naca("2412", 90), naca("4412", 20), naca("23012", 33)]
    together = panel_each(shapes, 120)
    for shape, nodes in zip(shapes, together, strict=True):
        torch.testing.assert_close(nodes, panel(shape[None], 120)[0], rtol=0, atol=1e-14)


@pytest.mark.usefixtures("annotations_unchecked")
def test_refusals() -> None:
    raw = naca("0012")[None]
    with pytest.raises(ValueError, match="at least 20 nodes"):
        panel(raw, 19)
    with pytest.raises(ValueError, match="at least one shape"):
        panel_each([])
