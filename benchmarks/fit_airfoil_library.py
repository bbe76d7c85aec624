"""Make the stored CST fits of the airfoil collection from the raw coordinates that AeroSandbox carries.

    python benchmarks/fit_airfoil_library.py

takes about three minutes on one core and writes `simulators/shapes/data/uiuc_kulfan.npz`. Files that are no airfoil and
fits that cross themselves are left out and listed. What is stored, and what a family is, is told in
`simulators/shapes/library.py`.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform

from understudy.simulators.shapes import kulfan
from understudy.simulators.shapes.airfoil import ShapeError, first_crossing
from understudy.simulators.shapes.coordinates_file import read
from understudy.simulators.shapes.library import FITS

NEAR = 2e-3  # chord: sections nearer than this everywhere are of one family
STATIONS = 60


def main() -> None:
    """Fit every section, sort them into families, write the file."""
    torch.set_num_threads(1)
    package = importlib.util.find_spec("aerosandbox")
    if package is None or package.origin is None:
        raise SystemExit("the raw coordinates are missing: install the extra 'airfoils'")
    folder = Path(package.origin).parent / "geometry" / "airfoil" / "airfoil_database"
    names: list[str] = []
    fits: list[kulfan.KulfanFit] = []
    for path in track(sorted(folder.glob("*.dat"), key=lambda item: item.stem.lower()), description="fitting"):
        try:
            fit = kulfan.fit(read(path).coordinates[None])
        except ShapeError as refusal:
            print(f"left out: {refusal}")
            continue
        if first_crossing(fit.weights.coordinates()[0]) is not None:
            print(f"left out: the fit of {path.stem} crosses itself")
            continue
        names.append(path.stem)
        fits.append(fit)
    write(names, fits)


def write(names: list[str], fits: list[kulfan.KulfanFit]) -> None:
    """Store the fits in single precision; the rounding is far below the deviation of any fit."""
    weights = torch.cat([fit.weights.vector for fit in fits])
    deviation = torch.cat([fit.deviation for fit in fits])
    families = family_names(names, kulfan.Kulfan.from_vector(weights))
    FITS.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        FITS,
        description=np.array(
            "CST fits (8 weights a side, leading-edge weight, trailing-edge thickness; unit chord) of the UIUC airfoil "
            "coordinates in AeroSandbox, by benchmarks/fit_airfoil_library.py; deviation: largest distance normal to "
            "the surface [chord]; leading_edge, trailing_edge: ends of the chord line in the raw coordinates"
        ),
        names=np.array(names),
        families=np.array(families),
        weights=weights.numpy().astype(np.float32),
        deviation=deviation.numpy().astype(np.float32),
        leading_edge=torch.cat([fit.chord_line.leading_edge for fit in fits]).numpy().astype(np.float32),
        trailing_edge=torch.cat([fit.chord_line.trailing_edge for fit in fits]).numpy().astype(np.float32),
    )
    share = ", ".join(f"{q:.0%} below {np.quantile(deviation.numpy(), q):.5f}" for q in (0.5, 0.9, 0.99, 1.0))
    largest = np.unique(families, return_counts=True)[1].max()
    print(f"{len(names)} fits, {len(set(families))} families, the largest of {largest}; deviation [chord]: {share}")
    print(f"{FITS.stat().st_size / 1e6:.2f} MB in {FITS}")


def family_names(names: list[str], weights: kulfan.Kulfan) -> list[str]:
    """The first name of the connected sections; the NACA four- and five-digit sections by series."""
    height = weights.coordinates(STATIONS)[..., 1].numpy()
    near = squareform(pdist(height, "chebyshev")) < NEAR
    first, second = (list(item) for item in near.nonzero())
    stems: dict[str, int] = {}
    for row, name in enumerate(names):
        anchor = stems.setdefault(stem(name), row)
        first.append(anchor)
        second.append(row)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(names), len(names)))
    label = connected_components(graph, directed=False)[1]
    called: dict[int, str] = {}
    for row, name in enumerate(names):
        series = stem(name)
        called.setdefault(label[row], name.lower())
        if series in ("naca4", "naca5"):
            called[label[row]] = series
    return [called[item] for item in label]


def stem(name: str) -> str:
    """Letters and first number of a name, or the series of a NACA section; names without a number stand alone."""
    lower = name.lower()
    series = re.fullmatch(r"(?:naca|n)(\d{4,5})", lower)
    if series:
        return f"naca{len(series[1])}"
    match = re.match(r"[a-z]+[-_]?\d+", lower)
    return match[0] if match else lower


if __name__ == "__main__":
    main()
