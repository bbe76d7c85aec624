"""A surrogate of slabs survives the disk, and a wrong file is refused with the name of the field that is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.checkpoint import CheckpointError, load, save
from understudy.surrogate.tensor_file import read_tensors, write_tensors


def test_loaded_surrogate_answers_the_same(
    surrogate: SlabSurrogate, draw: Callable[[int, int], SlabCase], tmp_path: Path
):
    save(surrogate, tmp_path / "slab.safetensors")
    again = load(tmp_path / "slab.safetensors")
    case = draw(6, 3)
    first, second = surrogate.predict(case), again.predict(case)
    for name in ("adsorption_energy", "formation_energy"):
        for one, other in ((first[name], second[name]), (first.low[name], second.low[name])):
            assert torch.equal(one, other)
    assert torch.equal(first.known, second.known)
    assert again.identity == surrogate.identity
    assert again.card == surrogate.card


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("about", "bridge", "about must be airfoil or slab; got 'bridge'"),
        ("inputs", {"elements": ["H"]}, "inputs must be"),
        ("networks", [{"kind": "convolution"}] * 4, r"networks\[0\]: expected a network of atoms"),
        ("calibration", {"quantities": ["adsorption_energy"]}, "calibration.coverage is missing"),
        ("range", {"box": {}, "elements": ["Pt"], "adsorbates": ["H"], "doubt_limit": 1.0}, "range.box lacks nearest"),
        ("range", {"box": {}, "adsorbates": ["H"], "doubt_limit": 1.0}, "range.elements is missing"),
    ],
)
def test_wrong_file_names_the_field(
    surrogate: SlabSurrogate, tmp_path: Path, field: str, value: object, complaint: str
):
    path = tmp_path / "slab.safetensors"
    save(surrogate, path)
    tensors, words = read_tensors(path)
    write_tensors(path, tensors, {**words, field: json.dumps(value)})
    with pytest.raises(CheckpointError, match=complaint):
        load(path)
