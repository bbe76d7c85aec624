"""A structured grid as an unstructured mesh of OpenFOAM: one cell thick, the wake cut or the seam of a ring closed.

Cells are numbered along j first, so that neighbours across a boundary layer have neighbouring numbers. OpenFOAM wants
faces that cells share before those of the boundary; the normal of each leaves its owner, which is the smaller number of
the two; they are sorted by owner, then by neighbour. Patches:

| patch | kind | faces |
|---|---|---|
| wall | wall | on the body, from the lower to the upper trailing edge |
| far | patch | the outer boundary: the top, for a C-grid also the two ends of i |
| sides | empty | at z = 0 and z = 1 |
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int
from numpy import ndarray

from understudy.simulators.grids import Grid

#: Extent in z [chord]: forces are per chord of span.
SPAN = 1.0


@dataclass(frozen=True)
class Patch:
    """A stretch of boundary faces: name, OpenFOAM's type, number of faces and number of the first."""

    name: str
    kind: str
    count: int
    first: int


@dataclass(frozen=True, eq=False)
class PolyMesh:
    """Points, faces as four points each, the owner of each face, the neighbour of each shared face, and the patches."""

    points: Float64[ndarray, "points 3"]
    faces: Int[ndarray, "faces 4"]
    owner: Int[ndarray, " faces"]
    neighbour: Int[ndarray, " shared"]
    patches: tuple[Patch, ...]

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.owner.max()) + 1

    def patch(self, name: str) -> slice:
        """Faces of the patch of that name."""
        (found,) = (patch for patch in self.patches if patch.name == name)
        return slice(found.first, found.first + found.count)

    def area_vectors(self) -> Float64[ndarray, "faces 3"]:
        """Normals of the faces as long as their areas [chord²], out of their owners."""
        corners = self.points[self.faces]
        return 0.5 * np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])

    def centres(self, faces: slice) -> Float64[ndarray, "faces 3"]:
        """Middles of some faces [chord]."""
        return self.points[self.faces[faces]].mean(axis=1)

    def cell_centres(self) -> Float64[ndarray, "cells 3"]:
        """Means of the corners of each cell [chord]."""
        sides = self.patch("sides")
        halves = self.centres(sides).reshape(2, -1, 3)  # z = 0 and z = SPAN, each in the order of the cells
        return halves.mean(axis=0)


@dataclass(frozen=True, eq=False)
class _Faces:
    """Some faces: four points each, owner, and neighbour where they are shared."""

    points: Int[ndarray, "faces 4"]
    owner: Int[ndarray, " faces"]
    neighbour: Int[ndarray, " faces"] | None = None


def poly_mesh(grid: Grid) -> PolyMesh:
    """The mesh of a single grid.

    Raises:
        ValueError: more than one grid.
    """
    if grid.batch != 1:
        raise ValueError(f"a mesh is made of one grid; got {grid.batch}")
    nodes = grid.nodes[0].detach().cpu().double().numpy()
    number, kept = _numbered(grid)
    flat = nodes.reshape(-1, 2)[kept]
    points = np.concatenate([np.column_stack([flat, np.full(len(flat), z)]) for z in (0.0, SPAN)])
    faces = _Numbering(number, len(flat), grid.wake)
    shared = _sorted(faces.shared())
    pieces = [shared]
    patches = []
    first = len(shared.owner)
    for name, kind, piece in faces.boundary():
        pieces.append(piece)
        patches.append(Patch(name, kind, len(piece.owner), first))
        first += len(piece.owner)
    assert shared.neighbour is not None
    return PolyMesh(
        points,
        np.concatenate([piece.points for piece in pieces]),
        np.concatenate([piece.owner for piece in pieces]),
        shared.neighbour,
        tuple(patches),
    )


def _numbered(grid: Grid) -> tuple[Int[ndarray, "ni nj"], Int[ndarray, " kept"]]:
    """A number for each node, the same on both sides of a cut or seam, and which nodes have a number of their own."""
    ni, nj = (count + 1 for count in grid.cells)
    place = np.arange(ni * nj).reshape(ni, nj)
    if grid.is_c:
        place[ni - grid.wake - 1 :, 0] = place[: grid.wake + 1, 0][::-1]
    else:
        place[-1] = place[0]
    kept, number = np.unique(place, return_inverse=True)
    return number.reshape(ni, nj), kept


