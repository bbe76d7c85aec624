from collections.abc import Callable

import pytest
import torch

from understudy.simulators.shapes import Kulfan, fit, naca


def _some(batch: int = 3, weights: int = 8) -> Kulfan:
    noise = torch.rand(2, batch, weights, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ends = torch.linspace(-0.1, 0.1, batch, dtype=torch.float64)
    return Kulfan(0.15 + 0.1 * noise[0], -0.1 - 0.05 * noise[1], ends, torch.linspace(0, 0.01, batch).double())


def test_equal_weights_are_the_class_function() -> None:
    # Bernstein polynomials sum to 1: y = w √x (1 - x).
    ones = torch.ones(1, 8, dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    x, y = Kulfan(0.2 * ones, -0.1 * ones, zero, zero).coordinates(60)[0].unbind(-1)
    shape = torch.sqrt(x) * (1 - x)
    torch.testing.assert_close(y[:60], 0.2 * shape[:60], rtol=0, atol=1e-15)
    torch.testing.assert_close(y[60:], -0.1 * shape[60:], rtol=0, atol=1e-15)


def test_the_leading_edge_weight_moves_both_sides_alike_and_the_trailing_edge_parts_them() -> None:
    plain = _some()
    x = torch.linspace(0, 1, 50, dtype=torch.float64).expand(3, -1)
    bare = Kulfan(plain.upper, plain.lower, torch.zeros(3).double(), torch.zeros(3).double())
    (upper, lower), (bare_upper, bare_lower) = plain.surface(x), bare.surface(x)
    torch.testing.assert_close(upper - bare_upper - (lower - bare_lower), x * plain.trailing_edge[:, None])
    torch.testing.assert_close(
        upper - bare_upper + (lower - bare_lower), 2 * plain.leading_edge[:, None] * x * (1 - x) ** 8.5
    )


def test_aerosandbox_draws_the_same_contour(prove: Callable[..., None]) -> None:
    families = pytest.importorskip("aerosandbox.geometry.airfoil.airfoil_families")
    ours = _some()
    for row, contour in enumerate(ours.coordinates(80)):
        theirs = families.get_kulfan_coordinates(
            lower_weights=ours.lower[row].numpy(),
            upper_weights=ours.upper[row].numpy(),
            leading_edge_weight=ours.leading_edge[row].item(),
            TE_thickness=ours.trailing_edge[row].item(),
            n_points_per_side=80,
        )
        away = float((contour - torch.from_numpy(theirs)).abs().max())
        prove("CST contours against AeroSandbox: largest difference [chord]", away, at_most=1e-14)


def test_a_fit_finds_the_shape_it_came_from() -> None:
    weights = _some()
    # Equal first weights give both sides one nose radius; otherwise the spline smooths a jump of curvature there.
    round_nose = Kulfan(
        weights.upper,
        torch.cat([-weights.upper[:, :1], weights.lower[:, 1:]], 1),
        weights.leading_edge,
        weights.trailing_edge,
    )
    x = torch.linspace(0.001, 1, 300, dtype=torch.float64).expand(3, -1)
    for shape, tolerance in ((round_nose, 5e-6), (weights, 1e-4)):
        found = fit(shape.coordinates(200))
        assert found.deviation.max() < tolerance
        for ours, theirs in zip(found.weights.surface(x), shape.surface(x), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=5 * tolerance)


@pytest.mark.parametrize(("name", "expected"), [("0012", 2e-4), ("2412", 2e-4), ("4415-sharp", 3e-4), ("23012", 3e-4)])
def test_naca_sections_are_fitted_closely_and_the_deviation_is_honest(name: str, expected: float) -> None:
    contour = naca(name, 50)
    found = fit(contour[None])
    assert found.deviation < expected
    unit = found.chord_line.to_unit(contour[None])[0]
    drawn = found.weights.coordinates(40000)[0]
    distance = torch.cdist(unit, drawn).amin(1).max()
    assert distance < 1.1 * found.deviation[0] + 1e-5
    assert distance > 0.7 * found.deviation[0]


def test_more_weights_fit_better() -> None:
    contour = naca("23015")[None]
    deviations = [fit(contour, weights).deviation.item() for weights in (4, 8, 12)]
    assert deviations == sorted(deviations, reverse=True)


def test_crossing_surfaces_at_the_edge_are_fitted_sharp() -> None:
    contour = naca("0012")
    shifted = (
        contour - torch.stack([torch.zeros(199), torch.linspace(1, -1, 199)], -1).double() * 0.003 * contour[:, :1]
    )
    assert fit(shifted[None]).weights.trailing_edge.item() == 0


def test_trailing_edge_angle_and_wiggliness_of_weights() -> None:
    ramp = torch.linspace(0.1, 0.2, 8, dtype=torch.float64)[None]
    zero = torch.zeros(1, dtype=torch.float64)
    straight = Kulfan(ramp, -ramp, zero, zero)
    assert straight.wiggliness().item() == pytest.approx(0, abs=1e-28)
    assert straight.trailing_edge_angle().item() == pytest.approx(2 * 11.3099325, abs=1e-6)
    assert _some().wiggliness().min() > 1e-3


def test_gradients_of_both_ways() -> None:
    vector = _some().vector.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: Kulfan.from_vector(v).coordinates(12), (vector,))
    contour = naca("2412", 20)[None].requires_grad_()
    # The weights are an ill-conditioned function of the points; the fitted surface is not.
    x = torch.linspace(0.05, 1, 9, dtype=torch.float64)[None]
    assert torch.autograd.gradcheck(
        lambda c: torch.cat(fit(c).weights.surface(x)), (contour,), atol=1e-5, fast_mode=True
    )


def test_a_vector_goes_round() -> None:
    weights = _some()
    again = Kulfan.from_vector(weights.vector)
    assert torch.equal(again.vector, weights.vector)
    assert torch.equal(again.lower, weights.lower)


@pytest.mark.usefixtures("annotations_unchecked")
def test_refusals() -> None:
    good = _some()
    with pytest.raises(ValueError, match="upper and lower must both be"):
        Kulfan(good.upper, good.lower[:, :7], good.leading_edge, good.trailing_edge)
    with pytest.raises(ValueError, match="leading_edge must have one value per airfoil"):
        Kulfan(good.upper, good.lower, good.leading_edge[:2], good.trailing_edge)
    with pytest.raises(ValueError, match="at least 10 points a side"):
        good.coordinates(5)
    with pytest.raises(ValueError, match="at least 2 weights a side"):
        fit(naca("0012")[None], 1)
