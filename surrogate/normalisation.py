"""Statistics that bring a network's inputs and outputs to order one; they wrap it and travel in its checkpoint."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from understudy.surrogate.encoding import EVEN_CONDITIONS, EVEN_FIELDS, ODD_CONDITIONS, ODD_FIELDS, Encoding
from understudy.surrogate.networks.heads import FIELDS

LIMIT = 6.0  # standard deviations at which inputs saturate: a shape from nowhere must not overflow the network
FLOOR = 1e-6


class Normalisation(nn.Module):
    """Scales of the inputs, and mean and scale of the learnt outputs, as buffers. Made by `normalisation_of`.

    Odd inputs have no mean and field statistics are the same at mirrored nodes, so the symmetry of the network is kept.
    """

    even_mean: Tensor
    even_scale: Tensor
    odd_scale: Tensor
    even_conditions_mean: Tensor
    even_conditions_scale: Tensor
    odd_conditions_scale: Tensor
    field_mean: Tensor
    field_scale: Tensor
    ln_cd_mean: Tensor
    ln_cd_scale: Tensor

    def __init__(self, nodes: int) -> None:
        super().__init__()
        for name, shape in _shapes(nodes).items():
            self.register_buffer(name, torch.zeros(shape) if name.endswith("mean") else torch.ones(shape))

    def inputs(self, encoding: Encoding) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Even and odd fields, even and odd conditions, of order one."""
        scaled = (
            (encoding.even - self.even_mean[:, None]) / self.even_scale[:, None],
            encoding.odd / self.odd_scale[:, None],
            (encoding.even_conditions - self.even_conditions_mean) / self.even_conditions_scale,
            encoding.odd_conditions / self.odd_conditions_scale,
        )
        even, odd, even_conditions, odd_conditions = (values.clamp(-LIMIT, LIMIT) for values in scaled)
        return even, odd, even_conditions, odd_conditions

    def fields(self, normalised: Float[Tensor, "*batch fields nodes"]) -> Float[Tensor, "*batch fields nodes"]:
        """Learnt fields from what the network gives."""
        return normalised * self.field_scale + self.field_mean

    def normalised_fields(self, learnt: Float[Tensor, "batch fields nodes"]) -> Float[Tensor, "batch fields nodes"]:
        """The inverse of `fields`."""
        return (learnt - self.field_mean) / self.field_scale

    def ln_cd(self, normalised: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Ln CD from what the network gives."""
        return normalised * self.ln_cd_scale + self.ln_cd_mean


def normalisation_of(
    encoding: Encoding, learnt: Float[Tensor, "batch fields nodes"], ln_cd: Float[Tensor, " batch"]
) -> Normalisation:
    """The statistics of a training set."""
    result = Normalisation(learnt.shape[-1])
    mean = _symmetric(learnt.mean(0))
    statistics = {
        "even_mean": encoding.even.mean((0, 2)),
        "even_scale": encoding.even.std((0, 2)),
        "odd_scale": _root_mean_square(encoding.odd, (0, 2)),
        "even_conditions_mean": encoding.even_conditions.mean(0),
        "even_conditions_scale": encoding.even_conditions.std(0),
        "odd_conditions_scale": _root_mean_square(encoding.odd_conditions, (0,)),
        "field_mean": mean,
        "field_scale": _symmetric((learnt - mean).square().mean(0)).sqrt(),
        "ln_cd_mean": ln_cd.mean(),
        "ln_cd_scale": ln_cd.std(),
    }
    for name, value in statistics.items():
        getattr(result, name).copy_(_usable(value) if name.endswith("scale") else value)
    return result


def _shapes(nodes: int) -> dict[str, tuple[int, ...]]:
    even, odd = (len(EVEN_FIELDS),), (len(ODD_FIELDS),)
    even_conditions, odd_conditions = (len(EVEN_CONDITIONS),), (len(ODD_CONDITIONS),)
    fields = (len(FIELDS), nodes)
    return {
        "even_mean": even,
        "even_scale": even,
        "odd_scale": odd,
        "even_conditions_mean": even_conditions,
        "even_conditions_scale": even_conditions,
        "odd_conditions_scale": odd_conditions,
        "field_mean": fields,
        "field_scale": fields,
        "ln_cd_mean": (),
        "ln_cd_scale": (),
    }


def _symmetric(values: Tensor) -> Tensor:
    return 0.5 * (values + values.flip(-1))


def _root_mean_square(values: Tensor, dims: Sequence[int]) -> Tensor:
    return values.square().mean(tuple(dims)).sqrt()


def _usable(scale: Tensor) -> Tensor:
    """A scale of one where an input never changes (a single Mach number, no trips)."""
    return torch.where(scale > FLOOR, scale, torch.ones_like(scale))
