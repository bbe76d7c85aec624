"""Running a design of experiments: in parallel, resumable after any interruption, failures kept as rows.

The cases are split into chunks. A worker computes one chunk with one call of the simulator and stores it as a small
data file of its own in `OUT.parts/`, which appears there complete or not at all. A second run computes the chunks that
are not there. When all are, they are joined into `OUT`. So there is no state besides the files, and no moment at which
a kill could lose or double a row. Why so: `docs/data_format.md`.
"""

import fcntl
import json
import logging
import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.datasets.flow_fields import flow_columns
from understudy.datasets.format import opened
from understudy.datasets.provenance import Provenance, differences
from understudy.datasets.ragged import Ragged
from understudy.datasets.reader import PARTS, part_name
from understudy.datasets.records import Array, Rows
from understudy.datasets.sampling import ConditionRanges, Sampler, conditions
from understudy.datasets.shape_sampling import ShapeMix, draw_shapes
from understudy.datasets.slab_sampling import SlabMix, draw_slabs
from understudy.datasets.structure_file import count_of, structures_of
from understudy.datasets.tables import SubjectTable
from understudy.datasets.whole_files import TEMPORARY, DiskFullError, write_bytes
from understudy.datasets.workers import InThisProcess, SpawnedProcesses, keep_to_one_thread
from understudy.datasets.writer import join, write
from understudy.simulators.airfoil.case import USUAL, AirfoilCase
from understudy.simulators.interface import Case, Simulator, Solution, Status, Subject
from understudy.simulators.materials.simulator import SlabSimulator
from understudy.simulators.materials.solution import SlabSolution
from understudy.simulators.quantities import Place, quantity
from understudy.simulators.registry import names_about, own_words, require_fields
from understudy.simulators.registry import simulator as simulator_named

_LOGGER = logging.getLogger(__name__)
_PLAN = "plan.json"


class ResumeError(ValueError):
    """What lies at the destination belongs to another design of experiments, or another run is writing it."""


