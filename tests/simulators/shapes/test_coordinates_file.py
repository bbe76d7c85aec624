from pathlib import Path

import pytest
import torch

from understudy.simulators.shapes import Airfoil, ShapeError, naca
from understudy.simulators.shapes.coordinates_file import parse, read, write_lednicer, write_selig

CLEAN = naca("2412", 30)


def _text(points: torch.Tensor, header: str = "NACA 2412", form: str = "{:.7f} {:.7f}") -> str:
    lines = [form.format(x, y) for x, y in points.tolist()]
    return "\n".join([header, *lines] if header else lines) + "\n"


def _same(found: Airfoil, points: torch.Tensor = CLEAN, tolerance: float = 1e-7) -> None:
    torch.testing.assert_close(found.coordinates, points, rtol=0, atol=tolerance)


def test_a_clean_file_needs_no_repair() -> None:
    found = parse(_text(CLEAN), "file")
    _same(found)
    assert found.name == "NACA 2412"
    assert found.notes == ()


@pytest.mark.parametrize("write", [write_selig, write_lednicer])
@pytest.mark.parametrize("name", ["0012", "4412-sharp", "23012"])
def test_what_is_written_is_read_back(tmp_path: Path, write, name: str) -> None:  # type: ignore[no-untyped-def]
    original = Airfoil(f"NACA {name}", naca(name))
    write(original, tmp_path / "a.dat")
    found = read(tmp_path / "a.dat")
    _same(found, original.coordinates, 1e-9)
    assert found.name == original.name
    assert found.notes == ()


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (_text(CLEAN, header=""), "no name in the first line: called file after the file"),
        (_text(CLEAN.flip(0)), "started on the lower surface: reversed the order"),
        (_text(CLEAN[[0, 1, 1, 2, 2, 2, *range(3, 59)]]), "removed 3 repeated points"),
        (_text(CLEAN, form="{:.7f}, {:.7f}"), None),
        (_text(CLEAN, form="{:.7f};{:.7f}"), None),
        (_text(CLEAN, form="  {:.7f}\t{:.7f} 0.0"), None),
        (_text(CLEAN).replace(".", ","), "read decimal commas as points"),
        (_text(CLEAN) + "source: a friend\nhttp://x.y\n", "ignored 2 lines without a pair of numbers"),
        (_text(CLEAN).replace("\n", "  # comment\n"), None),
        (_text(CLEAN, form="{:.7E} {:.7E}").replace("E", "D"), None),
        (_text(CLEAN).replace("\n", "\r\n"), None),
    ],
)
def test_dirty_files_are_repaired_and_told(text: str, note: str | None) -> None:
    found = parse(text, "file")
    _same(found)
    assert found.notes == (() if note is None else (note,))


def test_points_on_the_base_of_a_blunt_edge_are_removed() -> None:
    share = torch.tensor([[0.5], [0.25], [0.75]], dtype=torch.float64)
    base = (1 - share) * CLEAN[0] + share * CLEAN[-1]
    found = parse(_text(torch.cat([base[:2], CLEAN, base[2:]])), "file")
    _same(found)
    assert found.notes == ("removed 3 points on the base of the blunt trailing edge",)


def test_a_closed_contour_that_starts_at_the_nose_is_turned() -> None:
    sharp = naca("2412-sharp", 30)
    sharp[-1] = sharp[0]
    found = parse(_text(torch.cat([sharp[29:], sharp[1:30]])), "file")
    _same(found, sharp)
    assert found.notes == ("started away from the trailing edge: turned to start there",)


def test_another_chord_is_brought_to_one_and_told() -> None:
    found = parse(_text(100 * CLEAN + 5), "file")
    assert found.notes[0].startswith("chord 100.")
    assert found.notes[0].endswith("scaled to a chord of 1 and moved to the origin")
    _same(found, CLEAN, 2e-3)  # the point of this section farthest from the trailing edge lies 0.0015 above (0, 0)


def test_a_small_incidence_is_kept_and_a_large_one_taken_out() -> None:
    def turned(degrees: float) -> torch.Tensor:
        angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
        turn = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
        return naca("0012", 30) @ turn.T

    _same(parse(_text(turned(3.0)), "file"), turned(3.0))
    steep = parse(_text(turned(15.0)), "file")
    assert steep.notes == ("chord 1 at an incidence of 15.00 deg: turned to 0 and scaled to a chord of 1",)
    _same(steep, naca("0012", 30))


