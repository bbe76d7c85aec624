import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from understudy import answers as table
from understudy.asking import predictor
from understudy.simulators.shapes import airfoil
from understudy.simulators.shapes.coordinates_file import write_selig
from understudy.surrogate.tensor_file import read_tensors, write_tensors

_TURN = np.linspace(0, 2 * np.pi, 63)
CROSSED = "\n".join(f"{0.5 + 0.5 * np.cos(t):.6f} {0.1 * np.sin(2 * t):.6f}" for t in _TURN).encode()  # an eight
HEAD = "airfoil,alpha_deg,cl,reynolds,mach,n_crit\n"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_single_answer(understudy, thin):
    code, out, _ = understudy("predict", "naca0012", "--alpha", "4", "--by", thin)
    assert code == 0
    assert re.search(r"^CL +0\.4386$", out, re.MULTILINE)  # 2 pi alpha
    assert re.search(r"^transition top +1\.000$", out, re.MULTILINE)


def test_surrogate_answers_with_intervals(understudy, checkpoint):
    code, out, _ = understudy("predict", "naca2412", "--alpha", "2", "--by", checkpoint)
    assert code == 0
    low, high = map(float, re.search(r"^CD .* (\d\.\d+) \.\. (\d\.\d+)$", out, re.MULTILINE).groups())
    assert 0 < low < high
    assert "90%" in out


def test_case_outside_the_training_range_is_flagged(understudy, checkpoint):
    _, out, _ = understudy("predict", "naca2412", "--alpha", "25", "--by", checkpoint)
    assert "outside what the surrogate was trained on" in out


def test_folder_of_a_training_answers_like_its_checkpoint(understudy, checkpoint):
    words = ("predict", "naca2412", "--alpha", "2", "--by")
    assert understudy(*words, checkpoint.parent)[1] == understudy(*words, checkpoint)[1]


def test_python_and_command_line_agree(understudy, checkpoint):
    import understudy as package

    answer = package.predictor(checkpoint).predict(package.case("naca2412", alpha=2, reynolds=1e6))
    _, out, _ = understudy("predict", "naca2412", "--alpha", "2", "--by", checkpoint)
    assert f"{float(answer['cl']):.4f}" in out


def test_coordinate_file(understudy, thin, tmp_path):
    write_selig(airfoil("naca2412"), tmp_path / "wing.dat")
    code, out, _ = understudy("predict", tmp_path / "wing.dat", "--alpha", "0", "--by", thin)
    assert code == 0
    assert "CL" in out


def test_repairs_are_told_on_standard_error(understudy, thin, tmp_path):
    lines = [f"{x:.6f} {y:.6f}" for x, y in airfoil("naca2412").coordinates.flip(0).tolist()]
    (tmp_path / "reversed.dat").write_text("reversed\n" + "\n".join(lines))
    code, out, err = understudy("predict", tmp_path / "reversed.dat", "--alpha", "0", "--by", thin)
    assert code == 0
    assert err.startswith("reversed: ")
    assert "reversed:" not in out


def test_polar_over_angles(understudy, thin):
    code, out, _ = understudy("predict", "naca0012", "--alpha", "-4:4:2", "--by", thin)
    angles = [float(line.split()[0]) for line in out.splitlines()[1:]]
    assert code == 0
    assert angles == [-4, -2, 0, 2, 4]


def test_polar_over_lift(understudy, thin):
    _, out, _ = understudy("predict", "naca0012", "--cl", "0.2:0.6:0.2", "--by", thin)
    assert [float(line.split()[1]) for line in out.splitlines()[1:]] == pytest.approx([0.2, 0.4, 0.6])


def test_polar_keeps_points_that_failed(understudy, thin):
    code, out, _ = understudy("predict", "naca0012", "--alpha", "10:20:10", "--by", thin)
    assert code == 0
    assert "20.000" in out
    assert "not converged: stalled; use a smaller angle" in out


