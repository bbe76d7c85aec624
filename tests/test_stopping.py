"""A program that is told to stop stops, also where Python drops the exception that tells it."""

import subprocess
import sys

import pytest

DROPPED = {
    "finaliser": """
class Finalised:
    def __del__(self):
        signal.raise_signal(signal.{name})
Finalised()
""",
    "callback of a weak reference": """
class Referred:
    pass
referred = Referred()
reference = weakref.ref(referred, lambda _: signal.raise_signal(signal.{name}))
del referred
""",
}


def program(*parts: str) -> subprocess.CompletedProcess[str]:
    text = "\n".join(("import signal, time, weakref", "from understudy.stopping import stop_on_signals", *parts))
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("place", DROPPED)
def test_interrupt_that_python_drops_comes_again(place: str, name: str):
    ended = program("stop_on_signals()", DROPPED[place].format(name=name), "time.sleep(30)", "print('ran to its end')")
    assert ended.stdout == ""
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "ignored" not in ended.stderr


def test_other_exceptions_that_python_drops_are_still_told():
    ended = program("stop_on_signals()", "class A:\n    def __del__(self):\n        raise ValueError('told')\nA()")
    assert ended.returncode == 0
    assert "Exception ignored" in ended.stderr
    assert "ValueError: told" in ended.stderr
