from pathlib import Path

import pytest
import torch

from understudy.simulators.shapes import UnknownAirfoilError, airfoil, family, library, naca, names
from understudy.simulators.shapes.coordinates_file import write_selig
from understudy.simulators.shapes.kulfan import Kulfan
from understudy.simulators.shapes.measures import surfaces


@pytest.fixture
def without_raw_coordinates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_installed_files", dict)


def test_naca_names_are_computed() -> None:
    assert torch.equal(airfoil("NACA2412").coordinates, naca("2412"))
    assert torch.equal(airfoil("naca23012-sharp").coordinates, naca("23012-sharp"))
    assert airfoil("naca2412").notes == ()


def test_a_path_is_read(tmp_path: Path) -> None:
    write_selig(airfoil("naca4412"), tmp_path / "mine.dat")
    for given in (tmp_path / "mine.dat", str(tmp_path / "mine.dat")):
        torch.testing.assert_close(airfoil(given).coordinates, naca("4412"), rtol=0, atol=1e-9)


def test_a_library_name_gives_raw_coordinates_where_they_are_installed() -> None:
    pytest.importorskip("aerosandbox")
    for given in ("dae11", "DAE11", "dae11.dat"):
        found = airfoil(given)
        assert found.name == "dae11"
        assert not any("CST" in note for note in found.notes)


@pytest.mark.usefixtures("without_raw_coordinates")
def test_without_them_the_fit_is_given_and_the_note_says_so() -> None:
    found = airfoil("dae11")
    row = library.collection().index["dae11"]
    assert found.notes[0].startswith("CST fit: differs from the coordinates of dae11 by up to 0.000")
    assert f"{library.collection().deviation[row]:.5f}" in found.notes[0]


def test_fits_lie_where_the_raw_contours_lie() -> None:
    pytest.importorskip("aerosandbox")
    # stcyr234 stands at 3.8 degrees of incidence, e387 at none: the fit must come back to the raw frame.
    for name in ("e387", "stcyr234", "s1223", "ag35"):
        raw, fitted = airfoil(name), airfoil(name, raw=False)
        x = torch.linspace(0.03, 0.97, 95, dtype=torch.float64)
        here, there = (torch.cat(surfaces(item.coordinates[None], x)) for item in (raw, fitted))
        # Along y the distance is a little longer than normal to the surface.
        assert (here - there).abs().max() < 1.3 * library.collection().deviation[library.collection().index[name]]


def test_the_collection_is_large_and_close() -> None:
    fits = library.collection()
    assert len(names()) > 2100
    assert fits.deviation.median() < 5e-4
    assert fits.deviation.quantile(0.9) < 1e-3
    assert fits.deviation.max() < 8e-3
    assert library.FITS.stat().st_size < 1_000_000


def test_every_name_gives_an_airfoil_without_the_raw_coordinates(without_raw_coordinates: None) -> None:
    for name in names()[::40]:
        assert len(airfoil(name, raw=False).coordinates) == 199


def test_families_join_relatives_and_near_duplicates_only() -> None:
    fits = library.collection()
    assert family("naca2412") == family("n2415") == family("naca0009") == "naca4"
    assert family("naca23012-sharp") == "naca5"
    assert family("mid44a") == family("mid44e")
    assert family("ag45c-03") == family("AG45ct02r.dat")
    assert family("dae11") != family("s1223")
    # No two sections of different families lie within 0.002 chord of each other everywhere.
    height = Kulfan.from_vector(fits.weights).coordinates(60)[..., 1]
    number = {name: index for index, name in enumerate(sorted(set(fits.families)))}
    label = torch.tensor([number[name] for name in fits.families])
    near = torch.cdist(height, height, p=torch.inf) < 2e-3 - 1e-6  # what is stored is rounded to single precision
    assert not (near & (label[:, None] != label)).any()
    assert len(number) > 1500
    assert torch.bincount(label).max() < 0.05 * len(label)


def test_an_unknown_name_gets_close_matches() -> None:
    with pytest.raises(UnknownAirfoilError, match=r"no airfoil is called 'dae111'; close names are dae11"):
        airfoil("dae111")
    with pytest.raises(UnknownAirfoilError, match=r"give a NACA section, a UIUC name or a \.dat file"):
        airfoil("qqqqqqqqqq")
    with pytest.raises(UnknownAirfoilError, match=r"no airfoil file '.*wing\.dat'"):
        airfoil("somewhere/wing.dat")
    with pytest.raises(UnknownAirfoilError, match="no airfoil is called"):
        family("dae111")


def test_impossible_digits_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="both be zero or both not"):
        airfoil("naca2012")