def test_xfoil_polar_file(understudy, thin, tmp_path):
    file = tmp_path / "polar.txt"
    understudy("predict", "naca0012", "--alpha", "0:20:4", "--by", thin, "--xfoil-polar", file, "--reynolds", "5e5")
    lines = file.read_text().splitlines()
    assert "Calculated polar for: NACA" in file.read_text() or "naca0012" in lines[3]
    assert "0.500 e 6" in lines[8]
    read = np.loadtxt(file, skiprows=12)
    assert read.shape == (4, 7)  # 16 and 20 deg stall
    assert read[:, 0] == pytest.approx([0, 4, 8, 12])
    assert read[:, 1] == pytest.approx(2 * np.pi * np.radians(read[:, 0]), abs=1e-4)


def test_plot(understudy, checkpoint, tmp_path):
    code, _, _ = understudy(
        "predict", "naca2412", "--alpha", "-2:4:2", "--by", checkpoint, "--plot", tmp_path / "p.png"
    )
    assert code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nosuchfoil", "--alpha", "3"], "no airfoil is called 'nosuchfoil'"),
        (["naca0012", "--alpha", "3", "--mach", "1.3"], "mach must be at least 0 and below 1 [-]; got 1.3"),
        (["naca0012", "--alpha", "3", "--reynolds", "-1e6"], "reynolds must be positive [-]; got -1e+06"),
        (["naca0012", "--alpha", "nan"], "alpha [deg] must be finite; got 'nan'"),
        (["naca0012", "--alpha", "4:0:1"], "the step must lead from the first value to the last"),
        (["naca0012"], "expected exactly one of --alpha [deg] and --cl"),
        (["naca0012", "--alpha", "30"], "not converged: stalled; use a smaller angle"),
        ([], "expected either an airfoil or a table of cases"),
    ],
)
def test_a_single_prediction_that_fails_is_one_sentence(understudy, thin, words, sentence):
    code, out, err = understudy("predict", *words, "--by", thin)
    assert (code, out) == (1, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\0\1\2", "is not a text file"),
        (b"few\n1 0\n0 0\n1 0\n", "at least 20 points"),
        (b"nan\n" + b"nan 0.1\n" * 30, "finite number"),
        (CROSSED, "the contour crosses itself near x = "),
    ],
)
def test_bad_coordinate_files(understudy, thin, tmp_path, content, sentence):
    (tmp_path / "bad.dat").write_bytes(content)
    code, _, err = understudy("predict", tmp_path / "bad.dat", "--alpha", "3", "--by", thin)
    assert code == 1
    assert sentence in err


def test_answerer_without_a_name(understudy):
    code, _, err = understudy("predict", "naca0012", "--alpha", "3", "--by", "nobody")
    assert code == 1
    assert "expected one of surrogate, viscous, xfoil, rans, openfoam, package.module:Class, or the path of" in err


def test_surrogate_that_was_never_trained(understudy, monkeypatch, tmp_path):
    monkeypatch.setattr("understudy.asking.PRETRAINED", tmp_path / "none.safetensors")
    code, _, err = understudy("predict", "naca0012", "--alpha", "3")
    assert code == 1
    assert "no pretrained surrogate is installed; train one" in err


def test_folder_of_a_training_that_is_not_finished(understudy, tmp_path):
    code, _, err = understudy("predict", "naca0012", "--alpha", "3", "--by", tmp_path)
    assert (code, err.count("\n")) == (1, 1)
    assert "holds no surrogate.safetensors; finish its training" in err


def test_checkpoint_of_another_version(understudy, checkpoint, tmp_path):
    tensors, words = read_tensors(checkpoint)
    write_tensors(tmp_path / "newer.safetensors", tensors, {**words, "schema_version": "99"})
    code, _, err = understudy("predict", "naca0012", "--alpha", "3", "--by", tmp_path / "newer.safetensors")
    assert (code, err.count("\n")) == (1, 1)
    assert "newer.safetensors: the field schema_version must be 1" in err
    assert "got 99: train again" in err


def test_foreign_checkpoint(understudy, tmp_path):
    (tmp_path / "other.safetensors").write_bytes(b"something else")
    code, _, err = understudy("predict", "naca0012", "--alpha", "3", "--by", tmp_path / "other.safetensors")
    assert code == 1
    assert "other.safetensors" in err


