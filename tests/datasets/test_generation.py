"""Data generation: pure in the case number, parallel, and unharmed by kills, Ctrl-C, full disks and lost workers."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from understudy.datasets import generation
from understudy.datasets.checker import check
from understudy.datasets.generation import Progress, ResumeError, SimulateConfig, compute, generate
from understudy.datasets.provenance import code_commit
from understudy.datasets.reader import DataSet, load
from understudy.datasets.records import Rows
from understudy.datasets.sampling import ConditionRanges, Sampler
from understudy.datasets.shape_sampling import ShapeMix
from understudy.datasets.slab_sampling import SlabMix
from understudy.datasets.synthetic import THIN_AIRFOIL, ThinAirfoilTheory
from understudy.datasets.whole_files import DiskFullError
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status

SMALL = ShapeMix(nodes=40)


def config(out: Path, **change: object) -> SimulateConfig:
    standard = {"simulator": THIN_AIRFOIL, "cases": 120, "chunk": 16, "seed": 5, "shapes": SMALL}
    return SimulateConfig(out=out, **(standard | change))


def contents(data: DataSet) -> dict[str, object]:
    """Everything that is stored for the rows, in the order of the cases."""
    order = data.case_numbers.argsort()
    columns = {f"inputs/{name}": values[order] for name, values in data.inputs.items()}
    columns |= {f"outputs/{name}": values[order] for name, values in data.outputs.items()}
    columns |= {f"fields/{name}": data.field(name)[order] for name in data.field_names}
    shapes = [data.subject_names[shape] for shape in data.subject[order].tolist()]
    told = [(data.status[row], data.message[row]) for row in order.tolist()]
    return {"case": data.case_numbers[order], "xy": data.coordinates()[order], "shape": shapes, "told": told, **columns}


def assert_same(one: Path, other: Path) -> None:
    """Equal to rounding, which depends on the chunk that a case was computed in."""
    expected, found = (contents(load(path)) for path in (one, other))
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        if isinstance(values, torch.Tensor):
            torch.testing.assert_close(found[name], values, rtol=1e-6, atol=1e-12, equal_nan=True)
        else:
            assert found[name] == values


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "data.h5"
    generate(config(out))
    return out


class Recorder(ThinAirfoilTheory):
    """Notes each case it is asked, by its Reynolds number, and interrupts the run before a certain call."""

    asked: ClassVar[list[float]] = []
    calls_until_interruption: ClassVar[int] = -1

    def predict(self, case: AirfoilCase) -> Solution:
        Recorder.calls_until_interruption -= 1
        if Recorder.calls_until_interruption == 0:
            raise KeyboardInterrupt
        Recorder.asked += case.reynolds.tolist()
        return super().predict(case)


class Raising(ThinAirfoilTheory):
    """Breaks the promise of a simulator: raises if any Mach number of the batch is above 0.25."""

    def predict(self, case: AirfoilCase) -> Solution:
        if (case.mach > 0.25).any():
            raise RuntimeError("matrix is\nsingular")
        return super().predict(case)


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a child process that does not return here; its number."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    return child


def test_cases_are_pure_in_their_number(tmp_path: Path):
    """Cut the design anywhere: the same conditions; shapes and answers to rounding, which depends on the batch."""
    chosen = config(tmp_path / "x.h5")
    whole = compute(chosen, 0, 60, ThinAirfoilTheory())
    part = compute(chosen, 13, 38, ThinAirfoilTheory())
    for name in ("alpha", "reynolds"):
        np.testing.assert_array_equal(part.inputs[name], whole.inputs[name][13:38])
    np.testing.assert_allclose(part.outputs["cl"], whole.outputs["cl"][13:38], rtol=0, atol=1e-12)
    np.testing.assert_allclose(part.fields["cp"], whole.fields["cp"][13:38], rtol=1e-10)

    def shapes_of(rows: Rows) -> np.ndarray:
        return rows.table.coordinates[rows.subject]

    np.testing.assert_allclose(shapes_of(part), shapes_of(whole)[13:38], rtol=0, atol=1e-14)
    assert part.status == whole.status[13:38]


def test_failed_cases_are_rows(unbroken: Path):
    data = load(unbroken)
    assert data.case_numbers.tolist() == list(range(120))
    assert set(data.status) == {Status.OK, Status.REFUSED, Status.NOT_CONVERGED}
    assert data.outputs["cl"].isfinite().equal(data.ok)
    assert all(
        bool(message) != (status is Status.OK) for message, status in zip(data.message, data.status, strict=True)
    )
    assert check(unbroken) == []


def test_consecutive_cases_share_a_shape(unbroken: Path):
    shapes = load(unbroken).subject.reshape(-1, 8)
    assert (shapes == shapes[:, :1]).all()
    assert len(shapes.unique()) == 15


def test_a_second_run_computes_nothing(unbroken: Path):
    before = unbroken.stat()
    report = generate(config(unbroken))
    assert report.computed == 0
    assert "nothing left to do" in report.text()
    assert unbroken.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("call", range(1, 9))
def test_no_case_is_computed_twice_and_ctrl_c_says_what_is_stored(tmp_path: Path, unbroken: Path, call: int):
    recording = config(tmp_path / "data.h5", simulator=f"{__name__}:Recorder")
    Recorder.asked, Recorder.calls_until_interruption = [], call
    with pytest.raises(
        KeyboardInterrupt, match=rf"stopped: {16 * (call - 1)} of 120 cases are stored; run the same command again"
    ):
        generate(recording)
    if call > 1:
        assert check(recording.out) == []
        assert len(load(recording.out)) == 16 * (call - 1)
    generate(recording)
    assert len(Recorder.asked) == len(set(Recorder.asked)) == 120
    assert_same(unbroken, recording.out)


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, unbroken: Path):
    """SIGKILL, again and again; some kills come before anything is stored."""
    chosen = config(tmp_path / "data.h5", chunk=4)
    code_commit()  # asking the repository takes longer than the rest: children inherit the answer
    moments = random.Random(1)
    seen: dict[str, tuple[int, int]] = {}
    for _ in range(12):
        child = forked(lambda: generate(chosen))
        time.sleep(moments.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if chosen.out.exists() or list(chosen.parts.glob("*.h5")):
            assert check(chosen.out) == []
            assert len(load(chosen.out)) >= 4 * len(seen)
        if not chosen.out.exists():
            parts = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in chosen.parts.glob("*.h5")}
            assert seen.items() <= parts.items()  # what was stored is there, untouched
            seen = parts
    generate(chosen)
    assert [path.name for path in tmp_path.iterdir()] == ["data.h5"]
    assert check(chosen.out) == []
    assert_same(unbroken, chosen.out)


@pytest.mark.parametrize("call", ["replace", "fsync", "unlink"])
def test_a_kill_at_every_step_of_writing_loses_nothing(tmp_path: Path, unbroken: Path, call: str):
    """The process kills itself before its first, second, ... flush, renaming or removal of a file."""
    code_commit()
    survived, step = False, 0
    while not survived:
        chosen = config(tmp_path / f"{step}.h5", chunk=60)

        def killed_at_step(chosen: SimulateConfig = chosen, step: int = step) -> None:
            steps, original = iter(range(1000)), getattr(os, call)

            def kill_or_go_on(*arguments: object, **named: object) -> object:
                if next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*arguments, **named)

            setattr(os, call, kill_or_go_on)
            generate(chosen)

        _, status = os.waitpid(forked(killed_at_step), 0)
        survived = os.WIFEXITED(status)
        if chosen.out.exists() or list(chosen.parts.glob("*.h5")):
            assert check(chosen.out) == []
        generate(chosen)
        assert_same(unbroken, chosen.out)
        assert not list(tmp_path.glob("*.parts"))
        assert not list(tmp_path.glob("*.writing"))
        step += 1
    assert step > 3


def test_a_kill_between_joining_and_tidying_up_is_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Path
):
    chosen = config(tmp_path / "data.h5")

    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(generation.shutil, "rmtree", killed)
    with pytest.raises(SystemExit):
        generate(chosen)
    assert chosen.parts.exists()
    assert len(load(chosen.out)) == 120  # the parts are not read beside the file that holds their rows
    assert check(chosen.out) == []
    monkeypatch.undo()
    assert generate(chosen).computed == 0
    assert not chosen.parts.exists()
    assert_same(unbroken, chosen.out)


def test_a_sobol_data_set_grows(tmp_path: Path, unbroken: Path):
    out = tmp_path / "data.h5"
    generate(config(out, cases=45, chunk=16))
    report = generate(config(out, cases=120, chunk=32))
    assert report.computed == 75
    assert check(out) == []
    assert_same(unbroken, out)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": 6}, r"begun with other settings \(seed is 5, asked 6\)"),
        ({"conditions": ConditionRanges(mach=(0.0, 0.3))}, r"conditions.mach is \[0.0, 0.5\], asked \[0.0, 0.3\]"),
        ({"shapes": ShapeMix(nodes=42)}, "shapes.nodes is 40, asked 42"),
        ({"cases": 100}, "cases is 120, asked 100"),
        ({"sampler": Sampler.LATIN_HYPERCUBE}, "sampler is sobol, asked latin-hypercube"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_design_is_refused(
    tmp_path: Path, unbroken: Path, change: dict[str, object], sentence: str, finished: bool
):
    out = unbroken if finished else tmp_path / "data.h5"
    if not finished:
        Recorder.calls_until_interruption = 3
        with pytest.raises(KeyboardInterrupt):
            generate(config(out, simulator=f"{__name__}:Recorder"))
        change = change | {"simulator": f"{__name__}:Recorder"}
    with pytest.raises(ResumeError, match=sentence):
        generate(config(out, **change))


def test_a_latin_hypercube_does_not_grow(tmp_path: Path):
    out = tmp_path / "data.h5"
    generate(config(out, cases=16, sampler=Sampler.LATIN_HYPERCUBE))
    with pytest.raises(ResumeError, match="cases is 16, asked 32"):
        generate(config(out, cases=32, sampler=Sampler.LATIN_HYPERCUBE))


def test_two_runs_at_once_are_refused(tmp_path: Path):
    chosen = config(tmp_path / "data.h5")

    def second_run(_: Progress) -> None:
        with pytest.raises(ResumeError, match="another run is writing"):
            generate(chosen)

    generate(chosen, progress=second_run)
    assert check(chosen.out) == []


def test_a_simulator_that_raises_costs_only_the_rows_that_made_it(tmp_path: Path):
    out = tmp_path / "data.h5"
    generate(config(out, simulator=f"{__name__}:Raising", cases=32))
    data = load(out)
    culprits = data.inputs["mach"] > 0.25
    assert [status is Status.FAILED for status in data.status] == culprits.tolist()
    row = int(culprits.nonzero()[0])
    assert data.message[row] == "the simulator raised RuntimeError: matrix is singular"
    assert check(out) == []


def test_any_executor_computes_the_same(tmp_path: Path, unbroken: Path):
    with ThreadPoolExecutor(2) as pool:
        generate(config(tmp_path / "data.h5", workers=2), executor=pool)
        assert pool.submit(int, "7").result() == 7  # it is left running
    assert_same(unbroken, tmp_path / "data.h5")


def test_a_lost_worker_is_one_sentence(tmp_path: Path):
    class Losing(Executor):
        def submit(self, function, /, *arguments, **named):
            future: Future = Future()
            future.set_exception(BrokenProcessPool("a child process terminated abruptly"))
            return future

    with pytest.raises(
        ChildProcessError, match=r"a worker process died, perhaps for lack of memory .*: 0 of 120 cases"
    ):
        generate(config(tmp_path / "data.h5"), executor=Losing())


@pytest.mark.parametrize(("limit", "stored"), [(10_000, 0), (120_000, 120)])
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    tmp_path: Path, unbroken: Path, capfd: pytest.CaptureFixture[str], limit: int, stored: int
):
    """The limit is met by the first part (10 kB), or by the whole that is joined from parts that fit (120 kB)."""
    chosen = config(tmp_path / "data.h5")

    def without_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        generate(chosen)

    _, status = os.waitpid(forked(without_room), 0)
    assert os.waitstatus_to_exitcode(status) == 1
    told = capfd.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert told[0].startswith("DiskFullError: [Errno 27] no room left in ")
    assert told[0].endswith(f"(File too large): {stored} of 120 cases are stored; run the same command again to go on")
    assert not list(tmp_path.rglob("*.writing"))
    assert generate(chosen).computed == 120 - stored
    assert_same(unbroken, chosen.out)


def test_no_space_in_the_middle_of_a_file(tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = config(tmp_path / "data.h5")
    flushes = iter(range(1000))
    flush = os.fsync

    def full_after_a_while(descriptor: int) -> None:
        if next(flushes) == 7:
            raise OSError(28, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full_after_a_while)
    with pytest.raises(
        DiskFullError, match=r"no room left in .* \(No space left on device\): \d+ of 120 cases are stored"
    ):
        generate(chosen)
    monkeypatch.undo()
    generate(chosen)
    assert_same(unbroken, chosen.out)


def test_progress_counts_every_case(tmp_path: Path):
    seen: list[Progress] = []
    generate(config(tmp_path / "data.h5"), progress=seen.append)
    simulating = [progress for progress in seen if progress.doing == "simulating"]
    assert [progress.done for progress in simulating] == [16, 32, 48, 64, 80, 96, 112, 120]
    assert sum(simulating[-1].ended.values()) == 120
    assert seen[-1].doing == "joining"
    assert seen[-1].done == seen[-1].total == 8


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cases": 0}, "cases must be at least 1; got 0"),
        ({"workers": 0}, "workers must be at least 1; got 0"),
        ({"seed": -1}, "seed must not be negative; got -1"),
        ({"chunk": -1}, "chunk must not be negative; got -1"),
        ({"sampler": "halton"}, "sampler must be one of sobol, latin-hypercube; got 'halton'"),
        (
            {"structures": Path("mine.extxyz"), "slabs": SlabMix(metals=("Cu",))},
            r"expected slabs to draw \(\[slabs\]\) or a file of them; got both, the file mine.extxyz",
        ),
    ],
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_impossible_settings_are_refused(tmp_path: Path, change: dict[str, object], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        config(tmp_path / "data.h5", **change)


PARALLEL = """
import sys
from pathlib import Path
from typing import ClassVar
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.shape_sampling import ShapeMix
from understudy.datasets.synthetic import THIN_AIRFOIL

