"""Ctrl-C, SIGTERM and a full disk in every long command: one sentence, an exit code, nothing lost that was finished."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.datasets.synthetic import THIN_AIRFOIL, ThinAirfoilTheory
from understudy.surrogate import training
from understudy.surrogate.surrogate import Surrogate

Stop = Callable[[object, str, int], None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stop]:
    """Let Ctrl-C come during a certain call of a method, also where these tests run in the background of a shell."""

    def stop(owner: object, method: str, call: int) -> None:
        calls = iter(range(1, 10**9))
        original = getattr(owner, method)

        def interrupted(*words: Any, **named: Any) -> Any:
            if next(calls) == call:
                signal.raise_signal(signal.SIGINT)
            return original(*words, **named)

        monkeypatch.setattr(owner, method, interrupted)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield stop
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 200 cases that is answered 20 at a time."""
    monkeypatch.setattr("understudy.answers.AT_ONCE", 20)
    file = tmp_path / "cases.csv"
    file.write_text("airfoil,alpha_deg,reynolds\n" + "".join(f"naca0012,{row % 9},1e6\n" for row in range(200)))
    return file


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> Path:
    """A training of two epochs."""
    file = tmp_path / "train.toml"
    file.write_text(
        f'data = ["{data}"]\nout = "{tmp_path / "run"}"\n[shares]\ncalibration = 0.3\n'
        "[surrogate]\nmembers = 1\n[surrogate.training]\nepochs = 2\n"
        '[surrogate.training.network]\nkind = "convolution"\nchannels = [4, 6, 8]\nblocks = [0, 1, 1]\nhidden = 12\n'
    )
    return file


def simulate(out: Path) -> tuple[str | Path, ...]:
    return ("simulate", "--simulator", THIN_AIRFOIL, "--cases", "120", "--chunk", "40", "--out", out)