def test_table_refuses_rows_and_goes_on(understudy, thin, tmp_path):
    (tmp_path / "cases.csv").write_text(
        HEAD + "naca0012,4,,1e6,0,9\n"
        "nosuchfoil,4,,1e6,0,9\n"
        "naca0012,nan,,1e6,0,9\n"
        "naca0012,4,,1e6,1.3,9\n"
        "naca0012,4,,-1e6,0,9\n"
        "naca0012,4,0.5,1e6,0,9\n"
        "naca0012,four,,1e6,0,9\n"
        ",4,,1e6,0,9\n"
        "missing/wing.dat,4,,1e6,0,9\n"
        "naca0012,30,,1e6,0,9\n"
        "naca0012,4,,666,0,9\n"
        "naca0012\n"
        "DP1,77-8,4,,1e6,0,9\n"
        "naca0012,,0.5,1e6,,\n"
    )
    code, out, _ = understudy("predict", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "a.csv", "--by", thin)
    rows = rows_of(tmp_path / "a.csv")
    assert code == 0
    assert [row["status"] for row in rows] == [
        "ok",
        *["refused"] * 8,
        "not_converged",
        "failed",
        "refused",
        "refused",
        "ok",
    ]
    assert all(row["message"] for row in rows if row["status"] != "ok")
    assert "1 failed, 1 not_converged, 2 ok, 10 refused" in out
    assert float(rows[0]["cl"]) == pytest.approx(0.4386, abs=1e-4)
    assert float(rows[-1]["alpha_deg"]) == pytest.approx(np.degrees(0.5 / (2 * np.pi)))
    assert rows[0]["cl_low"] == rows[0]["known"] == rows[1]["cd"] == ""
    assert [row["airfoil"] for row in rows[:2]] == ["naca0012", "nosuchfoil"]


def test_a_finished_table_is_not_answered_again(understudy, thin, tmp_path):
    words = ("predict", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "a.csv", "--by", thin)
    (tmp_path / "cases.csv").write_text("airfoil,alpha_deg,reynolds\nnaca0012,2,1e6\n")
    understudy(*words)
    (tmp_path / "a.csv").write_text("kept\n")
    code, out, _ = understudy(*words)
    assert (code, "answers the same question already" in out) == (0, True)
    assert (tmp_path / "a.csv").read_text() == "kept\n"
    (tmp_path / "cases.csv").write_text("airfoil,alpha_deg,reynolds\nnaca0012,3,1e6\n")
    assert "1 ok" in understudy(*words)[1]


def test_table_has_the_promised_columns(understudy, checkpoint, tmp_path):
    head = "airfoil,alpha_deg,reynolds,mach,n_crit"
    (tmp_path / "cases.csv").write_text(f"{head}\nnaca2412,2,1e6,0,9\n")
    understudy("predict", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "a.csv", "--by", checkpoint)
    first = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert first == (
        f"{head},status,message,known,cl,cl_low,cl_high,cd,cd_low,cd_high,cm,cm_low,cm_high,xtr_top,xtr_bottom"
    )
    (row,) = rows_of(tmp_path / "a.csv")
    assert float(row["cl_low"]) < float(row["cl"]) < float(row["cl_high"])
    assert row["known"] in ("true", "false")
    assert str(checkpoint) in (tmp_path / "a.csv.toml").read_text()


def test_table_reads_each_airfoil_once_in_any_number_of_batches(thin, tmp_path, monkeypatch):
    read: list[str] = []
    monkeypatch.setattr(table, "airfoil_called", lambda name: read.append(name) or airfoil(name))
    monkeypatch.setattr(table, "AT_ONCE", 7)
    body = "".join(f"naca{'0012' if row % 2 else '2412'},{row % 9},,1e6,0,9\n" for row in range(50))
    (tmp_path / "cases.csv").write_text(HEAD + body)
    ended = table.answer_table(tmp_path / "cases.csv", tmp_path / "a.csv", predictor(thin))
    assert ended == {"ok": 50}
    assert sorted(read) == ["naca0012", "naca2412"]
    assert [float(row["alpha_deg"]) for row in rows_of(tmp_path / "a.csv")] == [row % 9 for row in range(50)]


