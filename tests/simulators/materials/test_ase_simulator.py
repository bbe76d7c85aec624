"""What an adsorption energy is counted from, and that it does not depend on how a slab is written down."""

import math
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import ase.build
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from understudy.simulators.interface import Status
from understudy.simulators.materials.adsorbates import reaction_of
from understudy.simulators.materials.atoms import atoms_of, case_of
from understudy.simulators.materials.emt import EMT_LATTICE_CONSTANTS, Emt
from understudy.simulators.materials.relaxation import RelaxOptions

Prove = Callable[..., None]

ENERGIES = ("adsorption_energy", "formation_energy")


@pytest.fixture
def emt(tmp_path: Path) -> Emt:
    return Emt(RelaxOptions(force=1e-3), folder=tmp_path)


def covered(adsorbate: str = "O", size: tuple[int, int] = (1, 1)) -> Atoms:
    """Two metals; of a larger cell every hollow is covered."""
    slab = ase.build.fcc111("Pt", (1, 1, 3), a=EMT_LATTICE_CONSTANTS["Pt"], vacuum=8.0)
    slab.symbols[1] = "Cu"
    ase.build.add_adsorbate(slab, adsorbate, 1.2, "fcc")
    return slab.repeat((*size, 1))


def test_an_adsorption_energy_says_what_it_is_counted_from(emt: Emt, prove: Prove) -> None:
    case = case_of([covered()])
    answer = emt.predict(case)
    whole = atoms_of(case, 0)
    whole.calc = EMT()
    BFGS(whole, logfile=None).run(fmax=1e-3)
    counted = answer["clean_energy"] + answer["gas_energy"] + answer["adsorption_energy"]
    away = abs(counted.item() - whole.get_potential_energy())
    prove(
        "adsorption energy and what it is counted from against the whole slab, EMT: difference [eV]", away, at_most=1e-5
    )
    gas = []
    for name in ("H2O", "H2"):
        molecule = ase.build.molecule(name, vacuum=5.0, calculator=EMT())
        BFGS(molecule, logfile=None).run(fmax=1e-3)
        gas.append(molecule.get_potential_energy())
    assert answer["gas_energy"].item() == pytest.approx(gas[0] - gas[1], abs=1e-4)
    assert reaction_of(case.adsorbates[0]) == "H2O + * -> O* + H2"


def test_reactions_conserve_every_atom() -> None:
    for name in ("H", "C", "N", "O", "OH", "CO"):
        assert reaction_of(name).startswith(("H2", "CH4", "N2", "CO"))
        left, right = reaction_of(name).split(" -> ")
        assert atoms_in(left) == pytest.approx(atoms_in(right)), name
    assert reaction_of("") == reaction_of("CHO") == ""


def atoms_in(side: str) -> dict[str, float]:
    """Element -> count of one side, such as "H2O + *" or "O* + 0.5 H2"."""
    counts: dict[str, float] = {}
    for term in side.split(" + "):
        if term == "*":
            continue
        *amount, name = term.removesuffix("*").split(" ")
        name, _, share = name.partition("/")
        each = float(amount[0]) if amount else 1 / float(share) if share else 1.0
        for symbol in Atoms(name).get_chemical_symbols():
            counts[symbol] = counts.get(symbol, 0.0) + each
    return counts


def test_a_clean_slab_has_a_formation_energy_and_no_other(emt: Emt) -> None:
    answer = emt.predict(case_of([covered()[:-1]]))
    assert answer.status == (Status.OK,)
    assert math.isfinite(answer["formation_energy"].item())
    assert math.isfinite(answer["clean_energy"].item())
    assert answer["adsorption_energy"].isnan().all()
    assert answer["gas_energy"].isnan().all()


def test_a_stepped_surface_has_an_adsorption_energy_and_no_formation_energy(emt: Emt) -> None:
    """Its layers are nearer than those that are told apart, and seem one of six neighbours each."""
    stepped = ase.build.fcc211("Cu", (3, 2, 4), a=EMT_LATTICE_CONSTANTS["Cu"], vacuum=8.0)
    stepped.set_constraint(FixAtoms(range(len(stepped))))
    ase.build.add_adsorbate(stepped, "H", 1.0, (0.5, 0.5))
    answer = emt.predict(case_of([stepped]))
    assert answer.status == (Status.OK,), answer.message
    assert math.isfinite(answer["adsorption_energy"].item())
    assert answer["formation_energy"].isnan().all()


