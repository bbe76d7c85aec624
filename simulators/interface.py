"""What every simulator and every surrogate has in common: the same question, the same named answers.

A `Predictor` takes a `Case` (a batch of questions) and gives an `Answer`. A simulator answers with a `Solution`, a
surrogate with a prediction that adds an interval to each quantity. Whoever asks need not know which of the two answers.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.airfoil.flow_field import FlowField


class Subject(StrEnum):
    """What the questions of a predictor are about."""

    AIRFOIL = "airfoil"
    SLAB = "slab"


#: Who gives gradients.
_FOLLOWED = {
    Subject.AIRFOIL: "a surrogate or the simulator 'viscous'",
    Subject.SLAB: "a surrogate (surrogate, or the path of a checkpoint)",
}


class Status(StrEnum):
    """How one case ended."""

    OK = "ok"
    NOT_CONVERGED = "not_converged"
    REFUSED = "refused"
    FAILED = "failed"


#: The kind of question that a predictor answers.
Asked = TypeVar("Asked", bound="Case")


class Case(ABC):
    """A batch of questions of one kind, frozen and checked at birth."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self: Asked, rows: slice | Tensor) -> Asked:
        """The selected rows, by slice, index tensor or mask."""

    @staticmethod
    @abstractmethod
    def concatenate(cases: "Sequence[Any]") -> Any:
        """The rows of several cases of this kind as one batch."""

    def chunks(self: Asked, size: int) -> Iterator[Asked]:
        """Consecutive parts of at most `size` rows."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


class NotDifferentiableError(TypeError):
    """A gradient was asked of a predictor that has none."""


class SolveError(RuntimeError):
    """A case was not answered and the caller asked to be told by an exception."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer(ABC):  # never made itself; what simulators and surrogates answer with derives from it
    """Named quantities of a batch of cases, with how each case ended.

    values: quantity name -> tensor, (batch,) for a quantity of the case, (batch, nodes) for one of the surface nodes,
        in the units of `quantities`, in the dtype and on the device of the case's coordinates whatever they were
        computed in. Rows whose status is not ok hold NaN.
    status, message: one per case; the message is empty where the status is ok, otherwise one sentence with cause and
        remedy.
    """

    values: Mapping[str, Tensor]
    status: tuple[Status, ...]
    message: tuple[str, ...]

    def __getitem__(self, name: str) -> Tensor:
        """The values of one quantity; a KeyError names those that are there."""
        if name not in self.values:
            raise KeyError(f"expected one of {', '.join(self.values)}; got {name!r}")
        return self.values[name]

    def __len__(self) -> int:
        return len(self.status)

    def raise_unless_ok(self) -> None:
        """Raise `SolveError` with the first message of a case that was not answered."""
        for row, status in enumerate(self.status):
            if status is not Status.OK:
                raise SolveError(f"case {row}: {self.ending(row)}" if len(self) > 1 else self.ending(row))

    def ending(self, row: int) -> str:
        """How a case ended, in words."""
        words, message = self.status[row].replace("_", " "), self.message[row]
        return message if message.startswith(words) else f"{words}: {message}".removesuffix(": ")


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution(Answer):
    """What a simulator answers.

    residuals: after each iteration, padded with NaN.
    parts: the answers that were joined to this one.
    """

    residuals: Float[Tensor, "batch iterations"] | None = None
    parts: "tuple[Solution, ...]" = ()

    def flow_field(self, row: int) -> FlowField | None:
        """The flow around the airfoil of one row; None where it was not answered or the simulator gives none."""
        for part in self.parts:
            if row < len(part):
                return part.flow_field(row)
            row -= len(part)
        return None

    @staticmethod
    def joined(answers: "Sequence[Solution]") -> "Solution":
        """The rows of several answers as one; a quantity that some lack is NaN there, residuals are left out."""
        known = {name: value for answer in answers for name, value in answer.values.items()}
        values = {
            name: torch.cat(
                [
                    answer.values[name]
                    if name in answer.values
                    else like.new_full((len(answer), *like.shape[1:]), torch.nan)
                    for answer in answers
                ]
            )
            for name, like in known.items()
        }
        return Solution(
            values=values,
            status=tuple(status for answer in answers for status in answer.status),
            message=tuple(message for answer in answers for message in answer.message),
            parts=tuple(answers),
        )


class Predictor(ABC, Generic[Asked]):
    """Anything that answers cases of one kind: a simulator or its understudy.

    name: the word that selects it on the command line.
    quantities: names of what it answers.
    differentiable: whether gradients flow from the answer to the tensors of the case.
    about: what its cases are.
    """

    name: str
    about: Subject = Subject.AIRFOIL
    quantities: tuple[str, ...]
    differentiable: bool

    @abstractmethod
    def predict(self, case: Asked) -> Answer:
        """Answer every row; one that cannot be answered gets a status and a sentence, never an exception."""

    @property
    def title(self) -> str:
        """What it is called in pictures: its name, and the options that a reader should know of."""
        return self.name

    @property
    @abstractmethod
    def identity(self) -> str:
        """Its name and all that decides its answers, as text: predictors of one identity answer alike."""

    def near(self, answer: Answer) -> "Predictor":
        """Itself, made ready for cases near those that it has answered: the same rows, changed a little.

        Where answers take an iteration, it may start from the earlier ones. Answers stay the same within what the
        iteration leaves.
        """
        return self

    def require_gradient(self) -> None:
        """Raise `NotDifferentiableError` if no gradient flows through this predictor."""
        if not self.differentiable:
            raise NotDifferentiableError(
                f"{self.name} gives no gradients; follow {_FOLLOWED[self.about]} instead, and let {self.name} verify"
            )


def digest_of(configuration: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits of all that decides the answers of a simulator, as JSON-ready values."""
    return sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:12]


class Simulator(Predictor[Asked]):
    """A predictor made of physics: it has a version and a full configuration, both stored with every data set.

    version: raised with every change of its answers.
    forces: how its forces come from its fields, in a sentence.
    at_once: cases that are worth asking for together: more would only make whoever waits see nothing for longer.
    unheard: conditions of a case that change none of its answers.
    fields: quantities of the flow around the airfoil that `Solution.flow_field` gives; none where it gives no flow.
    forces_from_fields: how forces are made from these, so that whoever reads them can do it again.
    """

    version: str
    at_once: int = 128
    unheard: tuple[str, ...] = ()
    forces: str = "as the simulator gives them"
    fields: tuple[str, ...] = ()
    forces_from_fields: str = ""

    @property
    @abstractmethod
    def configuration(self) -> Mapping[str, Any]:
        """Everything that changes the answer, as JSON-ready values."""

    @property
    def identity(self) -> str:
        """Name, version and configuration."""
        return f"{self.name} {self.version} {json.dumps(self.configuration, sort_keys=True, default=str)}"

    @abstractmethod
    def predict(self, case: Asked) -> Solution: ...
