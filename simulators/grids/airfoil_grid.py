"""Grids around airfoils: a conformal map of the space around the body, its lines spaced for a boundary layer."""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.grids.grid import Grid
from understudy.simulators.grids.harmonic import Rectangle
from understudy.simulators.grids.options import GridOptions
from understudy.simulators.grids.spacing import geometric, wall_spacing
from understudy.simulators.grids.unfolding import Ellipse, Parabola
from understudy.simulators.grids.wall import Contour, closed, edge_spacing, wake_line, wall_places
from understudy.simulators.shapes.spline import Spline

LEVELS = 97


def _grid(coordinates, reynolds, options: GridOptions) -> Grid:
    contour = Contour.of(closed(coordinates) if options.wake else coordinates)
    place = wall_places(contour, options)
    line = contour.points(place)
    first = wall_spacing(reynolds, options.y_plus)[:, None].expand(line.shape[:2])
    if options.wake:
        behind = wake_line(contour, options)
        wake = contour.wake(behind)[:, 1:]
        wider = (first[:, :1] * torch.sqrt(1 + (behind / options.wake_widening) ** 2))[:, 1:]
        line = torch.cat([wake.flip(1), line, wake], dim=1)
        first = torch.cat([wider.flip(1), first, wider], dim=1)
    tensor = _unfolded_space(contour, line, options)
    rays = torch.view_as_real(tensor)
    rays = torch.cat([line[:, :, None], rays[:, :, 1:]], dim=2)
    return Grid(_respaced(rays, first, options.size[1] - 1), options.wake, place)


def _unfolded_space(contour, line, options):
    z = torch.complex(*line.unbind(-1))
    focus = torch.complex(*contour.focus().unbind(-1))
    if options.wake:
        plane = Parabola(focus)
        top = (2 * options.far) ** 0.5
        smallest = options.edge_spacing / 4
    else:
        tail = contour.edge - 0.5 * contour.base[:, None] * contour.bisector
        tail = torch.complex(*tail.unbind(-1))
        plane = Ellipse(0.5 * (tail + focus), 0.5 * (tail - focus))
        top = float(torch.log(2 * options.far / plane.half.abs().min())) 
        smallest = options.edge_spacing / 4
    w = plane.unfold(z)
    levels = geometric(line.new_tensor(smallest), line.new_tensor(top), LEVELS - 1)
    return plane.fold(Rectangle.above(levels, closed=not options.wake).conformal(w))


def _respaced(rays, first, cells):
    batch, lines = rays.shape[:2]
    spline = Spline.through(rays.flatten(0, 1))
    distance = geometric(first.flatten(), spline.length, cells)
    nodes = spline.at(distance[:, 1:-1])
    flat = rays.flatten(0, 1)
    nodes = torch.cat([flat[:, :1], nodes, flat[:, -1:]], dim=1)
    return nodes.unflatten(0, (batch, lines))
