"""The inviscid flow that the networks take as an input: the right nodes, and the panel solution of each shape once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from understudy.simulators.airfoil.panel import panel_solution
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.model import NODES

SOLVED_AT_ONCE = 8  # shapes; their matrices then stay in the processor's cache


def surface_nodes(coordinates: Float[Tensor, "batch raw 2"]) -> Float[Tensor, "batch nodes 2"]:
    """The contours on as many nodes as the networks read; those that have as many already are taken as they are."""
    return coordinates if coordinates.shape[1] == NODES else panel(coordinates, NODES)


def panel_basis(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, "batch nodes 2"]:
    """Edge speeds at 0 and 90 deg of every row (`panel_solution`), in double precision.

    A row that repeats the shape before it is free, unless gradients are followed: then every row is solved for itself,
    so that the gradients of equal shapes do not flow into one of them. A contour without a solution (a singular
    matrix) gets NaN. The matrix magnifies rounding some ten thousandfold; in single precision the lift would show it.
    """
    if coordinates.requires_grad and torch.is_grad_enabled():
        return torch.cat([_solved(part) for part in coordinates.double().split(SOLVED_AT_ONCE)])
    shapes, shape = distinct_shapes(coordinates)
    return torch.cat([_solved(part) for part in coordinates[shapes].double().split(SOLVED_AT_ONCE)])[shape]


def distinct_shapes(
    coordinates: Float[Tensor, "batch nodes 2"],
) -> tuple[Int[Tensor, " shapes"], Int[Tensor, " batch"]]:
    """Row in which each run of equal shapes begins, and for each row the number of its run."""
    with torch.no_grad():
        differs = (coordinates[1:] != coordinates[:-1]).flatten(1).any(1)
        number = torch.cat([differs.new_zeros(1, dtype=torch.int64), differs.cumsum(0)])
        first = torch.cat([differs.new_ones(1), differs]).nonzero().squeeze(1)
    return first, number


def _solved(coordinates: Tensor) -> Tensor:
    try:
        return panel_solution(coordinates)
    except torch.linalg.LinAlgError:
        if len(coordinates) == 1:
            return torch.full_like(coordinates, float("nan"))
        return torch.cat([_solved(row) for row in coordinates.split(1)])
