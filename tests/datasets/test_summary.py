from pathlib import Path

import ase.io
import pytest
from ase.build import add_adsorbate, fcc111

from understudy.datasets.reader import load
from understudy.datasets.structure_exchange import import_structures
from understudy.datasets.summary import info
from understudy.simulators.interface import Status


def test_it_counts_what_is_there(data_file: Path):
    summary = info(data_file)
    data = load(data_file)
    assert (summary.rows, summary.planned, summary.subjects, summary.nodes, summary.files) == (200, 200, 25, 160, 1)
    assert summary.ended == {status: data.status.count(status) for status in Status if status in data.status}
    assert sum(summary.messages.values()) == 200 - summary.ended[Status.OK]
    assert sum(summary.kinds.values()) == 25


def test_its_text_names_units_failures_and_origin(data_file: Path):
    text = info(data_file).text()
    assert "200 cases\n" in text
    assert "thin-airfoil 1" in text
    assert "thin-airfoil theory holds within 12 deg of zero lift" in text
    (line,) = (line for line in text.splitlines() if line.startswith("outputs/xtr_top"))
    assert line.split()[1] == "chord"


def test_energies_of_different_reactions_and_of_anomalies_have_no_mean_in_common(tmp_path: Path):
    slabs = []
    for symbol, energy, migrated in (("H", -0.3, 0), ("H", -0.5, 0), ("H", 9.0, 1), ("O", 1.0, 0), ("C", 5.0, 1)):
        slab = fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6.0)
        add_adsorbate(slab, symbol, 1.2, "fcc")
        slab.info |= {"adsorption_energy": energy, "migrated": migrated}
        slabs.append(slab)
    ase.io.write(tmp_path / "lab.extxyz", slabs)
    import_structures(tmp_path / "lab.extxyz", tmp_path / "lab.h5", simulator="vasp")
    summary = info(tmp_path / "lab.h5")
    assert summary.adsorption["H"].energies.mean == pytest.approx(-0.4)
    text = summary.text()
    assert "outputs/adsorption_energy" not in text
    lines = [line for line in text.splitlines() if line.startswith("adsorption_energy, ")]
    assert lines[0].endswith("–   0 cases, 1 anomalous left out; CH4 + * -> C* + 2 H2")
    assert lines[1].endswith("2 cases, 1 anomalous left out; H2/2 + * -> H*")
    assert lines[2].endswith("1 case; H2O + * -> O* + H2")
