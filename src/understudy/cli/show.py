"""`understudy show`: pictures of the flow around an airfoil, and the flow as a VTK file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from understudy.cli.options import Grid, Model, require_unused, with_flags

if TYPE_CHECKING:
    from understudy.simulators.airfoil.flow_field import FlowField
    from understudy.simulators.interface import Simulator

Angle = Annotated[float | None, Parameter(allow_leading_hyphen=True)]
Window = Annotated[
    tuple[float, float, float, float] | None,
    Parameter(help="left, right, bottom, top of the pictures [chord]", allow_leading_hyphen=True, negative=()),
]
_DATA, _VTK = (".h5", ".hdf5"), (".vts", ".vtk", ".vtu", ".vtp")


def show(
    what: Annotated[str, Parameter(help="an airfoil as of predict, a data set with flows (.h5), or a flow (.vts)")],
    /,
    *,
    alpha: Annotated[Angle, Parameter(help="angle of attack [deg]")] = None,
    cl: Annotated[Angle, Parameter(help="wanted lift coefficient in place of alpha")] = None,
    mach: Annotated[float | None, Parameter(help="free-stream Mach number")] = None,
    reynolds: Annotated[float | None, Parameter(help="Reynolds number on the chord; 1e6 is the default")] = None,
    by: Annotated[str | None, Parameter(help="the simulator: rans (default), or a module:Class with fields")] = None,
    model: Model = None,
    grid: Grid = None,
    row: Annotated[int | None, Parameter(help="which row of a data set, counted from 0")] = None,
    out: Annotated[Path, Parameter(alias="-o", help="folder for the pictures")] = Path("pictures"),
    only: Annotated[str | None, Parameter(help="of mach,cp,eddy_viscosity,grid,surface; all by default")] = None,
    window: Window = None,
    drawing: Annotated[str, Parameter(help="auto, pyvista or matplotlib; who colours the fields")] = "auto",
) -> int:
    """Draw a compressible flow: Mach number, pressure, eddy viscosity, the grid, and pressure and friction on the body.

    Solves and draws an airfoil, or draws what is stored; a flow that was solved is left as a .vts file for ParaView.

    understudy show rae2822 --alpha 2.79 --mach 0.734 --reynolds 6.5e6 --grid 193x49 -o pictures
    understudy show transonic.h5 --row 3 -o pictures
    understudy show pictures/rae2822.vts --only mach --window -0.1 0.2 -0.1 0.1
    """
    from understudy.cli.outputs import require_folder
    from understudy.cli.report import remark, say
    from understudy.datasets.pictures.flow_pictures import Drawing, draw, require_known, save
    from understudy.datasets.vtk_file import SUFFIX, read_vtk, write_vtk
    from understudy.simulators.registry import require_fields, simulator

    names = None if only is None else [name.strip() for name in only.split(",")]
    require_known(names or ())
    if drawing not in tuple(Drawing):
        raise ValueError(f"drawing must be one of {', '.join(Drawing)}; got {drawing!r}")
    conditions = {"alpha": alpha, "cl": cl, "mach": mach, "reynolds": reynolds}
    settings = {"by": by, "model": model, "grid": grid}
    require_folder(out)
    suffix = Path(what).suffix.lower()
    stored = suffix in (*_DATA, *_VTK) or Path(what).is_dir()
    if stored:
        require_unused(f"of a flow that is stored in {what}", {**conditions, **settings})
    if suffix in _VTK or not stored:
        require_unused("of anything but a data set", {"row": row})
    if suffix in _VTK:
        flow, stem = read_vtk(what), Path(what).stem
    elif stored:
        flow, stem = _from_data(Path(what), row)
    else:
        (by,) = with_flags([by or "rans"], {"model": model, "grid": grid})
        who = simulator(by)
        require_fields(who)
        flow = _solved(what, conditions, who)
        stem = flow.airfoil
    pictures = draw(flow, names, window=window, drawing=Drawing(drawing))
    if suffix not in _VTK:
        out.mkdir(parents=True, exist_ok=True)
        write_vtk(flow, out / f"{stem}{SUFFIX}")
    if pictures.note:
        remark(f"drawn with Matplotlib: {pictures.note}")
    for name in ("cl", "cd", "cm"):
        if name in flow.facts:
            say(f"{name.upper()} {flow.facts[name]:.5f}")
    for file in [*([] if suffix in _VTK else [out / f"{stem}{SUFFIX}"]), *save(pictures, out, stem)]:
        say(str(file))
    return 0


def _from_data(path: Path, row: int | None) -> tuple["FlowField", str]:
    from understudy.datasets.flow_fields import stored_flow
    from understudy.datasets.reader import load

    with load(path) as data:
        if row is None:
            raise ValueError(f"{path} holds {len(data)} rows; say which one to draw, such as --row 0")
        if not 0 <= row < len(data):
            raise ValueError(f"--row must be 0 to {len(data) - 1}, as {path} holds {len(data)} rows; got {row}")
        return stored_flow(data, row), f"{path.stem}-{row}"


def _solved(airfoil: str, conditions: dict[str, float | None], who: "Simulator") -> "FlowField":
    from dataclasses import replace

    import torch

    from understudy.asking import case
    from understudy.cli.progress import bar
    from understudy.cli.report import remark
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.simulators.shapes import airfoil as airfoil_called

    given = {name: value for name, value in conditions.items() if value is not None}
    if "mach" not in given:
        raise ValueError("a compressible flow needs --mach, at least 0.05 for rans")
    if ("alpha" in given) == ("cl" in given):
        raise ValueError("expected exactly one of --alpha [deg] and --cl")
    shape = airfoil_called(airfoil)
    for note in shape.notes:
        remark(f"{shape.name}: {note}")
    asked = case(airfoil, **given)
    keep_to_one_thread()
    with bar(f"solving by {who.name}"), torch.no_grad():
        answer = who.predict(asked)
    answer.raise_unless_ok()
    flow = answer.flow_field(0)
    if flow is None:
        raise ValueError(f"{who.name} answered without a flow field")
    return replace(flow, airfoil=Path(airfoil).stem)
