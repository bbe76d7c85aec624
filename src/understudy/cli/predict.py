"""`understudy predict`: one answer, a polar, or a whole table."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from understudy.cli.options import Grid, Model, chosen, require_unused, with_flags
from understudy.cli.outputs import require_output

if TYPE_CHECKING:
    from ase import Atoms

    from understudy.answer_file import Row
    from understudy.simulators.interface import Predictor, Status

#: Conditions where nothing is said.
USUAL = {"reynolds": 1e6, "mach": 0.0, "n_crit": 9.0, "trip_top": 1.0, "trip_bottom": 1.0}

Sweep = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


def predict(
    subject: Annotated[
        str | None,
        Parameter(help="NACA section, name of the airfoil library, or .dat file; or a file of slabs that ASE reads"),
    ] = None,
    /,
    *,
    alpha: Annotated[
        Sweep, Parameter(help="angle of attack [deg]: 4, or 0,2,4, or -4:12:0.5 (first:last:step)")
    ] = None,
    cl: Annotated[Sweep, Parameter(help="wanted lift coefficient in place of alpha: 0.5, or 0.2:1.2:0.1")] = None,
    reynolds: Annotated[float, Parameter(help="Reynolds number on the chord", allow_leading_hyphen=True)] = USUAL[
        "reynolds"
    ],
    mach: Annotated[float, Parameter(help="free-stream Mach number", allow_leading_hyphen=True)] = USUAL["mach"],
    n_crit: Annotated[float, Parameter(help="critical amplification exponent", allow_leading_hyphen=True)] = USUAL[
        "n_crit"
    ],
    trip_top: Annotated[float, Parameter(help="forced transition, upper surface [chord]; 1 leaves it free")] = USUAL[
        "trip_top"
    ],
    trip_bottom: Annotated[float, Parameter(help="forced transition, lower surface [chord]; 1 leaves it free")] = USUAL[
        "trip_bottom"
    ],
    by: Annotated[
        str,
        Parameter(
            help="who answers: surrogate, viscous, xfoil, rans, openfoam; of slabs surrogate, emt, gpaw or a "
            "calculator of ASE as package.module:Class; or the path of a checkpoint"
        ),
    ] = "surrogate",
    model: Model = None,
    grid: Grid = None,
    plot: Annotated[Path | None, Parameter(help="picture of the polar (.png, .svg, .pdf)")] = None,
    xfoil_polar: Annotated[Path | None, Parameter(help="the polar in XFOIL's file format")] = None,
    cases: Annotated[Path | None, Parameter(help="CSV table of cases: airfoil, alpha_deg or cl, reynolds, ...")] = None,
    out: Annotated[Path | None, Parameter(help="CSV table of answers")] = None,
) -> int:
    """Lift, drag, moment and transition of an airfoil, each with its interval; a polar; or a table of cases.

    Of slabs with adsorbates: adsorption and formation energies; --by and --out alone hold for these.

    understudy predict naca2412 --alpha 4 --reynolds 1e6
    understudy predict wing.dat --cl 0.2:1.2:0.1 --plot polar.png
    understudy predict --cases cases.csv --out answers.csv
    understudy predict rae2822 --alpha 2.79 --mach 0.734 --reynolds 6.5e6 --by rans
    understudy predict slabs.extxyz --out answers.csv --by emt
    """
    from understudy.asking import is_structures, predictor
    from understudy.simulators.interface import Subject

    if (subject is None) == (cases is None):
        raise ValueError("expected either an airfoil or a table of cases (--cases cases.csv --out answers.csv)")
    if subject is not None and Path(subject).is_dir():
        raise ValueError(f"expected an airfoil or a file of slabs; got the folder {subject}")
    read = [Path(one) for one in (subject, cases) if one is not None]
    if out is not None:
        require_output(out, [".csv"], inputs=read)
    for picture in (plot, xfoil_polar):
        if picture is not None:
            require_output(picture, inputs=read)
    (by,) = with_flags([by], {"model": model, "grid": grid})
    conditions = {
        "reynolds": reynolds, "mach": mach, "n_crit": n_crit, "trip_top": trip_top, "trip_bottom": trip_bottom
    }  # fmt: skip
    flown: dict[str, object] = {"alpha": alpha, "cl": cl, "plot": plot, "xfoil_polar": xfoil_polar}
    flown |= {name: chosen(value, USUAL[name]) for name, value in conditions.items()}
    if subject is not None and is_structures(subject):
        require_unused("of slabs", flown)
        return _slabs(Path(subject), out, by)
    if cases is not None:
        if out is None:
            raise ValueError("a table of cases needs a file for the answers: --out answers.csv")
        return _table(cases, out, by)
    if out is not None:
        raise ValueError(
            "--out takes the answers to --cases or to a file of slabs; a polar is kept by --xfoil-polar FILE, drawn by "
            "--plot PICTURE"
        )
    return _polar(str(subject), alpha, cl, conditions, predictor(by, Subject.AIRFOIL), plot, xfoil_polar)


def _table(cases: Path, out: Path, by: str) -> int:
    from understudy.answers import answer_table
    from understudy.asking import predictor
    from understudy.simulators.interface import Subject

    return _answered(cases, out, by, predictor(by, Subject.AIRFOIL), answer_table)


def _slabs(structures: Path, out: Path | None, by: str) -> int:
    from understudy import slab_answers
    from understudy.asking import predictor
    from understudy.cli.report import remark, say
    from understudy.simulators.interface import Subject
    from understudy.simulators.materials.atoms import read_atoms
    from understudy.simulators.materials.simulator import caution_about

    who = predictor(by, Subject.SLAB)
    caution = caution_about([who.name, getattr(who, "fingerprint", "")])
    if caution:
        remark(caution)
    if out is not None:
        return _answered(structures, out, by, who, slab_answers.answer_structures)
    atoms = read_atoms(structures)
    rows = [row for some in slab_answers.answered(atoms, who) for row in some]
    say(slab_answers.text(_called(rows, atoms)))
    return 0 if any(row["status"] == "ok" for row in rows) else 1


def _called(rows: list["Row"], atoms: list["Atoms"]) -> list["Row"]:
    """The rows with the names that their structures have, as in a screening, in the place of numbers."""
    from understudy.design.materials.structures import StructureList

    named = [any(one.info.get(key) for key in ("name", "slab")) for one in atoms]
    if not any(named):
        return rows
    names = [one.name for one in StructureList.of(atoms).structures]
    return [{**row, "structure": name} if has else row for row, name, has in zip(rows, names, named, strict=True)]


def _answered(asked: Path, out: Path, by: str, who: "Predictor", answer: Callable[..., "dict[Status, int]"]) -> int:
    """Leave a table of answers and, beside it, what was asked of whom."""
    import tomllib

    from understudy.answer_file import question
    from understudy.cli.progress import bar
    from understudy.cli.report import say
    from understudy.datasets.toml_text import toml_value
    from understudy.datasets.whole_files import write_bytes
    from understudy.datasets.workers import keep_to_one_thread

    settings = out.with_name(f"{out.name}.toml")
    same = question(asked, who)
    if out.is_file() and settings.is_file() and tomllib.loads(settings.read_text()).get("question") == same:
        say(f"{out}: answers the same question already; delete it to ask again")
        return 0
    keep_to_one_thread()
    with bar(f"answering by {who.name}") as show:
        ended = answer(asked, out, who, progress=lambda done, total: show(done, total, ""))
    told = {"cases": asked, "out": out, "by": by, "question": same}
    lines = [f"{name} = {toml_value(value)}\n" for name, value in told.items()]
    write_bytes(settings, "".join(lines).encode())
    counts = ", ".join(f"{count} {status}" for status, count in sorted(ended.items())) or "no rows"
    say(f"{out}: {counts}")
    return 0


def _polar(
    airfoil: str,
    alpha: str | None,
    cl: str | None,
    conditions: dict[str, float],
    who: "Predictor",
    plot: Path | None,
    xfoil_polar: Path | None,
) -> int:
    from understudy import polar as polars
    from understudy.asking import case
    from understudy.cli.progress import bar
    from understudy.cli.report import remark, say
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.simulators.interface import Simulator
    from understudy.simulators.shapes import airfoil as airfoil_called
    from understudy.sweep import values

    shape = airfoil_called(airfoil)
    if (alpha is None) == (cl is None):
        raise ValueError("expected exactly one of --alpha [deg] and --cl")
    angles = values(alpha, "alpha [deg]") if alpha is not None else None
    lifts = values(cl, "cl") if cl is not None else None
    asked = case(airfoil, angles, cl=lifts, **conditions)
    keep_to_one_thread()
    if isinstance(who, Simulator) and len(asked) >= who.at_once:
        with bar(f"answering by {who.name}") as show:
            found = polars.polar(who, shape.name, asked, progress=lambda done, total: show(done, total, ""))
    else:
        found = polars.polar(who, shape.name, asked)
    for note in shape.notes:
        remark(f"{shape.name}: {note}")
    if not found.answered.any():
        found.answer.raise_unless_ok()
    say(polars.text(found))
    if plot is not None:
        polars.plot(found, plot)
    if xfoil_polar is not None:
        polars.write_xfoil_polar(found, xfoil_polar)
    return 0
