"""Everything that `make verify` runs, one step after the other; what is done with the code as it is is not done again.

    python benchmarks/support/verify.py

A step is one file of tests that has slow or physics tests, or one script in `benchmarks/` that records figures. Each
that ends well leaves a stamp in `runs/verify/` with a fingerprint of the code, so that a run that was killed goes on
with the step in which it was killed. Any change of code, tests, benchmarks or versions makes every stamp void.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy.stopping import stop_on_signals

ROOT = Path(__file__).parents[2]
STAMPS = ROOT / "runs" / "verify"
ROOMS = ("simulators", "datasets", "surrogate", "design")
CODE = (*ROOMS, "src", "tests", "benchmarks", "pyproject.toml", "constraints.txt")
SLOW = "slow or physics"


@dataclass(frozen=True)
class Step:
    """A command, called by the file that it runs."""

    file: str
    command: tuple[str, ...]

    @property
    def stamp(self) -> Path:
        """The file that says with which code the step was done."""
        return STAMPS / f"{self.file.replace('/', '-')}.done"

    def done(self, code: str) -> bool:
        """Whether it ended well with this code."""
        return self.stamp.is_file() and self.stamp.read_text() == code

    def run(self, code: str) -> bool:
        """Run it and, if it ends well, leave its stamp."""
        path = {"PYTHONSAFEPATH": "1"} if self.file.startswith("tests") else {}
        began = time.monotonic()
        ended = subprocess.run(self.command, cwd=ROOT, env={**_environment(), **path}).returncode
        print(f"== {self.file}: {'done' if ended == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        if ended == 0:
            STAMPS.mkdir(parents=True, exist_ok=True)
            self.stamp.write_text(code)
        return ended == 0


def fingerprint() -> str:
    """Of every file that may change a figure."""
    digest = hashlib.sha256()
    for name in CODE:
        for path in (ROOT / name, *sorted((ROOT / name).rglob("*"))):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def steps() -> Iterator[Step]:
    """The proofs, the tests and the measurements."""
    yield _script("benchmarks/verification.py")
    for file in _slow_test_files():
        yield Step(file, (sys.executable, "-m", "pytest", "-q", "-m", SLOW, file))
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        # the others make data that are committed, or are imported
        if script.name != "verification.py" and "from support.record import" in script.read_text():
            yield _script(f"benchmarks/{script.name}")


def main() -> None:
    """Run what is not done, tell what failed."""
    stop_on_signals()
    code = fingerprint()
    failed = []
    try:
        for step in steps():
            if step.done(code):
                print(f"== {step.file}: done before", flush=True)
            elif not step.run(code):
                failed.append(step.file)
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on with the step that was running")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; the same command tries them again")


def _script(file: str) -> Step:
    return Step(file, (sys.executable, file))


def _slow_test_files() -> list[str]:
    """Files of tests that pytest finds to have some that are slow or physics."""
    command = (sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", SLOW, "tests")
    found = subprocess.run(
        command, cwd=ROOT, env={**_environment(), "PYTHONSAFEPATH": "1"}, capture_output=True, text=True
    )
    if found.returncode != 0:
        raise SystemExit(f"the tests cannot be collected:\n{found.stdout[-2000:]}{found.stderr[-2000:]}")
    return sorted({line.partition("::")[0] for line in found.stdout.splitlines() if "::" in line})


def _environment() -> dict[str, str]:
    """Without the switch that would hide `benchmarks/support` from the scripts."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


if __name__ == "__main__":
    main()
