"""A graph network against a convolutional one: one member of each, trained alike, judged on the same unseen families.

    python benchmarks/graph_and_convolution.py                             # writes docs/benchmarks.md
    python benchmarks/graph_and_convolution.py --cases 400 --epochs 2      # a look; writes nothing

Both learn from the same rows of one data set (by default that of `shipped_data.toml`), parted by shape family as for
the shipped ensemble, with the same learning rate, over the same epochs in the same batches. Errors are those of the
best epoch on the test families; the one of CD is that of ln CD. It takes about half an hour on one core; killed at any
moment, the same command goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cyclopts
import torch
from support.record import Figure, record
from support.train_shipped import NETWORK, encoded, parts_of
from torch import Tensor

from understudy.datasets.reader import DataSet, load
from understudy.memory import keep_freed_memory
from understudy.surrogate.model import Member, NetworkConfig
from understudy.surrogate.networks.graph_config import GraphConfig
from understudy.surrogate.training import TrainingConfig, case_errors, train
from understudy.surrogate.training_data import TrainingData

DATA = Path("runs/viscous.h5")
CASES, EPOCHS, BATCH = 16384, 20, 64
KINDS: Mapping[str, NetworkConfig] = {"convolution": NETWORK, "graph": GraphConfig()}
AT_ONCE = 512  # rows answered at once


@dataclass(frozen=True)
class Trial:
    """One kind of network: how many weights, the epochs it ran, its errors on unseen families: quantity -> (rows,)."""

    weights: int
    epochs: int
    errors: Mapping[str, Tensor]


@torch.no_grad()
def errors_of(member: Member, data: TrainingData) -> dict[str, Tensor]:
    """Absolute errors of the numbers of each case, of ln CD for the drag."""
    parts = [data[start : start + AT_ONCE] for start in range(0, len(data), AT_ONCE)]
    found = [case_errors(member(part.encoding, part.coordinates, part.alpha), part) for part in parts]
    return {name: torch.cat([one[name] for one in found]) for name in ("cd", "cl", "cm")}


def rows_of(data: DataSet, cases: int) -> tuple[TrainingData, TrainingData, TrainingData]:
    """Training, validation and test rows among the first so many cases."""
    parts = parts_of(data)
    training, validation, test = (
        encoded(data, rows[rows < cases]) for rows in (parts.training, parts.validation, parts.test)
    )
    return training, validation, test


def compared(trials: Mapping[str, Trial]) -> list[Figure]:
    """A row for each network, and how many times the error of the convolution the graph's is."""
    graph, convolution = trials["graph"].errors, trials["convolution"].errors
    ratios = {
        "CD mean": graph["cd"].mean() / convolution["cd"].mean(),
        "CD median": graph["cd"].median() / convolution["cd"].median(),
        "CL mean": graph["cl"].mean() / convolution["cl"].mean(),
        "CM mean": graph["cm"].mean() / convolution["cm"].mean(),
    }
    return [
        *(
            Figure(f"{kind}, {trial.weights} weights, {trial.epochs} epochs", _words(trial.errors))
            for kind, trial in trials.items()
        ),
        *(Figure(f"graph over convolution, {name}", f"{ratio:.2f}", "at most 1.3") for name, ratio in ratios.items()),
    ]


def main(
    data: Path = DATA,
    *,
    cases: int = CASES,
    epochs: int = EPOCHS,
    batch: int = BATCH,
    folder: Path = Path("runs/graph_and_convolution"),
) -> None:
    """Train both, print how they compare, and record it if the run is the whole one.

    Args:
        data: data set, finished or still growing.
        cases: read of it; the rest is left out.
        epochs: passes of each member over the training rows.
        batch: rows a step.
        folder: where the members keep their states.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    if data == DATA and not list(data.parent.glob(f"{data.name}*")):  # neither finished nor growing
        print(f"{data} is missing, so nothing is measured: understudy simulate benchmarks/shipped_data.toml makes it")
        return
    with load(data) as simulated:
        read = min(cases, len(simulated))
        training, validation, test = rows_of(simulated, read)
    rows = f"{len(training)} rows to train on, {len(validation)} to stop by, {len(test)} of unseen families"
    print(rows, flush=True)
    trials: dict[str, Trial] = {}
    for kind, network in KINDS.items():
        config = TrainingConfig(network=network, epochs=epochs, batch=batch)
        place = folder / f"{kind}-{read}-{epochs}-{batch}"
        run = train(training, validation, config, place, progress=partial(_show, kind))
        weights = sum(parameter.numel() for parameter in run.member.parameters())
        trials[kind] = Trial(weights, run.epochs, errors_of(run.member, test))
    figures = [Figure("rows", rows), *compared(trials)]
    if (data, cases, epochs, batch, read) == (DATA, CASES, EPOCHS, BATCH, CASES):
        print(record("graph_and_convolution", "Graph network beside a convolutional one", figures))
    else:
        print(*figures, sep="\n")


def _words(errors: Mapping[str, Tensor]) -> str:
    drag, lift, moment = (errors[name] for name in ("cd", "cl", "cm"))
    return (
        f"CD mean {100 * drag.mean():.2f} %, median {100 * drag.median():.2f} %; CL {lift.mean():.4f}; "
        f"CM {moment.mean():.4f}"
    )


def _show(kind: str, epoch: int, epochs: int, loss: float) -> None:
    print(f"{kind}: epoch {epoch} of {epochs}, validation loss {loss:.4f}", flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
