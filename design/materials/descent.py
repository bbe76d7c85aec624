"""Following the gradient in composition and strain: every site holds a mixture of metals that slowly makes up its mind.

Shares of the metals are a softmax of free numbers over a temperature that falls, strain is a sigmoid within its bounds;
both follow the gradient of the objective of the predicted values, many starts at once (Adam).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.design.materials.expression import Expression
from understudy.design.materials.scoring import NAMES, Scoring, staying
from understudy.design.materials.space import SlabSpace, Stacks
from understudy.simulators.interface import Predictor
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import ENERGIES

#: Weight of a limit that is broken by one unit of `LIMIT_UNIT` at the end of the search, in units of the objective.
LIMIT_WEIGHT, LIMIT_UNIT = 1.0, 0.05
#: Probability of staying below which a mixture pays: of all anomalies together, so that each of them has a slope.
STAYS = 0.5
FORBIDDEN = -1e4  # free number of a metal that a layer may not hold


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How the gradient is followed.

    starts: at once. steps: of each. rate: of Adam.

    Rarely needed:
        hottest, coldest: temperature of the softmax at the first and the last step. seed: of the starts.
    """

    starts: int = 48
    steps: int = 120
    rate: float = 0.1
    hottest: float = 1.0
    coldest: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("starts", "steps", "rate", "hottest", "coldest"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Where the starts came to.

    shares: of each metal in each column of each layer, surface first. strain: (starts,).
    objective: of the mixtures, at the last step.
    """

    shares: Float[Tensor, "starts layers columns metals"]
    strain: Float[Tensor, " starts"]
    objective: Float[Tensor, " starts"]

    def rounded(self, space: SlabSpace) -> Stacks:
        """The real slabs nearest to the mixtures."""
        return Stacks.first(space, self.shares.argmax(3), self.strain)


def descend(
    space: SlabSpace,
    scoring: Scoring,
    who: Callable[[int], Predictor[SlabCase]],
    constants: dict[str, float],
    options: Descent,
    *,
    columns: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Mixtures:
    """Follow the gradient from random mixtures.

    Args:
        who: the predictor of a step, by its number; a single member of an ensemble will do, another one each time.
        constants: lattice constants [Å]. columns: mixtures in a layer, 1 or one a site.
    """
    random = torch.Generator().manual_seed(options.seed)
    free = torch.randn(options.starts, space.depth, columns, len(space.metals), generator=random, dtype=torch.float64)
    stretch = torch.randn(options.starts, generator=random, dtype=torch.float64)
    forbidden = torch.full(free.shape[1:], FORBIDDEN, dtype=torch.float64)
    for layer, choice in enumerate(space.choices):
        forbidden[layer, :, list(choice)] = 0.0
    free, stretch = free.requires_grad_(), stretch.requires_grad_()
    adam = torch.optim.Adam([free, stretch], lr=options.rate)
    for step in range(options.steps):
        share = step / max(1, options.steps - 1)
        temperature = options.hottest * (options.coldest / options.hottest) ** share
        mixtures = torch.softmax((free + forbidden) / temperature, 3)
        strain = _within(stretch, space)
        objective = objective_of(space, scoring, who(step), constants, mixtures, strain, strictness=share)
        adam.zero_grad()
        objective.sum().backward()
        adam.step()
        progress(step + 1, options.steps)
    return Mixtures(mixtures.detach(), strain.detach(), objective.detach())


def objective_of(
    space: SlabSpace,
    scoring: Scoring,
    predictor: Predictor[SlabCase],
    constants: dict[str, float],
    shares: Float[Tensor, "starts layers columns metals"],
    strain: Float[Tensor, " starts"],
    *,
    strictness: float = 1.0,
) -> Float[Tensor, " starts"]:
    """The score of mixtures, differentiable in shares and strain, and what it costs besides to break the limits.

    It is a limit as well that the adsorbate stays.
    """
    plan = space.plan(constants)
    slabs = plan.slabs(shares.expand(-1, -1, plan.sites, -1), strain)
    candidates = Stacks.first(space, shares.argmax(3), strain.detach())
    answer = predictor.predict(candidates.standing_on(slabs))
    values = {name: answer[name] for name in ENERGIES}
    values |= scoring.of_composition(shares.mean((1, 2)), space.metals) | {"strain": strain}
    values["free_energy"] = values["adsorption_energy"] + scoring.correction([space.adsorbates[0]])
    if scoring.needs("segregation_energy"):
        swapped = predictor.predict(
            plan.slabs(shares[:, space.exchanged_layers].expand(-1, -1, plan.sites, -1), strain)
        )
        values["segregation_energy"] = space.atoms * (swapped["formation_energy"] - values["formation_energy"])
    over = (STAYS - staying(answer)).clamp(min=0)
    total = Expression(scoring.score, NAMES)(values) + strictness * LIMIT_WEIGHT * over / LIMIT_UNIT
    for limit in scoring.limits:
        found = Expression(limit.quantity, NAMES)(values)
        over = torch.zeros_like(found)
        if math.isfinite(limit.at_most):
            over = over + (found - limit.at_most).clamp(min=0)
        if math.isfinite(limit.at_least):
            over = over + (limit.at_least - found).clamp(min=0)
        total = total + strictness * LIMIT_WEIGHT * over / LIMIT_UNIT
    return total


def _within(stretch: Tensor, space: SlabSpace) -> Tensor:
    low, high, _ = space.strains
    return low + (high - low) * torch.sigmoid(stretch)