@dataclass(frozen=True, kw_only=True)
class SimulateConfig:
    """A data set to be: which cases, answered by whom, stored where.

    out: the data file to make.
    simulator: in words: its name or "module:Class", options behind a colon, as in "rans:model=euler,grid=193x49".
    cases: how many. A finished Sobol data set grows if more are asked for.
    cases_per_shape: consecutive cases that share a shape, or a slab.
    shapes, conditions: what is drawn.
    slabs: what is drawn in their place for a simulator of slabs. structures: a file of them, all of which are asked, in
        place of drawing any.
    sampler, seed: how it is drawn.
    fields: store the flow around each airfoil too, some two megabytes a case on the usual grid; only some give it.

    Rarely needed; nothing below changes an answer:
        workers: processes, each of one thread; 1 computes in this process.
        chunk: cases that a worker computes and stores at once; 0 takes twice `Simulator.at_once`, usually 256, or
            one where each takes long. Larger fills the simulator's batch better; smaller loses less when the power
            fails. A run that is resumed keeps the size with which it began.
    """

    out: Path
    simulator: str = "viscous"
    cases: int = 1000
    cases_per_shape: int = 8
    shapes: ShapeMix = field(default_factory=ShapeMix)
    conditions: ConditionRanges = field(default_factory=ConditionRanges)
    slabs: SlabMix = field(default_factory=SlabMix)
    structures: Path | None = None
    sampler: Sampler = Sampler.SOBOL
    seed: int = 0
    fields: bool = False
    workers: int = 1
    chunk: int = 0

    def __post_init__(self) -> None:
        for name in ("cases", "cases_per_shape", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("seed", "chunk"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}")
        if self.sampler not in tuple(Sampler):
            raise ValueError(f"sampler must be one of {', '.join(Sampler)}; got {self.sampler!r}")
        if self.structures is not None and self.slabs != SlabMix():
            raise ValueError(
                f"expected slabs to draw ([slabs]) or a file of them; got both, the file {self.structures}"
            )

    @property
    def parts(self) -> Path:
        """The folder in which the data set grows."""
        return self.out.with_name(self.out.name + PARTS)

    def design(self, about: Subject) -> dict[str, Any]:
        """What decides which cases are asked, besides their number, and whether their flows are stored."""
        named = asdict(self)
        drawn = ("shapes", "conditions") if about is Subject.AIRFOIL else ("slabs",)
        design = {name: named[name] for name in ("cases_per_shape", *drawn, "sampler", "seed")}
        if self.structures is not None:
            design = {"structures": sha256(self.structures.read_bytes()).hexdigest()}
        return design | ({"fields": True} if self.fields else {})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is.

    doing: "simulating" (counted in cases, those of earlier runs included) or "joining" (counted in parts).
    done, total: of these.
    ended: how the cases of this run ended.
    """

    doing: str
    done: int
    total: int
    ended: Mapping[Status, int]


@dataclass(frozen=True, kw_only=True)
class GenerationReport:
    """What a run did: the data file, its cases, how many of them this run computed, how those ended, seconds."""

    out: Path
    cases: int
    computed: int
    ended: Mapping[Status, int]
    seconds: float

    def text(self) -> str:
        """One line for people."""
        ended = ", ".join(f"{count} {status}" for status, count in sorted(self.ended.items())) or "nothing left to do"
        return f"{self.out}: {self.cases} cases; this run computed {self.computed} in {self.seconds:.1f} s ({ended})"


def generate(
    config: SimulateConfig, *, executor: Executor | None = None, progress: Callable[[Progress], None] | None = None
) -> GenerationReport:
    """Make the data set, or go on with it; done if it is there already.

    Args:
        config: what to make.
        executor: who computes the chunks, `config.workers` at a time; for instance dask's `Client.get_executor()`. It
            must see the folder of `config.out`, and is not shut down. Without one: processes on this machine; a script
            that calls this with more than one worker needs the guard `if __name__ == "__main__"`.
        progress: called after each chunk.

    Raises:
        ValueError: flows are wanted of a simulator that gives none, settings are of what it does not answer, or slabs
            cannot be drawn: of a metal that it does not know, say.
        ResumeError: the destination holds something else, or another run is at it.
        DiskFullError: no room left. Finished chunks are kept.
        KeyboardInterrupt: Ctrl-C; its text says how much is stored. Chunks under way were finished and kept.
        ChildProcessError: a worker died, for lack of memory for example. Finished chunks are kept.
    """
    began = time.monotonic()
    simulator = simulator_named(config.simulator)
    config = replace(config, chunk=config.chunk or _usual_chunk(simulator))
    if config.fields:
        require_fields(simulator)
    if config.structures is not None:
        if simulator.about is not Subject.SLAB:
            raise ValueError(f"{simulator.name} answers airfoils, not structures; ask one of slabs, such as emt")
        config = replace(config, cases=count_of(config.structures))
    _require_drawn(config, simulator)
    provenance = _provenance(config, simulator)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    ended: Counter[Status] = Counter()
    if _finished_cases(config, provenance) < config.cases or config.parts.exists():
        with _claimed(config.parts):
            plan = _plan(config, provenance, _finished_cases(config, provenance))
            with _sentences(config, plan), _executor(config, executor) as workers:
                _compute_missing(plan, workers, progress or _no_progress, ended)
            with _sentences(config, plan):
                _join_parts(plan, progress or _no_progress, ended)
            shutil.rmtree(config.parts)
    return GenerationReport(
        out=config.out, cases=config.cases, computed=ended.total(), ended=dict(ended), seconds=time.monotonic() - began
    )


def _require_drawn(config: SimulateConfig, simulator: Simulator) -> None:
    """Refuse settings of what the simulator is not asked about, and slabs that cannot be drawn for it."""
    drawn = {
        Subject.AIRFOIL: {"shapes": config.shapes == ShapeMix(), "conditions": config.conditions == ConditionRanges()},
        Subject.SLAB: {"slabs": config.slabs == SlabMix()},
    }
    for about, usual in drawn.items():
        told = [name for name, unsaid in usual.items() if not unsaid]
        if told and simulator.about is not about:
            raise ValueError(
                f"expected a simulator of {about}s ({', '.join(names_about(about))}, or {own_words(about)}) for the "
                f"settings {' and '.join(told)}; got {simulator.name}, which answers {simulator.about}s: name one as "
                "simulator, or leave the settings out"
            )
    if isinstance(simulator, SlabSimulator) and config.structures is None:
        draw_slabs(config.slabs, simulator.constants, config.seed, 0, 1, each=config.cases_per_shape)


def _usual_chunk(simulator: Simulator) -> int:
    return 2 * simulator.at_once if simulator.at_once > 1 else 1


def compute(config: SimulateConfig, start: int, stop: int, simulator: Simulator) -> Rows:
    """The cases start .. stop - 1 of the design, asked and answered; a pure function of its arguments.

    A case that cannot be answered is a row with its status and a sentence, whatever went wrong. Conditions that the
    simulator does not hear have their usual values.
    """
    numbers = np.arange(start, stop)
    table, subject, inputs = _drawn(config, start, stop, simulator)
    case = table.case(subject, inputs)
    solution = _answer(simulator, case)
    fields: dict[str, Array | Ragged] = {}
    if isinstance(case, AirfoilCase):
        fields |= _columns(simulator, solution, Place.NODE, tuple(case.coordinates.shape[:2]))
    if isinstance(solution, SlabSolution):
        fields["relaxed"] = Ragged.of([np.empty((0, 3)) if one is None else one for one in solution.positions])
    grid: dict[str, Array] = {}
    if config.fields:
        grid, flows = flow_columns([solution.flow_field(row) for row in range(len(case))], simulator.fields)
        fields |= flows
    return Rows(
        table=table,
        case=numbers,
        subject=subject,
        inputs=inputs,
        outputs=_columns(simulator, solution, Place.CASE, (len(case),)),
        fields=fields,
        grid=grid,
        status=solution.status,
        message=solution.message,
    )


def _drawn(
    config: SimulateConfig, start: int, stop: int, simulator: Simulator
) -> tuple[SubjectTable, Array, dict[str, Array]]:
    """What the cases start .. stop - 1 are about, which of it each is about, and its conditions."""
    each = config.cases_per_shape
    if config.structures is not None:
        return structures_of(config.structures, start, stop), np.arange(stop - start), {}
    if isinstance(simulator, SlabSimulator):
        table = draw_slabs(config.slabs, simulator.constants, config.seed, start, stop, each=each)
        return table, np.arange(stop - start), {}
    first, last = start // each, (stop - 1) // each
    shapes = draw_shapes(config.shapes, config.seed, first, last + 1)
    inputs = {
        **conditions(config.conditions, config.sampler, config.seed, start, stop, total=config.cases),
        **{name: np.full(stop - start, USUAL[name]) for name in simulator.unheard},
    }
    return shapes, np.arange(start, stop) // each - first, inputs


def _answer(simulator: Simulator, case: Case) -> Solution:
    """The answer to a batch; should the simulator raise, against its promise, each case is asked alone."""
    try:
        with torch.no_grad():
            return simulator.predict(case)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if len(case) == 1:
            _LOGGER.warning("the simulator raised on a case, which is stored as failed", exc_info=error)
            message = f"the simulator raised {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            return Solution(values={}, status=(Status.FAILED,), message=(message,))
    return Solution.joined([_answer(simulator, one) for one in case.chunks(1)])


def _columns(simulator: Simulator, solution: Solution, place: Place, missing: tuple[int, ...]) -> dict[str, Array]:
    """Every quantity that the simulator declares for this place, NaN of the shape `missing` where it has none."""
    names = [name for name in simulator.quantities if quantity(name).place is place]
    blank = torch.full(missing, torch.nan)
    return {name: solution.values.get(name, blank).detach().cpu().numpy() for name in names}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The chunks of a run: cases first .. config.cases - 1, `chunk` at a time. Stored beside the parts."""

    config: SimulateConfig
    provenance: Provenance
    first: int
    chunk: int

    @property
    def starts(self) -> range:
        return range(self.first, self.config.cases, self.chunk)

    def stop(self, start: int) -> int:
        return min(start + self.chunk, self.config.cases)

    def part(self, start: int) -> Path:
        return self.config.parts / part_name(start)

    def stored(self) -> int:
        """Cases on the disk, those of an earlier, smaller data set included."""
        return self.first + sum(self.stop(start) - start for start in self.starts if self.part(start).exists())


def _provenance(config: SimulateConfig, simulator: Simulator) -> Provenance:
    return replace(
        Provenance.of(simulator, planned=config.cases),
        design=config.design(simulator.about) | _constants(config, simulator),
        sampler=str(config.sampler),
        seed=config.seed,
        forces=simulator.forces_from_fields if config.fields else simulator.forces,
    )


def _constants(config: SimulateConfig, simulator: Simulator) -> dict[str, Any]:
    """Lattice constants at which slabs are drawn [Å]."""
    if not isinstance(simulator, SlabSimulator) or config.structures is not None:
        return {}
    return {"constants": {metal: simulator.constants[metal] for metal in config.slabs.metals}}


def _finished_cases(config: SimulateConfig, provenance: Provenance) -> int:
    """Cases in the finished file, 0 if there is none; refuses a file of another design."""
    if not config.out.exists():
        return 0
    with opened(config.out) as file:
        stored = Provenance.from_attributes(file.attrs)
    asked = provenance.decisive
    if config.sampler == Sampler.SOBOL and stored.planned <= config.cases:
        asked["cases"] = stored.planned  # a Sobol sequence goes on where it stopped
    _require_same(config.out, stored.decisive, asked)
    return stored.planned


def _plan(config: SimulateConfig, provenance: Provenance, finished: int) -> _Plan:
    """The plan that lies beside the parts, or a new one; clears what a kill left half-done, refuses another design."""
    path = config.parts / _PLAN
    stored = json.loads(path.read_text()) if path.exists() else None
    if stored is not None and stored["first"] < finished:
        for leftover in config.parts.glob("*.h5"):  # joined already; the kill came before they were removed
            leftover.unlink()
        path.unlink()
        stored = None
    if stored is None:
        stored = {"first": finished, "chunk": config.chunk, "decisive": provenance.decisive}
        write_bytes(path, json.dumps(stored, indent=1).encode())
    _require_same(config.parts, stored["decisive"], provenance.decisive)
    for half_written in [
        *config.parts.glob(f"*{TEMPORARY}"),
        *config.out.parent.glob(f"{config.out.name}.*{TEMPORARY}"),
    ]:
        half_written.unlink()
    return _Plan(config=config, provenance=provenance, first=stored["first"], chunk=stored["chunk"])


def _require_same(place: Path, stored: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    found = differences(stored, asked)
    if found:
        raise ResumeError(
            f"{place} was begun with other settings ({'; '.join(found)}); "
            "ask for the same again, choose another destination, or delete it"
        )


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Sole possession of the folder; the system ends it with this process, however that ends."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResumeError(f"another run is writing {folder}; wait for it, or choose another destination") from error
        if not folder.exists() or os.stat(folder).st_ino != os.fstat(descriptor).st_ino:
            raise ResumeError(f"another run has just finished with {folder}; run the same command again")
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _executor(config: SimulateConfig, given: Executor | None) -> Iterator[Executor]:
    if given is not None:
        yield given
    elif config.workers == 1:
        yield InThisProcess()
    else:
        with SpawnedProcesses(config.workers) as pool:
            yield pool


def _compute_missing(
    plan: _Plan, executor: Executor, progress: Callable[[Progress], None], ended: Counter[Status]
) -> None:
    """Compute the chunks that are not stored, one a worker, so that Ctrl-C need not wait for a queue."""
    missing = deque(start for start in plan.starts if not plan.part(start).exists())
    stored = plan.stored()
    running: set[Future[Counter[Status]]] = set()
    try:
        while missing or running:
            while missing and len(running) < plan.config.workers:
                running.add(executor.submit(_store_chunk, plan, missing.popleft()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                ended.update(future.result())
            progress(
                Progress(doing="simulating", done=stored + ended.total(), total=plan.config.cases, ended=dict(ended))
            )
    finally:
        wait(running)  # empty, unless interrupted: what is under way is worth storing


def _store_chunk(plan: _Plan, start: int) -> Counter[Status]:
    """Compute one chunk and store it; runs in a worker."""
    keep_to_one_thread()
    rows = compute(plan.config, start, plan.stop(start), _simulator_here(plan.config.simulator))
    write(plan.part(start), rows, plan.provenance)
    return Counter(rows.status)


_simulator_here = lru_cache(maxsize=1)(simulator_named)  # one for each process: it may load tables or start a program


def _join_parts(plan: _Plan, progress: Callable[[Progress], None], ended: Mapping[Status, int]) -> None:
    if plan.first == plan.config.cases:
        return
    sources = [plan.config.out] * bool(plan.first) + [plan.part(start) for start in plan.starts]
    commits: set[str] = set()
    for source in sources:
        with opened(source) as file:
            commits.update(str(file.attrs["commit"]).split(", "))
    whole = replace(plan.provenance, commit=", ".join(sorted(commits)))

    def note(done: int) -> None:
        progress(Progress(doing="joining", done=done, total=len(sources), ended=ended))

    join(sources, plan.config.out, whole, progress=note)


@contextmanager
def _sentences(config: SimulateConfig, plan: _Plan) -> Iterator[None]:
    """Whatever ends the run says how much is stored and that the same command goes on."""

    def go_on() -> str:
        return f"{plan.stored()} of {config.cases} cases are stored; run the same command again to go on"

    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped: {go_on()}") from None
    except DiskFullError as error:
        raise DiskFullError(
            error.errno, f"no room left in {config.out.parent} ({os.strerror(error.errno or 0)}): {go_on()}"
        ) from error
    except BrokenExecutor as error:
        raise ChildProcessError(
            f"a worker process died, perhaps for lack of memory (use fewer workers): {go_on()}"
        ) from error


def _no_progress(progress: Progress) -> None:
    """Nobody is watching."""
