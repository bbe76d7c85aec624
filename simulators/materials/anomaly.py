"""Names of what may become of an adsorbate other than sitting where it was put."""

from enum import StrEnum

#: Depth of an adsorbate's lowest atom below the mean of the surface atoms at which it lies inside the slab [Å].
INSIDE = 0.3


class Anomaly(StrEnum):
    """Quantities that hold 1 where it happened and 0 where not."""

    DESORBED = "desorbed"
    DISSOCIATED = "dissociated"
    MIGRATED = "migrated"
    RECONSTRUCTED = "reconstructed"
    INTERCALATED = "intercalated"
