"""Flows in data sets: their forces made again from the file alone, resuming, and what is refused."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from understudy.datasets import generation
from understudy.datasets.checker import check
from understudy.datasets.flow_fields import NoFieldsError, stored_flow
from understudy.datasets.generation import ResumeError, SimulateConfig, compute, generate
from understudy.datasets.reader import load
from understudy.datasets.sampling import ConditionRanges

CONDITIONS = ConditionRanges(alpha=(-1.0, 7.0), mach=(0.05, 0.8), reynolds=(1e6, 9e6))


def config(out: Path, **settings) -> SimulateConfig:
    return SimulateConfig(out=out, simulator="rans", conditions=CONDITIONS, fields=True, **{"cases": 6, **settings})


@pytest.fixture
def standing_in(let_it_simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_simulate(monkeypatch)


@pytest.fixture(scope="module")
def flows_file(let_it_simulate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cases, one of them not converged; read it, do not change it."""
    out = tmp_path_factory.mktemp("flows") / "flows.h5"
    with pytest.MonkeyPatch.context() as patch:
        let_it_simulate(patch)
        generate(config(out, chunk=4))
    return out


def test_forces_are_made_from_the_fields_as_the_file_says(flows_file: Path):
    """By the words of the attribute `forces` alone; single precision of the pressure costs a part of 1 / M²."""
    with h5py.File(flows_file) as file:
        assert "cl = C_y cos a - C_x sin a" in file.attrs["forces"]
        answered = np.flatnonzero(file["status"][...] == 0)
        assert 0 < len(answered) < len(file["status"])
        for row in answered:
            found = forces_of(file, row)
            rounding = 5e-8 / file["inputs/mach"][row] ** 2
            for name, value in found.items():
                assert value == pytest.approx(file[f"outputs/{name}"][row], abs=rounding), name


def forces_of(file: h5py.File, row: int) -> dict[str, float]:
    def field(name: str) -> np.ndarray:
        start, stop = file[f"fields/{name}/offsets"][row : row + 2]
        return file[f"fields/{name}/values"][start:stop].astype(float)

    cells_along, cells_away, wake = (int(file[f"grid/{name}"][row]) for name in ("cells_along", "cells_away", "wake"))
    mach, reynolds = file["inputs/mach"][row], file["inputs/reynolds"][row]
    a = np.radians(file["outputs/alpha"][row])
    total, pushed, rubbed, cm = np.zeros(2), np.zeros(2), np.zeros(2), 0.0
    x, y, density, pressure = (field(name) for name in ("node_x", "node_y", "density", "pressure"))
    velocity = np.column_stack([field("velocity_x"), field("velocity_y")])
    normals, heights = np.column_stack([field("wall_normal_x"), field("wall_normal_y")]), field("wall_height")
    assert len(density) == cells_along * cells_away
    for f in range(cells_along - 2 * wake):
        i = wake + f
        cell, node, next_node = i * cells_away, i * (cells_away + 1), (i + 1) * (cells_away + 1)
        middle = 0.5 * np.array([x[node] + x[next_node], y[node] + y[next_node]])
        p_w = 1.5 * pressure[cell] - 0.5 * pressure[cell + 1]
        cp = 2 * (p_w - 1) / (1.4 * mach**2)
        length = np.hypot(*normals[f])
        n, u = normals[f] / length, velocity[cell]
        temperature, s = pressure[cell] / density[cell], 110.33 / 300
        mu = temperature**1.5 * (1 + s) / (temperature + s)
        t = 2 * mu / (reynolds * heights[f]) * (u + n * (u @ n) / 3)
        push, rub = -cp * normals[f], length * t
        total, pushed, rubbed = total + push + rub, pushed + push, rubbed + rub
        cm += middle[1] * (push + rub)[0] - (middle[0] - 0.25) * (push + rub)[1]
    wind = np.array([np.cos(a), np.sin(a)])
    lift = total[1] * np.cos(a) - total[0] * np.sin(a)
    return {
        "cl": lift, "cd": total @ wind, "cd_pressure": pushed @ wind, "cd_friction": rubbed @ wind, "cm": cm
    }  # fmt: skip