def in_background(*words: str) -> subprocess.Popen[str]:
    """A command as a shell without job control starts it in the background: deaf to Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", "understudy", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )


def stopped(job: subprocess.Popen[str], number: signal.Signals, folder: Path, file: str) -> tuple[int, str]:
    """Exit code and standard error of a job that is sent a signal once it has written a file."""
    while not list(folder.glob(file)) and job.poll() is None:
        time.sleep(0.05)
    job.send_signal(number)
    _, err = job.communicate(timeout=60)
    return job.returncode, err


def last_line(told: str) -> str:
    assert "Traceback" not in told
    return told.splitlines()[-1]


def test_interrupted_simulate_goes_on(understudy, tmp_path, interrupt):
    interrupt(ThinAirfoilTheory, "predict", 3)
    code, _, err = understudy(*simulate(tmp_path / "cases.h5"))
    assert code == 130
    assert last_line(err) == "understudy: stopped: 80 of 120 cases are stored; run the same command again to go on"
    assert "this run computed 40" in understudy(*simulate(tmp_path / "cases.h5"))[1]


def test_interrupted_train_goes_on(understudy, settings, tmp_path, interrupt):
    interrupt(training._Run, "_descend", 7)
    code, _, err = understudy("train", settings)
    assert code == 130
    kept = f"the training so far is kept in {tmp_path / 'run'}; run the same command again to go on"
    assert last_line(err) == f"understudy: stopped: {kept}"
    assert (tmp_path / "run" / "member-0" / "state.pt").is_file()
    assert understudy("train", settings)[0] == 0


def test_interrupted_predict_goes_on(understudy, thin, cases, tmp_path, interrupt):
    interrupt(sys.modules["understudy.answers"], "answer_rows", 4)
    words = ("predict", "--cases", cases, "--out", tmp_path / "a.csv", "--by", thin)
    code, _, err = understudy(*words)
    assert code == 130
    kept = f"60 of 200 rows are kept in {tmp_path / 'a.csv.part'}; run the same command again to go on"
    assert last_line(err) == f"understudy: stopped: {kept}"
    assert understudy(*words)[:2] == (0, f"{tmp_path / 'a.csv'}: 200 ok\n")


@pytest.mark.usefixtures("closed_form")
def test_interrupted_search_goes_on(understudy, problem, tmp_path, interrupt, flown):
    words = ("design", problem, "--out", tmp_path / "run", "--by", "viscous")
    interrupt(flown, "predict", 3)
    code, _, err = understudy(*words)
    assert code == 130
    kept = f"the search so far is kept in {tmp_path / 'run'}; run the same command again to go on"
    assert last_line(err) == f"understudy: stopped: {kept}"
    assert (tmp_path / "run" / "history-0.jsonl").read_text().count("\n") >= 1
    assert understudy(*words)[0] == 0


@pytest.mark.usefixtures("closed_form")
def test_interrupted_rounds_go_on(understudy, problem, checkpoint, tmp_path, interrupt, flown):
    """The judge flies the design, its polar, and then the shapes near it, during which Ctrl-C comes."""
    problem.write_text(problem.read_text().replace("iterations = 20", "iterations = 3"))
    words = ("design", problem, "--out", tmp_path / "run", "--by", checkpoint, "--judge", "xfoil", "--rounds", "1")
    interrupt(flown, "predict", 3)
    code, _, err = understudy(*words)
    assert code == 130
    assert "run the same command again to go on" in last_line(err)
    round_0 = (tmp_path / "run" / "round-0.json").read_bytes()
    assert understudy(*words)[0] == 1  # the judge finds another moment than the surrogate learnt
    assert (tmp_path / "run" / "round-0.json").read_bytes() == round_0
    assert {"labels-0.npz", "round-1.json", "design.json"} <= {file.name for file in (tmp_path / "run").iterdir()}


@pytest.mark.usefixtures("closed_form")
def test_interrupted_verify_leaves_the_design(understudy, problem, tmp_path, interrupt, flown):
    understudy("design", problem, "--out", tmp_path / "run", "--by", "viscous")
    before = {file.name for file in (tmp_path / "run").iterdir()}
    interrupt(flown, "predict", 1)
    code, _, err = understudy("verify", tmp_path / "run", "--by", "viscous")
    assert (code, err) == (130, "understudy: stopped; run the same command again\n")
    assert {file.name for file in (tmp_path / "run").iterdir()} == before


def test_interrupted_evaluate_is_one_sentence(understudy, data, checkpoint, tmp_path, interrupt):
    interrupt(Surrogate, "predict", 2)
    code, out, err = understudy("evaluate", data, "--by", checkpoint, "--rows", "all", "--out", tmp_path / "e.json")
    assert (code, out) == (130, "")
    assert last_line(err) == "understudy: stopped; run the same command again"
    assert not (tmp_path / "e.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_in_the_background_of_a_shell_can_be_stopped(tmp_path, number):
    """Where the shell made it deaf to Ctrl-C, and by what a batch system sends."""
    job = in_background(*(str(word).replace("120", "10000") for word in simulate(tmp_path / "cases.h5")))
    code, err = stopped(job, number, tmp_path, "cases.h5.parts/*.h5")
    assert code == 130
    assert "of 10000 cases are stored; run the same command again to go on" in last_line(err)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_members_that_train_side_by_side_all_save_their_states(settings, tmp_path, number):
    """Only the command itself is told to stop; the processes of the members hear of it from there."""
    job = in_background("train", str(settings), "--epochs", "1000", "--members", "2", "--processes", "2")
    code, err = stopped(job, number, tmp_path, "run/member-1/log.csv")
    assert code == 130
    assert "the training so far is kept" in last_line(err)
    for member in (tmp_path / "run").glob("member-*"):
        assert torch.load(member / "state.pt", weights_only=True)["progress"]["step"] > 0


def test_simulate_without_room_goes_on(understudy, tmp_path, room):
    with room(10_000):
        code, _, err = understudy(*simulate(tmp_path / "cases.h5"))
    assert code == 1
    assert last_line(err) == (
        f"understudy: no room left in {tmp_path} (File too large): 0 of 120 cases are stored; "
        "run the same command again to go on"
    )
    assert understudy(*simulate(tmp_path / "cases.h5"))[0] == 0


def no_room_for(name: str) -> str:
    rest = "nothing finished is lost: free some space and run the same command again"
    return f"understudy: no room left to write {name} (File too large); {rest}"


def test_predict_without_room_goes_on(understudy, thin, cases, tmp_path, room):
    words = ("predict", "--cases", cases, "--by", thin, "--out")
    understudy(*words, tmp_path / "whole.csv")
    with room(5000):
        code, _, err = understudy(*words, tmp_path / "a.csv")
    assert (code, last_line(err)) == (1, no_room_for("a.csv.part"))
    kept = (tmp_path / "a.csv.part").read_bytes()
    assert kept.count(b"\n") > 40
    with room(1000):  # worse: not even the rows that are kept could be written again
        assert understudy(*words, tmp_path / "a.csv")[0] == 1
    assert (tmp_path / "a.csv.part").read_bytes() == kept
    assert understudy(*words, tmp_path / "a.csv")[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_train_without_room_goes_on(understudy, settings, tmp_path, room):
    with room(10_000):
        code, _, err = understudy("train", settings)
    assert (code, last_line(err)) == (1, no_room_for("state.pt"))
    assert understudy("train", settings)[0] == 0


@pytest.mark.usefixtures("closed_form")
def test_design_without_room_goes_on(understudy, problem, tmp_path, room):
    words = ("design", problem, "--out", tmp_path / "run", "--by", "viscous")
    for size, name in (
        (500, "problem.toml"),
        (10_000, "promise-0.json"),
        (30_000, "round-0.json"),
        (60_000, "report.html"),
    ):
        with room(size):
            code, _, err = understudy(*words)
        assert (code, last_line(err)) == (1, no_room_for(name))
        assert not (tmp_path / "run" / name).exists()
    assert understudy(*words)[0] == 0


@pytest.mark.usefixtures("closed_form")
def test_verify_and_evaluate_without_room_keep_what_was_there(understudy, problem, data, checkpoint, tmp_path, room):
    understudy("design", problem, "--out", tmp_path / "run", "--by", "viscous")
    figures = tmp_path / "figures.json"
    figures.write_text("figures of before")
    with room(1000):
        code, _, err = understudy("verify", tmp_path / "run", "--by", "viscous")
        assert (code, last_line(err)) == (1, no_room_for("verified-closed-form.json"))
        code, _, err = understudy("evaluate", data, "--by", checkpoint, "--rows", "all", "--out", figures)
        assert (code, last_line(err)) == (1, no_room_for("figures.json"))
    assert figures.read_text() == "figures of before"


def test_pictures_and_exports_without_room_are_one_sentence(understudy, thin, data, tmp_path, room):
    words = ("predict", "naca0012", "--alpha", "0:4:2", "--by", thin)
    with room(600):
        for option, name in (("--plot", "p.png"), ("--xfoil-polar", "p.txt")):
            code, _, err = understudy(*words, option, tmp_path / name)
            assert (code, last_line(err)) == (1, no_room_for(name))
        for option, name in (("--csv", "d.csv"), ("--vtk", "v")):
            code, out, err = understudy("data", "export", data, option, tmp_path / name)
            assert (code, out) == (1, "")
            assert last_line(err) == no_room_for("d.csv" if option == "--csv" else "case-0000000000.vtp")
