"""The question that airfoil simulators and their surrogates answer: shapes and the conditions they fly in, batched."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from understudy.simulators.interface import Case

#: Conditions that need not be given: slow flow, usual turbulence of the stream, transition left free.
USUAL = {"mach": 0.0, "n_crit": 9.0, "trip_top": 1.0, "trip_bottom": 1.0}

#: Conditions that a flow which is turbulent from the nose does not hear.
OF_TRANSITION = ("n_crit", "trip_top", "trip_bottom")


@dataclass(frozen=True, eq=False, kw_only=True)
class AirfoilCase(Case):
    """A batch of airfoils, each at one flow condition, checked at birth.

    coordinates: surface nodes (batch, nodes, 2) in chords, from the upper trailing edge around the nose to the lower
        trailing edge (Selig order), leading edge near (0, 0), trailing edge near (1, 0); distributed by
        `shapes.panelling`.
    alpha: angle of attack [deg], NaN where the lift is prescribed instead.
    cl: prescribed lift coefficient [-], NaN where the angle is prescribed; one of the two is finite in each row.
    reynolds: Reynolds number on chord [-], positive.
    mach: free-stream Mach number [-], at least 0 and below 1.
    n_crit: critical amplification exponent [-], positive.
    trip_top, trip_bottom: forced transition [chord], above 0 and at most 1; 1 leaves transition free.

    The flags `requires_grad` of the tensors are kept: gradients flow to whatever the answering predictor can
    differentiate.
    """

    coordinates: Float[Tensor, "batch nodes 2"]
    alpha: Float[Tensor, " batch"]
    cl: Float[Tensor, " batch"]
    reynolds: Float[Tensor, " batch"]
    mach: Float[Tensor, " batch"]
    n_crit: Float[Tensor, " batch"]
    trip_top: Float[Tensor, " batch"]
    trip_bottom: Float[Tensor, " batch"]

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_ranges(self)

    @classmethod
    def of(
        cls,
        coordinates: Float[Tensor, "*batch nodes 2"],
        alpha: Tensor | float | None = None,
        reynolds: Tensor | float = 1e6,
        *,
        cl: Tensor | float | None = None,
        mach: Tensor | float = USUAL["mach"],
        n_crit: Tensor | float = USUAL["n_crit"],
        trip_top: Tensor | float = USUAL["trip_top"],
        trip_bottom: Tensor | float = USUAL["trip_bottom"],
    ) -> "AirfoilCase":
        """Broadcast one shape or a batch of shapes against scalar or (batch,) conditions.

        Raises:
            ValueError: neither or both of alpha and cl given, batch sizes that differ, or a value out of its range.
        """
        if (alpha is None) == (cl is None):
            raise ValueError(
                "expected exactly one of alpha [deg] and cl; got " + ("neither" if alpha is None else "both")
            )
        nan = float("nan")
        conditions = [
            torch.as_tensor(value, dtype=coordinates.dtype, device=coordinates.device)
            for value in (
                nan if alpha is None else alpha,
                nan if cl is None else cl,
                reynolds,
                mach,
                n_crit,
                trip_top,
                trip_bottom,
            )
        ]
        batch = torch.broadcast_shapes(coordinates.shape[:-2], *(value.shape for value in conditions), (1,))
        rows = (value.expand(batch) for value in conditions)
        names = ("alpha", "cl", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
        return cls(
            coordinates=coordinates.expand(*batch, *coordinates.shape[-2:]), **dict(zip(names, rows, strict=True))
        )

    def __len__(self) -> int:
        return self.coordinates.shape[0]

    def __getitem__(self, rows: slice | Int[Tensor, " selected"] | Tensor) -> "AirfoilCase":
        """The selected rows, by slice, index tensor or mask."""
        return replace(self, **{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @property
    def lift_prescribed(self) -> Tensor:
        """Mask (batch,) of the rows whose lift is prescribed and whose angle is to be found."""
        return torch.isfinite(self.cl)

    @staticmethod
    def concatenate(cases: "Sequence[AirfoilCase]") -> "AirfoilCase":
        """The rows of several cases with equal node counts as one batch."""
        names = [item.name for item in fields(AirfoilCase)]
        return AirfoilCase(**{name: torch.cat([getattr(case, name) for case in cases]) for name in names})


def _check_shapes(case: AirfoilCase) -> None:
    if case.coordinates.ndim != 3 or case.coordinates.shape[-1] != 2:
        raise ValueError(f"coordinates must be (batch, nodes, 2); got {tuple(case.coordinates.shape)}")
    if not len(case):
        raise ValueError("a case needs at least one row; got none")
    if case.coordinates.shape[1] < 20:
        raise ValueError(f"an airfoil needs at least 20 surface nodes; got {case.coordinates.shape[1]}")
    for item in fields(case)[1:]:
        shape = tuple(getattr(case, item.name).shape)
        if shape != (len(case),):
            raise ValueError(f"{item.name} must have one value per case, ({len(case)},); got {shape}")


def _check_ranges(case: AirfoilCase) -> None:
    if not torch.isfinite(case.coordinates).all():
        raise ValueError("coordinates must be finite; got NaN or infinity")
    one = torch.isfinite(case.alpha) ^ torch.isfinite(case.cl)
    if not one.all():
        row = int((~one).nonzero()[0, 0])
        raise ValueError(
            "exactly one of alpha and cl must be finite in each row; "
            f"got alpha {case.alpha[row].item():.6g} and cl {case.cl[row].item():.6g}{_place(row, one)}"
        )
    for name in ("alpha", "cl"):
        value = getattr(case, name)
        _require(value, f"{name} must be a number, or NaN where the other is given", ~torch.isinf(value))
    for name in ("reynolds", "n_crit"):
        value = getattr(case, name)
        _require(value, f"{name} must be positive [-]", value > 0)
        _require(value, f"{name} must be finite [-]", torch.isfinite(value))
    _require(
        case.mach,
        "mach must be at least 0 and below 1 [-]",
        (case.mach >= 0) & (case.mach < 1),
    )
    for name in ("trip_top", "trip_bottom"):
        trip = getattr(case, name)
        _require(trip, f"{name} must be above 0 and at most 1 [chord]", (trip > 0) & (trip <= 1))


def _require(values: Tensor, rule: str, holds: Tensor) -> None:
    if not holds.all():
        row = int((~holds).nonzero()[0, 0])
        raise ValueError(f"{rule}; got {values[row].item():.6g}{_place(row, holds)}")


def _place(row: int, rows: Tensor) -> str:
    """Where the culprit stands, unless it stands alone."""
    return f" in row {row}" if len(rows) > 1 else ""