def test_a_data_set_with_flows_is_sound_and_gives_them_back(flows_file: Path, made_up_rans):
    assert check(flows_file) == []
    with load(flows_file) as data:
        answer = made_up_rans().predict(data.case(slice(0, 4)))  # the first chunk
        assert not data.ok.all()
        for row in [row for row in data.ok_rows.tolist() if row < 4]:
            flow, stored = answer.flow_field(row), stored_flow(data, row)
            assert flow is not None
            assert (stored.wake, stored.who, stored.airfoil) == (flow.wake, "rans", data.subject_names[0])
            assert set(stored.cells) == set(flow.cells)
            torch.testing.assert_close(stored.nodes, flow.nodes, rtol=0, atol=1e-14)
            for name in flow.cells:
                torch.testing.assert_close(stored.cells[name], flow.cells[name], rtol=1e-6, atol=1e-30)
            assert stored.facts["cl"] == pytest.approx(flow.facts["cl"], rel=1e-12)


@pytest.mark.usefixtures("standing_in")
def test_a_run_that_is_broken_off_ends_with_the_same_file(tmp_path: Path, flows_file: Path, monkeypatch):
    calls: list[int] = []

    def killed(*arguments) -> generation.Rows:
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return compute(*arguments)

    monkeypatch.setattr(generation, "compute", killed)
    with pytest.raises(KeyboardInterrupt):
        generate(config(tmp_path / "flows.h5", chunk=4))
    generate(config(tmp_path / "flows.h5", chunk=4))
    assert len(calls) == 3
    with h5py.File(flows_file) as whole, h5py.File(tmp_path / "flows.h5") as broken:
        for name in ("fields/node_x/values", "fields/density/values", "fields/density/offsets", "grid/wake"):
            np.testing.assert_array_equal(broken[name][...], whole[name][...])


@pytest.mark.usefixtures("standing_in")
def test_a_data_set_without_flows_is_not_gone_on_with_flows(tmp_path: Path):
    out = tmp_path / "data.h5"
    generate(SimulateConfig(out=out, simulator="rans", cases=2, conditions=CONDITIONS))
    with h5py.File(out) as file:
        assert "grid" not in file
    with pytest.raises(ResumeError, match="fields is absent, asked True"):
        generate(config(out, cases=2))
    with load(out) as data, pytest.raises(NoFieldsError, match="holds no flow fields; simulate it again with --fields"):
        stored_flow(data, 0)


def test_an_unanswered_row_has_no_flow(flows_file: Path):
    with load(flows_file) as data:
        row = int((~data.ok).nonzero()[0])
        with pytest.raises(NoFieldsError, match=f"row {row} has no flow, its status being not_converged: .*stalled"):
            stored_flow(data, row)


def test_flows_of_a_simulator_that_has_none_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="viscous gives no flow fields; these simulators do: rans"):
        generate(SimulateConfig(out=tmp_path / "data.h5", fields=True))


@pytest.mark.parametrize(
    ("name", "place", "value", "sentence"),
    [
        ("grid/wake", 0, 3, "fields/wall_cp must have one value for each face of the body; 1 rows break this"),
        ("grid/cells_away", 0, 15, "fields/density must have one value for each cell of the grid; 1 rows"),
        ("grid/cells_along", 0, 0, "grid/ must be positive where the status is ok; 1 rows"),
        ("fields/pressure/values", 7, np.nan, "fields/pressure must be finite"),
    ],
)
def test_departures_are_named(tmp_path: Path, flows_file: Path, name: str, place: int, value: float, sentence: str):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(flows_file.read_bytes())
    with h5py.File(copy, "r+") as file:
        assert file["status"][0] == 0
        file[name][place] = value
    assert any(sentence in problem for problem in check(copy))
