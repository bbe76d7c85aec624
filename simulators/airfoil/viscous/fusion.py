"""Long formulas over long lists in few kernels: traced once, then compiled for lists of any length.

Written with tensors and jets, a closure is hundreds of element-wise operations. Each reads and writes whole lists and,
on a GPU, is a launch of its own that costs more than its arithmetic. `fused` functions are compiled instead while
`fusion` is on: seconds of compiling, once in a process, for a batch of thousands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from understudy.simulators.airfoil.viscous.jet import Jet

#: Lists shorter than this are not worth a kernel of their own; and no list may be taken for a block of variables.
SHORTEST = 32

Formula = TypeVar("Formula", bound=Callable[..., Any])
_on: ContextVar[bool] = ContextVar("fusion", default=False)


@contextmanager
def fusion(on: bool) -> Iterator[None]:
    """Whether functions marked `fused` are compiled inside this block. There, autograd must not look on."""
    token = _on.set(on)
    try:
        yield
    finally:
        _on.reset(token)


def fused(function: Formula) -> Formula:
    """A function of tensors, jets and dataclasses or tuples of them whose tensors all end in the same list dimension.

    It must not depend on their values. Anything else in its arguments is a constant that it is compiled for.
    """
    compiled: dict[Any, tuple[Callable[..., Any], Any]] = {}

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not _on.get():
            return function(*arguments, **named)
        tensors: list[Tensor] = []
        form = _taken_apart((arguments, named), tensors)
        if min(tensor.shape[-1] for tensor in tensors) < SHORTEST:
            return function(*arguments, **named)
        kind = form, tensors[0].device, tuple(tensor.dtype for tensor in tensors)
        if kind not in compiled:
            compiled[kind] = _compiled(function, form, tensors)
        formula, result = compiled[kind]
        return _put_together(result, iter(formula(*tensors)))

    return call  # type: ignore[return-value]


def _compiled(function: Callable[..., Any], form: Any, tensors: list[Tensor]) -> tuple[Callable[..., Any], Any]:
    """The function from tensors to tensors, compiled, and the form of its result."""
    results: list[Any] = []

    def flat(*tensors: Tensor) -> list[Tensor]:
        arguments, named = _put_together(form, iter(tensors))
        parts: list[Tensor] = []
        results.append(_taken_apart(function(*arguments, **named), parts))
        return parts

    with fusion(False):
        # Clones: one list given twice would be taken for one argument, also where the next call gives two.
        graph = make_fx(flat, tracing_mode="symbolic")(*(tensor.clone() for tensor in tensors))
    return torch.compile(graph, dynamic=True), results[-1]


def _taken_apart(item: Any, tensors: list[Tensor]) -> Any:
    """Append the tensors of an item and return its form, which is hashable."""
    if isinstance(item, Tensor):
        tensors.append(item)
        return Tensor
    if isinstance(item, Jet):
        return Jet, _taken_apart(item.value, tensors), _taken_apart(item.partials, tensors)
    if isinstance(item, dict):
        return dict, tuple((name, _taken_apart(value, tensors)) for name, value in item.items())
    if isinstance(item, tuple | list):
        return type(item), tuple(_taken_apart(value, tensors) for value in item)
    if is_dataclass(item):
        parts = {entry.name: getattr(item, entry.name) for entry in fields(item)}
        return type(item), _taken_apart(parts, tensors)
    return None, item


def _put_together(form: Any, tensors: Iterator[Tensor]) -> Any:
    """The inverse of `_taken_apart`."""
    if form is Tensor:
        return next(tensors)
    kind, *parts = form
    if kind is None:
        return parts[0]
    if kind is dict:
        return {name: _put_together(value, tensors) for name, value in parts[0]}
    if kind in (tuple, list):
        return kind(_put_together(value, tensors) for value in parts[0])
    if kind is Jet:
        return Jet(_put_together(parts[0], tensors), _put_together(parts[1], tensors))
    return kind(**_put_together(parts[0], tensors))
