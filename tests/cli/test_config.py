import tomllib
from pathlib import Path

import pytest

from understudy.cli.config import made, overridden, read_table, to_toml
from understudy.datasets.generation import SimulateConfig
from understudy.learning import TrainConfig
from understudy.surrogate import GraphConfig

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(("kind", "file"), [(SimulateConfig, "simulate.toml"), (TrainConfig, "train.toml")])
def test_what_is_written_is_read_again(kind: type, file: str):
    config = made(kind, read_table(EXAMPLES / file))
    assert made(kind, tomllib.loads(to_toml(config))) == config


def test_network_says_its_kind():
    table = {"data": ["a.h5"], "out": "x", "surrogate": {"training": {"network": {"kind": "graph", "layers": 3}}}}
    config = made(TrainConfig, table)
    assert config.surrogate.training.network == GraphConfig(layers=3)
    assert 'kind = "graph"' in to_toml(config)


def test_flags_go_before_the_file():
    table = overridden(
        {"cases": 5, "conditions": {"mach": [0, 0.5]}}, {"cases": 7, "conditions.alpha": (0, 1), "x": None}
    )
    assert table == {"cases": 7, "conditions": {"mach": [0, 0.5], "alpha": (0, 1)}}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"out": "x", "cases": "many"}, "cases must be of the kind int; got 'many'"),
        ({"out": "x", "case": 3}, "unknown key 'case'"),
        ({}, "lacks out"),
        ({"out": "x", "cases": 0}, "cases must be at least 1; got 0"),
        ({"out": "x", "sampler": "dice"}, "must be one of sobol, latin-hypercube; got 'dice'"),
        ({"out": "x", "slabs": {"facet": 111}}, 'facet must be text, in quotes: "111"; got the number 111'),
        ({"out": "x", "conditions": {"mach": [0]}}, "mach must hold 2 values; got 1"),
        ({"out": "x", "conditions": 3}, "conditions must be a table; got 3"),
    ],
)
def test_refusals_name_the_key(table: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        made(SimulateConfig, table)


def test_file_that_is_no_toml(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("cases = = 3")
    with pytest.raises(ValueError, match="is not a TOML file"):
        read_table(tmp_path / "bad.toml")
