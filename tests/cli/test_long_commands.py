"""simulate, data, train, evaluate, design and verify: from files to files, with flows in closed form."""

import csv
import json
import tomllib

import h5py
import pytest

from understudy.surrogate.checkpoint import load

THIN_AIRFOIL = "understudy.datasets.synthetic:ThinAirfoilTheory"


def test_simulate_by_flags_leaves_the_settings_used(understudy, tmp_path):
    out = tmp_path / "cases.h5"
    words = ("--simulator", THIN_AIRFOIL, "--cases", 12, "--alpha", "-2", "3", "--seed", "4")
    code, told, _ = understudy("simulate", "--out", out, *words)
    assert code == 0
    assert "12 cases; this run computed 12" in told
    settings = tomllib.loads((tmp_path / "cases.h5.toml").read_text())
    assert (settings["cases"], settings["seed"], settings["conditions"]["alpha"]) == (12, 4, [-2.0, 3.0])
    code, told, _ = understudy("simulate", tmp_path / "cases.h5.toml")
    assert "this run computed 0" in told


def test_simulate_refuses_another_design_at_the_same_place(understudy, tmp_path):
    words = ("simulate", "--simulator", THIN_AIRFOIL, "--cases", 4, "--out", tmp_path / "cases.h5")
    understudy(*words)
    code, _, err = understudy(*words, "--seed", "1")
    assert code == 1
    assert "seed" in err
    assert err.splitlines()[-1].startswith("understudy: ")


def test_simulate_without_a_destination(understudy):
    code, _, err = understudy("simulate", "--cases", "4")
    assert code == 1
    assert "the configuration lacks out" in err


def test_data_is_looked_at_checked_and_exported(understudy, data, tmp_path):
    assert "600 cases" in understudy("data", "info", data)[1]
    assert understudy("data", "check", data)[:2] == (0, f"{data}: sound\n")
    code, _, _ = understudy("data", "export", data, "--csv", tmp_path / "c.csv", "--rows", "10:15")
    with (tmp_path / "c.csv").open() as file:
        assert [row["case"] for row in csv.DictReader(file)] == ["10", "11", "12", "13", "14"]
    assert code == 0


def test_damaged_data_fails_the_check(understudy, data, tmp_path):
    (tmp_path / "damaged.h5").write_bytes(data.read_bytes())
    with h5py.File(tmp_path / "damaged.h5", "r+") as file:
        del file["inputs/mach"]
    code, _, err = understudy("data", "check", tmp_path / "damaged.h5")
    assert code == 1
    assert "inputs/mach is missing" in err


