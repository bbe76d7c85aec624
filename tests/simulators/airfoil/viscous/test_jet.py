"""Jets against autograd: values and derivatives of every operation, with shared and separate blocks of variables."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.viscous import jet
from understudy.simulators.airfoil.viscous.jet import Jet

COUNT = 50
FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum": lambda a, b, c: a + b + c + 2.0,
    "difference": lambda a, b, c: 1.0 - a - (b - c) - 3.0,
    "product": lambda a, b, c: a * b * c * 2.0 * a,
    "quotient": lambda a, b, c: a / b / (3.0 / c) / 2.0,
    "power": lambda a, b, c: a**2.5 + (b * c) ** 0.3 - c**-1.5,
    "negative": lambda a, b, c: -(-a * b) + -c,
    "log": lambda a, b, c: jet.log(a * b) / jet.log(3.0 + c),
    "exp": lambda a, b, c: jet.exp(-a * b) + jet.exp(c),
    "tanh": lambda a, b, c: jet.tanh(a - b) * c,
    "sqrt": lambda a, b, c: jet.sqrt(a * a + b * c),
    "where": lambda a, b, c: jet.where(jet.value_of(a) > jet.value_of(b), a * c, b - c),
    "where constant": lambda a, b, c: jet.where(jet.value_of(a) > 1.0, 0.0, b * c),
    "at least": lambda a, b, c: jet.at_least(a - b, 0.1) * c,
    "at most": lambda a, b, c: jet.at_most(a * b, 1.2) + c,
    "larger": lambda a, b, c: jet.larger(a * c, b),
    "reused": lambda a, b, c: (a * b) * (a * b) + (a * b) / (a * b + c),
}


def _inputs() -> list[Tensor]:
    random = torch.Generator().manual_seed(11)
    return [0.5 + torch.rand(COUNT, generator=random, dtype=torch.float64) for _ in range(3)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jets_carry_the_derivatives_that_autograd_finds(name: str) -> None:
    """A and b are variables of one block, c is of another."""
    function = FUNCTIONS[name]
    leaves = [values.requires_grad_() for values in _inputs()]
    expected = function(*leaves)
    slopes = torch.autograd.grad(expected.sum(), leaves, materialize_grads=True)
    a, b, c = (values.detach() for values in leaves)
    unit = torch.eye(2, dtype=torch.float64)
    found = function(
        Jet(a, {"near": unit[0][:, None].expand(-1, COUNT)}),
        Jet(b, {"near": unit[1][:, None].expand(-1, COUNT)}),
        Jet(c, {"far": torch.ones(1, COUNT, dtype=torch.float64)}),
    )
    torch.testing.assert_close(found.value, expected.detach(), rtol=1e-14, atol=0)
    torch.testing.assert_close(found.partials["near"], torch.stack(slopes[:2]), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found.partials["far"][0], slopes[2], rtol=1e-12, atol=1e-14)


def test_an_operation_leaves_its_operands_as_they_were() -> None:
    """Derivatives are shared between jets and added up in place where they are new."""
    a, b, _ = _inputs()
    shared = torch.ones(1, COUNT, dtype=torch.float64)
    first, second = Jet(a, {"x": shared}), Jet(b, {"x": 2 * shared})
    for operation in (lambda: first * second, lambda: first / second, lambda: first + second, lambda: first - second):
        operation()
    assert torch.equal(first.partials["x"], torch.ones_like(shared))
    assert torch.equal(second.partials["x"], torch.full_like(shared, 2.0))


def test_a_chain_equals_the_function_of_functions() -> None:
    a, b, _ = _inputs()
    unit = torch.eye(2, dtype=torch.float64)[:, :, None].expand(-1, -1, COUNT)
    variables = [Jet(a, {"near": unit[0]}), Jet(b, {"near": unit[1], "far": torch.ones(1, COUNT, dtype=torch.float64)})]

    def inner(first: Any, second: Any) -> list[Any]:
        return [first * second, jet.exp(first) + second]

    def outer(first: Any, second: Any) -> Any:
        return jet.log(first) * second

    whole = outer(*inner(*variables))
    values = inner(a, b)
    closure = outer(*(Jet(value, {"closure": unit[index]}) for index, value in enumerate(values)))
    chained = closure.chain(inner(*variables))
    for block in ("near", "far"):
        torch.testing.assert_close(chained.partials[block], whole.partials[block], rtol=1e-12, atol=1e-14)


def test_selection_keeps_values_and_derivatives_together() -> None:
    a, b, _ = _inputs()
    rows = torch.tensor([3, 3, 0])
    chosen = Jet(a, {"x": b[None]}).select(rows)
    assert torch.equal(chosen.value, a[rows])
    assert torch.equal(chosen.renamed("y").partials["y"][0], b[rows])