@dataclass(frozen=True, eq=False)
class _Numbering:
    """Faces of a structured grid from the numbers of its nodes; those at z = SPAN are `layer` higher."""

    number: Int[ndarray, "ni nj"]
    layer: int
    wake: int

    @property
    def cell(self) -> Int[ndarray, "cells_i cells_j"]:
        ni, nj = self.number.shape
        return np.arange((ni - 1) * (nj - 1)).reshape(ni - 1, nj - 1)

    def across_i(self, line: slice) -> Int[ndarray, "lines cells_j 4"]:
        """Faces on lines of constant i; their normals point to greater i."""
        low, high = self.number[line, :-1], self.number[line, 1:]
        return np.stack([low, high, high + self.layer, low + self.layer], axis=-1)

    def across_j(self, line: slice) -> Int[ndarray, "cells_i lines 4"]:
        """Faces on lines of constant j; their normals point to greater j."""
        low, high = self.number[:-1, line], self.number[1:, line]
        return np.stack([low, low + self.layer, high + self.layer, high], axis=-1)

    def shared(self) -> _Faces:
        """Faces between two cells, in no order."""
        cell, wake = self.cell, self.wake
        parts = [
            (self.across_i(slice(1, -1)), cell[:-1], cell[1:]),
            (self.across_j(slice(1, -1)), cell[:, :-1], cell[:, 1:]),
        ]
        if wake:  # a normal out of the lower side of the cut points to smaller j
            parts.append((self.across_j(slice(0, 1))[:wake, :, ::-1], cell[:wake, :1], cell[::-1][:wake, :1]))
        else:  # and one out of the first column of a ring to smaller i
            parts.append((self.across_i(slice(0, 1))[..., ::-1], cell[:1], cell[-1:]))
        points = np.concatenate([faces.reshape(-1, 4) for faces, _, _ in parts])
        owner, neighbour = (np.concatenate([part[side].ravel() for part in parts]) for side in (1, 2))
        return _Faces(points, owner, neighbour)

    def boundary(self) -> list[tuple[str, str, _Faces]]:
        """Name, kind and faces of each patch; normals leave the cells."""
        cell, wake = self.cell, self.wake
        body = slice(wake, len(cell) - wake)
        far = [(self.across_j(slice(-1, None)), cell[:, -1])]
        if wake:
            far += [(self.across_i(slice(0, 1))[..., ::-1], cell[0]), (self.across_i(slice(-1, None)), cell[-1])]
        low = np.stack(
            [self.number[:-1, :-1], self.number[:-1, 1:], self.number[1:, 1:], self.number[1:, :-1]], axis=-1
        )
        sides = [(low, cell), (low[..., ::-1] + self.layer, cell)]
        wall = [(self.across_j(slice(0, 1))[body, :, ::-1], cell[body, 0])]
        return [("wall", "wall", _joined(wall)), ("far", "patch", _joined(far)), ("sides", "empty", _joined(sides))]


def _joined(parts: list[tuple[ndarray, ndarray]]) -> _Faces:
    """Boundary faces and their owners, one part after the other."""
    points = np.concatenate([faces.reshape(-1, 4) for faces, _ in parts])
    return _Faces(points, np.concatenate([owner.ravel() for _, owner in parts]))


def _sorted(faces: _Faces) -> _Faces:
    """In the order that OpenFOAM wants, upper triangular."""
    assert faces.neighbour is not None
    order = np.lexsort((faces.neighbour, faces.owner))
    return _Faces(faces.points[order], faces.owner[order], faces.neighbour[order])


def write_mesh(mesh: PolyMesh, folder: Path) -> None:
    """Write the files of constant/polyMesh below the case folder."""
    place = folder / "constant" / "polyMesh"
    place.mkdir(parents=True, exist_ok=True)
    points = "\n".join(f"({x!r} {y!r} {z!r})" for x, y, z in mesh.points.tolist())
    faces = "\n".join(f"4({a} {b} {c} {d})" for a, b, c, d in mesh.faces.tolist())
    files = {
        "points": ("vectorField", len(mesh.points), points),
        "faces": ("faceList", len(mesh.faces), faces),
        "owner": ("labelList", len(mesh.owner), "\n".join(map(str, mesh.owner.tolist()))),
        "neighbour": ("labelList", len(mesh.neighbour), "\n".join(map(str, mesh.neighbour.tolist()))),
    }
    for name, (kind, count, lines) in files.items():
        (place / name).write_text(f"{header(kind, name)}{count}\n(\n{lines}\n)\n")
    entries = "".join(
        f"{patch.name} {{ type {patch.kind}; nFaces {patch.count}; startFace {patch.first}; }}\n"
        for patch in mesh.patches
    )
    (place / "boundary").write_text(f"{header('polyBoundaryMesh', 'boundary')}{len(mesh.patches)}\n(\n{entries})\n")


def header(kind: str, name: str) -> str:
    """The head of every file of OpenFOAM: what class it holds, and its name."""
    return f"FoamFile\n{{\n    version 2.0;\n    format ascii;\n    class {kind};\n    object {name};\n}}\n"