@pytest.mark.parametrize("command", [("data", "info"), ("evaluate",), ("train", "--out", "x", "--data")])
def test_truncated_data_is_one_sentence(understudy, data, tmp_path, monkeypatch, checkpoint, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.h5").write_bytes(data.read_bytes()[:5000])
    by = ("--by", checkpoint) if command == ("evaluate",) else ()
    code, _, err = understudy(*command, tmp_path / "cut.h5", *by)
    assert code == 1
    assert "cut.h5" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_missing_data_is_one_sentence(understudy, tmp_path):
    code, _, err = understudy("data", "info", tmp_path / "none.h5")
    assert (code, err.count("\n")) == (1, 1)
    assert "no data set at" in err


def test_train_evaluate_predict(understudy, data, tmp_path):
    settings = tmp_path / "train.toml"
    settings.write_text(
        f'data = ["{data}"]\nout = "{tmp_path / "run"}"\n[shares]\ncalibration = 0.3\n'
        "[surrogate]\nmembers = 2\n[surrogate.training]\nepochs = 2\n"
        '[surrogate.training.network]\nkind = "convolution"\nchannels = [4, 6, 8]\nblocks = [0, 1, 1]\nhidden = 12\n'
    )
    code, told, _ = understudy("train", settings, "--epochs", "1")
    assert code == 0
    assert "never trained on" in told
    used = tomllib.loads((tmp_path / "run" / "train.toml").read_text())
    assert used["surrogate"]["training"]["epochs"] == 1
    figures = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    code, _, _ = understudy("evaluate", data, "--by", tmp_path / "run", "--out", tmp_path / "e.json")
    assert code == 0
    again = json.loads((tmp_path / "e.json").read_text())
    for page in (tmp_path / "run" / "evaluation.html", tmp_path / "e.html"):
        assert page.read_text().count("<svg") == len(next(iter(figures["accuracy"].values())))  # one of each quantity
    assert again["cases"] == figures["cases"]  # the unseen families, as the training left them aside
    assert again["accuracy"]["everything"]["cd"] == pytest.approx(figures["accuracy"]["everything"]["cd"])
    everything = understudy("evaluate", data, "--by", tmp_path / "run", "--rows", "all", "--out", tmp_path / "e.json")
    assert everything[0] == 0
    assert json.loads((tmp_path / "e.json").read_text())["cases"]["everything"] == 600
    assert understudy("predict", "naca2412", "--alpha", "2", "--by", tmp_path / "run")[0] == 0


def test_data_of_different_settings_train_together_only_if_told_so(understudy, data, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(data.read_bytes())
    with h5py.File(other, "r+") as file:
        file.attrs["simulator_configuration"] = '{"extra_moment": 1.0}'
    settings = tmp_path / "train.toml"
    settings.write_text(
        f'data = ["{data}", "{other}"]\nout = "{tmp_path / "run"}"\n[shares]\ncalibration = 0.3\n'
        "[surrogate]\nmembers = 1\n[surrogate.training]\nepochs = 1\n"
        '[surrogate.training.network]\nkind = "convolution"\nchannels = [4, 6, 8]\nblocks = [0, 1, 1]\nhidden = 12\n'
    )
    code, _, err = understudy("train", settings)
    assert (code, "train on files of one, or on all of them as they are with --mixed" in err) == (1, True)
    assert understudy("train", settings, "--mixed")[0] == 0
    card = load(tmp_path / "run" / "surrogate.safetensors").card
    assert len(set(card.data["settings"])) == 2
    assert all(word in card.sentence for word in (*card.data["settings"], "whose answers are not comparable"))


def test_too_little_to_calibrate_is_said_before_training(understudy, data, tmp_path):
    settings = tmp_path / "train.toml"
    settings.write_text(f'data = ["{data}"]\nout = "{tmp_path / "run"}"\n')
    code, _, err = understudy("train", settings)
    assert code == 1
    assert "intervals need at least 80 answered cases for calibration" in err


@pytest.mark.usefixtures("closed_form")
def test_design_then_a_second_judge(understudy, problem, tmp_path):
    folder = tmp_path / "run"
    code, told, _ = understudy("design", problem, "--out", folder, "--by", "viscous")
    assert code == 0
    assert told.startswith("success")
    assert {"design.dat", "design.json", "report.html", "problem.toml"} <= {file.name for file in folder.iterdir()}
    assert "understudy design" in (folder / "report.html").read_text()
    code, told, _ = understudy("verify", folder, "--by", "viscous")
    assert code == 0
    code, told, _ = understudy("verify", folder)  # xfoil finds another moment
    assert code == 1
    assert told.startswith("constraint_broken")
    assert json.loads((folder / "verified-xfoil.json").read_text())["outcome"] == "constraint_broken"
    assert json.loads((folder / "design.json").read_text())["outcome"] == "success"


@pytest.mark.usefixtures("closed_form")
def test_design_that_the_judge_rejects_is_no_success(understudy, problem, tmp_path):
    code, told, _ = understudy("design", problem, "--out", tmp_path / "run", "--by", "viscous", "--judge", "xfoil")
    assert code == 1
    assert told.startswith("constraint_broken")


@pytest.mark.usefixtures("closed_form")
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("at_most = -0.3", "contradicts itself"),
        ("at_leest = 0.1", "unknown key 'at_leest'"),
        ("points = [7]", "names point 7 of 1"),
    ],
)
def test_impossible_problems_are_one_sentence(understudy, problem, tmp_path, line, sentence):
    problem.write_text(problem.read_text() + line + "\n")
    code, _, err = understudy("design", problem, "--out", tmp_path / "run", "--by", "viscous")
    assert (code, err.count("\n")) == (1, 1)
    assert sentence in err


@pytest.mark.usefixtures("closed_form")
def test_constraints_that_no_shape_meets_together_are_no_success(understudy, problem, tmp_path):
    thin_and_large = '[[constraints]]\nmeasure = "{}"\n{} = {}\n'
    more = thin_and_large.format("max_thickness", "at_most", 0.05) + thin_and_large.format("area", "at_least", 0.2)
    problem.write_text(problem.read_text().replace("iterations = 20", "iterations = 4") + more)
    code, told, _ = understudy("design", problem, "--out", tmp_path / "run", "--by", "viscous")
    assert code == 1
    assert told.startswith("infeasible: no shape within the bounds was found that meets all constraints together")


@pytest.mark.usefixtures("closed_form")
def test_damaged_design_is_one_sentence(understudy, problem, tmp_path):
    (tmp_path / "design.json").write_text('{"format": 1}')
    code, _, err = understudy("verify", problem.parent)
    assert (code, err.count("\n")) == (1, 1)
    assert "a part of the design is missing or damaged" in err


@pytest.mark.usefixtures("closed_form")
def test_rounds_need_a_surrogate(understudy, problem, tmp_path):
    words = ("design", problem, "--out", tmp_path / "run", "--by", "viscous", "--rounds", "1")
    code, _, err = understudy(*words)
    assert code == 1
    assert "rounds need a surrogate" in err


def test_verify_without_a_design(understudy, tmp_path):
    code, _, err = understudy("verify", tmp_path)
    assert code == 1
    assert "holds no finished design" in err
