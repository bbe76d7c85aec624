"""Data sets that come with the package, made by its own tools (`benchmarks/near_surface_labels.py`)."""

from pathlib import Path

#: Hydrogen on random stacks of seven metals, by GPAW.
NEAR_SURFACE_ALLOYS = Path(__file__).parent / "data" / "near_surface_alloys.h5"
