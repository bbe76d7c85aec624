"""GPAW as an ASE calculator of this process, run by the interpreter that has it and spoken to over a pipe."""

import json
import math
import os
import select
import subprocess
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, CalculatorError, all_changes

WORKER = Path(__file__).with_name("gpaw_worker.py")
#: Debian installs GPAW for the system's Python.
INTERPRETER = "/usr/bin/python3"
#: Length of a vector that holds one site of any of the metals [Å], with which the k points go.
SITE = 3.5
#: Kernels of OpenBLAS and what they need, the best first: the OpenBLAS of Debian takes a processor that is newer than
#: itself for the oldest, and then multiplies matrices at a fifth of the speed.
KERNELS = {"SKYLAKEX": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}, "HASWELL": {"avx2", "fma"}}
MISSING = "GPAW is not installed for {}; on Debian run 'apt-get install gpaw gpaw-data', or name another interpreter"


class GpawNotInstalledError(RuntimeError):
    """The interpreter has no GPAW."""


@dataclass(frozen=True)
class GpawSettings:
    """All that decides an energy.

    cutoff: of the plane waves [eV]. functional: a name that GPAW knows.
    k_points: along the vectors of a cell of one site, with Gamma; longer cells take fewer, and directions along which
        nothing repeats one.
    smearing: of the occupations, Fermi and Dirac [eV]. convergence: as GPAW calls it [eV per valence electron, and so
    on]. iterations: of the electrons, at most.
    """

    cutoff: float = 300.0
    functional: str = "RPBE"
    k_points: tuple[int, int, int] = (10, 10, 1)
    smearing: float = 0.2
    convergence: dict[str, float] = field(
        default_factory=lambda: {"energy": 5e-4, "density": 1e-3, "eigenstates": 1e-4}
    )
    iterations: int = 120

    def grid(self, atoms: Atoms) -> tuple[int, ...]:
        """How many k points along each vector of a cell."""
        lengths = atoms.cell.lengths()
        return tuple(
            max(1, math.ceil(count * SITE / length - 1e-6)) if repeats and length > SITE else count if repeats else 1
            for count, length, repeats in zip(self.k_points, lengths, atoms.pbc, strict=True)
        )


class Gpaw(Calculator):
    """Energies and forces by GPAW in a process of its own.

    settings: of the calculation.
    interpreter: the Python that has GPAW.
    limit: seconds that one structure may take.

    Raises:
        GpawNotInstalledError: when first asked, where the interpreter has none.
        CalculatorError: a structure without an answer: the electrons did not converge, the process died, time ran out.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012  # as ASE declares it

    def __init__(
        self, settings: GpawSettings | None = None, *, interpreter: str = INTERPRETER, limit: float = 1200.0
    ) -> None:
        super().__init__()
        self.settings, self.limit, self._interpreter = settings or GpawSettings(), limit, interpreter
        self._process: subprocess.Popen[bytes] | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        asked = {
            "numbers": self.atoms.numbers.tolist(),
            "positions": self.atoms.positions.tolist(),
            "cell": self.atoms.cell.tolist(),
            "pbc": self.atoms.pbc.tolist(),
            "k_points": self.settings.grid(self.atoms),
        }
        answer = self._asked(asked)
        if "reason" in answer:
            raise CalculatorError(f"GPAW gave no energy: {answer['reason']}")
        self.results = {name: np.array(value) if name == "forces" else value for name, value in answer.items()}

    def close(self) -> None:
        """End the process; a later structure starts a new one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _asked(self, question: dict[str, Any]) -> dict[str, Any]:
        process = self._process = self._process or self._started()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            line = self._line(process)
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            code = process.poll()
            self.close()
            raise CalculatorError(f"GPAW gave no energy: its process died (exit status {code})")
        return json.loads(line)

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """The next line, read as it comes, within the limit."""
        assert process.stdout
        end, read = time.monotonic() + self.limit, b""
        while not read.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self.close()
                raise CalculatorError(f"GPAW gave no energy within {self.limit:.0f} s")
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                break
            read += part
        return read

    def _started(self) -> subprocess.Popen[bytes]:
        require_gpaw(self._interpreter)
        process = subprocess.Popen(
            [self._interpreter, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        assert process.stdin
        process.stdin.write(json.dumps(asdict(self.settings)).encode() + b"\n")
        return process


def require_gpaw(interpreter: str) -> None:
    """Refuse an interpreter without GPAW.

    Raises:
        GpawNotInstalledError: with the way to install it.
    """
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('gpaw') is None)"
    try:
        missing = subprocess.run([interpreter, "-c", look], capture_output=True, env=_environment()).returncode
    except OSError:
        missing = 1
    if missing:
        raise GpawNotInstalledError(MISSING.format(interpreter))


def _environment() -> dict[str, str]:
    """One thread, products of matrices as quick as the processor can, and none of the paths of this interpreter."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kernels(_processor()) | ours | {"OMP_NUM_THREADS": "1"}


def kernels(able: Collection[str]) -> dict[str, str]:
    """What tells OpenBLAS which kernels to take; nothing for other processors than those of `KERNELS`.

    Args:
        able: what the processor can do, in the words of Linux.
    """
    best = next((name for name, needed in KERNELS.items() if needed <= set(able)), None)
    return {} if best is None else {"OPENBLAS_CORETYPE": best}


def _processor() -> list[str]:
    """What the processor can do, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
