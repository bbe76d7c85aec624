"""What is to be said of a surrogate, and what tells it from others."""

import hashlib
from dataclasses import dataclass
from typing import Any

from torch import nn

from understudy.surrogate.calibration import Calibration


@dataclass(frozen=True)
class Card:
    """What a user should know of a surrogate: one sentence, its data, its accuracy, as JSON-ready words."""

    sentence: str
    data: dict[str, Any]
    accuracy: dict[str, Any]
    training: dict[str, Any]


def identity_of(name: str, ensemble: nn.Module, calibration: Calibration) -> str:
    """Its name and a hash of all that decides its answers: weights and calibration."""
    digest = hashlib.sha256()
    curves = [values for curve in calibration.curves.values() for values in (curve.ln_scale, curve.ln_width)]
    for values in (*ensemble.state_dict().values(), *curves):
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return f"{name} {digest.hexdigest()}"
