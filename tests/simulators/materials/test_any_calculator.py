"""Any calculator of ASE answers under its own name."""

from pathlib import Path

import pytest
import torch

from understudy.simulators.interface import Status
from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.emt import EMT_LATTICE_CONSTANTS, Emt
from understudy.simulators.materials.slabs import SlabPlan
from understudy.simulators.registry import simulator


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def hydrogen_on(metal: str, constant: float):
    plan = SlabPlan(constants={metal: constant})
    slab = plan.slabs(plan.occupation([metal] * 4)[None], torch.zeros(1, dtype=torch.float64))
    return placed(slab, "H", torch.tensor([[1 / 3, 1 / 3]]).double(), torch.tensor([0.9]).double())


def test_lattice_constants_are_those_of_the_embedded_simulator():
    found = simulator("ase.calculators.emt:EMT")
    for metal, constant in EMT_LATTICE_CONSTANTS.items():
        assert found.constants[metal] == pytest.approx(constant, abs=1e-3), metal  # cubic through nine points


def test_the_same_energies_under_either_name():
    case = hydrogen_on("Pd", EMT_LATTICE_CONSTANTS["Pd"])
    named, embedded = (one.predict(case) for one in (simulator("ase.calculators.emt:EMT"), Emt()))
    assert named["adsorption_energy"].item() == pytest.approx(embedded["adsorption_energy"].item(), abs=1e-9)


def test_arguments_decide_the_digest():
    plain, soft = (simulator(f"ase.calculators.morse:MorsePotential{words}") for words in ("", ":epsilon=0.5,r0=2.5"))
    assert plain.digest != soft.digest


def test_a_metal_that_the_calculator_does_not_know_is_a_row_with_a_reason():
    answer = simulator("ase.calculators.emt:EMT").predict(hydrogen_on("Ir", 3.84))
    assert answer.status == (Status.FAILED,)
    assert "EMT" in answer.message[0]


def test_no_class_of_that_name():
    with pytest.raises(ValueError, match="has no 'Wrong'"):
        simulator("ase.calculators.emt:Wrong")
    with pytest.raises(ValueError, match="no module 'not_a_package'"):
        simulator("not_a_package.calculators:Good")
