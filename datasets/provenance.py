"""Where a data set comes from: the simulator, the design of experiments, the code and the date."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from understudy.datasets.format import FORMAT_NAME, FORMAT_VERSION
from understudy.simulators.interface import Simulator, digest_of

IMPORTED = "imported"  # version of whoever answered elsewhere
SETTINGS = "settings"  # of a calculator, as a word: rows of different ones are not comparable


@cache
def code_commit() -> str:
    """Commit of this code, with "+changed" if files differ from it; without a repository, the installed version."""
    folder = Path(__file__).resolve().parent
    ours = _git(folder, "ls-files", "--error-unmatch", Path(__file__).name)  # not the repository around a site-packages
    commit = _git(folder, "rev-parse", "HEAD")
    if not ours or not commit:
        return _installed_version()
    return commit + ("+changed" if _git(folder, "status", "--porcelain", "--untracked-files=no", "..") else "")


def now() -> str:
    """Date and time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What the root of a data file says; the attributes are described in `format.ROOT_ATTRIBUTES`."""

    simulator: str
    simulator_version: str
    simulator_configuration: Mapping[str, Any]
    planned: int
    design: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = "chosen"
    seed: int = -1
    forces: str = Simulator.forces
    commit: str = field(default_factory=code_commit)
    created: str = field(default_factory=now)

    @classmethod
    def of(cls, simulator: Simulator, planned: int) -> "Provenance":
        """For cases picked one by one and answered by `simulator`."""
        return cls(
            simulator=simulator.name,
            simulator_version=simulator.version,
            simulator_configuration=simulator.configuration,
            planned=planned,
            forces=simulator.forces,
        )

    @property
    def decisive(self) -> dict[str, Any]:
        """Everything that decides the answers, as nested JSON-ready values: not the code's commit, not the date."""
        simulator = {"name": self.simulator, "version": self.simulator_version, **self.simulator_configuration}
        return json_ready(
            {"format_version": FORMAT_VERSION, "simulator": simulator, **self.design, "cases": self.planned}
        )

    @property
    def settings(self) -> str:
        """The simulator, and twelve digits of all that decides its answers: those of different ones are never mixed.

        Of answers that were imported, what was told of them.
        """
        if self.simulator_version == IMPORTED:
            return str(self.simulator_configuration.get(SETTINGS) or self.simulator)
        return f"{self.simulator} {digest_of(self.simulator_configuration)}"

    @property
    def identity(self) -> str:
        """SHA-256 over `decisive`: equal for equal content."""
        return hashlib.sha256(json.dumps(self.decisive, sort_keys=True).encode()).hexdigest()

    def attributes(self) -> dict[str, str | int]:
        """The root attributes of a file."""
        return {
            "format": FORMAT_NAME,
            "format_version": FORMAT_VERSION,
            "simulator": self.simulator,
            "simulator_version": self.simulator_version,
            "simulator_configuration": json.dumps(self.simulator_configuration, sort_keys=True),
            "design": json.dumps(self.design, sort_keys=True),
            "sampler": self.sampler,
            "seed": self.seed,
            "planned": self.planned,
            "forces": self.forces,
            "commit": self.commit,
            "created": self.created,
            "identity": self.identity,
        }

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> "Provenance":
        """The inverse of `attributes`; a KeyError names what is missing."""
        texts = {name: str(attributes[name]) for name in ("simulator", "simulator_version", "sampler", "forces")}
        return cls(
            **texts,
            commit=str(attributes["commit"]),
            created=str(attributes["created"]),
            simulator_configuration=json.loads(attributes["simulator_configuration"]),
            design=json.loads(attributes["design"]),
            seed=int(attributes["seed"]),
            planned=int(attributes["planned"]),
        )


def json_ready(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values as they are after a round trip through JSON: tuples are lists, enumerations are text."""
    return json.loads(json.dumps(values))


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Each value that differs between two nested configurations, as "conditions.mach is [0, 0.5], asked [0, 0.3]"."""
    found: list[str] = []
    for key in dict.fromkeys([*stored, *asked]):
        old, new = stored.get(key, "absent"), asked.get(key, "absent")
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} is {old}, asked {new}")
    return found


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git here: the installed version stands in
    return done.stdout.strip() if done.returncode == 0 else ""


def _installed_version() -> str:
    try:
        return f"version {version('understudy')}"
    except PackageNotFoundError:
        return "unknown"
