"""A surrogate survives the disk, and a wrong file is refused with the name of the field that is wrong."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from understudy.datasets.whole_files import DiskFullError
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.surrogate.checkpoint import CheckpointError, load, save
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.tensor_file import TensorFileError, read_tensors, write_tensors


@pytest.fixture
def saved(surrogate: Surrogate, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save(surrogate, path)
    return path


def altered(path: Path, field: str, value: object) -> Path:
    """The same file with one word changed, or left out if the value is None."""
    tensors, words = read_tensors(path)
    words = {name: text for name, text in words.items() if name != field}
    if value is not None:
        words[field] = json.dumps(value)
    write_tensors(path, tensors, words)
    return path


def test_loaded_surrogate_answers_the_same(surrogate: Surrogate, saved: Path, random_cases: Callable[..., AirfoilCase]):
    case = random_cases(5, seed=20)
    first, second = surrogate.predict(case), load(saved).predict(case)
    for name, value in first.values.items():
        assert torch.equal(value, second[name]), name
    assert torch.equal(first.low["cd"], second.low["cd"])
    assert torch.equal(first.known, second.known)
    assert load(saved).card == surrogate.card


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("schema_version", 0, "schema_version must be 1 .* got 0: train again, or use the release that wrote it"),
        ("format", "another", "format must be 'understudy-surrogate' .* got 'another'"),
        ("format", None, "format is missing"),
        ("networks", [], "networks is empty"),
        ("networks", [{"kind": "transformer"}], r"networks\[0\].* got 'transformer'"),
        ("networks", [{"kind": "convolution", "depth": 3}], r"networks\[0\].*depth"),
        ("calibration", {"coverage": 0.9, "quantities": ["cl"]}, "calibration.quantities lacks ln_cd"),
        ("range", {"shape_limit": 1.0, "doubt_limit": 1.0}, "range.box is missing"),
        ("nodes", 80, "nodes must be 160"),
        ("inputs", {"even": ["x"]}, "inputs must be"),
        ("card", {"sentence": "a"}, "card does not fit"),
    ],
)
def test_wrong_field_is_named(saved: Path, field: str, value: object, complaint: str):
    with pytest.raises(CheckpointError, match=complaint):
        load(altered(saved, field, value))


def test_truncated_file_is_refused(saved: Path):
    content = saved.read_bytes()
    for size in (len(content) - 10, 300):
        saved.write_bytes(content[:size])
        with pytest.raises(CheckpointError, match="cut short"):
            load(saved)


def test_foreign_file_is_refused(tmp_path: Path):
    path = tmp_path / "foreign.pt"
    torch.save({"weights": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match="no tensor file"):
        load(path)


def test_missing_tensor_is_named(saved: Path):
    tensors, words = read_tensors(saved)
    name = next(name for name in tensors if name.endswith("stem.same"))
    write_tensors(saved, {key: value for key, value in tensors.items() if key != name}, words)
    with pytest.raises(CheckpointError, match=re.escape(f"tensor {name} is missing")):
        load(saved)


def test_missing_file_says_so(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no surrogate at .*nowhere"):
        load(tmp_path / "nowhere")


def test_tensors_of_every_kind_survive(tmp_path: Path):
    tensors = {
        "a": torch.arange(6, dtype=torch.int64).reshape(2, 3),
        "b": torch.tensor(2.5, dtype=torch.float64),
        "c": torch.empty(0, 4),
        "d": torch.randn(3).half(),
    }
    path = tmp_path / "t.safetensors"
    write_tensors(path, tensors, {"word": "Re \u2265 1e5"})
    read, words = read_tensors(path)
    assert words == {"word": "Re \u2265 1e5"}
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": torch.ones(1)}, {})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="No space left"):
        write_tensors(path, {"a": torch.zeros(1)}, {})
    monkeypatch.undo()
    assert read_tensors(path)[0]["a"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_header_that_does_not_fit_its_bytes_is_refused(tmp_path: Path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "t"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"abcd")
    with pytest.raises(TensorFileError, match="does not fit its bytes"):
        read_tensors(path)
