"""Grids around airfoils: a conformal map of the space around the body, its lines spaced for a boundary layer.

The contour, with the wake cut of a C-grid, is unfolded to a nearly flat line (`unfolding`), the space above it mapped
conformally to a rectangle (`harmonic`), and nodes are laid on the lines that leave it at right angles (`lines`).
"""

import math
from dataclasses import fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.grids.evening import evened
from understudy.simulators.grids.grid import Grid
from understudy.simulators.grids.harmonic import Rectangle
from understudy.simulators.grids.lines import spaced
from understudy.simulators.grids.options import GridOptions
from understudy.simulators.grids.quality import GridQuality, assess
from understudy.simulators.grids.spacing import geometric_ratio, surface_places, wall_spacing
from understudy.simulators.grids.unfolding import Ellipse, Parabola
from understudy.simulators.grids.wall import CLOSED, Contour, closed, wake_line, wall_places
from understudy.simulators.interface import Status
from understudy.simulators.shapes.airfoil import FEWEST_POINTS, crossings

LEVELS = 129  # of ψ on which the map is sought
THINNEST_BASE = 5e-4  # chord: an O-grid around less has cells far smaller than the boundary layer needs
SMALLEST_AREA = 1e-5  # chord²
CHORDS = (0.9, 1.1)  # extent in x of what is taken to be given in chords


def airfoil_grid(
    coordinates: Float[Tensor, "batch points 2"],
    reynolds: Float[Tensor, " batch"],
    options: GridOptions | None = None,
) -> tuple[Grid, GridQuality]:
    """Structured grids for the turbulent flow past airfoils, C-grids for sharp trailing edges, O-grids for blunt ones.

    Args:
        coordinates: contours in chords, Selig order, at least 20 points each, nose near (0, 0), trailing edge near
            (1, 0). `wall.closed` closes a trailing edge.
        reynolds: Reynolds number on chord [-], positive; it decides the first spacing.
        options: size, far field and spacings; those of `GridOptions` where none are given.

    Returns:
        The grids and their quality. A row that cannot be gridded has NaN nodes, a status and a sentence; the other rows
        are as they would be alone.

    Raises:
        ValueError: arrays of wrong shape, or a Reynolds number that is not positive and finite.

    The work is done in float64; device and dtype of the nodes are those of the coordinates. No gradients flow:
    `deformed` carries a grid along with its contour. About 0.4 s a grid of 385 by 97 nodes on one CPU core, 0.1 s in a
    batch; 15 MB of memory each.
    """
    options = options or GridOptions()
    _check(coordinates, reynolds)
    with torch.no_grad():
        return _judged(coordinates, reynolds.double(), options)


def highest_reynolds(options: GridOptions) -> float:
    """The Reynolds number [-] whose first spacing reaches the far field with the largest growth that is allowed."""
    cells, growth = options.size[1] - 1, options.growth
    first = options.far * (growth - 1) / (growth**cells - 1)
    at_one = float(wall_spacing(torch.ones(1, dtype=torch.float64), options.y_plus))
    return (at_one / first) ** (14 / 13)  # the first spacing goes with Re^(-13/14)


def _judged(
    coordinates: Float[Tensor, "batch points 2"], reynolds: Float[Tensor, " batch"], options: GridOptions
) -> tuple[Grid, GridQuality]:
    """Grids of the contours that can be gridded, in float64 and then rounded, among NaN for the others."""
    double = coordinates.double()
    refusals = _refusals(double, reynolds, options)
    kept = torch.tensor([not refusal for refusal in refusals], device=coordinates.device)
    nodes = coordinates.new_full((len(coordinates), *options.size, 2), torch.nan)
    place = coordinates.new_full((len(coordinates), options.size[0] - 2 * options.wake), torch.nan)
    if not kept.any():
        return Grid(nodes, options.wake, place), _among_refusals(refusals, None, kept)
    contour = Contour.of(closed(double[kept]) if options.wake else double[kept])
    places = wall_places(contour, options)
    grid = Grid(_nodes(contour, places, reynolds[kept], options), options.wake)
    quality = _among_refusals(refusals, assess(grid, reynolds[kept], options), kept)
    good = torch.tensor(quality.ok, device=coordinates.device)
    nodes[good], place[good] = grid.nodes[good[kept]].to(nodes), places[good[kept]].to(place)
    return Grid(nodes, options.wake, place), quality


def _nodes(
    contour: Contour, place: Float[Tensor, "batch wall"], reynolds: Float[Tensor, " batch"], options: GridOptions
) -> Float[Tensor, "batch ni nj 2"]:
    """Nodes around contours that are known to be good, from their places on the wall."""
    line = contour.points(place)
    first = wall_spacing(reynolds, options.y_plus)[:, None].expand(line.shape[:2])
    if options.wake:
        behind = wake_line(contour, options)[:, 1:]
        wake = contour.wake(behind)
        wider = first[:, :1] * torch.sqrt(1 + (behind / options.wake_widening) ** 2)
        line = torch.cat([wake.flip(1), line, wake], dim=1)
        first = torch.cat([wider.flip(1), first, wider], dim=1)
    closed_line = not options.wake
    lines, phi, psi = _space(contour, line, options)
    cells = options.size[1] - 1
    nodes = spaced(lines, phi, psi, first, cells=cells, growth=options.growth, closed=closed_line)
    if closed_line:
        nodes = torch.cat([nodes[:, :-1], nodes[:, :1]], dim=1)
    return nodes


