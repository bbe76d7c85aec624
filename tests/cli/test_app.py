import resource
import subprocess
import sys

import pytest

COMMANDS = ("simulate", "data", "train", "evaluate", "predict", "show", "design", "verify")


def test_every_command_is_listed(understudy):
    code, out, _ = understudy("--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_never_waits_for_torch(command: str):
    program = (
        "import sys\nfrom understudy.cli.app import run\n"
        f"run(['{command}', '--help'])\nsys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_help_takes_less_than_half_a_second(command: list[str]):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "understudy", *command, "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # of the processor: the clock on the wall would also measure what else the machine is doing
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_unknown_flag_is_one_sentence(understudy):
    code, out, err = understudy("predict", "naca0012", "--angle", "3")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--angle" in err


def test_interrupt_is_one_sentence(understudy, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt("stopped: 3 of 9 rows are kept")

    monkeypatch.setattr("understudy.cli.app.app", stopped)
    code, _, err = understudy("predict")
    assert code == 130
    assert err == "understudy: stopped: 3 of 9 rows are kept\n"


def test_defect_says_how_to_find_it(understudy, monkeypatch):
    def broken(*_, **__):
        raise KeyError("cl")

    monkeypatch.setattr("understudy.cli.app.app", broken)
    code, _, err = understudy("predict")
    assert code == 1
    assert "defect of understudy, KeyError" in err
    assert "UNDERSTUDY_TRACEBACK=1" in err
