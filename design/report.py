"""The report of a design: one HTML page that needs nothing else, readable by whoever pays for the wing."""

from collections.abc import Callable
from html import escape
from pathlib import Path

from understudy.datasets.whole_files import write_bytes
from understudy.design.design import Design, Outcome
from understudy.design.flows import Flows, flow_figures
from understudy.design.page import figures, number, page, section, sentence, status, table, tick
from understudy.design.plots import history_picture, polar_picture, pressure_picture, shape_picture
from understudy.design.problem import OperatingPoint, Problem

_HEADLINES = {
    Outcome.SUCCESS: "Success",
    Outcome.NOT_VERIFIED: "Not verified",
    Outcome.INFEASIBLE: "No solution found",
    Outcome.NOT_FLOWN: "Failed: the simulator could not fly it",
    Outcome.CONSTRAINT_BROKEN: "Failed: a constraint is broken",
}


def write_report(
    design: Design, problem: Problem, path: Path, *, command: str = "", makers: str = "", flows: Flows | None = None
) -> None:
    """Write the report of a design as one self-contained HTML file.

    Args:
        command: the command line that repeats the run.
        makers: who was followed and who judged, with all that decides their answers.
        flows: those of the verdict, at the points that have one.
    """
    write_bytes(path, report(design, problem, command=command, makers=makers, flows=flows).encode())


def report(design: Design, problem: Problem, *, command: str = "", makers: str = "", flows: Flows | None = None) -> str:
    """The HTML text of the report."""
    sections = [
        f"<h1>{escape(design.name)}</h1>",
        _status(design),
        _figures(design),
        section(
            "The shape", shape_picture(design), f"Started as {problem.shape.start}. Both axes have the same scale."
        ),
        section(
            "Operating points",
            _points_table(design, problem),
            "Known: whether the point lies inside the range that the promise was trained on."
            if design.promise.low
            else "",
        ),
        section("Promise, verdict and gap", _gap_table(design, problem), _gap_note(design)),
        section(
            "Constraints", _constraint_table(design), "Judged on what the simulator found, within the tolerance stated."
        ),
        section(
            "Pressure at each operating point",
            _pressure(design, problem),
            "Suction points up; thick lines are the upper side.",
        ),
        *_flows(problem, flows or {}),
        *([section("Polars", polar_picture(design), _polar_note(design))] if design.polar else []),
        section("History of the search", history_picture(design), f"{sentence(design.search)}"),
    ]
    if len(design.rounds) > 1:
        sections.append(section("Rounds", _rounds_table(design)))
    sections.append(section("How to repeat it", _repeat(command, makers)))
    return page(f"{design.name}: {_HEADLINES[design.outcome]}", sections)


def _status(design: Design) -> str:
    return status(design.success, _HEADLINES[design.outcome], design.sentence)


def _figures(design: Design) -> str:
    promised, verified = design.objective
    numbers = [(f"{promised:.5g}", f"objective promised by {design.promise.who}")]
    if verified is not None and design.verdict is not None:
        numbers.append((f"{verified:.5g}", f"objective verified by {design.verdict.who}"))
        numbers.append((f"{100 * (verified / promised - 1):+.2f} %", "gap, verdict over promise"))
    drag = [line for line in design.gap if line.quantity == "cd" and line.inside is not None]
    if drag:
        numbers.append(
            (f"{sum(bool(line.inside) for line in drag)} of {len(drag)}", "verified drags inside the promised interval")
        )
    return figures(numbers)


def _points_table(design: Design, problem: Problem) -> str:
    """One line a point; transition and training only where there is any."""
    flights = [flight for flight in (design.promise, design.verdict) if flight is not None]
    columns: dict[str, Callable[[int, OperatingPoint], str]] = {
        "Point": lambda index, point: f"{index + 1}: {point}",
        "Weight [-]": lambda index, point: f"{point.weight:g}",
        "Re [-]": lambda index, point: f"{point.reynolds:.4g}",
        "Mach [-]": lambda index, point: f"{point.mach:g}",
    }
    if any("xtr_top" in flight.values for flight in flights):
        columns["N_crit [-]"] = lambda index, point: f"{point.n_crit:g}"
    columns["α promised [deg]"] = lambda index, point: number(design.promise.value("alpha", index), ".3f")
    columns["α verified [deg]"] = lambda index, point: number(
        design.verdict.value("alpha", index) if design.verdict else None, ".3f"
    )
    columns["Simulator"] = lambda index, point: design.verdict.status[index] if design.verdict else "not flown"
    if design.promise.low:
        columns["Known"] = lambda index, point: "yes" if design.promise.known[index] else "no"
    rows = [[cell(index, point) for cell in columns.values()] for index, point in enumerate(problem.points)]
    return table(list(columns), rows)


