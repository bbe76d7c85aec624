"""The flows that a simulator found at the operating points of a design: kept as VTK files, shown in the report."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path

from understudy.datasets.pictures.flow_pictures import draw
from understudy.datasets.vtk_file import SUFFIX, read_vtk, write_vtk
from understudy.simulators.airfoil.flow_field import FlowField
from understudy.simulators.interface import Solution

Flows = Mapping[int, FlowField]  # operating point, counted from 1 -> its flow

SHOWN = ("mach", "cp")
DOTS = 90  # an inch, of the pictures in the report


def keep_flows(answer: Solution, folder: Path, stem: str, points: int, name: str) -> Flows:
    """Write the flow at each of the first `points` rows of an answer as `STEM-point-K.vts`; those that there are.

    name: of the design. Files of an earlier answer of that stem are removed.
    """
    for old in folder.glob(f"{stem}-point-*{SUFFIX}"):
        old.unlink()
    flows: dict[int, FlowField] = {}
    for point in range(1, points + 1):
        flow = answer.flow_field(point - 1)
        if flow is not None:
            flows[point] = replace(flow, airfoil=name)
            write_vtk(flows[point], _file(folder, stem, point))
    return flows


def kept_flows(folder: Path, stem: str, points: int) -> Flows:
    """What `keep_flows` wrote."""
    files = {point: _file(folder, stem, point) for point in range(1, points + 1)}
    return {point: read_vtk(file) for point, file in files.items() if file.is_file()}


def flow_figures(flows: Flows, titles: Mapping[int, str]) -> str:
    """HTML of the Mach number and the pressure at each point, the images in the page itself."""
    rows = []
    for point, flow in flows.items():
        images = draw(flow, SHOWN, dots=DOTS).images
        told = "".join(
            f'<img alt="{name} at point {point}" src="data:image/png;base64,{base64.b64encode(image).decode()}">'
            for name, image in images.items()
        )
        rows.append(f'<p>point {point}: {escape(titles[point])}</p>\n<div class="flows">{told}</div>')
    return "\n".join(rows)


def _file(folder: Path, stem: str, point: int) -> Path:
    return folder / f"{stem}-point-{point}{SUFFIX}"