def test_an_adsorbate_without_a_reaction_is_refused(emt: Emt) -> None:
    both = covered()
    ase.build.add_adsorbate(both, "N", 2.4, "fcc")
    answer = emt.predict(case_of([both]))
    assert answer.status == (Status.REFUSED,)
    assert answer.message[0] == "refused: expected an adsorbate among H, C, N, O, OH, CO; got 'NO'"


def test_a_repeated_cell_has_the_same_formation_energy(emt: Emt, prove: Prove) -> None:
    """Cells of one atom a layer see images of themselves only; those of two see each other."""
    small, large = (case_of([covered(size=size)]).clean() for size in ((1, 1), (2, 1)))
    energies = [emt.predict(case)["formation_energy"].item() for case in (small, large)]
    away = abs(energies[0] - energies[1])
    prove("formation energy in one cell and in two, EMT: difference [eV/atom]", away, at_most=1e-6)


@pytest.mark.parametrize("change", ["repeats along the normal", "stands elsewhere", "lies in other images"])
def test_how_a_slab_is_written_down_changes_nothing(emt: Emt, change: str, prove: Prove) -> None:
    plain, changed = covered(), covered()
    if change == "repeats along the normal":
        changed.pbc = True
    elif change == "stands elsewhere":
        changed.positions += [0.3, -0.4, 20.0]  # above the end of its cell, which does not repeat there
    else:
        changed.positions[[0, 3]] += changed.cell[0] - 2 * changed.cell[1]
    one, other = (emt.predict(case_of([atoms])) for atoms in (plain, changed))
    away = float(np.max([abs(other[name].item() - one[name].item()) for name in ENERGIES]))
    prove("energies of one slab that is written down in four ways, EMT: difference [eV]", away, at_most=1e-6)


def test_a_calculator_without_numbers_is_a_row_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self, atoms=None, properties=None, system_changes=()):
        self.results = {"energy": math.nan, "forces": np.full((len(atoms), 3), np.nan)}

    monkeypatch.setattr(EMT, "calculate", nothing)
    answer = Emt(folder=tmp_path).predict(case_of([covered()]))
    assert answer.status == (Status.NOT_CONVERGED,)
    expected = "not converged: the clean slab: the calculator gave an energy or forces that are not finite"
    assert answer.message[0].startswith(expected)
    assert not list(tmp_path.glob("*.jsonl"))  # what is no number is not kept


def test_a_mixture_is_refused_alone(emt: Emt) -> None:
    case = case_of([covered(), covered("N"), covered("H")])
    mixed = case.occupation.clone()
    mixed[case.row_of_atom == 1] = mixed[case.row_of_atom == 1].mean(0)
    answer = emt.predict(replace(case, occupation=mixed))
    assert answer.status == (Status.OK, Status.REFUSED, Status.OK)
    assert answer.message[1].startswith("refused: a site holds a mixture of elements")
    for row in (0, 2):
        alone = emt.predict(case[torch.tensor([row])])
        assert answer["adsorption_energy"][row] == alone["adsorption_energy"][0]


def test_a_calculator_works_for_one_thread_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is asked of a second structure before it has answered the first gives the energy of either."""
    calculate, working = EMT.calculate, []

    def slowly(self, *asked):
        working.append(self)
        time.sleep(1e-4)  # lets other threads go on
        assert len(working) == 1
        calculate(self, *asked)
        working.pop()

    cases = [case_of([covered(adsorbate)]) for adsorbate in ("H", "C", "N", "O") * 4]
    alone = Emt(folder=tmp_path / "alone")
    expected = [alone.predict(case)["adsorption_energy"].item() for case in cases]
    monkeypatch.setattr(EMT, "calculate", slowly)
    shared = Emt(folder=tmp_path / "shared")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(shared.predict, cases))
    assert [answer.message for answer in answers] == [("",)] * len(cases)
    assert [answer["adsorption_energy"].item() for answer in answers] == pytest.approx(expected, abs=1e-9)


def test_a_simulator_that_has_answered_can_be_sent_to_another_process(emt: Emt) -> None:
    case = case_of([covered()])
    answer = emt.predict(case)
    there = pickle.loads(pickle.dumps(emt))
    assert "calculator" not in vars(there)
    assert there.predict(case)["adsorption_energy"] == answer["adsorption_energy"]
