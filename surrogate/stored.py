"""The words and tensors in the file of a surrogate; every complaint names the field."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from understudy.surrogate.calibration import Calibration, Curve
from understudy.surrogate.card import Card
from understudy.surrogate.model import NetworkConfig, network_from_words, network_words

Kind = TypeVar("Kind", bound=nn.Module)


class CheckpointError(ValueError):
    """A file that holds no surrogate this version can use; the sentence names the field that is wrong."""


class Stored:
    """What a file holds, asked for by name.

    Args:
        place: the file. texts: JSON words. tensors: all of them.
    """

    def __init__(self, place: Path, texts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
        self.place, self._texts, self._tensors = place, texts, tensors

    def word(self, name: str, kind: type, default: Any = None) -> Any:
        """One word of a kind; a default stands for one that is not there."""
        if name not in self._texts:
            if default is not None:
                return default
            raise CheckpointError(f"{self.place}: the field {name} is missing; this is no surrogate of understudy")
        try:
            value = json.loads(self._texts[name])
        except ValueError as error:
            raise CheckpointError(f"{self.place}: the field {name} cannot be read ({error})") from error
        if not isinstance(value, kind):
            raise CheckpointError(
                f"{self.place}: the field {name} must be a {kind.__name__}; got {type(value).__name__}"
            )
        return value

    def require(self, name: str, expected: Any) -> None:
        """Refuse any other value of a word."""
        value = self.word(name, type(expected))
        if value != expected:
            raise CheckpointError(
                f"{self.place}: the field {name} must be {expected!r} for this version of understudy; got {value!r}: "
                "train again, or use the release that wrote it"
            )

    def entry(self, name: str, key: str, kind: type | tuple[type, ...]) -> Any:
        """An entry of a word that is a table."""
        value = self.word(name, dict).get(key)
        if not isinstance(value, kind):
            raise CheckpointError(
                f"{self.place}: the field {name}.{key} is missing or of the wrong kind; got {value!r}"
            )
        return value

    def box(self, names: Sequence[str]) -> dict[str, tuple[float, float]]:
        """The known range, which must have these names."""
        box = self.entry("range", "box", dict)
        missing = [name for name in names if name not in box]
        if missing:
            raise CheckpointError(f"{self.place}: the field range.box lacks {', '.join(missing)}")
        return {name: (float(low), float(high)) for name, (low, high) in box.items()}

    def tensor(self, name: str) -> Tensor:
        """One tensor, all finite."""
        if name not in self._tensors:
            raise CheckpointError(f"{self.place}: the tensor {name} is missing")
        if not torch.isfinite(self._tensors[name]).all():
            raise CheckpointError(f"{self.place}: the tensor {name} holds values that are not finite")
        return self._tensors[name]

    def members(self, make: Callable[[NetworkConfig], Kind]) -> list[Kind]:
        """The members with their weights; `make` makes one from the size of its network."""
        networks = self.word("networks", list)
        if not networks:
            raise CheckpointError(f"{self.place}: networks is empty; expected at least one member")
        return [self._member(number, words, make) for number, words in enumerate(networks)]

    def _member(self, number: int, words: Mapping[str, Any], make: Callable[[NetworkConfig], Kind]) -> Kind:
        try:
            member = make(network_from_words(words))
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"{self.place}: the field networks[{number}]: {error}") from error
        state = {}
        for name, value in member.state_dict().items():
            stored = self.tensor(f"member.{number}.{name}")
            if stored.shape != value.shape:
                raise CheckpointError(
                    f"{self.place}: the tensor member.{number}.{name} must have shape {tuple(value.shape)}; "
                    f"got {tuple(stored.shape)}"
                )
            state[name] = stored
        member.load_state_dict(state)
        return member

    def calibration(self, names: Sequence[str]) -> Calibration:
        """The curves, of which these names must be there."""
        quantities = self.entry("calibration", "quantities", list)
        missing = [name for name in names if name not in quantities]
        if missing:
            raise CheckpointError(f"{self.place}: the field calibration.quantities lacks {', '.join(missing)}")
        curves = {
            name: Curve(self.tensor(f"calibration.{name}.ln_scale"), self.tensor(f"calibration.{name}.ln_width"))
            for name in quantities
        }
        return Calibration(self.entry("calibration", "coverage", float), curves)

    def card(self) -> Card:
        """What is to be said of it."""
        card = self.word("card", dict)
        try:
            return Card(**card)
        except TypeError as error:
            raise CheckpointError(f"{self.place}: the field card does not fit this version ({error})") from error


def words_of(members: Sequence[Any], calibration: Calibration, card: Card) -> dict[str, Any]:
    """Words of what all surrogates have: what `Stored` reads back."""
    return {
        "networks": [network_words(member.config) for member in members],
        "calibration": {"coverage": calibration.coverage, "quantities": list(calibration.curves)},
        "card": asdict(card),
    }


def tensors_of(members: Sequence[nn.Module], calibration: Calibration) -> dict[str, Tensor]:
    """Tensors of what all surrogates have."""
    tensors = {}
    for name, curve in calibration.curves.items():
        tensors[f"calibration.{name}.ln_scale"] = curve.ln_scale
        tensors[f"calibration.{name}.ln_width"] = curve.ln_width
    for number, member in enumerate(members):
        tensors.update({f"member.{number}.{name}": value for name, value in member.state_dict().items()})
    return tensors
