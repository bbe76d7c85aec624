from pathlib import Path

import h5py
import pytest

from understudy.datasets.format import DataFileError, meaning, opened
from understudy.datasets.reader import load


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_one_sentence(tmp_path: Path, data_file: Path, kept: float):
    content = data_file.read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataFileError, match=r"cut\.h5 is cut short, damaged or no HDF5 file \(.*\); copy it") as told:
        load(cut)
    assert "\n" not in str(told.value)


def test_a_damaged_block_is_one_sentence(tmp_path: Path, data_file: Path):
    """The file opens, but a compressed block inside it does not unpack."""
    damaged = tmp_path / "damaged.h5"
    with h5py.File(data_file) as file:
        place = file["fields/cp"].id.get_chunk_info(1)
    content = bytearray(data_file.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = b"\xff" * place.size
    damaged.write_bytes(content)
    with load(damaged) as data:
        assert len(data) == 200
        with pytest.raises(DataFileError, match="is cut short, damaged"):
            data.field("cp", [100])


def test_a_foreign_file_is_refused(tmp_path: Path):
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(DataFileError, match="root attribute 'format' must be 'understudy-dataset'; got None"):
        load(foreign)


def test_text_is_no_data_file(tmp_path: Path):
    text = tmp_path / "notes.h5"
    text.write_text("alpha, cl, cd\n" * 100)
    with pytest.raises(DataFileError, match="no HDF5 file"):
        load(text)


def test_another_version_is_refused(tmp_path: Path, data_file: Path):
    newer = tmp_path / "newer.h5"
    newer.write_bytes(data_file.read_bytes())
    with h5py.File(newer, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(DataFileError, match="has format_version 99, and this code reads version 1"):
        load(newer)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"neither a file, nor a folder of shards, nor data\.h5\.parts"):
        load(tmp_path / "data.h5")


def test_units_and_meanings_come_from_the_declared_quantities(data_file: Path):
    assert meaning("inputs/alpha") == ("deg", "angle of attack, nose up positive; NaN where the lift is prescribed")
    assert meaning("outputs/cl") == ("-", "lift coefficient")
    with opened(data_file) as file:
        assert file["outputs/xtr_top"].attrs["unit"] == "chord"
        assert file["fields/cp"].compression == "gzip"
        assert file["fields/cp"].compression_opts == 1
        assert file["fields/cp"].shuffle
        assert file["fields/cp"].dtype == "float32"


def test_an_undeclared_quantity_has_no_place_in_a_file():
    with pytest.raises(ValueError, match=r"expected one of the quantities .*; got 'buoyancy'"):
        meaning("outputs/buoyancy")
