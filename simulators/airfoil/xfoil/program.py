"""Runs of the XFOIL program: without a display, each in a folder of its own, within a time limit.

Debian's XFOIL asks the Fortran run-time library to stop at the first floating-point exception, and then stops at
harmless ones. A shared object whose `_gfortran_set_fpe` does nothing is preloaded to keep it alive; it is compiled once
per user.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float64
from numpy import ndarray

from understudy.simulators.airfoil.xfoil.polar_dump import PolarDump, PolarDumpError, read_polar_dump

MAXIMUM_NODES = 365  # compiled into XFOIL 6.99
_KEEP_ALIVE = "void _gfortran_set_fpe(int exceptions) { (void)exceptions; }\n"
_CHANGE = re.compile(rb"rms:\s*(\S+)")


class XfoilNotInstalledError(RuntimeError):
    """There is no XFOIL on this machine."""


class XfoilRunError(RuntimeError):
    """A run of XFOIL ended without a readable answer: crash, time limit, or garbage in its files."""


@dataclass(frozen=True)
class Setting:
    """What XFOIL holds fixed while it walks through the points of one run; units as in `AirfoilCase`."""

    reynolds: float
    mach: float
    n_crit: float
    trip_top: float
    trip_bottom: float
    panels: int | None
    iterations: int


@dataclass(frozen=True, eq=False)
class Run:
    """The converged points of one run, and the Newton change (root mean square) in each iteration of its last point."""

    dump: PolarDump | None
    changes: tuple[float, ...]


def find_xfoil() -> Path:
    """The XFOIL program on the search path.

    Raises:
        XfoilNotInstalledError: none is there.
    """
    found = shutil.which("xfoil")
    if found is None:
        raise XfoilNotInstalledError(
            "XFOIL is not installed; on Debian or Ubuntu run `make system` or `apt-get install xfoil`, "
            "elsewhere put a program named xfoil on the PATH"
        )
    return Path(found)


def xfoil_version(program: Path, keep_alive: Path | None) -> str:
    """The version in the program's banner, such as "6.99"; "unknown" if it states none."""
    with tempfile.TemporaryDirectory(prefix="xfoil-") as name:
        folder = Path(name)
        output = _execute(program, "\nQUIT\n", folder, _environment(folder, keep_alive), time_limit=20.0)
    stated = re.search(rb"Version\s+([\d.]+)", output)
    return stated[1].decode() if stated else "unknown"


def run_xfoil(
    program: Path,
    nodes: Float64[ndarray, "nodes 2"],
    setting: Setting,
    steps: Sequence[str],
    *,
    keep_alive: Path | None,
    time_limit: float,
) -> Run:
    """Walk through `steps` ("ALFA 3" or "CL 0.5"), each starting from the boundary layer of the one before.

    Raises:
        XfoilRunError: a crash, the time limit [s], or files that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="xfoil-") as name:
        folder = Path(name)
        (folder / "a.dat").write_text(_airfoil_file(nodes))
        output = _execute(program, _script(setting, steps), folder, _environment(folder, keep_alive), time_limit)
        return Run(_dump(folder / "p"), _changes(output))


def keep_alive_object() -> Path | None:
    """The shared object to preload, compiled at first need; None where it cannot be: no C compiler, no cache folder."""
    try:
        return _keep_alive_object()
    except (OSError, subprocess.CalledProcessError):
        return None  # a run that dies for the lack of it says so


def _keep_alive_object() -> Path | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy"
    target = cache / "xfoil_keep_alive.so"
    compiler = shutil.which("cc")
    if target.exists() or compiler is None:
        return target if target.exists() else None
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        source, built = Path(name) / "k.c", Path(name) / "k.so"
        source.write_text(_KEEP_ALIVE)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", built, source], check=True, capture_output=True)
        built.replace(target)  # atomic: another process may be doing the same
    return target


def _airfoil_file(nodes: Float64[ndarray, "nodes 2"]) -> str:
    return "airfoil\n" + "".join(f"{x:.15f} {y:.15f}\n" for x, y in nodes)


def _script(setting: Setting, steps: Sequence[str]) -> str:
    """The commands, one a line; an empty line leaves a menu or declines a file."""
    paneling = [] if setting.panels is None else ["PPAR", f"N {setting.panels}", "", "", "PANE"]
    return "\n".join(
        [
            *("PLOP", "G F", ""),
            *("LOAD a.dat", *paneling),
            *("OPER", f"VISC {setting.reynolds:.12E}", f"M {setting.mach:.12f}", f"ITER {setting.iterations}"),
            *("VPAR", f"N {setting.n_crit:.12f}", f"XTR {setting.trip_top:.12f} {setting.trip_bottom:.12f}", ""),
            *("PACC", "", "p"),
            *steps,
            *("", "QUIT", ""),
        ]
    )


def _environment(folder: Path, keep_alive: Path | None) -> dict[str, str]:
    environment = dict(os.environ)
    environment.pop("DISPLAY", None)
    if keep_alive is not None:
        # linked into the folder because LD_PRELOAD splits its value at spaces and colons, which a cache path may have
        (folder / "k.so").symlink_to(keep_alive)
        environment["LD_PRELOAD"] = "./k.so"
    return environment


def _execute(program: Path, script: str, folder: Path, environment: dict[str, str], time_limit: float) -> bytes:
    try:
        done = subprocess.run(
            [program], input=script.encode(), capture_output=True, cwd=folder, env=environment, timeout=time_limit
        )
    except subprocess.TimeoutExpired:
        raise XfoilRunError(f"XFOIL took longer than the limit of {time_limit:g} s; raise time_limit") from None
    except OSError as error:
        raise XfoilRunError(f"XFOIL cannot be run ({error}); check that {program} may be executed") from error
    if done.returncode == -signal.SIGFPE and "LD_PRELOAD" not in environment:
        raise XfoilRunError(
            "XFOIL stopped at a floating-point exception; install a C compiler (cc) and let it write to ~/.cache, "
            "which prevents it"
        )
    if done.returncode:
        raise XfoilRunError(f"XFOIL ended with exit status {done.returncode} instead of an answer; check the shape")
    return done.stdout


def _dump(path: Path) -> PolarDump | None:
    """The polar dump, None if no file was opened because XFOIL did not accept the airfoil."""
    if not path.exists():
        return None
    try:
        return read_polar_dump(path.read_bytes())
    except PolarDumpError as error:
        raise XfoilRunError(f"XFOIL's answer cannot be read: {error}") from error


def _changes(output: bytes) -> tuple[float, ...]:
    last = output.rpartition(b"Solving BL system")[2]
    return tuple(_number(text) for text in _CHANGE.findall(last))


def _number(text: bytes) -> float:
    """A Fortran number; NaN for what it prints where its field is too narrow."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
