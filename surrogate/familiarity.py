"""Whether a case is like those trained on: conditions in their box, a shape near known ones, little doubt.

A shape is described by its nodes (every tenth, both coordinates), its thickness and its sharpest turns; its distance is
Mahalanobis' distance from the training shapes. Doubt is the claimed error in ln CD, CL and CM over what is usual. The
limits are quantiles over shapes that were not trained on, so the share of false alarms is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase

CONDITIONS = ("alpha", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
STRIDE = 10  # nodes between two that describe the shape
SHRINKAGE = 1e-3  # of the covariance towards a multiple of one: blends span few directions exactly
MARGIN = 1e-3  # of each condition's range that may be overstepped by rounding


@dataclass(frozen=True, eq=False)
class Familiarity:
    """The known range.

    box: condition -> least and greatest value (alpha [deg]).
    centre, whitening: of the shape descriptors, (features,) and (features, features).
    shape_limit, doubt_limit: greatest distance and doubt that still count as known.
    """

    box: Mapping[str, tuple[float, float]]
    centre: Float[Tensor, " features"]
    whitening: Float[Tensor, "features features"]
    shape_limit: float
    doubt_limit: float

    def in_box(self, case: AirfoilCase, alpha: Float[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Whether each row's conditions were seen, at the angle that was given or found."""
        inside = torch.isfinite(alpha)
        for name, (low, high) in self.box.items():
            values = alpha if name == "alpha" else getattr(case, name)
            slack = MARGIN * max(high - low, abs(high))
            inside = inside & (values >= low - slack) & (values <= high + slack)
        return inside

    def distance(self, coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
        """Mahalanobis' distance of each shape from the training shapes, over the root of the number of features."""
        offset = describe(coordinates) - self.centre.to(coordinates)
        return (offset @ self.whitening.to(coordinates)).square().mean(1).sqrt()

    def known(
        self,
        case: AirfoilCase,
        alpha: Float[Tensor, " batch"],
        coordinates: Float[Tensor, "batch nodes 2"],
        doubt: Float[Tensor, " batch"],
    ) -> Bool[Tensor, " batch"]:
        """Whether each row, or its mirror image, is inside the training range; NaN is unknown.

        The networks are mirror-symmetric, so what they know of a case they know of its image.
        """
        flip = coordinates.new_tensor([1.0, -1.0])
        image = replace(case, trip_top=case.trip_bottom, trip_bottom=case.trip_top)
        upright = self.in_box(case, alpha) & (self.distance(coordinates) <= self.shape_limit)
        inverted = self.in_box(image, -alpha) & (self.distance(coordinates.flip(1) * flip) <= self.shape_limit)
        return (upright | inverted) & (doubt <= self.doubt_limit)


def familiarity_of(
    conditions: Mapping[str, Tensor],
    coordinates: Float[Tensor, "shapes nodes 2"],
    unseen: Float[Tensor, "unseen nodes 2"],
    doubt: Float[Tensor, " cases"],
    *,
    false_alarms: float = 0.03,
) -> Familiarity:
    """The known range of a training set.

    Args:
        conditions: condition -> training values.
        coordinates: training shapes, one row a shape.
        unseen: shapes of other families, as they come in use.
        doubt: of cases with unseen shapes.
        false_alarms: share of cases with such shapes, inside the box, that may be flagged; half for shape, half for
        doubt.
    """
    features = describe(coordinates).double()
    centre = features.mean(0)
    covariance = torch.cov(features.T)
    covariance = covariance + SHRINKAGE * covariance.diagonal().mean() * torch.eye(
        len(covariance), dtype=covariance.dtype
    )
    whitening = torch.linalg.inv(torch.linalg.cholesky(covariance)).T
    draft = Familiarity({}, centre.float(), whitening.float(), 0.0, 0.0)
    quantile = 1 - false_alarms / 2
    return Familiarity(
        box={name: (float(conditions[name].min()), float(conditions[name].max())) for name in CONDITIONS},
        centre=draft.centre,
        whitening=draft.whitening,
        shape_limit=float(_quantile(draft.distance(unseen), quantile)),
        doubt_limit=float(_quantile(doubt, quantile)),
    )


def describe(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, "batch features"]:
    """Features of panelled shapes; thickness is signed, so that a shape turned inside out is far from any real one."""
    nodes = coordinates[:, ::STRIDE]
    thickness = (coordinates[..., 1] - coordinates[..., 1].flip(1))[:, : coordinates.shape[1] // 2 : STRIDE]
    step = coordinates.diff(dim=1)
    turn = step[:, :-1, 0] * step[:, 1:, 1] - step[:, :-1, 1] * step[:, 1:, 0]
    turn = turn / (step[:, :-1].square().sum(-1) * step[:, 1:].square().sum(-1)).sqrt().clamp(min=1e-12)
    sharpest = torch.stack([turn.amax(1), turn.amin(1), turn.square().sum(1).sqrt()], 1)
    return torch.cat([nodes.flatten(1), 2 * thickness, 0.2 * sharpest], 1)


def _quantile(values: Tensor, quantile: float) -> Tensor:
    finite = values[torch.isfinite(values)].sort().values
    return finite[min(len(finite) - 1, int(quantile * len(finite)))]
