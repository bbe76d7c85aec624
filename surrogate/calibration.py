"""Intervals with a stated coverage: split conformal prediction with a scale that adapts to the case.

On shapes that no member was trained on, the absolute error of each quantity is compared with the scale the ensemble
claims for it (learnt spread plus disagreement of the members). Half of those shapes shows how the 90 % quantile of the
error grows with the claimed scale, as a rising curve; the other half then stretches that curve until it covers what it
promises. Under exchangeability the coverage holds on average over new shapes whatever the network (Vovk et al. 2005;
Lei et al. 2018); that it holds in parts of the range is measured, not proven.

What is asked beyond that one coverage assumes a law: errors in units of the claimed scale follow Student's t, as normal
errors do whose size is itself uncertain.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor

Share = TypeVar("Share", float, NDArray[Any])

KNOTS = 6  # of the curve from claimed scale to error quantile
FEWEST = 40  # cases in each half: a 90 % quantile of fewer means little
LEAST_ERROR = 1e-9
#: Degrees of freedom of the law of errors: the whole number that suits the shipped surrogate of airfoils best on unseen
#: shapes in its whole range.
FREEDOM = 4


@dataclass(frozen=True, eq=False)
class Curve:
    """Half-width of an interval against the claimed scale, straight lines in logarithms, constant beyond the ends.

    ln_scale, ln_width: (knots,), rising.
    """

    ln_scale: Float[Tensor, " knots"]
    ln_width: Float[Tensor, " knots"]

    def __call__(self, scale: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Half-width for each claimed scale, with gradients."""
        at = torch.log(scale)
        knots, heights = self.ln_scale.to(at), self.ln_width.to(at)
        right = torch.searchsorted(knots, at.detach().contiguous()).clamp(1, len(knots) - 1)
        left = right - 1
        share = ((at - knots[left]) / (knots[right] - knots[left])).clamp(0, 1)
        return torch.exp(heights[left] + share * (heights[right] - heights[left]))


@dataclass(frozen=True, eq=False)
class Calibration:
    """One curve for each number of the ensemble (the drag as ln CD), and the coverage they were made for."""

    coverage: float
    curves: Mapping[str, Curve]

    def width(self, name: str, scale: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Half-width of the interval of a number of the ensemble."""
        return self.curves[name](scale)


def calibrate(
    errors: Mapping[str, Float[Tensor, " cases"]],
    scales: Mapping[str, Float[Tensor, " cases"]],
    shape: Tensor,
    *,
    coverage: float = 0.9,
    seed: int = 0,
) -> Calibration:
    """Curves from errors on unseen shapes.

    Args:
        errors: quantity -> absolute error.
        scales: quantity -> claimed scale, positive.
        shape: number of each case's shape (cases,); all cases of a shape fall into the same half.
        coverage: share of future cases whose truth is to lie inside.
        seed: of the division into halves.

    Raises:
        ValueError: fewer cases in either half than `fewest_cases`, or a coverage outside (0, 1).
    """
    first = halves(shape, coverage, seed)
    curves = {}
    for name, error in errors.items():
        curve = _rising_curve(error[first], scales[name][first], coverage)
        ratio = error[~first] / curve(scales[name][~first])
        curves[name] = Curve(curve.ln_scale, curve.ln_width + torch.log(conformal_quantile(ratio, coverage)))
    return Calibration(coverage, curves)


def halves(shape: Tensor, coverage: float, seed: int = 0) -> Bool[Tensor, " cases"]:
    """Which cases show how the error grows with the claimed scale; the others stretch the curve.

    Raises:
        ValueError: fewer cases in either half than `fewest_cases`, or a coverage outside (0, 1).
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be above 0 and below 1; got {coverage}")
    first = _half_of_shapes(shape, seed)
    counts, least = (int(first.sum()), int((~first).sum())), fewest_cases(coverage)
    if min(counts) < least:
        raise ValueError(
            f"intervals that cover {coverage:.6g} need at least {least} cases in each half of the calibration shapes; "
            f"got {counts[0]} and {counts[1]}: calibrate on more shapes, or ask for less coverage"
        )
    return first


def conformal_quantile(scores: Float[Tensor, " cases"], coverage: float) -> Tensor:
    """The ceil((n + 1) coverage)-th smallest score: one more score lies below it with at least this probability.

    Raises:
        ValueError: so few scores that none has that rank.
    """
    rank = _rank(len(scores), coverage)
    if rank > len(scores):
        raise ValueError(
            f"a coverage of {coverage:.6g} needs at least {_fewest_scores(coverage)} scores; got {len(scores)}"
        )
    return scores.sort().values[rank - 1].clamp(min=LEAST_ERROR)


def error_quantile(share: Float[Tensor, " shares"]) -> Float[Tensor, " shares"]:
    """Error below which that share of errors lies, in units of the scale of their law."""
    return torch.from_numpy(stdtrit(FREEDOM, share.double().cpu().numpy())).to(share.device)


def reach(coverage: Share) -> Share:
    """Half-width of the interval that covers this share of errors, in units of the scale of their law."""
    return cast(Share, stdtrit(FREEDOM, 0.5 + 0.5 * coverage))


def fewest_cases(coverage: float) -> int:
    """Cases that each half of the calibration shapes must have for intervals of this coverage."""
    return max(FEWEST, _fewest_scores(coverage))


def _fewest_scores(coverage: float) -> int:
    return next(size for size in count(1) if _rank(size, coverage) <= size)


def _rank(size: int, coverage: float) -> int:
    return math.ceil((size + 1) * coverage)


def _half_of_shapes(shape: Tensor, seed: int) -> Tensor:
    shapes, number = torch.unique(shape, return_inverse=True)
    order = torch.randperm(len(shapes), generator=torch.Generator().manual_seed(seed))
    return order[number] < len(shapes) // 2


def _rising_curve(error: Tensor, scale: Tensor, coverage: float) -> Curve:
    """Error quantile of equally filled groups of the claimed scale, made to rise by pooling neighbours that do not."""
    groups = max(1, min(KNOTS, len(error) // fewest_cases(coverage)))
    order = scale.argsort()
    blocks = [[torch.log(scale[part]).mean(), error[part], 1] for part in order.tensor_split(groups)]
    pooled: list[list] = []
    for block in blocks:
        pooled.append(block)
        while len(pooled) > 1 and conformal_quantile(pooled[-2][1], coverage) >= conformal_quantile(
            pooled[-1][1], coverage
        ):
            low, high = pooled[-2:]
            weight = low[2] + high[2]
            centre = (low[0] * low[2] + high[0] * high[2]) / weight
            pooled[-2:] = [[centre, torch.cat([low[1], high[1]]), weight]]
    knots = torch.stack([block[0] for block in pooled])
    widths = torch.stack([torch.log(conformal_quantile(block[1], coverage)) for block in pooled])
    if len(knots) == 1:  # the claimed scale says nothing: one width for all
        knots, widths = torch.stack([knots[0], knots[0] + 1]), widths.repeat(2)
    return Curve(knots.float(), widths.float())
