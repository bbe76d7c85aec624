"""Names of what may become of an adsorbate other than sitting where it was put."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

#: Depth of an adsorbate's lowest atom below the mean of the surface atoms at which it lies inside the slab [Å].
INSIDE = 0.3
#: Probability above which an anomaly is more likely than not.
LIKELY = 0.5


class Anomaly(StrEnum):
    """Quantities that hold 1 where it happened and 0 where not."""

    DESORBED = "desorbed"
    DISSOCIATED = "dissociated"
    MIGRATED = "migrated"
    RECONSTRUCTED = "reconstructed"
    INTERCALATED = "intercalated"


def likely(values: Mapping[str, Any]) -> dict[Anomaly, Any]:
    """Which anomalies happened, or are more likely than not to happen, each judged alone.

    Args:
        values: name -> probability [-], or tensor of these; names that are no anomaly, and anomalies that are not
            told, are passed over.
    """
    return {one: values[one] > LIKELY for one in Anomaly if one in values}