def _space(
    contour: Contour, line: Float[Tensor, "batch line 2"], options: GridOptions
) -> tuple[Float[Tensor, "batch line levels 2"], Float[Tensor, "batch line"], Float[Tensor, " levels"]]:
    """Lines of constant φ that leave the given one at right angles and reach the far field, at common levels ψ."""
    focus = _complex(contour.focus())
    plane: Parabola | Ellipse
    if options.wake:
        plane = Parabola(focus)
        top = math.sqrt(2 * options.far)
    else:
        tail = _complex(contour.edge - 0.5 * contour.base[:, None] * contour.bisector)
        plane = Ellipse(0.5 * (tail + focus), 0.5 * (tail - focus))
        top = math.acosh(2 * options.far / CHORDS[0])
    psi = _levels(0.25 * options.edge_spacing, top, line)
    phi, mapped = Rectangle.above(psi, closed=not options.wake).conformal(plane.unfold(_complex(line)))
    phi, mapped = evened(mapped, phi, psi, options.wake or options.base, closed=not options.wake)
    space = torch.view_as_real(plane.fold(mapped))
    return torch.cat([line[:, :, None], space[:, :, 1:]], dim=2), phi, psi


def _levels(first: float, top: float, like: Tensor) -> Float[Tensor, " levels"]:
    """Levels ψ from 0 to the top: growing from the first spacing, then evenly spaced."""
    size, edge = like.new_tensor([top]), like.new_tensor([first])
    return top * surface_places(size, edge, torch.full_like(edge, torch.inf), LEVELS - 1)[0]


def _complex(points: Float[Tensor, "*batch 2"]) -> Tensor:
    return torch.view_as_complex(points.contiguous())


def _check(coordinates: Tensor, reynolds: Tensor) -> None:
    if coordinates.ndim != 3 or coordinates.shape[-1] != 2 or coordinates.shape[1] < FEWEST_POINTS:
        wanted = f"(batch, at least {FEWEST_POINTS} points, 2)"
        raise ValueError(f"coordinates must be {wanted}; got {tuple(coordinates.shape)}")
    if reynolds.shape != coordinates.shape[:1]:
        raise ValueError(
            f"reynolds must have one value per airfoil, ({len(coordinates)},); got {tuple(reynolds.shape)}"
        )
    wall_spacing(reynolds, 1.0)


def _refusals(coordinates: Tensor, reynolds: Tensor, options: GridOptions) -> list[str]:
    """One sentence for each contour that cannot be gridded, empty for the others."""
    sharp = closed(coordinates) if options.wake else coordinates
    following = sharp.roll(-1, dims=1)
    area = 0.5 * (sharp[..., 0] * following[..., 1] - sharp[..., 1] * following[..., 0]).sum(1)
    extent = coordinates[..., 0].amax(1) - coordinates[..., 0].amin(1)
    ratio = geometric_ratio(options.far / wall_spacing(reynolds, options.y_plus), options.size[1] - 1)
    rules = [
        (~torch.isfinite(coordinates).all(-1).all(-1), "every coordinate must be a finite number; got NaN or infinity"),
        ((coordinates.diff(dim=1) == 0).all(-1).any(1), "two consecutive points are equal; remove the duplicates"),
        ((extent < CHORDS[0]) | (extent > CHORDS[1]), "coordinates must be in chords, 1 long; divide by the chord"),
        (
            area < -SMALLEST_AREA,
            "the contour runs clockwise; points must run from the upper trailing edge over the nose to the lower one",
        ),
        (
            area < SMALLEST_AREA,
            f"the contour must have an area of at least {SMALLEST_AREA:g} chord² inside; got none or less: give the "
            "body a thickness",
        ),
        _wrong_edge(coordinates, options),
        (crossings(sharp).any(-1).any(-1), "the contour crosses itself; mend the points where it does"),
        (
            ratio > options.growth,
            f"spacings would have to grow by more than {options.growth:g}: with {options.size[1]} nodes away from the "
            f"wall the Reynolds number must be at most {highest_reynolds(options):.2g}; ask for more nodes away from "
            "the wall, a larger y_plus or a nearer far field",
        ),
    ]
    return _first_sentences(rules)


def _wrong_edge(coordinates: Tensor, options: GridOptions) -> tuple[Bool[Tensor, " batch"], str]:
    """Which trailing edges do not suit the kind of grid that is asked for."""
    base = torch.linalg.vector_norm(coordinates[:, 0] - coordinates[:, -1], dim=-1)
    if options.wake:
        sentence = "a C-grid needs a sharp trailing edge; close it with `closed`, or ask for O-grids by wake_share=0"
        return base > CLOSED, sentence
    sentence = f"an O-grid needs a trailing edge at least {THINNEST_BASE:g} chord thick; close it and ask for C-grids"
    return base < THINNEST_BASE, sentence


def _first_sentences(rules: list[tuple[Bool[Tensor, " batch"], str]]) -> list[str]:
    """For each row the sentence of the first rule it breaks."""
    broken = torch.stack([rule for rule, _ in rules], dim=1)
    first = torch.where(broken.any(1), broken.to(torch.int8).argmax(1), len(rules))
    sentences = [*(sentence for _, sentence in rules), ""]
    return [sentences[index] for index in first.tolist()]


def _among_refusals(refusals: list[str], kept_quality: GridQuality | None, kept: Bool[Tensor, " batch"]) -> GridQuality:
    """The quality of all rows from that of the rows that were not refused."""
    measures = [item.name for item in fields(GridQuality) if item.name not in ("status", "message")]
    status, message = [Status.REFUSED] * len(refusals), list(refusals)
    values = {name: torch.full(kept.shape, torch.nan, dtype=torch.float64, device=kept.device) for name in measures}
    if kept_quality is not None:
        for place, row in enumerate(kept.nonzero()[:, 0].tolist()):
            status[row], message[row] = kept_quality.status[place], kept_quality.message[place]
        for name, value in values.items():
            value[kept] = getattr(kept_quality, name).to(value)
    return GridQuality(status=tuple(status), message=tuple(message), **values)
