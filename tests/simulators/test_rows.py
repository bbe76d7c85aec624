from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.rows import detached, joined, put_rows, rows_of


@dataclass(frozen=True)
class Inner:
    values: Tensor
    name: str = "inner"


@dataclass(frozen=True)
class Outer:
    inner: Inner
    values: Tensor


def test_rows_are_taken_and_put_back_at_every_depth():
    ramp = torch.arange(6.0).reshape(3, 2)
    whole = Outer(Inner(ramp), 2 * ramp)
    part = rows_of(whole, torch.tensor([2, 0]))
    assert part.inner.values.tolist() == [[4, 5], [0, 1]]
    back = put_rows(whole, torch.tensor([2, 0]), part)
    assert torch.equal(back.inner.values, ramp)
    assert torch.equal(joined([whole, part]).values[3:], part.values)


def test_nothing_of_a_detached_batch_has_a_history():
    ramp = torch.arange(6.0, requires_grad=True) * 1.0
    cut = detached(Outer(Inner(ramp), 2 * ramp))
    assert not cut.inner.values.requires_grad
    assert not cut.values.requires_grad
    assert cut.inner.name == "inner"
