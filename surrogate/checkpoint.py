"""Surrogates on disk: weights, normalisation, calibration, range and card in one file, nothing pickled."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from understudy.simulators.interface import Subject
from understudy.surrogate.atoms import checkpoint as slab
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.encoding import EVEN_CONDITIONS, EVEN_FIELDS, ODD_CONDITIONS, ODD_FIELDS
from understudy.surrogate.ensemble import ENSEMBLE_NUMBERS, Ensemble
from understudy.surrogate.familiarity import CONDITIONS, Familiarity
from understudy.surrogate.model import NODES, Member
from understudy.surrogate.normalisation import Normalisation
from understudy.surrogate.stored import CheckpointError, Stored, tensors_of, words_of
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.tensor_file import TensorFileError, read_tensors, write_tensors

FORMAT = "understudy-surrogate"
SCHEMA_VERSION = 1
SUFFIX = ".safetensors"
PRETRAINED = Path(__file__).parent / "pretrained" / f"airfoil{SUFFIX}"
#: That of near-surface alloys.
PRETRAINED_SLAB = PRETRAINED.with_stem("slab")
INPUTS = {"even": EVEN_FIELDS, "odd": ODD_FIELDS, "even_conditions": EVEN_CONDITIONS, "odd_conditions": ODD_CONDITIONS}

AnySurrogate = Surrogate | SlabSurrogate


def save(surrogate: AnySurrogate, path: str | Path) -> None:
    """Write a surrogate; an interrupted write leaves what was there.

    Raises:
        OSError: the folder cannot be written. DiskFullError: no room.
    """
    members = list(surrogate.ensemble)
    words: dict[str, Any] = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "about": surrogate.about}
    words |= words_of(members, surrogate.calibration, surrogate.card)
    tensors = tensors_of(members, surrogate.calibration)
    own_words, own_tensors = slab.inside(surrogate) if isinstance(surrogate, SlabSurrogate) else _inside(surrogate)
    texts = {name: json.dumps(value) for name, value in (words | own_words).items()}
    write_tensors(Path(path), tensors | own_tensors, texts)


def load(path: str | Path | None = None) -> AnySurrogate:
    """The surrogate in a file; without a path, the pretrained one of airfoils that ships with the package.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: damaged, foreign, or of another version; the sentence names the field.
    """
    place = PRETRAINED if path is None else Path(path)
    if not place.is_file():
        remedy = "train one first" if path is None else "check the path"
        raise FileNotFoundError(f"no surrogate at {place}; {remedy}")
    try:
        tensors, texts = read_tensors(place)
    except TensorFileError as error:
        raise CheckpointError(f"{error}; copy it again from its source, or train again") from error
    stored = Stored(place, texts, tensors)
    stored.require("format", FORMAT)
    stored.require("schema_version", SCHEMA_VERSION)
    about = stored.word("about", str, str(Subject.AIRFOIL))  # the first files did not say it
    if about not in tuple(Subject):
        raise CheckpointError(f"{place}: the field about must be {' or '.join(Subject)}; got {about!r}")
    return slab.read(stored) if about == Subject.SLAB else _read(stored)


def _inside(surrogate: Surrogate) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Words and tensors of a surrogate of airfoils besides what all have."""
    familiarity = surrogate.familiarity
    limits = {name: getattr(familiarity, name) for name in ("box", "shape_limit", "doubt_limit")}
    tensors = {"familiarity.centre": familiarity.centre, "familiarity.whitening": familiarity.whitening}
    return {"nodes": NODES, "inputs": INPUTS, "range": limits}, tensors


def _read(stored: Stored) -> Surrogate:
    stored.require("nodes", NODES)
    stored.require("inputs", {name: list(names) for name, names in INPUTS.items()})
    members = stored.members(lambda network: Member(network, Normalisation(NODES)))
    familiarity = Familiarity(
        box=stored.box(CONDITIONS),
        centre=stored.tensor("familiarity.centre"),
        whitening=stored.tensor("familiarity.whitening"),
        shape_limit=float(stored.entry("range", "shape_limit", (int, float))),
        doubt_limit=float(stored.entry("range", "doubt_limit", (int, float))),
    )
    return Surrogate(Ensemble(members), stored.calibration(ENSEMBLE_NUMBERS), familiarity, stored.card())
