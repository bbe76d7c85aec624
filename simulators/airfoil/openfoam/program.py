"""Runs of simpleFoam: found with its configuration, each within a time limit, none left behind."""

import os
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = "simpleFoam"
_VERSION = re.compile(r"OpenFOAM-\S*\s+\((\w+)\)")


class OpenFoamNotInstalledError(RuntimeError):
    """There is no OpenFOAM on this machine."""


#: What a log holds where the iteration has run away.
DIVERGED = "sigFpe::sigHandler"


class OpenFoamRunError(RuntimeError):
    """A run of OpenFOAM ended without a readable answer: crash, time limit, or garbage in its files."""


class OpenFoamDivergedError(OpenFoamRunError):
    """A run ended in a floating-point exception."""


@dataclass(frozen=True)
class Installation:
    """Where the program lies, and the folder with its etc/controlDict, which it must be told."""

    program: Path
    project: Path

    def environment(self) -> dict[str, str]:
        """That of a run."""
        return {**os.environ, "WM_PROJECT_DIR": str(self.project)}

    def version(self) -> str:
        """The version that the program states, such as "1912"; "unknown" if it states none."""
        said = subprocess.run([self.program, "-help"], env=self.environment(), capture_output=True, text=True).stdout
        stated = _VERSION.search(said)
        return stated[1] if stated else "unknown"


def find_openfoam() -> Installation:
    """The program on the search path, and its configuration: where WM_PROJECT_DIR says, or beside the program.

    Raises:
        OpenFoamNotInstalledError: none is there, or it has no configuration.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise OpenFoamNotInstalledError(
            "OpenFOAM is not installed; on Debian or Ubuntu run `make system` or `apt-get install openfoam`, "
            f"elsewhere put its program {PROGRAM} on the PATH"
        )
    program = Path(found)
    above = program.resolve().parents
    told = [Path(os.environ["WM_PROJECT_DIR"])] if os.environ.get("WM_PROJECT_DIR") else []
    for project in (*told, *(place for parent in above for place in (parent, parent / "share" / "openfoam"))):
        if (project / "etc" / "controlDict").is_file():
            return Installation(program, project)
    raise OpenFoamNotInstalledError(
        f"OpenFOAM's file etc/controlDict was not found near {program}; set WM_PROJECT_DIR to the folder that holds it"
    )


@dataclass(eq=False)
class Runs:
    """The runs under way; leaving the block ends them and lets no other begin."""

    _under_way: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Runs":
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._closed = True
            for child in self._under_way:
                child.kill()

    def simple_foam(self, openfoam: Installation, folder: Path, deadline: float) -> str:
        """Run the case in the folder and give back what the program said.

        Args:
            openfoam: the program.
            folder: of the case.
            deadline: by the clock of `time.monotonic` [s].

        Raises:
            OpenFoamRunError: it died, or the deadline came.
        """
        log = folder / "log"
        with log.open("wb") as said:
            child = self._started(openfoam, folder, said.fileno())
            try:
                status = child.wait(timeout=max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                raise OpenFoamRunError(f"{PROGRAM} was stopped at the limit of time; raise time_limit") from None
            finally:
                child.kill()
                child.wait()
                with self._lock:
                    self._under_way.discard(child)
        words = log.read_text(errors="replace")
        if status:
            kind = OpenFoamDivergedError if DIVERGED in words else OpenFoamRunError
            raise kind(f"{PROGRAM} died (exit status {status}): {last_words(words)}")
        return words

    def _started(self, openfoam: Installation, folder: Path, log: int) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._closed:
                raise OpenFoamRunError("no run is begun any more: the batch was stopped")
            try:
                child = subprocess.Popen(
                    [openfoam.program, "-case", folder],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env=openfoam.environment(),
                )
            except OSError as error:
                raise OpenFoamRunError(f"{PROGRAM} cannot be run ({error}); check {openfoam.program}") from error
            self._under_way.add(child)
            return child


def last_words(log: str) -> str:
    """The reason that a log gives for its end: OpenFOAM's own error, a floating-point exception, or the last line."""
    if DIVERGED in log:
        return "a floating-point exception, the iteration diverged; try a smaller angle, or a lower relax_pressure"
    lines = [
        line.strip() for line in log.splitlines() if line.strip() and not line.startswith(("#", "//", "From ", "in "))
    ]
    for place, line in enumerate(lines):
        if "FOAM FATAL" in line:
            return " ".join(lines[place : place + 3])
    return lines[-1] if lines else "it said nothing"
