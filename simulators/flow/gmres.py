"""Restart-free GMRES for a batch of systems, solved until the worst of them is within the tolerance."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def gmres(
    operator: Callable[[Tensor], Tensor],
    preconditioner: Callable[[Tensor], Tensor],
    right: Float[Tensor, "batch unknowns"],
    *,
    steps: int,
    tolerance: float,
    start: Float[Tensor, "batch unknowns"] | None = None,
) -> tuple[Float[Tensor, "batch unknowns"], Float[Tensor, " batch"], int]:
    """Solutions, what is left of the residual as a share of the right-hand side, and steps taken.

    start: near the solutions, zero where none is given.
    operator and preconditioner map (batch, unknowns) to the same. Preconditioned on the right, so that the residual is
    the true one. Ends when all systems are below the tolerance. Source: Saad and Schultz, 1986; the preconditioned
    directions are kept (Saad, 1993).
    """
    batch = len(right)
    size = right.norm(dim=1)
    scale = torch.where(size > 0, size, 1.0)
    lacking = right if start is None else right - operator(start)
    first = lacking.norm(dim=1) / scale
    if start is not None and bool((first < tolerance).all()):
        return start, first, 0
    basis = [lacking / torch.where(first > 0, first * scale, 1.0)[:, None]]
    directions: list[Tensor] = []
    upper = right.new_zeros(batch, steps + 1, steps)
    goal = right.new_zeros(batch, steps + 1)
    goal[:, 0] = first
    cosines, sines = right.new_ones(batch, steps), right.new_zeros(batch, steps)
    taken = 0
    for step in range(steps):
        direction = preconditioner(basis[step])
        image = operator(direction)
        directions.append(direction)
        stacked = torch.stack(basis, 1)
        column = right.new_zeros(batch, step + 2)
        for _ in range(2):
            shares = (stacked @ image[:, :, None])[..., 0]
            image = image - (shares[:, None] @ stacked)[:, 0]
            column[:, :-1] += shares
        column[:, -1] = image.norm(dim=1)
        basis.append(image / torch.where(column[:, -1:] > 0, column[:, -1:], 1.0))
        for k in range(step):
            upper_one, lower_one = column[:, k].clone(), column[:, k + 1].clone()
            column[:, k] = cosines[:, k] * upper_one + sines[:, k] * lower_one
            column[:, k + 1] = -sines[:, k] * upper_one + cosines[:, k] * lower_one
        length = torch.hypot(column[:, step], column[:, step + 1]).clamp(min=1e-300)
        cosines[:, step], sines[:, step] = column[:, step] / length, column[:, step + 1] / length
        upper[:, : step + 1, step] = column[:, : step + 1]
        upper[:, step, step] = length
        goal[:, step + 1] = -sines[:, step] * goal[:, step]
        goal[:, step] = cosines[:, step] * goal[:, step]
        taken = step + 1
        if (goal[:, taken].abs() < tolerance).all():
            break
    weights = torch.linalg.solve_triangular(upper[:, :taken, :taken], goal[:, :taken, None], upper=True)
    solution = (torch.stack(directions, 2) @ weights)[..., 0] * scale[:, None]
    return solution if start is None else start + solution, goal[:, taken].abs(), taken
