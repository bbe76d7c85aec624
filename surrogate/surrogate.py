"""The understudy of the airfoil simulators: it takes the same cases and answers the same quantities, with intervals."""

from dataclasses import replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Predictor, Status
from understudy.surrogate.calibration import Calibration
from understudy.surrogate.card import Card, identity_of
from understudy.surrogate.encoding import Conditions, encode
from understudy.surrogate.ensemble import Ensemble, EnsembleOutput
from understudy.surrogate.familiarity import Familiarity
from understudy.surrogate.inviscid import panel_basis, surface_nodes
from understudy.surrogate.prediction import SurfacePrediction, joined
from understudy.surrogate.training_data import conditions_of
from understudy.surrogate.trim import trim

AT_ONCE = 256  # rows; more leave the processor's cache, fewer waste it
FIELDS = ("cp", "cf", "theta", "delta_star", "shape_factor", "edge_speed")
LEARNT_INTERVALS = {"cl": "cl", "cd": "ln_cd", "cm": "cm", "xtr_top": "xtr_top", "xtr_bottom": "xtr_bottom"}
LEAST_SLOPE = 0.01  # per degree: nearer to stall the angle for a lift has no useful gradient


class Surrogate(Predictor[AirfoilCase]):
    """A calibrated ensemble that answers airfoil cases.

    Args:
        ensemble: trained members.
        calibration: intervals from claimed errors.
        familiarity: the training range.
        card: what is to be said of it.

    Gradients flow from every value and interval to the coordinates and conditions; the panelling and the panel solution
    are part of the graph. A prescribed lift is met by solving for the angle; its gradient is that of the implicit
    function. One prediction with its gradient costs 20 to 25 milliseconds on a processor.
    """

    name = "surrogate"
    quantities = ("alpha", "cl", "cd", "cm", "xtr_top", "xtr_bottom", *FIELDS)
    differentiable = True

    def __init__(self, ensemble: Ensemble, calibration: Calibration, familiarity: Familiarity, card: Card) -> None:
        self.ensemble = ensemble.eval().requires_grad_(False)
        self.calibration, self.familiarity, self.card = calibration, familiarity, card

    @cached_property
    def identity(self) -> str:
        """Name and a hash of weights and calibration."""
        return identity_of(self.name, self.ensemble, self.calibration)

    def predict(self, case: AirfoilCase) -> SurfacePrediction:
        """Answer every row; lift beyond reach is `not_converged`, a shape without inviscid flow `refused`."""
        parts = [self._predict(part) for part in case.chunks(AT_ONCE)]
        return joined(parts)

    def _predict(self, case: AirfoilCase) -> SurfacePrediction:
        coordinates = surface_nodes(case.coordinates)
        nodes = coordinates.double()
        gamma = panel_basis(nodes)
        solvable = torch.isfinite(gamma).flatten(1).all(1)
        gamma = torch.where(solvable[:, None, None], gamma, torch.zeros_like(gamma))
        conditions, found = self._conditions(case, nodes, gamma)
        output = self._answer(nodes, gamma, conditions)
        values, low, high = self._quantities(output, conditions, case.coordinates.dtype)
        finite = torch.isfinite(values["cl"]) & torch.isfinite(values["cd"])
        status, message = _outcomes(case, solvable, found, finite)
        answered = solvable & found & finite
        return SurfacePrediction(
            values=_blanked(values, answered),
            low=_blanked(low, answered),
            high=_blanked(high, answered),
            coverage=self.calibration.coverage,
            known=answered
            & self.familiarity.known(case, conditions.alpha.detach(), nodes.detach().float(), output.doubt.detach()),
            status=status,
            message=message,
            coordinates=coordinates,
        )

    def _answer(self, nodes: Tensor, gamma: Tensor, conditions: Conditions) -> EnsembleOutput:
        encoding = encode(nodes, gamma, conditions).single()
        return self.ensemble(encoding, nodes.float(), conditions.alpha.float())

    def _conditions(self, case: AirfoilCase, nodes: Tensor, gamma: Tensor) -> tuple[Conditions, Tensor]:
        """Conditions with every angle filled in, and a mask of the rows whose angle is there."""
        prescribed = case.lift_prescribed
        given = torch.where(prescribed, torch.zeros_like(case.alpha), case.alpha)
        conditions = conditions_of(case, given)
        if not prescribed.any():
            return conditions, torch.ones_like(prescribed)
        rows = prescribed.nonzero().squeeze(1)
        alpha, found = self._trimmed(case.cl[rows].double(), nodes[rows], gamma[rows], _rows(conditions, rows))
        complete = torch.ones_like(prescribed).index_put((rows,), found)
        return replace(conditions, alpha=conditions.alpha.index_put((rows,), alpha)), complete

    def _trimmed(self, target: Tensor, nodes: Tensor, gamma: Tensor, conditions: Conditions) -> tuple[Tensor, Tensor]:
        """Angles of prescribed lift; one Newton step at the solution carries the gradient of the implicit function."""

        def lift(alpha: Tensor, rows: Tensor) -> Tensor:
            at = replace(_rows(conditions, rows), alpha=alpha)
            return self._answer(nodes[rows], gamma[rows], at).mean["cl"].double()

        solved = trim(lift, target.detach(), _first_angle(target.detach(), nodes, gamma), self._angles())
        every = torch.arange(len(target), device=target.device)
        with torch.enable_grad():
            angle = solved.alpha.clone().requires_grad_()
            (slope,) = torch.autograd.grad(lift(angle, every).sum(), angle)
        slope = torch.where(slope.abs() < LEAST_SLOPE, torch.full_like(slope, LEAST_SLOPE), slope)
        if not torch.is_grad_enabled():
            return solved.alpha, solved.found
        gap = lift(solved.alpha, every) - target
        return solved.alpha - (gap - gap.detach()) / slope, solved.found

    def _angles(self) -> tuple[float, float]:
        """Angles that were seen, upright or mirrored [deg]."""
        largest = max(abs(angle) for angle in self.familiarity.box["alpha"])
        return -largest, largest

    def _quantities(
        self, output: EnsembleOutput, conditions: Conditions, dtype: torch.dtype
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """Values and both ends of their intervals."""
        mean = output.mean
        values = {"alpha": conditions.alpha, "cl": mean["cl"], "cd": torch.exp(mean["ln_cd"]), "cm": mean["cm"]}
        values.update({name: mean[name].clamp(0, 1) for name in ("xtr_top", "xtr_bottom")})
        low, high = {}, {}
        for name, learnt in LEARNT_INTERVALS.items():
            width = self.calibration.width(learnt, output.scale[learnt])
            if name == "cd":
                low[name], high[name] = values["cd"] * torch.exp(-width), values["cd"] * torch.exp(width)
            else:
                low[name], high[name] = values[name] - width, values[name] + width
            if name.startswith("xtr"):
                low[name], high[name] = low[name].clamp(0, 1), high[name].clamp(0, 1)
        fields = output.fields
        values.update({"cp": fields.cp, "cf": fields.cf, "theta": fields.theta, "delta_star": fields.delta_star})
        values["shape_factor"] = fields.delta_star / fields.theta
        values["edge_speed"] = edge_speed(fields.cp, conditions.mach)
        return _converted(values, dtype), _converted(low, dtype), _converted(high, dtype)


def edge_speed(cp: Float[Tensor, "batch nodes"], mach: Float[Tensor, " batch"]) -> Float[Tensor, "batch nodes"]:
    """Speed at the edge of the boundary layer of isentropic flow with this pressure coefficient [-]."""
    squared = mach.square()[:, None]
    slow = 1 - cp  # incompressible limit, also the limit of the formula below for small Mach numbers
    pressure = (1 + 0.7 * squared * cp).clamp(min=1e-3)
    fast = 1 + (1 - pressure ** (0.4 / 1.4)) / (0.2 * squared.clamp(min=1e-4))
    return torch.sqrt(torch.where(squared < 1e-4, slow, fast).clamp(min=1e-8))


def _first_angle(lift: Tensor, nodes: Tensor, gamma: Tensor) -> Tensor:
    """Angle of that lift in inviscid incompressible flow [deg], by Kutta and Joukowsky: cl = 2 circulation / chord."""
    step = torch.linalg.vector_norm(nodes.diff(dim=1), dim=2)[..., None]
    circulation = 2 * (0.5 * (gamma[:, 1:] + gamma[:, :-1]) * step).sum(1)
    flat, upright = circulation.detach().unbind(1)
    amplitude = torch.sqrt(flat**2 + upright**2).clamp(min=1e-6)
    return torch.rad2deg(torch.asin((lift / amplitude).clamp(-0.9, 0.9)) - torch.atan2(flat, upright))


def _rows(conditions: Conditions, rows: Tensor) -> Conditions:
    return Conditions(**{name: values[rows] for name, values in vars(conditions).items()})


def _outcomes(
    case: AirfoilCase, solvable: Tensor, found: Tensor, finite: Tensor
) -> tuple[tuple[Status, ...], tuple[str, ...]]:
    outcomes = []
    for row in range(len(case)):
        if not solvable[row]:
            outcomes.append(
                (Status.REFUSED, "the shape has no inviscid flow; check it for repeated or crossing points")
            )
        elif not found[row]:
            lift = float(case.cl[row])
            outcomes.append((Status.NOT_CONVERGED, f"no known angle gives the lift {lift:.4g}; ask for less of it"))
        elif not finite[row]:
            outcomes.append(
                (Status.FAILED, "the networks gave no finite answer; the shape is unlike all they have seen")
            )
        else:
            outcomes.append((Status.OK, ""))
    statuses, messages = zip(*outcomes, strict=True)
    return statuses, messages


def _blanked(values: dict[str, Tensor], answered: Tensor) -> dict[str, Tensor]:
    if answered.all():
        return values
    blank = float("nan")
    return {
        name: torch.where(answered.reshape(-1, *[1] * (column.ndim - 1)), column, blank)
        for name, column in values.items()
    }


def _converted(values: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: column.to(dtype) for name, column in values.items()}
