"""`understudy data`: what is in a data set, whether it is sound, and its content for other programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from understudy.cli.outputs import DATA_SETS, require_output, with_name

data = App(name="data", help="Look at, check and export data sets.")


@data.command
def info(path: Path, /) -> None:
    """Say what a data set holds: cases, shapes, statuses, statistics, origin."""
    from understudy.cli.report import say
    from understudy.datasets.summary import info as summary

    say(summary(with_name(path)).text())


@data.command
def check(path: Path, /) -> int:
    """Compare a data set with the format, and exit with 1 if it departs from it."""
    from understudy.cli.report import remark, say
    from understudy.datasets.checker import check as problems_of

    problems = problems_of(with_name(path))
    for problem in problems:
        remark(problem)
    if not problems:
        say(f"{path}: sound")
    return min(len(problems), 1)


@data.command
def export(
    path: Annotated[Path, Parameter(help="the data set")],
    /,
    *,
    csv: Annotated[
        Path | None, Parameter(help="file for inputs and outputs, one line a case; beside the data if neither is named")
    ] = None,
    vtk: Annotated[
        Path | None, Parameter(help="folder for surfaces, and flows if they are stored, one file an answered case")
    ] = None,
    structures: Annotated[
        Path | None, Parameter(help="file of atoms with their answers, such as slabs.extxyz or slabs.db")
    ] = None,
    rows: Annotated[str, Parameter(help="first:last (last left out), or all")] = "all",
) -> None:
    """Write a data set as CSV, as VTK, or as structures of atoms."""
    from understudy.cli.report import say
    from understudy.datasets.export import export_csv, export_flows, export_vtk, require_airfoils
    from understudy.datasets.reader import load

    path = with_name(path)
    if csv is None and vtk is None and structures is None:
        csv = path.with_suffix(".csv")
    if csv is not None:
        require_output(csv, [".csv"], inputs=[path])
    with load(path) as content:
        chosen = _rows(rows)
        if vtk is not None:
            require_airfoils(content, "VTK")
        if csv is not None:
            say(f"{csv}: {export_csv(content, csv, chosen)} rows")
        if structures is not None:
            from understudy.datasets.structure_exchange import export_structures  # ASE is an extra

            say(f"{structures}: {export_structures(content, structures, chosen)} structures")
        if vtk is not None:
            numbers = content.row_numbers(chosen)
            answered = numbers[content.ok[numbers]]
            say(f"{vtk}: {len(export_vtk(content, vtk, answered))} surfaces")
            if content.grids:
                say(f"{vtk}: {len(export_flows(content, vtk, answered))} flows")


@data.command(name="import")
def import_(
    structures: Annotated[Path, Parameter(help="file of atoms with adsorption_energy [eV] among their info")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the data set to make")],
    simulator: Annotated[str, Parameter(help="who answered, as a word")],
    settings: Annotated[str, Parameter(help="of the calculator, where the file does not tell them")] = "",
) -> None:
    """Make a data set of structures that were answered elsewhere."""
    from understudy.cli.report import say
    from understudy.datasets.structure_exchange import import_structures

    require_output(out, DATA_SETS, inputs=[structures])
    say(f"{out}: {import_structures(structures, out, simulator=simulator, settings=settings)} cases")


def _rows(word: str) -> slice:
    if word == "all":
        return slice(None)
    first, colon, last = word.partition(":")
    try:
        return slice(int(first) if first else None, int(last) if last else None) if colon else slice(0, int(word))
    except ValueError:
        raise ValueError(f"rows must be all, a number of rows, or first:last; got {word!r}") from None
