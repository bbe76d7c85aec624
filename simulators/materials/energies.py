"""Energies that many cases share, asked once for each setting of a calculator and kept on disk."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from understudy.simulators.line_file import append_line

_LOGGER = logging.getLogger(__name__)


def usual_folder() -> Path:
    """Where energies are kept unless another folder is named: the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "understudy" / "energies"


@dataclass(frozen=True, eq=False)
class KeptEnergies:
    """Energies of structures under one digest of settings, one line of a file each.

    folder: of the files; None keeps nothing. digest: of all that decides an energy.

    Several processes may write: a line is written at once, and a line that is cut short is no line. Where it cannot be
    written, for lack of room say, this process remembers it: an answer is worth more than its being kept.
    """

    folder: Path | None
    digest: str
    _known: dict[str, float] = field(default_factory=dict)
    _read: list[int] = field(default_factory=lambda: [0])

    def get(self, name: str, compute: Callable[[], float]) -> float:
        """The energy of that name [eV], computed if it is not known.

        Raises: whatever `compute` raises; nothing is kept then.
        """
        if name not in self._known:
            self._look()
        if name not in self._known:
            self._keep(name, compute())
        return self._known[name]

    @property
    def _file(self) -> Path | None:
        return None if self.folder is None else self.folder / f"{self.digest}.jsonl"

    def _look(self) -> None:
        """What was written since the last look."""
        if self._file is None or not self._file.is_file():
            return
        with self._file.open("rb") as file:
            file.seek(self._read[0])
            whole = file.read()
        whole = whole[: whole.rfind(b"\n") + 1]
        self._read[0] += len(whole)
        for line in whole.splitlines():
            try:
                name, energy = json.loads(line)
            except ValueError:
                continue
            self._known[name] = energy

    def _keep(self, name: str, energy: float) -> None:
        self._known[name] = energy
        if self._file is None or not np.isfinite(energy):
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            append_line(self._file, json.dumps([name, energy]))
        except OSError as error:
            _LOGGER.warning("the energy of %s is not kept in %s: %s", name, self._file, error.strerror)
