"""How far the labels of near-surface alloys can be trusted: published values, lattice constants, tighter settings.

    python benchmarks/quantum_chemistry.py     # 90 minutes on one core, less where energies are kept; goes on if killed

Needs GPAW (`sudo make system`). Labels with tighter settings are kept in benchmarks/data/near_surface/tight.jsonl.
"""

from collections.abc import Iterator
from statistics import fmean

import cyclopts
from near_surface_labels import ENERGIES, LIMIT, keep, label
from support.near_surface import FOLDER, METALS, rows
from support.record import Figure, record

from understudy.simulators.materials.any_calculator import lattice_constant
from understudy.simulators.materials.energies import KeptEnergies
from understudy.simulators.materials.gpaw_process import Gpaw, GpawSettings
from understudy.simulators.materials.gpaw_simulator import GpawSimulator
from understudy.simulators.materials.relaxation import RelaxOptions

#: Adsorption energy of hydrogen on pure metals [eV]: another run of the recipe, and Nørskov et al., J. Electrochem.
#: Soc. 152, J23 (2005), RPBE, one monolayer.
SAME_RECIPE = {"Pt": -0.242, "Pd": -0.330, "Cu": 0.001, "Ag": 0.331, "Au": 0.404}
PUBLISHED = {"Pt": -0.27, "Pd": -0.33, "Cu": 0.03, "Au": 0.39}
#: Lattice constants by PBE, all electrons (WIEN2k, the Delta project) [Å].
ALL_ELECTRON = {"Cu": 3.6293, "Pd": 3.9417, "Pt": 3.9699, "Au": 4.1582}
BULK = GpawSettings(cutoff=500.0, functional="PBE", k_points=(14, 14, 14), smearing=0.1)
TIGHT = GpawSettings(
    cutoff=400.0, k_points=(14, 14, 1), convergence={"energy": 1e-4, "density": 1e-4, "eigenstates": 1e-5}
)
GENTLE = RelaxOptions(force=0.02, steps=16, stiffness=8.0, longest=0.3)
#: Labels that are computed again: every 35th.
AGAIN = tuple(range(len(METALS), len(METALS) + 20 * 35, 35))
TIGHT_FILES = "tight.jsonl"


def main() -> None:
    """Compute what is not kept, and write the figures down."""
    figures = [*pure_metals(), *lattice_constants(), *tighter()]
    print(record("quantum_chemistry", "Quantum chemistry: what the labels are worth", figures))


def pure_metals() -> Iterator[Figure]:
    """Hydrogen on pure metals, computed anew."""
    simulator = GpawSimulator(folder=ENERGIES, limit=LIMIT)
    found = {METALS[number]: label(number, simulator)["adsorption_energy"] for number in range(len(METALS))}
    for source, known, bound in (("the same recipe", SAME_RECIPE, 0.02), ("published", PUBLISHED, 0.05)):
        told = ", ".join(f"{metal} {found[metal]:+.3f} ({value:+.3f})" for metal, value in known.items())
        worst = max(abs(found[metal] - value) for metal, value in known.items())
        yield Figure(f"hydrogen on pure metals [eV] ({source})", f"{told}; at most {worst:.3f} apart", f"{bound}")


def lattice_constants() -> Iterator[Figure]:
    """Equations of state by PBE."""
    kept, calculator = KeptEnergies(ENERGIES, "bulk-pbe-500eV"), Gpaw(BULK, limit=LIMIT)
    for metal, value in ALL_ELECTRON.items():
        found = kept.get(metal, lambda metal=metal: lattice_constant(metal, calculator))
        print(metal, found, flush=True)
        yield Figure(
            f"lattice constant of {metal} by PBE (all electrons)",
            f"{found:.4f} Å ({value:.4f}): {100 * (found / value - 1):+.2f} %",
            "0.5 %",
        )
    calculator.close()


def tighter() -> Iterator[Figure]:
    """Twenty labels again, with finer waves, more k points and smaller forces left."""
    done = {row["number"] for row in rows(names=TIGHT_FILES)}
    simulator = GpawSimulator(options=GENTLE, settings=TIGHT, folder=ENERGIES, limit=LIMIT)
    keep([number for number in AGAIN if number not in done], simulator, FOLDER / TIGHT_FILES)
    usual, again = ({row["number"]: row for row in some} for some in (rows(), rows(names=TIGHT_FILES)))
    pairs = [(usual[number], again[number]) for number in AGAIN]
    both = [(one, two) for one, two in pairs if {one["status"], two["status"]} == {"ok"}]
    for name, unit, scale in (("adsorption_energy", "eV", 1.0), ("formation_energy", "meV/atom", 1e3)):
        gaps = [scale * (one[name] - two[name]) for one, two in both]
        spread = fmean(abs(gap - fmean(gaps)) for gap in gaps)
        yield Figure(
            f"{name} of {len(both)} labels against 400 eV, 14 x 14 k points, 0.02 eV/Å",
            f"{fmean(gaps):+.4f} {unit} on average, {spread:.4f} around that, {max(map(abs, gaps)):.4f} at most",
            "stated",
        )


if __name__ == "__main__":
    cyclopts.run(main)
