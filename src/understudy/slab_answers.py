"""A file of structures in, a table of answers out: every structure gets an answer or a sentence."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from ase import Atoms
from torch import Tensor

from understudy.aligned import aligned
from understudy.answer_file import AnswerFile, Row, question
from understudy.datasets.structure_file import named
from understudy.simulators.interface import Answer, Predictor, Simulator, Status
from understudy.simulators.materials.adsorbates import reaction_of
from understudy.simulators.materials.anomaly import Anomaly, likely
from understudy.simulators.materials.atoms import asked, read_atoms
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import ENERGIES, REFERENCES

AT_ONCE = 512  # structures
COLUMNS = (
    "structure", "slab", "adsorbate", "status", "message", "known",
    *(f"{name}{end}" for name in ENERGIES for end in ("", "_low", "_high")),
    "height", *(str(one) for one in Anomaly), "reaction", *REFERENCES, "settings",
)  # fmt: skip


def answer_structures(
    structures: Path,
    out: Path,
    who: Predictor[SlabCase],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Status, int]:
    """Answer every structure of a file; the counts of how they ended, those of an earlier broken run included.

    Args:
        structures: a file of any format that ASE reads. out: CSV with `COLUMNS`, energies in eV (formation energy in
            eV an atom), heights in Å; anomalies as 0 or 1 of a simulator, as probabilities of a surrogate. `settings`
            are those of the calculator that answered, or whose answers were learnt.
        progress: called after each batch with the structures answered and their number.

    Raises:
        StructureError: a file that cannot be read to its end.
        OSError: a file that cannot be read or written. DiskFullError: no room left; what was answered is kept.
        KeyboardInterrupt: Ctrl-C; its text says how much is kept.
    """
    atoms = read_atoms(structures)
    table = AnswerFile(out, COLUMNS, question(structures, who))
    progress(table.done, len(atoms))
    with table.growing(len(atoms)) as add:
        for rows in answered(atoms, who, table.done):
            add(rows)
            progress(table.done, len(atoms))
    return dict(table.ended)


def answered(atoms: Sequence[Atoms], who: Predictor[SlabCase], first: int = 0) -> Iterator[list[Row]]:
    """Rows of `COLUMNS` for the structures from `first` on, a batch at a time."""
    at_once = min(AT_ONCE, who.at_once) if isinstance(who, Simulator) else AT_ONCE
    for start in range(first, len(atoms), at_once):
        some = atoms[start : start + at_once]
        cases = [asked(one) for one in some]
        told: Iterator[Row] = iter(())
        slabs = [case for case in cases if isinstance(case, SlabCase)]
        if slabs:
            case = SlabCase.concatenate(slabs)
            with torch.no_grad():
                told = _told(case, who.predict(case), getattr(who, "fingerprint", ""))
        yield [
            {"structure": str(start + place)}
            | (next(told) if isinstance(one, SlabCase) else {"status": str(Status.REFUSED), "message": one})
            for place, one in enumerate(cases)
        ]


def _told(case: SlabCase, answer: Answer, settings: str) -> Iterator[Row]:
    tables = {"": answer.values, **{f"_{end}": getattr(answer, end, {}) for end in ("low", "high")}}
    known: Tensor | None = getattr(answer, "known", None)
    for row in range(len(case)):
        slab, adsorbate = named(case, row)
        told = {
            "slab": slab, "adsorbate": adsorbate, "status": str(answer.status[row]), "message": answer.message[row],
            "reaction": reaction_of(adsorbate), "settings": settings,
        }  # fmt: skip
        if known is not None:
            told["known"] = str(bool(known[row])).lower()
        for end, table in tables.items():
            for name, values in table.items():
                if f"{name}{end}" in COLUMNS and bool(torch.isfinite(values[row])):
                    told[f"{name}{end}"] = f"{float(values[row]):.7g}"
        yield told


def text(rows: Sequence[Row]) -> str:
    """The answers for people: one line a structure, each energy with half the width of its interval."""
    table = [["", "slab", "on it", "ΔE [eV]", "formation [eV/atom]", ""]]
    for row in rows:
        ends = [_cell(row, name) for name in ENERGIES]
        table.append([row["structure"], row.get("slab", ""), row.get("adsorbate") or "-", *ends, _remark(row)])
    return "\n".join(aligned(table)) + "\n"


def _cell(row: Row, name: str) -> str:
    if name not in row:
        return "-"
    value = f"{float(row[name]):.3f}"
    if f"{name}_high" not in row:
        return value
    return f"{value} ± {0.5 * (float(row[f'{name}_high']) - float(row[f'{name}_low'])):.3f}"


def _remark(row: Row) -> str:
    """What a reader must know besides the numbers."""
    if row["status"] != Status.OK:
        return row["message"] or row["status"]
    clean = [] if row.get("adsorbate") else ["a clean slab: nothing to adsorb"]
    told = likely({str(one): float(row[one]) for one in Anomaly if one in row})
    happened = [str(one) for one, so in told.items() if so]
    unknown = ["unlike what was trained on"] if row.get("known") == "false" else []
    return ", ".join([*clean, *happened, *unknown])
