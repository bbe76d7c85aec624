import pytest
import torch

from understudy.simulators.shapes import naca
from understudy.simulators.shapes.naca import is_naca, naca4, naca5


def test_the_original_trailing_edge_is_open_and_sharp_closes_it() -> None:
    assert naca("naca0012")[0].tolist() == pytest.approx([1.0, 0.00126])
    assert naca("naca0012")[-1].tolist() == pytest.approx([1.0, -0.00126])
    for name in ("naca0012-sharp", "naca23012-sharp", "4412-sharp"):
        contour = naca(name)
        assert torch.linalg.vector_norm(contour[0] - contour[-1]) < 1e-15


def test_closing_the_edge_moves_the_surface_by_no_more_than_the_gap() -> None:
    moved = (naca("0012") - naca("0012-sharp")).abs().max()
    assert moved == pytest.approx(0.12 / 0.2 * 0.0021)


def test_table_of_naca_2412() -> None:
    # Abbott and von Doenhoff, appendix III, ordinates in percent of the chord at x_t = 30 %.
    contour = naca("2412", 2001)
    upper, lower = contour[:2001], contour[2000:]
    assert upper[(upper[:, 0] - 0.30).abs().argmin(), 1] == pytest.approx(0.0788, abs=1e-4)
    assert lower[(lower[:, 0] - 0.30).abs().argmin(), 1] == pytest.approx(-0.0412, abs=1e-4)


def test_table_of_naca_23012() -> None:
    # Abbott and von Doenhoff, appendix III: upper and lower ordinate at x = 15 %.
    contour = naca("23012", 2001)
    upper, lower = contour[:2001], contour[2000:]
    assert upper[(upper[:, 0] - 0.15).abs().argmin(), 1] == pytest.approx(0.0719, abs=2e-4)
    assert lower[(lower[:, 0] - 0.15).abs().argmin(), 1] == pytest.approx(-0.0350, abs=2e-4)


@pytest.mark.parametrize("name", ["21012", "22012", "23012", "24012", "25012", "22112", "23112", "24112", "25112"])
def test_five_digit_mean_lines_are_smooth_and_end_on_the_chord(name: str) -> None:
    contour = naca(name, 2001)
    middle = 0.5 * (contour[:2001].flip(0) + contour[2000:])
    assert middle[0].abs().max() < 1e-12
    assert middle[-1, 1].abs() < 2e-5  # published constants are rounded to four digits
    jump = (middle[1:, 1].diff() / middle[1:, 0].diff()).diff().abs().max()
    assert jump < 4e-3  # the largest curvature of 210 over a step; a break at the joint would be ten times as large


def test_reflexed_lines_have_no_moment_about_the_quarter_chord() -> None:
    # What they were made for, by thin-airfoil theory: cm = (A2 - A1) π / 4 with A_n = (2 / π) ∫ slope cos(nθ) dθ.
    def moment(name: str) -> float:
        contour = naca(name, 4001)
        middle = 0.5 * (contour[:4001].flip(0) + contour[4000:])
        slope = middle[:, 1].diff() / middle[:, 0].diff()
        theta = (torch.arange(4000, dtype=torch.float64) + 0.5) * torch.pi / 4000
        a1, a2 = (2 / 4000 * (slope * torch.cos(n * theta)).sum() for n in (1, 2))
        return (torch.pi / 4 * (a2 - a1)).item()

    assert moment("23001") == pytest.approx(-0.0127, abs=5e-4)
    for name in ("22101", "23101", "24101", "25101"):
        assert abs(moment(name)) < 1.5e-3  # of the constants, which are published with four digits


def test_a_symmetric_section_is_symmetric_to_rounding() -> None:
    contour = naca("0015")
    assert torch.equal(contour.flip(0)[:, 0], contour[:, 0])
    assert torch.equal(contour.flip(0)[:, 1], -contour[:, 1])


def test_gradients_flow_to_camber_position_thickness_and_design_lift() -> None:
    numbers = [torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (0.02, 0.4, 0.12)]
    assert torch.autograd.gradcheck(lambda m, p, t: naca4(m, p, t, per_side=15), numbers)
    assert torch.autograd.gradcheck(lambda c, t: naca5(c, t, position=3, per_side=15), (numbers[1], numbers[2]))


def test_names_are_read_in_any_dress() -> None:
    for name in ("2412", "naca2412", "NACA 2412", "Naca-2412"):
        assert torch.equal(naca(name), naca("naca2412"))
    assert is_naca("naca23012-sharp")
    assert not is_naca("naca16009")
    assert not is_naca("clarky")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("naca64-212", "expected a NACA section"),
        ("naca2400", "no thickness"),
        ("naca2012", "both be zero or both not"),
        ("naca26012", "not defined: expected a second digit"),
        ("naca21112", "not defined: expected a second digit"),
        ("naca23212", "not defined: expected a second digit"),
    ],
)
def test_refusals(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        naca(name)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 points a side"):
        naca("0012", 9)
