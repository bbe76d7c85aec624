"""Batches held as dataclasses of tensors, one row a case: rows chosen, replaced, and put one after the other."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

#: Rows that a GPU works on at once where nothing else bounds them; their influence matrices take some gigabytes.
ROWS_OF_A_GPU = 2048

Batch = TypeVar("Batch")


def rows_of(batch: Batch, rows: Tensor | slice) -> Batch:
    """The selected rows of every tensor; other attributes are shared."""
    chosen: dict[str, Any] = {}
    for item in fields(batch):  # type: ignore[arg-type]
        value = getattr(batch, item.name)
        if isinstance(value, Tensor):
            chosen[item.name] = value[rows]
        elif is_dataclass(value):
            chosen[item.name] = rows_of(value, rows)
    return replace(batch, **chosen) if chosen else batch  # type: ignore[type-var]


def joined(batches: list[Batch]) -> Batch:
    """The rows of several batches as one; attributes that are no tensors come from the first."""
    if len(batches) == 1:
        return batches[0]
    together: dict[str, Any] = {}
    for item in fields(batches[0]):  # type: ignore[arg-type]
        values = [getattr(batch, item.name) for batch in batches]
        if isinstance(values[0], Tensor):
            together[item.name] = torch.cat(values)
        elif is_dataclass(values[0]):
            together[item.name] = joined(values)
    return replace(batches[0], **together)  # type: ignore[type-var]


def put_rows(batch: Batch, rows: Tensor, changed: Batch) -> Batch:
    """The batch with the rows of another one, in this order, in the place of its own `rows`."""
    put: dict[str, Any] = {}
    for item in fields(batch):  # type: ignore[arg-type]
        value, new = getattr(batch, item.name), getattr(changed, item.name)
        if isinstance(value, Tensor):
            put[item.name] = value.index_put((rows,), new)
        elif is_dataclass(value):
            put[item.name] = put_rows(value, rows, new)
    return replace(batch, **put)  # type: ignore[type-var]


def detached(batch: Batch) -> Batch:
    """The same batch without its history of differentiation, whatever dataclasses its tensors lie in."""
    cut: dict[str, Any] = {}
    for item in fields(batch):  # type: ignore[arg-type]
        value = getattr(batch, item.name)
        if isinstance(value, Tensor):
            cut[item.name] = value.detach()
        elif is_dataclass(value):
            cut[item.name] = detached(value)
    return replace(batch, **cut) if cut else batch  # type: ignore[type-var]


def rows_at_once(like: Tensor, *, processor: int) -> int:
    """How many rows to work on at once where `like` is: so many on a processor, whose cache is small, more on a GPU."""
    return processor if like.device.type == "cpu" else ROWS_OF_A_GPU
