"""The proofs: closed forms, orders of convergence, gradients, conservation and comparisons, as the tests measure them.

    python benchmarks/verification.py        # some minutes; writes docs/verification.md and its picture

Runs every test that uses the fixture `prove` and writes what it measured beside the bound that it asserts. Nothing is
written unless all of them hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import matplotlib.figure
import pytest
from support.record import Figure, record

ROOT = Path(__file__).parents[1]
PAGE, PICTURE = ROOT / "docs" / "verification.md", ROOT / "docs" / "images" / "lift_convergence.png"
HEADINGS = {
    "simulators/shapes": "Shapes",
    "simulators/airfoil": "Panel method",
    "simulators/airfoil/viscous": "Viscous simulator",
    "simulators/flow": "Flow solver: what holds to rounding, and its parts",
    "physics": "Flow solver against closed forms and published values",
    "surrogate": "Surrogates",
    "design": "Designs",
    "simulators/materials": "Slabs and their simulators",
    "surrogate/atoms": "Surrogates of slabs",
    "design/materials": "Screened and designed surfaces",
}


@dataclass(frozen=True)
class Proof:
    """A value measured by a test, and the bounds that it was held to there."""

    test: str
    what: str
    value: float
    at_most: float | None
    at_least: float | None

    @property
    def folder(self) -> str:
        """Of the test, below tests/."""
        return str(Path(self.test.partition("::")[0]).parent.relative_to("tests"))

    @property
    def target(self) -> str:
        """The bounds in words."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)


@dataclass(eq=False)  # pytest keeps its plugins in a set
class Notes:
    """What the tests left while pytest ran, as a plugin of it."""

    proofs: list[Proof] = field(default_factory=list)
    lift_errors: tuple[tuple[int, float], ...] = ()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the properties of a test that has run."""
        if report.when != "call":
            return
        test = report.nodeid.partition("[")[0]
        for name, value in report.user_properties:
            if name == "proof":
                self.proofs.append(Proof(test, *value))  # type: ignore[misc]
            if name == "lift error":
                self.lift_errors = value  # type: ignore[assignment]


def worst(proofs: Iterable[Proof]) -> list[Proof]:
    """One proof of each name: the one nearest to its bound, or furthest beyond."""
    kept: dict[str, Proof] = {}
    for proof in proofs:
        other = kept.get(proof.what, proof)
        upward = proof.at_most is not None
        kept[proof.what] = (max if upward else min)(other, proof, key=lambda item: item.value)
    return list(kept.values())


def draw(lift_errors: Iterable[tuple[int, float]], path: Path) -> None:
    """The error of the lift against the number of panels, beside second order."""
    panels, errors = zip(*lift_errors, strict=True)
    figure = matplotlib.figure.Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    axis.loglog(panels, errors, marker="o", label="panel method")
    axis.loglog(panels, [errors[0] * (panels[0] / count) ** 2 for count in panels], "k--", label="second order")
    axis.set_xlabel("panels [-]")
    axis.set_ylabel("relative error of the lift coefficient [-]")
    axis.set_title("Cambered Karman-Trefftz airfoil, 4 deg, against its closed form")
    axis.set_xticks(panels, [str(count) for count in panels], minor=False)
    axis.minorticks_off()
    axis.grid(linewidth=0.3)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run the tests that prove something, and write the page."""
    notes = Notes()
    code = pytest.main(["-q", "-m", "proof", "--no-header", str(ROOT / "tests")], plugins=[notes])
    if code != pytest.ExitCode.OK:
        raise SystemExit("a proof does not hold, or could not be run: docs/verification.md is left as it was")
    draw(notes.lift_errors, PICTURE)
    for folder, proofs in groupby(sorted(worst(notes.proofs), key=_place), key=lambda proof: proof.folder):
        rows = [Figure(each.what, f"{each.value:.3g}", each.target, f"pytest {each.test}") for each in proofs]
        name = folder.replace("/", "_")
        print(record(name, HEADINGS.get(folder, folder), rows, page=PAGE))


def _place(proof: Proof) -> int:
    folders = list(HEADINGS)
    return folders.index(proof.folder) if proof.folder in folders else len(folders)


if __name__ == "__main__":
    main()
