"""What the networks see of a case: fields on the surface nodes and a few numbers, each even or odd under mirroring.

Mirroring a case flips its shape (y to -y, nodes in reverse order), its angle, and swaps its trips. An even field takes
the same value at the mirrored node, an odd field the opposite one. Networks use this to be exactly symmetric
(`networks.mirror`). Training and prediction make their inputs by calling `encode`; nothing else does.
"""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

EVEN_FIELDS = (
    "x",
    "normal_x",
    "curvature",
    "ln_spacing",
    "speed",
    "suction",
    "speed_gradient",
    "distance",
    "past_trip",
    "thickness",
    "along_cosine",
)
ODD_FIELDS = ("y", "normal_y", "velocity", "camber", "along_sine", "alpha")
EVEN_CONDITIONS = ("ln_reynolds", "mach", "n_crit", "one_less_cosine", "lift_squared")
ODD_CONDITIONS = ("sin_alpha", "lift_inviscid", "trip_difference")
TRIP_WIDTH = 0.01  # chord over which a forced transition is felt in the inputs
CP_LIMIT = 0.6  # least denominator of Karman and Tsien's rule, met only far outside its validity


@dataclass(frozen=True, eq=False)
class Encoding:
    """Inputs of a network for a batch of cases.

    even, odd: node fields (batch, len(EVEN_FIELDS), nodes) and (batch, len(ODD_FIELDS), nodes).
    even_conditions, odd_conditions: (batch, len(EVEN_CONDITIONS)) and (batch, len(ODD_CONDITIONS)).
    cp_inviscid: the inviscid pressure coefficient (batch, nodes), from which the networks predict the departure.
    """

    even: Float[Tensor, "batch even nodes"]
    odd: Float[Tensor, "batch odd nodes"]
    even_conditions: Float[Tensor, "batch even_conditions"]
    odd_conditions: Float[Tensor, "batch odd_conditions"]
    cp_inviscid: Float[Tensor, "batch nodes"]

    def __len__(self) -> int:
        return self.even.shape[0]

    @property
    def ln_reynolds(self) -> Float[Tensor, " batch"]:
        return self.even_conditions[:, EVEN_CONDITIONS.index("ln_reynolds")]

    def single(self) -> "Encoding":
        """The same in single precision, as networks read it."""
        return Encoding(**{item.name: getattr(self, item.name).float() for item in fields(self)})

    def __getitem__(self, rows: slice | Tensor) -> "Encoding":
        return Encoding(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


@dataclass(frozen=True, eq=False)
class Conditions:
    """The conditions of a batch, each (batch,): alpha [deg], reynolds, mach, n_crit [-], trips [chord]."""

    alpha: Tensor
    reynolds: Tensor
    mach: Tensor
    n_crit: Tensor
    trip_top: Tensor
    trip_bottom: Tensor


def encode(
    coordinates: Float[Tensor, "batch nodes 2"], gamma: Float[Tensor, "batch nodes 2"], conditions: Conditions
) -> Encoding:
    """Node fields and conditions of cases whose inviscid flow is known.

    Args:
        coordinates: panelled surface nodes in Selig order [chord].
        gamma: surface speeds of the panel method at 0 and 90 deg, clockwise positive [-].
        conditions: of each row.

    Gradients flow from every entry to the coordinates, the speeds and the conditions. Differences between neighbours
    lose half the digits of single precision, so callers pass double precision and shorten the result (`single`).
    """
    radians = torch.deg2rad(conditions.alpha)
    sine, cosine = torch.sin(radians), torch.cos(radians)
    velocity = -(gamma[..., 0] * cosine[:, None] + gamma[..., 1] * sine[:, None])  # along the contour
    speed = torch.sqrt(velocity.square() + 1e-6)
    step = coordinates.diff(dim=1)
    length = torch.sqrt(step.square().sum(-1) + 1e-14)
    arc = torch.nn.functional.pad(length.cumsum(1), (1, 0))
    tangent = _central(coordinates) / torch.sqrt(_central(coordinates).square().sum(-1, keepdim=True) + 1e-14)
    x, y = coordinates.unbind(-1)
    lower = velocity > 0
    trip = torch.where(lower, conditions.trip_bottom[:, None], conditions.trip_top[:, None])
    past_trip = torch.sigmoid((x - trip) / TRIP_WIDTH) * (trip < 1)
    cp = _karman_tsien(1 - velocity.square(), conditions.mach)
    lift = _inviscid_lift(coordinates, cp, cosine, sine)
    along = 2 * torch.pi * (torch.arange(x.shape[1], dtype=x.dtype, device=x.device) + 0.5) / x.shape[1]
    even = {
        "x": x,
        "normal_x": tangent[..., 1],
        "curvature": torch.asinh(_turning(tangent) / 0.02),
        "ln_spacing": torch.log(_spacing(length)),
        "speed": torch.log(speed),
        "suction": torch.asinh(cp),
        "speed_gradient": torch.asinh(torch.where(lower, 1.0, -1.0) * _gradient(speed, arc)),
        "distance": (arc - _stagnation(arc, velocity)[:, None]).abs(),
        "past_trip": past_trip,
        "thickness": (y - y.flip(1)).abs(),
        "along_cosine": torch.cos(along).expand_as(x),
    }
    odd = {
        "y": y,
        "normal_y": -tangent[..., 0],
        "velocity": torch.asinh(velocity),
        "camber": 0.5 * (y + y.flip(1)),
        "along_sine": torch.sin(along).expand_as(x),
        "alpha": radians[:, None].expand_as(x),
    }
    return Encoding(
        even=torch.stack([even[name] for name in EVEN_FIELDS], dim=1),
        odd=torch.stack([odd[name] for name in ODD_FIELDS], dim=1),
        even_conditions=torch.stack(
            [torch.log(conditions.reynolds), conditions.mach, conditions.n_crit, 1 - cosine, lift.square()], dim=1
        ),
        odd_conditions=torch.stack([sine, lift, conditions.trip_top - conditions.trip_bottom], dim=1),
        cp_inviscid=cp,
    )


def _karman_tsien(cp: Tensor, mach: Tensor) -> Tensor:
    """Compressible pressure coefficient from the incompressible one."""
    beta = torch.sqrt(1 - mach.square())[:, None]
    factor = 0.5 * mach.square()[:, None] / (1 + beta)
    return cp / (beta + factor * cp).clamp(min=CP_LIMIT * beta)


def _inviscid_lift(coordinates: Tensor, cp: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    step = coordinates.roll(-1, dims=1) - coordinates
    middle = 0.5 * (cp + cp.roll(-1, dims=1))
    return (middle * (step[..., 0] * cosine[:, None] + step[..., 1] * sine[:, None])).sum(1)


def _stagnation(arc: Tensor, velocity: Tensor) -> Tensor:
    """Arc length (batch,) at which the velocity along the contour first turns from negative to positive."""
    turns = (velocity[:, :-1] < 0) & (velocity[:, 1:] >= 0)
    panel = turns.to(torch.uint8).argmax(1, keepdim=True)
    before, after = velocity.gather(1, panel), velocity.gather(1, panel + 1)
    share = (before / (before - after).clamp(max=-1e-6)).clamp(0, 1)
    first = arc.gather(1, panel)
    return (first + share * (arc.gather(1, panel + 1) - first))[:, 0]


def _central(values: Tensor) -> Tensor:
    """Differences between the neighbours of each node, one-sided at the ends."""
    inner = values[:, 2:] - values[:, :-2]
    return torch.cat([values[:, 1:2] - values[:, :1], inner, values[:, -1:] - values[:, -2:-1]], dim=1)


def _gradient(values: Tensor, arc: Tensor) -> Tensor:
    return _central(values) / _central(arc).clamp(min=1e-6)


def _turning(tangent: Tensor) -> Tensor:
    """Angle through which the contour turns at each node, counter-clockwise positive [rad]."""
    change = _central(tangent)
    return tangent[..., 0] * change[..., 1] - tangent[..., 1] * change[..., 0]


def _spacing(length: Tensor) -> Tensor:
    padded = torch.cat([length[:, :1], length, length[:, -1:]], dim=1)
    return 0.5 * (padded[:, 1:] + padded[:, :-1])
