"""From coarse grids to fine ones: each level starts from what the one below has found."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.march import MarchOptions, Steady, march, residual_norm
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.start import first_field

#: Residual at which a coarse level has done its part.
COARSE_DROP = 1e-3


def solve_levels(
    flows: Sequence[Flow],
    options: MarchOptions,
    *,
    lift: Float[Tensor, " batch"] | None = None,
    start: Float[Tensor, "batch 5 ni nj"] | None = None,
    watch: Callable[..., Any] | None = None,
) -> Steady:
    """The steady state on the last of the flows, which get twice as fine from one to the next.

    lift: as that of `march`. start: state on the first of the flows, where it is not to be `first_field`.
    watch: called as that of `march`, with the number of the level in front.

    Raises:
        ValueError: no flow.
    """
    if not flows:
        raise ValueError("expected at least one level; got none")
    state, alpha = first_field(flows[0]) if start is None else start, flows[0].stream.alpha
    last = len(flows) - 1
    for level, flow in enumerate(flows):
        flow = replace(flow, stream=replace(flow.stream, alpha=alpha))
        chosen = replace(options, drop=max(options.drop, COARSE_DROP)) if level < last else options
        reference = residual_norm(flow, first_field(flow))
        told = None if watch is None else lambda *news, level=level: watch(level, *news)
        found = march(flow, state, reference, chosen, lift=lift, watch=told)
        if level < last:
            state, alpha = refined(found.state), found.alpha
    return found


def refined(state: Float[Tensor, "batch 5 ni nj"]) -> Float[Tensor, "batch 5 twice_ni twice_nj"]:
    """The state on cells half as long, by bilinear interpolation in the indices."""
    return torch.nn.functional.interpolate(state, scale_factor=2, mode="bilinear")
