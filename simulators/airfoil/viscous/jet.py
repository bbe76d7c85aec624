"""Values that carry their first derivatives: forward differentiation of small vector functions over long lists.

The boundary-layer equations are written once, for numbers. Given tensors they compute values, and reverse-mode
autograd can follow them; given jets they compute values and the local Jacobian in one sweep, several times faster
than autograd, because each jet stores only the blocks of derivatives that it has.
"""

from collections.abc import Mapping
from typing import Any, Union

import torch
from torch import Tensor

#: A number of the equations: a jet, a tensor (list,) or a constant.
Number = Union["Jet", Tensor, float]


class Jet:
    """A list of values (list,) with derivatives (variables, list) to one or more named blocks of variables.

    Supports + - * / and powers with jets, tensors and floats, and the functions of this module.
    """

    __slots__ = ("partials", "value")

    def __init__(self, value: Tensor, partials: Mapping[str, Tensor]) -> None:
        self.value = value
        self.partials = dict(partials)

    def scaled(self, value: Tensor, slope: Tensor | float) -> "Jet":
        """A function of this jet alone: its value and its slope."""
        return Jet(value, {block: slope * partial for block, partial in self.partials.items()})

    def __neg__(self) -> "Jet":
        return Jet(-self.value, {block: -partial for block, partial in self.partials.items()})

    def __add__(self, other: Number) -> "Jet":
        if not isinstance(other, Jet):
            return Jet(self.value + other, self.partials)
        partials = dict(self.partials)
        for block, partial in other.partials.items():
            partials[block] = partials[block] + partial if block in partials else partial
        return Jet(self.value + other.value, partials)

    __radd__ = __add__

    def __sub__(self, other: Number) -> "Jet":
        if not isinstance(other, Jet):
            return Jet(self.value - other, self.partials)
        partials = dict(self.partials)
        for block, partial in other.partials.items():
            partials[block] = partials[block] - partial if block in partials else -partial
        return Jet(self.value - other.value, partials)

    def __rsub__(self, other: Tensor | float) -> "Jet":
        return Jet(other - self.value, {block: -partial for block, partial in self.partials.items()})

    def __mul__(self, other: Number) -> "Jet":
        if not isinstance(other, Jet):
            return self.scaled(self.value * other, other)
        partials = {block: other.value * partial for block, partial in self.partials.items()}
        for block, partial in other.partials.items():
            if block in partials:
                partials[block].addcmul_(self.value.expand_as(partial), partial)
            else:
                partials[block] = self.value * partial
        return Jet(self.value * other.value, partials)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> "Jet":
        if not isinstance(other, Jet):
            return self.scaled(self.value / other, 1.0 / other)
        inverse = 1.0 / other.value
        value = self.value * inverse
        partials = {block: inverse * partial for block, partial in self.partials.items()}
        slope = -value * inverse
        for block, partial in other.partials.items():
            if block in partials:
                partials[block].addcmul_(slope.expand_as(partial), partial)
            else:
                partials[block] = slope * partial
        return Jet(value, partials)

    def __rtruediv__(self, other: Tensor | float) -> "Jet":
        value = other / self.value
        return self.scaled(value, -value / self.value)

    def __pow__(self, exponent: float) -> "Jet":
        return self.scaled(self.value**exponent, exponent * self.value ** (exponent - 1))

    def select(self, rows: Tensor) -> "Jet":
        """The entries of the list at these indices."""
        return Jet(self.value[rows], {block: partial[:, rows] for block, partial in self.partials.items()})

    def renamed(self, block: str) -> "Jet":
        """The same jet, its only block of variables under another name."""
        (partial,) = self.partials.values() if self.partials else (None,)
        return Jet(self.value, {} if partial is None else {block: partial})

    def chain(self, variables: list[Number]) -> "Jet":
        """Replace the only block's variables by jets of other variables."""
        (partial,) = self.partials.values()
        partials: dict[str, Tensor] = {}
        for slope, variable in zip(partial, variables, strict=True):
            if not isinstance(variable, Jet):
                continue
            for block, inner in variable.partials.items():
                partials[block] = torch.addcmul(partials[block], slope, inner) if block in partials else slope * inner
        return Jet(self.value, partials)


def value_of(number: Number) -> Any:
    """The number without its derivatives."""
    return number.value if isinstance(number, Jet) else number


def log(number: Any) -> Any:
    """Natural logarithm."""
    if isinstance(number, Jet):
        return number.scaled(torch.log(number.value), 1.0 / number.value)
    return torch.log(number)


def exp(number: Any) -> Any:
    """Exponential."""
    if isinstance(number, Jet):
        value = torch.exp(number.value)
        return number.scaled(value, value)
    return torch.exp(number)


def tanh(number: Any) -> Any:
    """Hyperbolic tangent."""
    if isinstance(number, Jet):
        value = torch.tanh(number.value)
        return number.scaled(value, 1.0 - value * value)
    return torch.tanh(number)


def sqrt(number: Any) -> Any:
    """Square root."""
    if isinstance(number, Jet):
        value = torch.sqrt(number.value)
        return number.scaled(value, 0.5 / value)
    return torch.sqrt(number)


def where(condition: Tensor, yes: Number, no: Number) -> Any:
    """`yes` where the condition holds, else `no`, derivatives included."""
    if not isinstance(yes, Jet) and not isinstance(no, Jet):
        return torch.where(condition, yes, no)
    yes_partials = yes.partials if isinstance(yes, Jet) else {}
    no_partials = no.partials if isinstance(no, Jet) else {}
    partials = {}
    for block in yes_partials.keys() | no_partials.keys():
        partials[block] = torch.where(condition, yes_partials.get(block, 0.0), no_partials.get(block, 0.0))
    return Jet(torch.where(condition, value_of(yes), value_of(no)), partials)


def at_least(number: Any, floor: Tensor | float) -> Any:
    """The number, or the floor where it is below; no derivative there."""
    if not isinstance(number, Jet):
        return number.clamp(min=floor)
    return number.scaled(number.value.clamp(min=floor), (number.value > floor).to(number.value.dtype))


def at_most(number: Any, ceiling: Tensor | float) -> Any:
    """The number, or the ceiling where it is above; no derivative there."""
    return -at_least(-number, -ceiling)


def larger(one: Number, other: Number) -> Any:
    """The larger of two numbers, with its derivatives."""
    return where(value_of(one) >= value_of(other), one, other)
