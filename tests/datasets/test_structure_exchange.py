"""Structures survive the formats of other programs, with their answers, and settings are never mixed."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch

from understudy.datasets.checker import check
from understudy.datasets.export import export_csv
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.slab_sampling import SlabMix
from understudy.datasets.structure_exchange import export_structures, import_structures
from understudy.simulators.materials.atoms import StructureError

MIX = SlabMix(metals=("Pt", "Cu"), strain=(0.0, 0.02), adsorbates=("H", "O"), sites=("fcc", "hcp"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("structures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        generate(SimulateConfig(out=folder / "slabs.h5", simulator="emt", cases=8, cases_per_shape=2, slabs=MIX))
    return folder / "slabs.h5"


@pytest.mark.parametrize("name", ["slabs.extxyz", "slabs.db"])
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
