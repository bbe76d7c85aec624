"""Formulas of named quantities, read from words: numbers, + - * / **, and abs, min, max, exp, log, sqrt.

Evaluated on tensors, so that gradients flow through them; nothing else of Python can be said in them.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import torch
from torch import Tensor

_BINARY: dict[type[ast.operator], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_SINGLE: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
}
_SEVERAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"min": torch.minimum, "max": torch.maximum}


class ExpressionError(ValueError):
    """Words that are no formula of the quantities that are there."""


@dataclass(frozen=True)
class Expression:
    """A formula, checked at birth.

    text: as it was written. known: names that it may use.

    Raises:
        ExpressionError: not a formula, a name that is not known, or no name at all.
    """

    text: str
    known: tuple[str, ...]

    def __post_init__(self) -> None:
        _check(self._tree, self)
        if not self.names:
            raise ExpressionError(
                f"expected at least one quantity, of {', '.join(self.known)}; got none in {self.text!r}"
            )

    @cached_property
    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise ExpressionError(f"expected a formula such as abs(free_energy); got {self.text!r}") from error

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The quantities that it uses."""
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        names = [node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name) and id(node) not in called]
        return tuple(dict.fromkeys(names))

    def __call__(self, values: Mapping[str, Tensor]) -> Tensor:
        """Its value for each entry of the tensors, all of one shape."""
        return _value(self._tree, values, next(iter(values.values())))


def _check(node: ast.AST, formula: Expression) -> None:
    """Refuse whatever `_value` does not read."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return
    if isinstance(node, ast.Name):
        if node.id not in formula.known:
            raise ExpressionError(f"expected quantities among {', '.join(formula.known)}; got {node.id!r}")
        return
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        parts: Sequence[ast.AST] = (node.left, node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        parts = (node.operand,)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and _fits(node):
        parts = node.args
    else:
        allowed = ", ".join([*_SINGLE, *_SEVERAL])
        raise ExpressionError(
            f"a formula holds numbers, quantities, + - * / ** and {allowed}; got {ast.unparse(node)!r} in "
            f"{formula.text!r}"
        )
    for part in parts:
        _check(part, formula)


def _fits(call: ast.Call) -> bool:
    """Whether a function of that name takes so many arguments."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    return (name in _SINGLE and len(call.args) == 1) or (name in _SEVERAL and len(call.args) > 1)


def _value(node: ast.expr, values: Mapping[str, Tensor], like: Tensor) -> Tensor:
    if isinstance(node, ast.Constant):
        return torch.full_like(like, float(node.value))  # type: ignore[arg-type]  # checked: a number
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, values, like), _value(node.right, values, like))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, values, like)
        return -inner if isinstance(node.op, ast.USub) else inner
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    parts = [_value(part, values, like) for part in node.args]
    return _SINGLE[node.func.id](parts[0]) if node.func.id in _SINGLE else reduce(_SEVERAL[node.func.id], parts)
