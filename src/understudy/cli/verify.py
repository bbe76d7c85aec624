"""`understudy verify`: a second judge for a design that is already there."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from understudy.cli.options import Grid, Model, with_flags


def verify(
    folder: Annotated[Path, Parameter(help="folder of a design")],
    /,
    *,
    by: Annotated[str, Parameter(help="the simulator that judges: viscous, xfoil, rans or openfoam")] = "xfoil",
    model: Model = None,
    grid: Grid = None,
) -> int:
    """Let a simulator fly a finished airfoil; leaves verified-NAME.json and verified-NAME.html in its folder.

    understudy verify runs/wing --by rans --model euler --grid 193x49

    Options are part of the NAME, as in verified-rans-euler-193x49.json. Exits with 0 only if
    the simulator flew the design at every point and every constraint holds.
    """
    import shlex

    from understudy.cli.config import read_table
    from understudy.cli.report import say
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.design.design import Design, Flight
    from understudy.design.flows import keep_flows
    from understudy.design.problem_file import read_problem
    from understudy.design.report import write_report
    from understudy.design.run_folder import judged_by
    from understudy.design.verify import flown, with_verdict
    from understudy.simulators.interface import Subject
    from understudy.simulators.registry import own_words, simulator
    from understudy.simulators.specification import Specification

    if not (folder / "design.json").is_file():
        raise ValueError(f"{folder} holds no finished design; understudy design makes one")
    if "space" in read_table(folder / "problem.toml"):
        raise ValueError(
            f"{folder} holds the design of a surface, whose judge is named where it is made: understudy design "
            f"problem.toml --out {folder} --judge gpaw, emt or {own_words(Subject.SLAB)}"
        )
    (by,) = with_flags([by], {"model": model, "grid": grid})
    judge = simulator(by, Subject.AIRFOIL)
    name = "-".join(["verified", judge.name, *Specification.of(by).options.values()])
    posed = read_problem(folder / "problem.toml")
    design = Design.from_json((folder / "design.json").read_text(encoding="utf-8"))
    keep_to_one_thread()
    answer = flown(design, posed, judge)
    found = with_verdict(design, posed, Flight.of(judge.name, answer))
    found.save(folder / f"{name}.json")
    flows = keep_flows(answer, folder, name, len(posed.points), posed.name)
    command = shlex.join(["understudy", "verify", str(folder), "--by", by])
    followed = (folder / "makers.txt").read_text(encoding="utf-8").splitlines()[0]
    makers = f"{followed}\n{judged_by(judge)}"
    write_report(found, posed, folder / f"{name}.html", command=command, makers=makers, flows=flows)
    say(f"{found.outcome}: {found.sentence}")
    for line in found.gap:
        if line.quantity == "cd":
            said = f"cd promised {line.promise:.5f}, {judge.name} finds {line.verdict:.5f} ({line.ratio:+.1%})"
            say(f"point {line.point}: {said}")
    return 0 if found.success else 1
