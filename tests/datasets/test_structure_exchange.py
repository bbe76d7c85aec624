"""Structures survive the formats of other programs, with their answers, and settings are never mixed."""

import csv
from pathlib import Path

import ase.build
import ase.io
import h5py
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from understudy.datasets.checker import check
from understudy.datasets.export import export_csv
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.slab_sampling import SlabMix
from understudy.datasets.structure_exchange import export_structures, import_structures
from understudy.simulators.materials.atoms import StructureError, case_of, read_atoms
from understudy.simulators.materials.emt import Emt

REACTIONS = {"H": "H2/2 + * -> H*", "O": "H2O + * -> O* + H2"}
MIX = SlabMix(metals=("Pt", "Cu"), strain=(0.0, 0.02), adsorbates=("H", "O"), sites=("fcc", "hcp"))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def covered() -> Atoms:
    slab = ase.build.fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6.0)
    ase.build.add_adsorbate(slab, "H", 1.0, "fcc")
    return slab


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("structures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        generate(SimulateConfig(out=folder / "slabs.h5", simulator="emt", cases=8, cases_per_shape=2, slabs=MIX))
    return folder / "slabs.h5"


@pytest.mark.parametrize("name", ["slabs.extxyz", "slabs.db", "slabs.json"])
def test_what_is_exported_is_imported_again(simulated: Path, tmp_path: Path, name: str):
    with load(simulated) as data:
        assert export_structures(data, tmp_path / name) == 8
        import_structures(tmp_path / name, tmp_path / "again.h5", simulator="emt")
        assert not check(tmp_path / "again.h5")
        with load(tmp_path / "again.h5") as again:
            for quantity, values in data.outputs.items():
                assert torch.allclose(again.outputs[quantity], values, atol=1e-9), quantity
            first, second = data.slab_case(), again.slab_case()
            assert torch.allclose(first.positions, second.positions, atol=1e-7)
            assert torch.equal(first.role, second.role)
            assert torch.equal(first.fixed, second.fixed)
            assert torch.allclose(again.ragged("relaxed", 3), data.ragged("relaxed", 3), atol=1e-5)
            slabs = [data.subject_families[number] for number in data.subject.tolist()]
            assert [again.subject_families[number] for number in again.subject.tolist()] == slabs
            assert again.settings(0) == data.settings(0)
            export_structures(again, tmp_path / f"again-{name}")
    first, second = (read_atoms(tmp_path / file) for file in (name, f"again-{name}"))
    for one, other in zip(first, second, strict=True):
        assert {**one.info, "unique_id": ""} == {**other.info, "unique_id": ""}  # a database adds one


def test_an_exported_energy_says_what_it_is_counted_from(simulated: Path, tmp_path: Path):
    """In plain words and numbers, which extended XYZ keeps, unlike tables within tables."""
    with load(simulated) as data:
        export_structures(data, tmp_path / "slabs.extxyz")
        export_csv(data, tmp_path / "slabs.csv")
    simulator = Emt()
    with (tmp_path / "slabs.csv").open() as file:
        lines = list(csv.DictReader(file))
    for atoms, line in zip(ase.io.read(tmp_path / "slabs.extxyz", ":"), lines, strict=True):
        assert atoms.info["reaction"] == line["reaction"] == REACTIONS[atoms.symbols[-1]]
        assert atoms.info["settings"] == line["settings"] == f"emt {simulator.digest}"
        assert atoms.info["clean_energy"] == float(line["clean_energy"])
        assert atoms.info["gas_energy"] == float(line["gas_energy"])
        whole = atoms.copy()
        whole.positions, whole.calc = atoms.arrays["relaxed"], EMT()
        counted = sum(atoms.info[name] for name in ("adsorption_energy", "clean_energy", "gas_energy"))
        assert whole.get_potential_energy() == pytest.approx(counted, abs=2e-3)  # bottom of a parabola


@pytest.mark.parametrize("name", ["slabs.extxyz", "slabs.db", "slabs.json"])
@pytest.mark.parametrize("held", [[], [0], [0, 1, 2]])
def test_what_is_held_survives_also_where_it_is_nothing(tmp_path: Path, own_cache: None, name: str, held: list[int]):
    slab = covered()
    slab.set_constraint(FixAtoms(indices=held))
    ase.io.write(tmp_path / "asked.traj", slab)
    config = SimulateConfig(out=tmp_path / "slabs.h5", simulator="emt", structures=tmp_path / "asked.traj")
    generate(config)
    with load(tmp_path / "slabs.h5") as data:
        assert data.slab_case().fixed.nonzero()[:, 0].tolist() == held
        export_structures(data, tmp_path / name)
    assert case_of(read_atoms(tmp_path / name)).fixed.nonzero()[:, 0].tolist() == held


def test_clean_slabs_are_answered_with_a_formation_energy_alone(tmp_path: Path, own_cache: None):
    ase.io.write(tmp_path / "asked.extxyz", [covered(), covered()[:-1]])
    out = tmp_path / "slabs.h5"
    generate(SimulateConfig(out=out, simulator="emt", structures=tmp_path / "asked.extxyz"))
    assert not check(out)
    with load(out) as data:
        assert data.ok.all()
        assert torch.isfinite(data.outputs["adsorption_energy"]).tolist() == [True, False]
        assert torch.isfinite(data.outputs["formation_energy"]).all()
        export_structures(data, tmp_path / "told.extxyz")
    import_structures(tmp_path / "told.extxyz", tmp_path / "again.h5", simulator="emt")
    assert not check(tmp_path / "again.h5")
    with h5py.File(out, "r+") as file:
        file["outputs/adsorption_energy"][0] = np.nan
    assert "outputs/adsorption_energy must be finite where the status is ok; 1 rows break this" in check(out)[0]


def test_energies_that_mean_something_else_are_refused(simulated: Path, tmp_path: Path):
    with load(simulated) as data:
        export_structures(data, tmp_path / "slabs.extxyz")
    structures = ase.io.read(tmp_path / "slabs.extxyz", ":")
    oxygen = next(number for number, atoms in enumerate(structures) if atoms.symbols[-1] == "O")
    structures[oxygen].info["reaction"] = "O2/2 + * -> O*"
    with pytest.raises(StructureError, match=r"expected an energy by H2O \+ .* got one by O2/2 \+ \* -> O\*: convert"):
        imported(structures, tmp_path)
    structures[oxygen].info["reaction"] = REACTIONS["O"]
    del structures[0].arrays["role"]
    structures[0].symbols[-1] = "Ge"
    with pytest.raises(StructureError, match="structure 0: expected an adsorbate, having an adsorption_energy"):
        imported(structures, tmp_path)
    structures[0] = structures[0][:-1]
    for name in ("adsorption_energy", "formation_energy"):
        structures[0].info.pop(name)
    with pytest.raises(StructureError, match="structure 0: expected formation_energy"):
        imported(structures, tmp_path)


def imported(structures: list[Atoms], folder: Path) -> None:
    ase.io.write(folder / "changed.extxyz", structures)
    import_structures(folder / "changed.extxyz", folder / "changed.h5", simulator="emt")


def test_structures_with_tags_of_the_open_catalyst_project(tmp_path: Path):
    """Bulk 0, surface 1, adsorbate 2, and no array of roles: found from elements and heights."""
    slab = covered()
    slab.set_tags([0, 0, 1, 2])
    slab.info |= {"adsorption_energy": -1.0}
    imported([slab], tmp_path)
    with load(tmp_path / "changed.h5") as data:
        assert data.slab_case().role.tolist() == [0, 0, 1, 2]
        assert data.slab_case().fixed.tolist() == [True, False, False, False]
        assert "clean_energy" not in data.outputs  # nobody told it
    assert not check(tmp_path / "changed.h5")


def test_older_files_without_reference_energies_are_read(simulated: Path, tmp_path: Path):
    old = tmp_path / "old.h5"
    old.write_bytes(simulated.read_bytes())
    with h5py.File(old, "r+") as file:
        del file["outputs/clean_energy"], file["outputs/gas_energy"]
    assert not check(old)
    for files in ((simulated, old), (old, simulated)):
        with load(*files) as data:
            assert len(data.outputs["adsorption_energy"]) == 16
            assert not {"clean_energy", "gas_energy"} & set(data.outputs)
            assert len(data.solution()) == 16
    with load(NEAR_SURFACE_ALLOYS) as data:
        assert data.settings(0) == "gpaw cfcdeaef3708"  # the labels' own word for their settings
        assert export_structures(data, tmp_path / "labels.extxyz", slice(0, 2)) == 2


def test_formats_that_lose_answers_are_refused(simulated: Path, tmp_path: Path):
    with load(simulated) as data, pytest.raises(ValueError, match=r"\.extxyz, \.xyz, \.db, \.json\); got slabs\.cif"):
        export_structures(data, tmp_path / "slabs.cif")


def test_a_table_for_other_programs(simulated: Path, tmp_path: Path):
    with load(simulated) as data:
        export_csv(data, tmp_path / "slabs.csv")
    head, first = (tmp_path / "slabs.csv").read_text().splitlines()[:2]
    assert head.startswith("case,structure,kind,adsorption_energy")
    assert ",ok," in first


def test_mixed_settings_are_refused(simulated: Path, tmp_path: Path):
    with load(simulated) as data:
        export_structures(data, tmp_path / "slabs.extxyz")
    structures = ase.io.read(tmp_path / "slabs.extxyz", ":")
    structures[3].info["settings"] = "emt of another version"
    ase.io.write(tmp_path / "mixed.extxyz", structures)
    with pytest.raises(StructureError, match=r"structures of one setting .* emt of another version"):
        import_structures(tmp_path / "mixed.extxyz", tmp_path / "mixed.h5", simulator="emt")


def test_a_structure_without_an_energy_is_named(simulated: Path, tmp_path: Path):
    with load(simulated) as data:
        export_structures(data, tmp_path / "slabs.extxyz")
    structures = ase.io.read(tmp_path / "slabs.extxyz", ":")
    del structures[5].info["adsorption_energy"]
    ase.io.write(tmp_path / "lacking.extxyz", structures)
    with pytest.raises(StructureError, match="structure 5: expected adsorption_energy"):
        import_structures(tmp_path / "lacking.extxyz", tmp_path / "lacking.h5", simulator="emt")


def test_a_structure_whose_energy_is_no_number_is_named(tmp_path: Path):
    structures = [covered() for _ in range(3)]
    for atoms, energy in zip(structures, (-0.3, -0.4, "abc"), strict=True):
        atoms.info["adsorption_energy"] = energy
    ase.io.write(tmp_path / "lab.extxyz", structures)
    with pytest.raises(StructureError, match="structure 2: expected a number as adsorption_energy; got 'abc'"):
        import_structures(tmp_path / "lab.extxyz", tmp_path / "again.h5", simulator="lab")


def test_structures_of_a_file_are_asked_again(simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with load(simulated) as data:
        export_structures(data, tmp_path / "slabs.extxyz", slice(0, 3))
        known = data.outputs["adsorption_energy"][:3]
    config = SimulateConfig(out=tmp_path / "asked.h5", simulator="emt", structures=tmp_path / "slabs.extxyz")
    assert generate(config).cases == 3
    with load(tmp_path / "asked.h5") as asked:
        np.testing.assert_allclose(asked.outputs["adsorption_energy"], known, atol=1e-6)


def test_airfoil_simulators_are_asked_no_structures(simulated: Path, tmp_path: Path):
    with load(simulated) as data:
        export_structures(data, tmp_path / "slabs.extxyz")
    with pytest.raises(ValueError, match="viscous answers airfoils, not structures"):
        generate(SimulateConfig(out=tmp_path / "no.h5", structures=tmp_path / "slabs.extxyz"))
