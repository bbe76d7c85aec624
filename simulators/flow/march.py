"""Towards the steady state: implicit pseudo-time steps that grow into Newton's method."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.blocks import approximate_blocks
from understudy.simulators.flow.gas import GAMMA, primitive
from understudy.simulators.flow.gmres import gmres
from understudy.simulators.flow.lines import AlternatingLines
from understudy.simulators.flow.residual import Flow, residual


@dataclass(frozen=True)
class MarchOptions:
    cfl: float = 10.0
    growth: float = 1.5
    cfl_limit: float = 1e6
    krylov: int = 20
    tolerance: float = 0.05
    cycles: int = 2
    scalar_cycles: int = 4
    steps: int = 100
    drop: float = 1e-6


@dataclass
class March:
    state: Tensor
    history: list = field(default_factory=list)


def wave_rate(flow: Flow, state: Tensor) -> Float[Tensor, "batch ni nj"]:
    """Sum over the directions of how much area waves and friction sweep in unit time: area over it is a step of CFL 1."""
    cells = primitive(state)
    sound = (GAMMA * cells[:, 3] / cells[:, 0]).sqrt()
    rate = torch.zeros_like(sound)
    for faces, dim in ((flow.metrics.i_faces, 2), (flow.metrics.j_faces, 3)):
        count = faces.shape[dim] - 1
        normal = 0.5 * (faces.narrow(dim, 0, count) + faces.narrow(dim, 1, count))
        rate = rate + (cells[:, 1] * normal[:, 0] + cells[:, 2] * normal[:, 1]).abs() + sound * normal.square().sum(1).sqrt()
    return rate


def march(flow: Flow, state: Tensor, options: MarchOptions, watch: Callable | None = None) -> March:
    batch = len(state)
    result = March(state)
    cfl = state.new_full((batch,), options.cfl)
    areas = flow.metrics.areas
    first = None
    for step in range(options.steps):
        state = result.state
        rate = wave_rate(flow, state)
        variable = torch.ones_like(state)
        variable[:, 4] = state[:, 4].abs().amax((1, 2), keepdim=True).clamp(min=1.0)
        with torch.enable_grad():
            tracked = state.detach().requires_grad_()
            out = residual(flow, tracked)
            probe = torch.zeros_like(out, requires_grad=True)
            (pulled,) = torch.autograd.grad(out, tracked, probe, create_graph=True)
        r = out.detach()
        row = 1 / (rate[:, None] * variable)
        # scaled unknown y: state change = variable * y; scaled residual: row * r
        norm = (r * row).square().mean((1, 2, 3)).sqrt()
        bare = r[:, :4].square().mean((1, 2, 3)).sqrt()
        if first is None:
            first = norm, bare
        if watch:
            watch(step, state, norm, cfl, bare)
        if (bare < options.drop * first[1]).all():
            break
        time = (rate / cfl[:, None, None])
        blocks, working = approximate_blocks(flow, state)
        blocks.centre.diagonal(dim1=-2, dim2=-1).add_(time[..., None])
        working.centre.diagonal(dim1=-2, dim2=-1).add_(time[..., None])
        lines, scalar = AlternatingLines.of(blocks), AlternatingLines.of(working)

        def operator(y: Tensor) -> Tensor:
            change = y.view_as(state) * variable
            (image,) = torch.autograd.grad(pulled, probe, change, retain_graph=True)
            return ((image + time[:, None] * change) * row).flatten(1)

        def precondition(y: Tensor) -> Tensor:
            right = (y.view_as(state) / row).permute(0, 2, 3, 1)
            flow_part = lines.solve(right[..., :4].contiguous(), options.cycles)
            working_part = scalar.solve(right[..., 4:].contiguous(), options.scalar_cycles)
            change = torch.cat((flow_part, working_part), 3).permute(0, 3, 1, 2)
            return (change / variable).flatten(1)

        y, left, taken = gmres(operator, precondition, -(r * row).flatten(1), steps=options.krylov, tolerance=options.tolerance)
        change = y.view_as(state) * variable
        old = primitive(state)
        new = primitive(state + change)
        relative = torch.maximum(((new[:, 0] - old[:, 0]) / old[:, 0]).abs(), ((new[:, 3] - old[:, 3]) / old[:, 3]).abs())
        largest = torch.nan_to_num(relative, nan=1e3).amax((1, 2))
        share = (0.3 / largest.clamp(min=1e-12)).clamp(max=1.0)
        candidate = state + share[:, None, None, None] * change
        floor = torch.minimum(state[:, 4], torch.zeros_like(state[:, 4])) - 0.0
        candidate = torch.cat((candidate[:, :4], candidate[:, 4:]), 1)
        ok = torch.isfinite(candidate).flatten(1).all(1) & (share > 0.05)
        result.state = torch.where(ok[:, None, None, None], candidate, state)
        cfl = torch.where(ok, torch.where((share >= 1) & (left < 0.3), cfl * options.growth, torch.where(left > 0.6, cfl * 0.5, cfl)), cfl * 0.3).clamp(max=options.cfl_limit)
        result.history.append((norm, left, taken))
    return result
