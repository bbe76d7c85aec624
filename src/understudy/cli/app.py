"""The commands together, and how they end: a result, or one sentence on standard error and an exit code above 0."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError

from understudy import __version__
from understudy.cli.data import data
from understudy.cli.design import design
from understudy.cli.evaluate import evaluate
from understudy.cli.predict import predict
from understudy.cli.screen import screen
from understudy.cli.show import show
from understudy.cli.simulate import simulate
from understudy.cli.train import train
from understudy.cli.verify import verify
from understudy.memory import keep_freed_memory
from understudy.stopping import stop_on_signals

DEFECT = "UNDERSTUDY_TRACEBACK"  # set it to see where an error came from
FAILED, MISUSED, INTERRUPTED = 1, 2, 130
#: What adds a module that need not be there.
EXTRAS = {"ase": "pip install 'understudy[materials]'"}

app = App(
    name="understudy",
    version=__version__,
    help="Learned stand-ins for costly simulations, and design through them: simulate, train, trust, design, verify.",
    suppress_keyboard_interrupt=False,
    help_format="plaintext",
)
for command in (simulate, data, train, evaluate, predict, show, screen, design, verify):
    app.command(command)


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 not done, 2 misused, 130 interrupted."""
    stop_on_signals()
    # Torch, not yet imported, then keeps to one thread: more only wait for each other in operations as small as ours.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    keep_freed_memory()
    sys.exit(run(sys.argv[1:] if tokens is None else tokens))


def run(tokens: Sequence[str]) -> int:
    """Run one command; its exit code. Whatever goes wrong becomes one sentence."""
    # what libraries warn their callers of is no message to the user of a command
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt as stop:
        return _told(str(stop) or "stopped; run the same command again", INTERRUPTED)
    except CycloptsError as error:
        return _told(f"{_one_line(error)} (understudy --help tells more)", MISUSED)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get(DEFECT):
            raise
        return _told(_sentence(error), FAILED)


def _sentence(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{_one_line(error)}; {EXTRAS.get(str(error.name), 'install the package that brings it')}"
    expected = (ValueError, OSError, RuntimeError, ImportError)
    if isinstance(error, OSError) and error.strerror:
        return _one_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    if (isinstance(error, expected) or type(error).__module__.startswith("understudy.")) and str(error):
        return _one_line(error)
    return f"this is a defect of understudy, {type(error).__name__}: {_one_line(error)}; set {DEFECT}=1 to see where"


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _told(sentence: str, code: int) -> int:
    sys.stderr.write(f"understudy: {sentence}\n")
    return code
