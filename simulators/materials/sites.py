"""Where adsorbates sit on a surface, by the names of chemists: ontop, bridge, fcc, hcp, and hollow between four atoms.

The surface atoms and their images are triangulated. Atoms are ontop sites, middles of short edges bridges, middles of
triangles three-fold hollows: hcp above an atom of the second layer, fcc above none. Two triangles that share an edge
much longer than the others are one four-fold hollow. Sites whose surroundings hold the same elements at the same
distances are one; the order depends on the structure alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from understudy.simulators.materials.case import Role, SlabCase
from understudy.simulators.materials.elements import SYMBOLS
from understudy.simulators.materials.layers import LAYER

Points = NDArray[np.float64]

#: Edges longer than that, over the shortest of their atoms, join no neighbours: the diagonal of a square is 1.41.
LONG_EDGE = 1.2
#: Distance along the surface from an atom below, over the shortest edge, at which a hollow counts as above it.
ABOVE = 0.35
#: Radius of the surroundings that tell sites apart, height above the surface from which they are seen [Å], and how
#: closely distances agree [Å].
RADIUS, SEEN_FROM, ALIKE = 6.0, 1.0, 0.05


class SiteKind(StrEnum):
    """What a site lies above."""

    ONTOP = "ontop"
    BRIDGE = "bridge"
    FCC = "fcc"
    HCP = "hcp"
    HOLLOW = "hollow"


def require_kinds(names: Sequence[str]) -> None:
    """Raise `ValueError` unless all of them are kinds of sites."""
    unknown = [name for name in names if name not in tuple(SiteKind)]
    if unknown:
        raise ValueError(f"sites must be among {', '.join(SiteKind)}; got {unknown[0]!r}")


@dataclass(frozen=True, eq=False)
class Site:
    """A place on a surface.

    kind: what it lies above. place: in the first two vectors of the cell (2,), within 0 to 1.
    atoms: number in the row of each surface atom around it, the same one twice where its image takes part.
    spans: distance of each of these along the surface [Å].
    count: equivalent sites in the cell, this one included.
    """

    kind: SiteKind
    place: Points
    atoms: tuple[int, ...]
    spans: tuple[float, ...]
    count: int = 1


def sites_of(case: SlabCase, row: int) -> tuple[Site, ...]:
    """The different sites of a row, in the order of `SiteKind`, then of their surroundings.

    Raises:
        ValueError: a surface of fewer atoms than make triangles.
    """
    surface = _Surface.of(case, row)
    fingerprints: list[tuple[Site, Points]] = []
    for found in surface.sites():
        mark = surface.surroundings(found)
        for number, (kept, known) in enumerate(fingerprints):
            if kept.kind is found.kind and known.shape == mark.shape and np.abs(known - mark).max(initial=0) < ALIKE:
                fingerprints[number] = (_joined(kept, found), known)
                break
        else:
            fingerprints.append((found, mark))
    return tuple(site for site, _ in sorted(fingerprints, key=_order))


def _order(pair: tuple[Site, Points]) -> tuple[int, tuple[float, ...]]:
    """By kind, then by elements and distances around."""
    site, mark = pair
    return list(SiteKind).index(site.kind), tuple(np.round(mark, 2).ravel().tolist())


def _joined(kept: Site, found: Site) -> Site:
    """One of two equivalent sites, the one nearer to the origin of the cell, counted twice."""
    first = min((kept, found), key=lambda site: tuple(np.round(site.place, 6)))
    return Site(first.kind, first.place, first.atoms, first.spans, kept.count + 1)


@dataclass(frozen=True, eq=False)
class _Surface:
    """Atoms of one slab and their images, seen from above.

    cell: the two vectors along the surface. near: places of surface atoms with images; whose: their numbers.
    slab: places in space of all metal atoms with images, with the atomic number of each. top: height of the surface.
    """

    cell: Points
    near: Points
    whose: NDArray[np.int64]
    slab: Points
    species: NDArray[np.int64]
    top: float

    @staticmethod
    def of(case: SlabCase, row: int) -> "_Surface":
        start, stop = case.offsets[row : row + 2].tolist()
        positions = case.positions[start:stop].detach().cpu().double().numpy()
        role = case.role[start:stop].cpu().numpy()
        cell = case.cell[row, :2, :2].detach().cpu().double().numpy()
        metal, surface = role != Role.ADSORBATE, role == Role.SURFACE
        if not surface.any():
            raise ValueError("expected atoms of the surface; got none")
        images = _images(cell, 2 * RADIUS)
        species = np.array([SYMBOLS.index(symbol) for symbol in case.symbols(row)])
        spread = np.concatenate([positions[metal] + shift for shift in images])
        near = np.concatenate([positions[surface, :2] + shift[:2] for shift in images])
        return _Surface(
            cell,
            near,
            np.tile(np.flatnonzero(surface), len(images)),
            spread,
            np.tile(species[metal], len(images)),
            float(positions[surface, 2].mean()),
        )

    def sites(self) -> Iterator[Site]:
        """All sites of one cell."""
        triangles = Delaunay(self.near, qhull_options="QJ Pp" if len(self.near) < 4 else "Qbb Qc Qz Q12").simplices
        shortest = cKDTree(self.near).query(self.near, k=2)[0][:, 1].min()
        edges = {
            tuple(sorted(pair))
            for one, two, three in triangles.tolist()
            for pair in ((one, two), (two, three), (one, three))
        }
        short = {pair for pair in edges if self._length(pair) < LONG_EDGE * shortest}
        groups: list[tuple[SiteKind | None, tuple[int, ...]]]
        groups = [(SiteKind.ONTOP, (one,)) for one in range(len(self.near))]
        groups += [(SiteKind.BRIDGE, pair) for pair in sorted(short)]
        groups += [(None, corners) for corners in _faces(triangles, short)]
        seen: set[tuple[SiteKind, tuple[float, ...]]] = set()
        for kind, corners in groups:
            middle = self.near[list(corners)].mean(0)
            place = np.linalg.solve(self.cell.T, middle)
            if not ((place > -0.5) & (place < 1.5)).all():
                continue  # an image of one that is nearer
            place = np.asarray(np.round(place, 9) % 1.0, dtype=np.float64)
            kind = kind or self._hollow(corners, middle, shortest)
            mark = (kind, tuple(np.round(place, 4) % 1.0))
            if mark in seen:
                continue
            seen.add(mark)
            spans = tuple(np.linalg.norm(self.near[list(corners)] - middle, axis=1).tolist())
            yield Site(kind, place, tuple(self.whose[list(corners)].tolist()), spans)

    def surroundings(self, site: Site) -> Points:
        """Elements and distances of the atoms around a site, in order (atoms, 2)."""
        point = np.append(site.place @ self.cell, self.top + SEEN_FROM)
        distance = np.linalg.norm(self.slab - point, axis=1)
        near = distance < RADIUS
        rows = np.stack((self.species[near], distance[near]), 1)
        return rows[np.lexsort((np.round(rows[:, 1], 2), rows[:, 0]))]

    def _hollow(self, corners: tuple[int, ...], middle: Points, shortest: float) -> SiteKind:
        if len(corners) != 3:
            return SiteKind.HOLLOW
        below = self.slab[self.slab[:, 2] < self.top - LAYER]
        if not len(below):
            return SiteKind.FCC
        second = below[below[:, 2] > below[:, 2].max() - LAYER, :2]
        above = np.linalg.norm(second - middle, axis=1).min() < ABOVE * shortest
        return SiteKind.HCP if above else SiteKind.FCC

    def _length(self, pair: tuple[int, int]) -> float:
        return float(np.linalg.norm(self.near[pair[0]] - self.near[pair[1]]))


def _faces(triangles: NDArray[np.int32], short: set[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Corners of triangles whose edges are all short, and of pairs of triangles that share their one long edge."""
    halves: dict[tuple[int, int], list[int]] = {}
    for corners in np.sort(triangles, axis=1).tolist():
        pairs = [(corners[0], corners[1]), (corners[1], corners[2]), (corners[0], corners[2])]
        long = [pair for pair in pairs if pair not in short]
        if not long:
            yield tuple(corners)
        elif len(long) == 1:
            halves.setdefault(long[0], []).extend(corner for corner in corners if corner not in long[0])
    for edge, others in halves.items():
        if len(others) == 2:
            yield (*edge, *others)


def _images(cell: Points, reach: float) -> list[Points]:
    """Shifts along the surface that cover a cell and its surroundings."""
    heights = abs(np.linalg.det(cell)) / np.linalg.norm(cell[::-1], axis=1)
    first, second = (int(np.ceil(reach / height)) + 1 for height in heights)
    return [
        np.append(i * cell[0] + j * cell[1], 0.0) for i in range(-first, first + 1) for j in range(-second, second + 1)
    ]
