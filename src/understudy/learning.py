"""From data files to a calibrated surrogate with its card: the parting by shape family, the training, the test."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from understudy.asking import CHECKPOINT
from understudy.datasets.reader import DataSet, load
from understudy.datasets.splits import Parts, Shares, part
from understudy.datasets.whole_files import write_bytes
from understudy.design.evaluation_page import write_evaluation
from understudy.design.run_folder import keep_same
from understudy.simulators.interface import Answer, Solution, Subject
from understudy.surrogate.atoms.building import build_slabs
from understudy.surrogate.atoms.rows import slab_rows
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.building import MemberProgress, SurrogateConfig, build
from understudy.surrogate.calibration import fewest_cases
from understudy.surrogate.checkpoint import AnySurrogate, save
from understudy.surrogate.evaluation import Report, airfoil_ranges, evaluate, slab_numbers, slab_ranges
from understudy.surrogate.learning_curve import PARTS, Learnt, learning_curve
from understudy.surrogate.model import network_words
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.prediction import Prediction, SurfacePrediction, joined
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training import TrainingConfig
from understudy.surrogate.training_data import training_data

EVALUATION, PICTURES, CURVE, DATA = "evaluation.json", "evaluation.html", "learning-curve", "data.txt"
TRUST = "How far to trust this surrogate"
TESTED_AT_ONCE = 256
#: Usual training of slabs: members, limits of their epochs, and below how many rows there are few.
SLAB_MEMBERS, LEAST_EPOCHS, MOST_EPOCHS, FEW_SLABS = 10, 20, 400, 3000
#: Rows of a batch, of which a member of ten hears four fifths, and steps.
OF_FEW, OF_MANY = (20, 12_000), (80, 6_000)
SLAB_RATE, SLAB_AVERAGE = 4e-3, 0.99
#: What a card says of data that were not made alike.
MIXED = " It learnt from different settings ({}), whose answers are not comparable, and its intervals hide by how much."

Reply = TypeVar("Reply", bound=Answer)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A surrogate to be: from which data, how, and where it is kept.

    data: data files, one after the other. out: folder of the checkpoint, the members' states and logs.
    surrogate: members, networks and training. shares: of the shape families.

    Rarely needed:
        mixed: take files whose answers were made by different simulators, versions or options; the card says so.
        learning_curve: train single networks on a quarter, a half and all of the rows too, to see what more data bring.
    """

    data: tuple[Path, ...]
    out: Path
    surrogate: SurrogateConfig = field(default_factory=SurrogateConfig)
    shares: Shares = field(default_factory=Shares)
    mixed: bool = False
    learning_curve: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("expected at least one data file to train on; got none")

    @property
    def networks(self) -> int:
        """How many are trained: the members, and one for each point of the learning curve."""
        return self.surrogate.members + (len(PARTS) if self.learning_curve else 0)


def usual_settings(files: Sequence[Path]) -> SurrogateConfig:
    """What suits the data in these files: their subject, and for slabs, of which there may be few, their number.

    Raises:
        FileNotFoundError, DataFileError: no such data.
    """
    with load(*files) as data:
        if data.about is Subject.AIRFOIL:
            return SurrogateConfig()
        return slab_settings(len(data))


def slab_settings(rows: int) -> SurrogateConfig:
    """What suits so many answered slabs."""
    batch, steps = OF_FEW if rows < FEW_SLABS else OF_MANY
    epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, math.ceil(steps * batch / rows)))
    training = TrainingConfig(
        network=AtomsConfig(), epochs=epochs, batch=batch, learning_rate=SLAB_RATE, average=SLAB_AVERAGE
    )
    return SurrogateConfig(training=training, members=SLAB_MEMBERS)


