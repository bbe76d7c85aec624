"""Train, calibrate and judge the ensemble that ships with the package, from data sets of our own simulations.

    python benchmarks/support/train_shipped.py runs/viscous.h5 runs/raw.h5 --folder runs/shipped --epochs 24

A data set that is still growing is read as far as it has come. Rows are parted by shape family: members learn from
75 % of the families, both NACA series among them, and stop by 5 %; 10 % calibrate the intervals; the last 10 % are used
for nothing but the accuracy on the card. Kill it at any moment and call it again with the same data, epochs and
members: it goes on. On a processor, set `OMP_NUM_THREADS=1` first: two members train at once.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import cyclopts
import torch
from jaxtyping import Int
from torch import Tensor

from understudy.datasets.reader import DataSet, load
from understudy.datasets.splits import Parts, Shares, Side, part, side_of
from understudy.learning import card_data
from understudy.memory import keep_freed_memory
from understudy.surrogate.building import SurrogateConfig, build
from understudy.surrogate.checkpoint import PRETRAINED, save
from understudy.surrogate.evaluation import Report, airfoil_ranges, evaluate
from understudy.surrogate.networks.convolution import ConvolutionConfig
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training import TrainingConfig
from understudy.surrogate.training_data import TrainingData, training_data_of

CHUNK = 2048  # rows encoded at once
#: Which families serve what. All four-digit NACA sections are one family and all five-digit ones another, because their
#: parameters vary continuously: to hold these families out would be to know none of the commonest sections. So the seed
#: is the first for which both train; every other family keeps its chance.
SHARES = Shares(validation=0.05, calibration=0.1, test=0.1, seed=1)
NETWORK = ConvolutionConfig(channels=(8, 12, 24, 32, 48, 48))


def parts_of(data: DataSet) -> Parts:
    """The answered rows by purpose, no shape family in two of them; see `SHARES`."""
    return part(data, SHARES)


def is_held_out(families: Sequence[str]) -> bool:
    """Whether a shape of these families belongs to the test, by the rule of `parts_of`, though it is in no data set."""
    kept = SHARES.validation + SHARES.calibration
    return side_of(families, validation=kept, test=SHARES.test, seed=SHARES.seed) is Side.TEST


def encoded(data: DataSet, rows: Int[Tensor, " rows"], threads: int = 2) -> TrainingData:
    """These rows as training data; chunks of them are encoded side by side."""

    def pieces() -> Iterator[tuple[Any, Any]]:
        for chunk in rows.split(CHUNK):
            yield data.case(chunk), data.solution(chunk)

    with ThreadPoolExecutor(threads) as pool:
        return TrainingData.concatenate(list(pool.map(lambda piece: training_data_of(*piece), pieces())))


def judged(surrogate: Surrogate, data: DataSet, rows: Int[Tensor, " rows"]) -> Report:
    """Accuracy on unseen families, through the same door as a user's."""
    case = data.case(rows)
    prediction = surrogate.predict(case)
    return evaluate(airfoil_ranges(case, prediction["alpha"]), data.solution(rows), prediction)


def main(
    *data: Path,
    folder: Path = Path("runs/shipped"),
    out: Path = PRETRAINED,
    epochs: int = 24,
    members: int = 4,
    batch: int = 128,
    learning_rate: float = 4e-3,
    processes: int = 2,
    cases: int | None = None,
) -> None:
    """Train the shipped ensemble.

    Args:
        data: data sets, one after the other, finished or still growing.
        folder: where members keep their states.
        out: the checkpoint.
        epochs: passes of each member over the training rows.
        members: of the ensemble.
        batch: rows a step.
        learning_rate: its peak.
        processes: members trained at once.
        cases: read no more than so many rows; name the number of the first call to resume on a data set that grew.
    """
    started = perf_counter()
    torch.set_num_threads(1)
    keep_freed_memory()
    with load(*data) as simulated:
        read = len(simulated) if cases is None else min(cases, len(simulated))
        parts = _first(parts_of(simulated), read)
        training, validation, calibration = (
            encoded(simulated, rows, processes) for rows in (parts.training, parts.validation, parts.calibration)
        )
        print(f"{read} rows read, {len(training)} to train on, {perf_counter() - started:.0f} s", flush=True)
        config = SurrogateConfig(
            training=TrainingConfig(
                network=NETWORK, epochs=epochs, batch=batch, learning_rate=learning_rate, bfloat16=True
            ),
            members=members,
            processes=processes,
        )
        words = {**card_data(simulated, parts, SHARES, cases=read), "trained_on": date.today().isoformat()}
        draft = build(training, validation, calibration, config, folder, identity=words)
        print(f"{members} members trained, {perf_counter() - started:.0f} s", flush=True)
        report = judged(draft, simulated, parts.test)
        card = replace(draft.card, accuracy=report.words())
        out.parent.mkdir(parents=True, exist_ok=True)
        save(Surrogate(draft.ensemble, draft.calibration, draft.familiarity, card), out)
        print(report.text())
        print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {perf_counter() - started:.0f} s")


def _first(parts: Parts, cases: int) -> Parts:
    return Parts(**{name: rows[rows < cases] for name, rows in vars(parts).items()})


if __name__ == "__main__":
    cyclopts.run(main)
