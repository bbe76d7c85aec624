"""Formulas say what they look like, pass gradients on, and hold nothing else of Python."""

import pytest
import torch

from understudy.design.materials.expression import Expression, ExpressionError

NAMES = ("free_energy", "price", "strain")


def test_a_formula_is_the_python_that_it_looks_like():
    values = {name: torch.tensor([0.3, -0.2, 1.5], dtype=torch.float64) * k for k, name in enumerate(NAMES, 1)}
    text = "(free_energy / 0.1)**2 + max(price, 0, strain) - 2 * abs(strain) + exp(-price) + sqrt(4)"
    free, price, strain = (values[name] for name in NAMES)
    expected = (free / 0.1) ** 2 + torch.maximum(price, strain).clamp(min=0) - 2 * strain.abs() + (-price).exp() + 2
    assert torch.allclose(Expression(text, NAMES)(values), expected)
    assert Expression(text, NAMES).names == ("price", "strain", "free_energy")  # as they are met, from the outside in


def test_gradients_flow():
    value = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(Expression("(free_energy / 0.1)**2", NAMES)({"free_energy": value}), value)
    assert slope.item() == pytest.approx(2 * 0.3 / 0.01)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("abs(", "expected a formula such as"),
        ("cost + 1", "quantities among free_energy, price, strain; got 'cost'"),
        ("__import__('os')", "a formula holds numbers"),
        ("price if strain else 0", "a formula holds numbers"),
        ("price.real", "a formula holds numbers"),
        ("abs(price, strain)", "a formula holds numbers"),
        ("max(price)", "a formula holds numbers"),
        ("True + price", "a formula holds numbers"),
        ("'price'", "a formula holds numbers"),
        ("3", "at least one quantity, of free_energy, price, strain; got none in '3'"),
        ("1/0", "at least one quantity"),
        ("log(0-1)", "at least one quantity"),
    ],
)
def test_anything_else_is_refused(text: str, complaint: str):
    with pytest.raises(ExpressionError, match=complaint):
        Expression(text, NAMES)
