"""Surrogates on disk: weights, normalisation, calibration, range and card in one file, nothing pickled."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from understudy.surrogate.calibration import Calibration, Curve
from understudy.surrogate.encoding import EVEN_CONDITIONS, EVEN_FIELDS, ODD_CONDITIONS, ODD_FIELDS
from understudy.surrogate.ensemble import ENSEMBLE_NUMBERS, Ensemble
from understudy.surrogate.familiarity import CONDITIONS, Familiarity
from understudy.surrogate.model import NODES, Member, network_from_words, network_words
from understudy.surrogate.normalisation import Normalisation
from understudy.surrogate.surrogate import Card, Surrogate
from understudy.surrogate.tensor_file import TensorFileError, read_tensors, write_tensors

FORMAT = "understudy-surrogate"
SCHEMA_VERSION = 1
SUFFIX = ".safetensors"
PRETRAINED = Path(__file__).parent / "pretrained" / f"airfoil{SUFFIX}"
INPUTS = {"even": EVEN_FIELDS, "odd": ODD_FIELDS, "even_conditions": EVEN_CONDITIONS, "odd_conditions": ODD_CONDITIONS}


class CheckpointError(ValueError):
    """A file that holds no surrogate this version can use; the sentence names the field that is wrong."""


def save(surrogate: Surrogate, path: str | Path) -> None:
    """Write a surrogate; an interrupted write leaves what was there.

    Raises:
        OSError: the folder cannot be written. DiskFullError: no room.
    """
    familiarity, calibration = surrogate.familiarity, surrogate.calibration
    tensors: dict[str, Tensor] = {
        "familiarity.centre": familiarity.centre,
        "familiarity.whitening": familiarity.whitening,
    }
    for name, curve in calibration.curves.items():
        tensors[f"calibration.{name}.ln_scale"] = curve.ln_scale
        tensors[f"calibration.{name}.ln_width"] = curve.ln_width
    for number, member in enumerate(surrogate.ensemble):
        tensors.update({f"member.{number}.{name}": value for name, value in member.state_dict().items()})
    words = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "nodes": NODES,
        "inputs": INPUTS,
        "networks": [network_words(member.config) for member in surrogate.ensemble],
        "calibration": {"coverage": calibration.coverage, "quantities": list(calibration.curves)},
        "range": {
            "box": familiarity.box,
            "shape_limit": familiarity.shape_limit,
            "doubt_limit": familiarity.doubt_limit,
        },
        "card": asdict(surrogate.card),
    }
    write_tensors(Path(path), tensors, {name: json.dumps(value) for name, value in words.items()})


def load(path: str | Path | None = None) -> Surrogate:
    """The surrogate in a file; without a path, the pretrained one that ships with the package.

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
    words = _Words(place, texts)
    words.require("format", FORMAT)
    words.require("schema_version", SCHEMA_VERSION)
    words.require("nodes", NODES)
    words.require("inputs", {name: list(names) for name, names in INPUTS.items()})
    take = _Tensors(place, tensors)
    networks = words.of("networks", list)
    if not networks:
        raise CheckpointError(f"{place}: networks is empty; expected at least one member")
    members = [_member(number, network, take, place) for number, network in enumerate(networks)]
    return Surrogate(Ensemble(members), _calibration(words, take), _familiarity(words, take), _card(words))


class _Words:
    """The JSON words of a checkpoint; every complaint names the field."""

    def __init__(self, place: Path, texts: Mapping[str, str]) -> None:
        self.place, self.texts = place, texts

    def of(self, name: str, kind: type) -> Any:
        if name not in self.texts:
            raise CheckpointError(f"{self.place}: the field {name} is missing; this is no surrogate of understudy")
        try:
            value = json.loads(self.texts[name])
        except ValueError as error:
            raise CheckpointError(f"{self.place}: the field {name} cannot be read ({error})") from error
        if not isinstance(value, kind):
            raise CheckpointError(
                f"{self.place}: the field {name} must be a {kind.__name__}; got {type(value).__name__}"
            )
        return value

    def require(self, name: str, expected: Any) -> None:
        value = self.of(name, type(expected))
        if value != expected:
            raise CheckpointError(
                f"{self.place}: the field {name} must be {expected!r} for this version of understudy; got {value!r}: "
                "train again, or use the release that wrote it"
            )

    def entry(self, name: str, key: str, kind: type | tuple[type, ...]) -> Any:
        value = self.of(name, dict).get(key)
        if not isinstance(value, kind):
            raise CheckpointError(
                f"{self.place}: the field {name}.{key} is missing or of the wrong kind; got {value!r}"
            )
        return value


class _Tensors:
    def __init__(self, place: Path, tensors: Mapping[str, Tensor]) -> None:
        self.place, self.tensors = place, tensors

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise CheckpointError(f"{self.place}: the tensor {name} is missing")
        if not torch.isfinite(self.tensors[name]).all():
            raise CheckpointError(f"{self.place}: the tensor {name} holds values that are not finite")
        return self.tensors[name]


def _member(number: int, words: Mapping[str, Any], take: _Tensors, place: Path) -> Member:
    try:
        member = Member(network_from_words(words), Normalisation(NODES))
    except ValueError as error:
        raise CheckpointError(f"{place}: the field networks[{number}]: {error}") from error
    state = {}
    for name, value in member.state_dict().items():
        stored = take[f"member.{number}.{name}"]
        if stored.shape != value.shape:
            raise CheckpointError(
                f"{place}: the tensor member.{number}.{name} must have shape {tuple(value.shape)}; "
                f"got {tuple(stored.shape)}"
            )
        state[name] = stored
    member.load_state_dict(state)
    return member


def _calibration(words: _Words, take: _Tensors) -> Calibration:
    quantities = words.entry("calibration", "quantities", list)
    missing = [name for name in ENSEMBLE_NUMBERS if name not in quantities]
    if missing:
        raise CheckpointError(f"{words.place}: the field calibration.quantities lacks {', '.join(missing)}")
    curves = {
        name: Curve(take[f"calibration.{name}.ln_scale"], take[f"calibration.{name}.ln_width"]) for name in quantities
    }
    return Calibration(words.entry("calibration", "coverage", float), curves)


def _familiarity(words: _Words, take: _Tensors) -> Familiarity:
    box = words.entry("range", "box", dict)
    missing = [name for name in CONDITIONS if name not in box]
    if missing:
        raise CheckpointError(f"{words.place}: the field range.box lacks {', '.join(missing)}")
    return Familiarity(
        box={name: (float(low), float(high)) for name, (low, high) in box.items()},
        centre=take["familiarity.centre"],
        whitening=take["familiarity.whitening"],
        shape_limit=float(words.entry("range", "shape_limit", (int, float))),
        doubt_limit=float(words.entry("range", "doubt_limit", (int, float))),
    )


def _card(words: _Words) -> Card:
    card = words.of("card", dict)
    try:
        return Card(**card)
    except TypeError as error:
        raise CheckpointError(f"{words.place}: the field card does not fit this version ({error})") from error