def _gap_table(design: Design, problem: Problem) -> str:
    if not design.gap:
        return "<p>Nothing was verified, so there is no gap to show.</p>"
    rows = []
    for line in design.gap:
        index = line.point - 1
        half = design.promise.value(f"{line.quantity}_half_width", index)
        digits = ".5f" if line.quantity == "cd" else ".4f"
        promised = number(line.promise, digits) + (f" ± {half:{digits}}" if half is not None else "")
        absolute = f"{line.verdict - line.promise:+{digits}}"
        inside = "–" if line.inside is None else tick(line.inside)
        rows.append(
            [
                f"{line.point}: {problem.points[index]}",
                _SYMBOLS[line.quantity],
                promised,
                number(line.verdict, digits),
                absolute,
                f"{100 * line.ratio:+.2f} %",
                inside,
            ]
        )
    return table(["Point", "Quantity [-]", "Promise", "Verdict", "Gap", "Gap [%]", "Inside the interval"], rows)


def _constraint_table(design: Design) -> str:
    rows = []
    for line in design.constraints:
        unit = "" if line.unit == "-" else f" [{line.unit}]"
        kept = "not verified" if line.kept is None else tick(line.kept)
        rows.append(
            [
                f"{line.subject}{unit}",
                line.required,
                f"{line.tolerance:.3g}",
                number(line.promised, ".5g"),
                number(line.verified, ".5g"),
                kept,
            ]
        )
    return table(["Constraint", "Required", "Tolerance", "Promised", "Verified", "Kept"], rows)


def _rounds_table(design: Design) -> str:
    rows = [
        [
            f"{round_}",
            f"{promised:.6g}",
            number(verified, ".6g"),
            f"{100 * (verified / promised - 1):+.2f} %" if verified else "–",
        ]
        for round_, (promised, verified) in enumerate(design.rounds)
    ]
    return table(["Round", "Objective promised", "Objective verified", "Gap"], rows)


def _pressure(design: Design, problem: Problem) -> str:
    if not design.promise.cp and not (design.verdict and design.verdict.cp):
        return "<p>Neither the promise nor the verdict holds the pressure.</p>"
    return pressure_picture(design, problem)


def _flows(problem: Problem, flows: Flows) -> list[str]:
    """A section where the judge found flows."""
    if not flows:
        return []
    titles = {point: str(problem.points[point - 1]) for point in flows}
    note = (
        "Local Mach number, with the sonic line where there is supersonic flow, and pressure coefficient, as the judge "
        "found them. The flows lie beside this page as .vts files, for understudy show and ParaView."
    )
    return [section("The flow at each operating point", flow_figures(flows, titles), note)]


def _repeat(command: str, makers: str) -> str:
    told = command or "understudy design problem.toml"
    lines = "".join(f"<pre>{escape(text)}</pre>" for text in (told, makers) if text)
    return (
        f"{lines}<p>The problem used lies beside this page as <code>problem.toml</code>, the "
        "coordinates as <code>design.dat</code>, and every number shown here in <code>design.json</code>.</p>"
    )


def _gap_note(design: Design) -> str:
    if design.verdict is None:
        return ""
    return (
        f"The promise comes from {design.promise.who}, the verdict from {design.verdict.who}, "
        "each point flown at its prescribed lift or angle."
    )


def _polar_note(design: Design) -> str:
    bands = " Bars and bands are the promised intervals." if design.promise.low else ""
    return (
        "Symbols are the operating points. Lines go through them and a little beyond, with the stream interpolated "
        f"between the points.{bands}"
    )


_SYMBOLS = {"cl": "C_L", "cd": "C_D", "cm": "C_M"}
