"""Labels of near-surface alloys as cases with their answers."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from understudy.simulators.interface import Solution, Status
from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.slabs import RPBE_LATTICE_CONSTANTS, SlabPlan
from understudy.simulators.materials.solution import QUANTITIES, REFERENCES

FOLDER = Path(__file__).parents[1] / "data" / "near_surface"
METALS = tuple(RPBE_LATTICE_CONSTANTS)
#: Where hydrogen starts: above the surface [Å], in the fcc hollow.
HEIGHT, HOLLOW = 0.9, (1 / 3, 1 / 3)


@dataclass(frozen=True, eq=False)
class Labels:
    """Answered stacks, in the order of their numbers.

    metals: number in `METALS` of each layer, surface first (rows, layers). strain: (rows,).
    """

    numbers: Tensor
    metals: Tensor
    strain: Tensor
    case: SlabCase
    answer: Solution

    def __len__(self) -> int:
        return len(self.numbers)


def with_hydrogen(stacks: Sequence[Sequence[str]], strain: Sequence[float]) -> SlabCase:
    """The structures that are asked."""
    plan = SlabPlan()
    occupation = torch.stack([plan.occupation(list(stack)) for stack in stacks])
    slabs = plan.slabs(occupation, torch.tensor(list(strain), dtype=torch.float64))
    place = torch.tensor([HOLLOW], dtype=torch.float64).expand(len(slabs), -1)
    return placed(slabs, "H", place, torch.full((len(slabs),), HEIGHT, dtype=torch.float64))


def rows(folder: Path = FOLDER, names: str = "labels-*.jsonl") -> list[dict[str, Any]]:
    """Lines of all files of such names, by number."""
    lines = [json.loads(line) for file in sorted(folder.glob(names)) for line in file.read_text().splitlines()]
    return sorted(lines, key=lambda row: int(row["number"]))


def labels(folder: Path = FOLDER) -> Labels:
    """All answered stacks."""
    return labels_of([row for row in rows(folder) if row["status"] == Status.OK])


def labels_of(lines: Sequence[Mapping[str, Any]]) -> Labels:
    """Lines as cases with their answers; NaN where there is none.

    Raises:
        ValueError: labels of different settings.
    """
    settings = {line["settings"] for line in lines}
    if len(settings) > 1:
        raise ValueError(f"expected labels of one setting; got {', '.join(sorted(settings))}")
    stacks = [line["layers"].split("/") for line in lines]
    strain = [line["strain"] for line in lines]

    def column(name: str) -> Tensor:
        return torch.tensor([math.nan if line[name] is None else line[name] for line in lines], dtype=torch.float64)

    return Labels(
        numbers=torch.tensor([line["number"] for line in lines]),
        metals=torch.tensor([[METALS.index(metal) for metal in stack] for stack in stacks]),
        strain=torch.tensor(strain, dtype=torch.float64),
        case=with_hydrogen(stacks, strain),
        answer=Solution(
            values={name: column(name) for name in (*QUANTITIES, *REFERENCES)},
            status=tuple(Status(line["status"]) for line in lines),
            message=tuple(line["message"] for line in lines),
        ),
    )