def test_interrupted_table_goes_on(thin, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "AT_ONCE", 4)
    (tmp_path / "cases.csv").write_text(HEAD + "".join(f"naca0012,{row},,1e6,0,9\n" for row in range(10)))
    cases, out, who = tmp_path / "cases.csv", tmp_path / "a.csv", predictor(thin)
    asked: list[int] = []

    def stop(done: int, total: int) -> None:
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="8 of 10 rows are kept"):
        table.answer_table(cases, out, who, progress=stop)
    with (tmp_path / "a.csv.part").open("a") as part:
        part.write("naca0012,8,,1e6")  # a line that was cut off
    original = type(who).predict
    monkeypatch.setattr(type(who), "predict", lambda self, case: asked.append(len(case)) or original(self, case))
    assert table.answer_table(cases, out, who) == {"ok": 10}
    assert asked == [2]
    assert [float(row["alpha_deg"]) for row in rows_of(out)] == list(range(10))
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"airfoil,alpha_deg\nnaca0012,4\n", "lacks the column reynolds"),
        (b"", "lacks the column airfoil"),
        (b"airfoil,airfoil,reynolds,cl\n", "names a column twice"),
        (b"\xff\xfe\x00", "is not a table"),
    ],
)
def test_table_without_cases_is_refused(understudy, thin, tmp_path, content, sentence):
    (tmp_path / "cases.csv").write_bytes(content)
    code, _, err = understudy("predict", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "a.csv", "--by", thin)
    assert code == 1
    assert sentence in err


def test_a_polar_leaves_no_table(understudy, thin, tmp_path):
    code, _, err = understudy("predict", "naca0012", "--alpha", "1", "--out", tmp_path / "a.csv", "--by", thin)
    assert code == 1
    assert "--out takes the answers to --cases or to a file of slabs; a polar is kept by --xfoil-polar" in err


def test_predictor_broken_by_one_row_answers_the_others(thin):
    rows = [{"airfoil": "naca0012", "alpha_deg": "2", "reynolds": reynolds} for reynolds in ("1e6", "666", "2e6")]
    told = table.answer_rows(rows, predictor(thin), table.ShapeShelf())
    assert [row["status"] for row in told] == ["ok", "failed", "ok"]
    assert told[1]["message"] == "FloatingPointError: broken on purpose"
    assert torch.tensor(float(told[0]["cl"])).isfinite()


def test_rans_answers_with_its_physics_and_grid(understudy):
    flags = ("--alpha", "2", "--mach", "0.3", "--by", "rans", "--model", "euler", "--grid", "97x25")
    code, out, _ = understudy("predict", "naca0012-sharp", *flags)
    assert code == 0
    lift = float(re.search(r"^CL +(\d\.\d+)$", out, re.MULTILINE).group(1))
    assert lift == pytest.approx(2 * np.pi * np.radians(2) / np.sqrt(1 - 0.3**2), rel=0.12)


def test_options_are_said_by_flag_or_behind_the_name(understudy, tmp_path):
    """Both ask the same, which is kept with the answers; Mach 0 is refused, so that nothing is solved."""
    (tmp_path / "cases.csv").write_text("airfoil,alpha_deg,reynolds\nnaca0012,1,1e6\n")
    asked = ("predict", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "a.csv", "--by")
    kept = []
    for words in (("rans", "--model", "euler", "--grid", "97x25"), ("rans:model=euler,grid=97x25",)):
        assert understudy(*asked, *words)[0] == 0
        kept.append((tmp_path / "a.csv.toml").read_text())
    assert kept[0] == kept[1]
    assert 'by = "rans:model=euler,grid=97x25"' in kept[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("viscous", "--model", "euler"), "--model euler is an option of none of viscous; leave it out"),
        (("rans:grid=97x25", "--grid", "193x49"), "grid is given twice, in rans:grid=97x25 and by --grid"),
        (("rans", "--grid", "fine"), "grid of rans must be two numbers of nodes such as 385x97; got 'fine'"),
    ],
)
def test_options_that_do_not_suit_are_one_sentence(understudy, words, sentence):
    code, _, err = understudy("predict", "naca0012", "--alpha", "2", "--by", *words)
    assert (code, err.count("\n")) == (1, 1)
    assert sentence in err