def train_surrogate(config: TrainConfig, *, progress: MemberProgress | None = None) -> tuple[AnySurrogate, Report]:
    """Train on data files, test on unseen shape families, and leave checkpoint and evaluation in the folder.

    A second run with the same configuration goes on where the first one stopped.

    Raises:
        ValueError: data without fields, with too few families, or of several simulators unless `mixed`; a folder that
            holds a training on other data.
        FileNotFoundError, DataFileError: no such data.
        StateError: the folder holds another training.
        KeyboardInterrupt: Ctrl-C, after the state was saved.
    """
    with load(*config.data) as data:
        if not config.mixed:
            _require_one_simulator(data)
        parts = part(data, config.shares)
        config.out.mkdir(parents=True, exist_ok=True)
        keep_same(config.out / DATA, "".join(f"{one}\n" for one in data.identities), "other data")
        made = _slab_surrogate if data.about is Subject.SLAB else _airfoil_surrogate
        surrogate = made(data, parts, config, progress)
        report = evaluation(surrogate, data, parts.test)
        curve = _learning_curve(data, parts, config, progress) if config.learning_curve else ()
    settings = surrogate.card.data["settings"]
    sentence = surrogate.card.sentence + (MIXED.format(", ".join(settings)) if len(settings) > 1 else "")
    surrogate.card = replace(surrogate.card, sentence=sentence, accuracy=report.words())
    save(surrogate, config.out / CHECKPOINT)
    words = report.words() | ({"learning_curve": [asdict(point) for point in curve]} if curve else {})
    write_bytes(config.out / EVALUATION, json.dumps(words, indent=1).encode())
    told = f"{surrogate.card.sentence}\nData: {', '.join(map(str, config.data))}, families that it never saw"
    write_evaluation(report, config.out / PICTURES, title=TRUST, told=told, curve=curve)
    return surrogate, report


def _learning_curve(
    data: DataSet, parts: Parts, config: TrainConfig, progress: MemberProgress | None
) -> tuple[Learnt, ...]:
    """Errors on the test rows against the rows that trained; its networks are numbered behind the members."""
    folder, network = config.out / CURVE, config.surrogate.training.network

    def behind(number: int, epoch: int, epochs: int, loss: float) -> None:
        if progress is not None:
            progress(config.surrogate.members + number, epoch, epochs, loss)

    if isinstance(network, AtomsConfig):
        learnt, unseen = (slab_rows(data, network.cutoff, rows) for rows in (parts.all_but_test, parts.test))
        return learning_curve(learnt, None, unseen, config.surrogate, folder, progress=behind)
    some, stop, test = (training_data(data, rows) for rows in (parts.training, parts.validation, parts.test))
    return learning_curve(some, stop, test, config.surrogate, folder, progress=behind)


def _airfoil_surrogate(data: DataSet, parts: Parts, config: TrainConfig, progress: MemberProgress | None) -> Surrogate:
    _require_rows(parts, ("training", "validation", "calibration", "test"))
    least = 2 * fewest_cases(config.surrogate.coverage)
    if len(parts.calibration) < least:
        raise ValueError(
            f"intervals need at least {least} answered cases for calibration; got {len(parts.calibration)}: "
            "simulate more shapes, or give calibration a larger share of the families"
        )
    return build(
        training_data(data, parts.training),
        training_data(data, parts.validation),
        training_data(data, parts.calibration),
        config.surrogate,
        config.out,
        identity=card_data(data, parts, config.shares),
        progress=progress,
    )


def _slab_surrogate(data: DataSet, parts: Parts, config: TrainConfig, progress: MemberProgress | None) -> SlabSurrogate:
    """Members judge what they have not seen, so that all but the test slabs train."""
    _require_rows(parts, ("training", "test"))
    network = config.surrogate.training.network
    if not isinstance(network, AtomsConfig):
        raise ValueError(f"networks of slabs are of the kind atoms; got {network_words(network)['kind']}")
    rows = parts.all_but_test
    identity = card_data(data, replace(parts, training=rows), config.shares)
    learnt = slab_rows(data, network.cutoff, rows)
    return build_slabs(learnt, config.surrogate, config.out, identity=identity, progress=progress)


def _require_rows(parts: Parts, names: Sequence[str]) -> None:
    for name in names:
        if not len(getattr(parts, name)):
            raise ValueError(
                f"no answered case for {name}: simulate more of them, or give it a larger share of the families"
            )


