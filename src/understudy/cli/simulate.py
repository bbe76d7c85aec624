"""`understudy simulate`: a data set of simulated cases."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from understudy.cli.options import Grid, Model, require_unused, with_flags
from understudy.cli.outputs import require_output

Range = Annotated[tuple[float, float] | None, Parameter(allow_leading_hyphen=True)]


def simulate(
    config: Annotated[Path | None, Parameter(help="TOML file with any of the settings; flags go before it")] = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="the data file to make")] = None,
    simulator: Annotated[
        str | None,
        Parameter(
            name=["--simulator", "--by"],
            help="viscous (default), xfoil, rans, openfoam, emt, gpaw or module:Class; options behind a colon",
        ),
    ] = None,
    model: Model = None,
    grid: Grid = None,
    cases: Annotated[int | None, Parameter(help="how many; a finished data set grows if more are asked for")] = None,
    cases_per_shape: int | None = None,
    alpha: Annotated[Range, Parameter(help="of airfoils: range of the angle of attack [deg], such as -4 10")] = None,
    reynolds: Annotated[Range, Parameter(help="of airfoils: range of the Reynolds number")] = None,
    mach: Annotated[Range, Parameter(help="of airfoils: range of the Mach number")] = None,
    n_crit: Annotated[Range, Parameter(help="of airfoils: range of the critical amplification exponent")] = None,
    share_tripped: Annotated[
        float | None, Parameter(help="of airfoils: part of the cases with forced transition")
    ] = None,
    sampler: Annotated[str | None, Parameter(help="sobol (default) or latin-hypercube")] = None,
    seed: int | None = None,
    fields: Annotated[
        bool | None, Parameter(negative=(), help="store the flow around each airfoil too; of rans")
    ] = None,
    workers: Annotated[int | None, Parameter(help="processes; changes no answer")] = None,
    chunk: Annotated[int | None, Parameter(help="cases that a worker stores at once; decided by the simulator")] = None,
) -> int:
    """Simulate many cases of airfoils or slabs into a data file; killed at any moment, the same command goes on.

    Which slabs are drawn is said in the file, as [slabs] or structures; docs/catalysts.md shows one.

    The settings used are left beside the data, in OUT.toml. Exits with 1 if cases were computed and none was answered.
    """
    from understudy.cli.config import made, overridden, read_table, to_toml
    from understudy.cli.report import remark, say
    from understudy.datasets import generation
    from understudy.datasets.generation import SimulateConfig, generate
    from understudy.datasets.progress import progress_bar
    from understudy.datasets.summary import info
    from understudy.datasets.whole_files import write_bytes
    from understudy.simulators.interface import Status, Subject
    from understudy.simulators.registry import names_about, own_words

    read = read_table(config) if config else {}
    if "slabs" in read and "simulator" not in read and simulator is None:
        slabs = Subject.SLAB
        raise ValueError(
            f"expected a simulator for the slabs of {config} ({', '.join(names_about(slabs))}, or {own_words(slabs)}); "
            "got none: name one, such as --simulator emt"
        )
    named = str(read.get("simulator", SimulateConfig.simulator)) if simulator is None else simulator
    (words,) = with_flags([named], {"model": model, "grid": grid}, from_file=simulator is None)
    flags = {
        "out": None if out is None else str(out),
        "simulator": words,
        "cases": cases,
        "cases_per_shape": cases_per_shape,
        "conditions.alpha": alpha,
        "conditions.reynolds": reynolds,
        "conditions.mach": mach,
        "conditions.n_crit": n_crit,
        "conditions.share_tripped": share_tripped,
        "sampler": sampler,
        "seed": seed,
        "fields": fields,
        "workers": workers,
        "chunk": chunk,
    }
    table = overridden(read, flags)
    settings = made(SimulateConfig, table, str(config) if config else "the configuration")
    require_output(settings.out)
    flown = {"alpha": alpha, "reynolds": reynolds, "mach": mach, "n_crit": n_crit, "share_tripped": share_tripped}
    given = any(value is not None for value in flown.values())
    if given and generation.simulator_named(settings.simulator).about is Subject.SLAB:
        require_unused("of slabs", flown)
    with progress_bar() as progress:
        report = generate(settings, progress=progress)
    write_bytes(settings.out.with_name(f"{settings.out.name}.toml"), to_toml(settings).encode())
    say(report.text())
    if report.ended and Status.OK not in report.ended:
        remark(f"none was answered; most often: {next(iter(info(settings.out).messages), 'no reason given')}")
        return 1
    return 0