def test_lednicer_counts_that_do_not_match_are_repaired(tmp_path: Path) -> None:
    write_lednicer(Airfoil("a", CLEAN), tmp_path / "a.dat")
    text = (tmp_path / "a.dat").read_text()
    wrong = parse(text.replace("30.0       30.0", "29.0       30.0"), "file")
    _same(wrong, tolerance=1e-9)
    assert wrong.notes == ("the point counts of the surfaces do not match the file: split where x jumps back",)
    lines = text.splitlines()
    bare = parse("\n".join([lines[0], *lines[2:]]), "file")
    _same(bare, tolerance=1e-9)
    assert bare.notes == ("two surfaces from the leading edge aft without point counts: joined them",)


def test_lednicer_with_the_lower_surface_first_is_swapped() -> None:
    lower, upper = CLEAN[29:], CLEAN[:30].flip(0)
    text = "a\n30. 30.\n" + _text(lower, "") + "\n" + _text(upper, "")
    found = parse(text, "file")
    _same(found)
    assert found.notes == ("the lower surface came first: swapped the surfaces",)


def test_latin_1_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(_text(CLEAN, "Göttingen 2412").encode("latin-1"))
    assert read(tmp_path / "a.dat").name == "Göttingen 2412"
    (tmp_path / "b.dat").write_bytes(_text(CLEAN, "b").encode("utf-8-sig"))
    assert read(tmp_path / "b.dat").name == "b"


def test_ends_that_cross_by_rounding_are_one_point(tmp_path: Path) -> None:
    """A closed trailing edge out of a formula: the first point lies below the last by less than it is tall."""
    closed = CLEAN.clone()
    closed[0], closed[-1] = torch.tensor([1.0, -1.7e-17]), torch.tensor([1.0, 1.7e-17])
    lines = [f"{x:.17g} {y:.17g}" for x, y in closed.tolist()]
    (tmp_path / "sharp.dat").write_text("\n".join(["sharp", *lines]))
    found = read(tmp_path / "sharp.dat").coordinates
    assert torch.equal(found[0], found[-1])


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.dat").write_text(_text(CROSSED).replace("NACA 2412", "x"))
    with pytest.raises(ShapeError, match=r"^mine\.dat: x: the contour crosses itself"):
        read(tmp_path / "mine.dat")


CROSSED = CLEAN.clone()
CROSSED[8:14, 1] -= 0.15
EIGHT = torch.stack([CLEAN[:, 0], CLEAN[:, 1] * (CLEAN[:, 0] - 0.531)], dim=1)  # sides swapped


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("only\nwords\n", "no line holds two numbers"),
        (_text(CLEAN[::4]), "NACA 2412: an airfoil needs at least 20 points; got 15"),
        (_text(CLEAN).replace(f"{CLEAN[3, 1]:.7f}", "nan"), "must be a finite number; got .*nan.* in line 5"),
        (_text(CLEAN).replace(f"{CLEAN[3, 1]:.7f}", "1e999"), "must be a finite number; got .*1e999.* in line 5"),
        (_text(CROSSED), "the contour crosses itself near .*; mend the points there"),
        (_text(EIGHT), "the contour crosses itself near"),
        (_text(CLEAN) + "999.0 999.0\n" + _text(CLEAN, ""), "the file holds several bodies"),
        (_text(CLEAN[:45]), "neither starts and ends at the trailing edge nor is closed"),
    ],
)
def test_what_cannot_be_repaired_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ShapeError, match=sentence):
        parse(text, "file")


def test_a_mirrored_file_is_refused() -> None:
    mirrored = torch.stack([1 - CLEAN[:, 0], CLEAN[:, 1]], -1)
    with pytest.raises(ShapeError, match=r"neither starts and ends at the trailing edge nor is closed|nose points aft"):
        parse(_text(mirrored), "file")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x89HDF\r\n\x1a\n\0\0\0")
    with pytest.raises(ShapeError, match=r"a\.dat is not a text file"):
        read(tmp_path / "a.dat")


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.dat")