def evaluation(
    surrogate: AnySurrogate,
    data: DataSet,
    rows: Tensor,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """The errors of a surrogate on rows of a data set.

    Raises:
        ValueError: no row that both the simulator and the surrogate answered.
    """
    chosen = rows[data.ok[rows]]
    if not len(chosen):
        raise ValueError("expected at least one answered case to evaluate on; got none")
    if data.about is not surrogate.about:
        raise ValueError(f"the surrogate answers cases of the kind {surrogate.about}; the data set is of {data.about}")
    predictions, truths = [], []
    with torch.no_grad():
        for some in chosen.split(TESTED_AT_ONCE):
            truths.append(_numbers_only(data.solution(some)))
            predictions.append(_numbers_only(_asked(surrogate, data, some)))
            progress(sum(len(one) for one in predictions), len(chosen))
    truth, prediction = Solution.joined(truths), joined(predictions)
    if isinstance(surrogate, SlabSurrogate):
        case = data.slab_case(chosen)
        return evaluate(slab_ranges(case, truth), truth, prediction, slabs=slab_numbers(case))
    return evaluate(airfoil_ranges(data.case(chosen), prediction["alpha"]), truth, prediction)


def _asked(surrogate: AnySurrogate, data: DataSet, rows: Tensor) -> Prediction:
    if isinstance(surrogate, SlabSurrogate):
        return surrogate.predict(data.slab_case(rows))
    return surrogate.predict(data.case(rows))


def test_rows(surrogate: AnySurrogate, data: DataSet) -> Tensor:
    """Answered rows of the shape families that the surrogate was tested on, in this data set or any other.

    Raises:
        ValueError: a card that does not say how the families were parted, or no such row.
    """
    shares = surrogate.card.data.get("shares")
    if shares is None:
        raise ValueError(
            "expected a surrogate whose card says how the shape families were parted; its card has no shares, so no "
            "row is sure to be unseen: evaluate on all rows (--rows all), or train it again"
        )
    rows = part(data, Shares(**shares)).test
    if not len(rows):
        raise ValueError(
            f"expected answered cases of the surrogate's test families; got none among {len(data)}: evaluate on all "
            "rows (--rows all), or simulate shapes of other families"
        )
    return rows


def card_data(data: DataSet, parts: Parts, shares: Shares, *, cases: int | None = None) -> dict[str, Any]:
    """What a card says of the data: which they are, how many, and how the shape families were parted.

    Rarely needed:
        cases: only so many of the first rows were read.
    """
    source = data.provenance
    count = len(data) if cases is None else cases
    return {
        "identities": list(data.identities),
        "simulator": f"{source.simulator} {source.simulator_version}",
        "settings": list(dict.fromkeys(one.settings for one in data.provenances)),
        "cases": count,
        "answered": int(data.ok[:count].sum()),
        "training_shapes": len(data.subject[parts.training].unique()),
        "test_cases": len(parts.test),
        "shares": vars(shares).copy(),
        **({"constants": constants} if (constants := _constants(data)) else {}),
    }


def _constants(data: DataSet) -> dict[str, float]:
    """Lattice constants of the metals of all files [Å].

    Raises:
        ValueError: files that differ in that of a metal.
    """
    found: dict[str, float] = {}
    for file, source in zip(data.files, data.provenances, strict=True):
        for metal, constant in source.design.get("constants", {}).items():
            if found.setdefault(metal, constant) != constant:
                raise ValueError(
                    f"expected one lattice constant of {metal} in all files; got {found[metal]} and {constant} Å, the "
                    f"latter in {file}: train on files whose slabs were made alike"
                )
    return found


def _require_one_simulator(data: DataSet) -> None:
    """Refuse files whose answers were made by different simulators, versions or options."""
    first, *others = (one.decisive["simulator"] for one in data.provenances)
    for file, other in zip(data.files[1:], others, strict=True):
        differing = [key for key in {**first, **other} if first.get(key) != other.get(key)]
        if differing:
            told = "; ".join(f"{key} {first.get(key)} and {other.get(key)}" for key in differing)
            raise ValueError(
                f"{data.files[0]} and {file} hold answers of different simulators or options ({told}); "
                "train on files of one, or on all of them as they are with --mixed"
            )


def _numbers_only(answer: Reply) -> Reply:
    """Without the fields on the nodes, which nobody compares here and which would fill the memory."""
    values = {name: value for name, value in answer.values.items() if value.ndim == 1}
    if isinstance(answer, SurfacePrediction):
        return replace(answer, values=values, coordinates=answer.coordinates[:, :0])
    return replace(answer, values=values)