if __name__ == "__main__":
    try:
        generate(SimulateConfig(out=Path(sys.argv[1]), simulator=THIN_AIRFOIL, cases=int(sys.argv[2]), chunk=4, seed=5,
                                shapes=ShapeMix(nodes=40), workers=2))
    except KeyboardInterrupt as stop:
        sys.exit(str(stop))
"""


def start_parallel(tmp_path: Path, cases: int) -> subprocess.Popen[str]:
    script = tmp_path / "run.py"
    script.write_text(PARALLEL)
    command = [sys.executable, "-P", str(script), str(tmp_path / "data.h5"), str(cases)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_parts(parts: Path, more_than: int, run: subprocess.Popen[str]) -> None:
    while len(list(parts.glob("*.h5"))) <= more_than and run.poll() is None:
        time.sleep(0.01)


@pytest.mark.slow
def test_spawned_workers_end_with_a_killed_parent_and_a_second_run_finishes(tmp_path: Path):
    reference = config(tmp_path / "reference.h5", cases=600, chunk=4)
    generate(reference)
    out, parts = tmp_path / "data.h5", tmp_path / "data.h5.parts"
    moments = random.Random(2)
    for _ in range(2):
        stored = len(list(parts.glob("*.h5")))
        run = start_parallel(tmp_path, 600)
        wait_for_parts(parts, stored, run)
        time.sleep(moments.uniform(0, 0.2))
        run.kill()
        run.wait()
        time.sleep(0.5)
        left = {path.name for path in parts.glob("*.h5")}
        time.sleep(1.0)
        assert {path.name for path in parts.glob("*.h5")} == left  # no orphan goes on
        assert len(left) > stored
        assert check(out) == []
    run = start_parallel(tmp_path, 600)
    assert run.wait() == 0
    assert_same(reference.out, out)


@pytest.mark.slow
def test_ctrl_c_with_spawned_workers_is_one_sentence(tmp_path: Path):
    run = start_parallel(tmp_path, 4000)
    wait_for_parts(tmp_path / "data.h5.parts", 2, run)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the run and its workers
    _, told = run.communicate(timeout=60)
    assert run.returncode == 1
    assert told.count("\n") == 1
    stored = len(load(tmp_path / "data.h5"))
    assert told.strip() == f"stopped: {stored} of 4000 cases are stored; run the same command again to go on"
    assert check(tmp_path / "data.h5") == []
