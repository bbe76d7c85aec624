"""A data set of slabs as a simulator: labels that nobody has trained on judge where no simulator is at hand."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from understudy.datasets.reader import load
from understudy.simulators.interface import Solution, Status
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.simulator import SlabSimulator

CLOSE = 1e-4  # Å, to which places and cells of one slab agree; the energy changes by a tenth of a meV
REFUSED = "refused: not among the {count} slabs whose labels are stored; ask a simulator, such as gpaw"


class StoredAnswers(SlabSimulator):
    """Answers slabs that a data set holds with what was stored of them, and refuses all others.

    A slab is known by its elements, places and cell, atoms in the same order.

    Args:
        files: of the data set.

    Rarely needed:
        rows: the only ones that it answers, such as those that were kept out of a training; all if not given.
        title: what it is called in reports.

    Raises:
        FileNotFoundError, DataFileError: no such data. TypeError: it is about something else.
    """

    name, version, differentiable = "stored", "1", False
    forces = "as the simulator gave them"

    def __init__(
        self, files: Sequence[Path], rows: Int[Tensor, " rows"] | None = None, *, title: str = "stored labels"
    ) -> None:
        with load(*files) as data:
            kept = torch.arange(len(data)) if rows is None else rows
            self._case, self._answer = data.slab_case(kept), data.solution(kept)
            self._identities = data.identities
            self._settings = tuple(dict.fromkeys(data.settings(row) for row in kept.tolist()))
            self.constants = data.provenance.design.get("constants", {})
        self.quantities, self._title = tuple(self._answer.values), title
        self._rows_digest = sha256(str(kept.tolist()).encode()).hexdigest()[:12]
        self._places: dict[tuple[str, ...], list[int]] = {}
        for row in range(len(self._case)):
            self._places.setdefault(self._case.symbols(row), []).append(row)

    @property
    def title(self) -> str:
        return self._title

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Which data, and which of their rows."""
        return {"data": list(self._identities), "answers": len(self._case), "rows": self._rows_digest}

    @property
    def fingerprint(self) -> str:
        """Calculators, with digests of their settings, that gave the answers."""
        return ", ".join(self._settings)

    def predict(self, case: SlabCase) -> Solution:
        """The stored answer of every row that is there; the others are `refused`."""
        found = torch.tensor([self._row_of(case, row) for row in range(len(case))])
        known = found >= 0
        sentence = REFUSED.format(count=len(self._case))
        return Solution(
            values={
                name: torch.where(known, column[found], torch.nan).to(case.positions)
                for name, column in self._answer.values.items()
            },
            status=_told(found, self._answer.status, Status.REFUSED),
            message=_told(found, self._answer.message, sentence),
        )

    def _row_of(self, case: SlabCase, row: int) -> int:
        """The stored row that is the same slab; -1 for none."""
        asked = case[torch.tensor([row])]
        if not asked.real:
            return -1
        alike = self._places.get(asked.symbols(0), [])
        return next((place for place in alike if _same(asked, self._case[torch.tensor([place])])), -1)


def _told(found: Tensor, stored: Sequence[Any], otherwise: Any) -> tuple[Any, ...]:
    places: Iterable[int] = found.tolist()
    return tuple(otherwise if place < 0 else stored[place] for place in places)


def _same(first: SlabCase, second: SlabCase) -> bool:
    """Whether two single slabs of the same elements agree in cell and places, whole cells along the surface apart."""
    if (first.cell - second.cell).abs().max() > CLOSE:
        return False
    apart = torch.linalg.solve(second.cell[0].T, (first.positions - second.positions).T).T
    apart[:, :2] -= apart[:, :2].round()
    return bool((apart @ second.cell[0]).abs().max() <= CLOSE)
