"""The trained surrogate as a user meets it: symmetry, gradients, prescribed lift, refusals, one answer everywhere."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.interface import Status
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.encoding import Conditions, encode
from understudy.surrogate.ensemble import EnsembleOutput
from understudy.surrogate.inviscid import panel_basis
from understudy.surrogate.surrogate import Surrogate, edge_speed

Cases = Callable[..., AirfoilCase]
Prove = Callable[..., None]


def mirrored(case: AirfoilCase) -> AirfoilCase:
    flip = case.coordinates.new_tensor([1.0, -1.0])
    return replace(
        case,
        coordinates=case.coordinates.flip(1) * flip,
        alpha=-case.alpha,
        cl=-case.cl,
        trip_top=case.trip_bottom,
        trip_bottom=case.trip_top,
    )


def test_mirrored_airfoil_at_the_opposite_angle_flies_upside_down(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(12, seed=5)
    upright, inverted = surrogate.predict(case), surrogate.predict(mirrored(case))
    single = {"rtol": 0, "atol": 2e-5}  # single precision in the networks
    torch.testing.assert_close(inverted["cl"], -upright["cl"], **single)
    torch.testing.assert_close(inverted["cm"], -upright["cm"], **single)
    torch.testing.assert_close(inverted["cd"], upright["cd"], rtol=2e-5, atol=0)
    torch.testing.assert_close(inverted["xtr_top"], upright["xtr_bottom"], **single)
    torch.testing.assert_close(inverted.low["cl"], -upright.high["cl"], **single)
    assert (inverted.known == upright.known).all()


def test_symmetry_holds_to_rounding_in_double_precision(surrogate: Surrogate, random_cases: Cases, prove: Prove):
    ensemble = copy.deepcopy(surrogate.ensemble).double()
    case = random_cases(6, seed=5)

    def output(case: AirfoilCase) -> EnsembleOutput:
        names = ("alpha", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
        conditions = Conditions(**{name: getattr(case, name) for name in names})
        encoding = encode(case.coordinates, panel_basis(case.coordinates), conditions)
        return ensemble(encoding, case.coordinates, case.alpha)

    upright, inverted = output(case), output(mirrored(case))
    exact = {"rtol": 1e-7, "atol": 1e-8}
    away = float((inverted.mean["cl"] + upright.mean["cl"]).abs().max())
    prove("cl of a surrogate for mirror images, double precision, six cases: difference", away, at_most=1e-8)
    torch.testing.assert_close(inverted.mean["ln_cd"], upright.mean["ln_cd"], **exact)
    torch.testing.assert_close(inverted.mean["xtr_top"], upright.mean["xtr_bottom"], **exact)
    torch.testing.assert_close(inverted.fields.theta.flip(1), upright.fields.theta, **exact)


def test_lift_and_moment_are_the_integrals_of_the_pressure(surrogate: Surrogate, random_cases: Cases, prove: Prove):
    case = random_cases(8, seed=6)
    answer = surrogate.predict(case)
    lift, moment = pressure_forces(answer.coordinates, answer["cp"], case.alpha)
    for name, integral in (("cl", lift), ("cm", moment)):
        away = float((answer[name] - integral).abs().max())
        prove(f"{name} of a surrogate against the integral of its pressure: difference", away, at_most=1e-5)


@pytest.mark.parametrize("name", ["cl", "cd", "cm"])
def test_gradient_to_the_shape_is_that_of_finite_differences(surrogate: Surrogate, random_cases: Cases, name: str):
    case = random_cases(1, seed=7)
    x = case.coordinates.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(surrogate.predict(replace(case, coordinates=x))[name].sum(), x)
    bump = torch.sin(torch.linspace(0, torch.pi, 160, dtype=torch.float64))[None, :, None] * torch.tensor([0.0, 1.0])
    step = 3e-4  # rounding in single precision and the second order are each below 1 % of any of the three

    def at(size: float) -> float:
        return float(surrogate.predict(replace(case, coordinates=case.coordinates + size * bump))[name])

    expected = (at(step) - at(-step)) / (2 * step)
    assert float((gradient * bump).sum()) == pytest.approx(expected, rel=0.02)


def test_gradients_of_repeated_shapes_do_not_see_each_other(surrogate: Surrogate, random_cases: Cases):
    """Rows of one shape at several angles, as a designer asks: each row's gradient is that of the row alone."""
    one = random_cases(1, seed=7)
    case = replace(AirfoilCase.concatenate([one, one, one]), alpha=torch.tensor([0.0, 3.0, 6.0], dtype=torch.float64))
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    x = case.coordinates.clone().requires_grad_()
    (together,) = torch.autograd.grad((weights * surrogate.predict(replace(case, coordinates=x))["cl"]).sum(), x)
    bump = torch.sin(torch.linspace(0, torch.pi, 160, dtype=torch.float64))[:, None] * torch.tensor([0.0, 1.0])
    step = 1e-3
    for row in range(3):
        ends = [
            surrogate.predict(replace(case[row : row + 1], coordinates=one.coordinates + side * step * bump))["cl"]
            for side in (1, -1)
        ]
        expected = weights[row] * float(ends[0] - ends[1]) / (2 * step)
        assert float((together[row] * bump).sum()) == pytest.approx(float(expected), rel=0.02)


def test_lift_is_smooth_under_tiny_changes_of_shape(surrogate: Surrogate, random_cases: Cases):
    """Steps of 1e-6 chord change the lift by 1e-5 or less; the noise about a straight line is far below that."""
    case = random_cases(1, seed=7)
    bump = torch.sin(torch.linspace(0, torch.pi, 160, dtype=torch.float64))[:, None] * torch.tensor([0.0, 1.0])
    steps = 1e-6 * torch.arange(-10, 11, dtype=torch.float64)
    shapes = case.coordinates + steps[:, None, None] * bump
    rows = AirfoilCase.concatenate([case] * len(steps))
    lift = surrogate.predict(replace(rows, coordinates=shapes))["cl"]
    design = torch.stack([torch.ones_like(steps), steps / steps.abs().max()], 1)
    line = design @ torch.linalg.lstsq(design, lift[:, None]).solution
    assert float((lift - line[:, 0]).abs().max()) < 2e-6


@pytest.mark.parametrize("name", ["alpha", "reynolds", "n_crit"])
def test_gradient_to_a_condition_is_that_of_finite_differences(surrogate: Surrogate, random_cases: Cases, name: str):
    case = random_cases(6, seed=8)
    value = getattr(case, name).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(surrogate.predict(replace(case, **{name: value}))["cl"].sum(), value)
    step = 2e-3 * value.detach().abs().clamp(min=1)
    ends = [surrogate.predict(replace(case, **{name: value.detach() + s * step}))["cl"] for s in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    scale = expected.abs().max()
    torch.testing.assert_close(gradient / scale, expected / scale, rtol=0, atol=0.05)


def test_prescribed_lift_is_met_and_the_angle_carries_the_implicit_gradient(surrogate: Surrogate, random_cases: Cases):
    given = random_cases(6, seed=9)
    lift = surrogate.predict(given)["cl"].detach()
    target = lift.clone().requires_grad_()
    case = replace(given, alpha=torch.full_like(lift, torch.nan), cl=target)
    answer = surrogate.predict(case)
    torch.testing.assert_close(answer["cl"], lift, rtol=0, atol=2e-4)
    torch.testing.assert_close(answer["alpha"], given.alpha, rtol=0, atol=5e-3)
    (by_lift,) = torch.autograd.grad(answer["alpha"].sum(), target)
    angle = given.alpha.clone().requires_grad_()
    (slope,) = torch.autograd.grad(surrogate.predict(replace(given, alpha=angle))["cl"].sum(), angle)
    torch.testing.assert_close(by_lift * slope, torch.ones_like(slope), rtol=0, atol=2e-3)


def test_lift_beyond_reach_is_a_row_with_a_message(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(3, seed=10)
    nan, lift = torch.full((3,), torch.nan, dtype=torch.float64), torch.tensor([0.4, 9.0, 0.5], dtype=torch.float64)
    answer = surrogate.predict(replace(case, alpha=nan, cl=lift))
    assert [status is Status.OK for status in answer.status] == [True, False, True]
    assert answer.status[1] is Status.NOT_CONVERGED
    assert "gives the lift 9" in answer.message[1]
    assert torch.isnan(answer["cd"][1])
    assert torch.isnan(answer["cp"][1]).all()
    assert not answer.known[1]


def test_rows_are_answered_alike_alone_and_in_a_batch(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(7, seed=11)
    together = surrogate.predict(case)
    alone = torch.cat([surrogate.predict(case[row : row + 1])["cd"] for row in range(7)])
    torch.testing.assert_close(together["cd"], alone, rtol=1e-4, atol=0)


def test_other_node_counts_are_panelled_anew(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(4, seed=12)
    fine = replace(case, coordinates=panel(case.coordinates, 240))
    answer = surrogate.predict(fine)
    assert answer["cp"].shape == (4, 160) == answer.coordinates.shape[:2]
    torch.testing.assert_close(answer["cl"], surrogate.predict(case)["cl"], rtol=0, atol=0.02)


def test_a_shape_without_a_flow_is_refused_and_the_rest_is_answered(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(2, seed=13)
    collapsed = case.coordinates.clone()
    collapsed[1] = collapsed[1, :1]
    answer = surrogate.predict(replace(case, coordinates=collapsed))
    assert answer.status == (Status.OK, Status.REFUSED)
    assert "no inviscid flow" in answer.message[1]


def test_interval_surrounds_the_value_and_drag_stays_positive(surrogate: Surrogate, random_cases: Cases):
    answer = surrogate.predict(random_cases(20, seed=14))
    for name in ("cl", "cd", "cm"):
        assert (answer.low[name] < answer[name]).all()
        assert (answer[name] < answer.high[name]).all()
    assert (answer.low["cd"] > 0).all()
    assert set(surrogate.quantities) == set(answer.values)


def test_the_unknown_is_flagged(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(40, seed=15)
    assert surrogate.predict(case).known.double().mean() > 0.8
    wild = {"alpha": torch.full_like(case.alpha, 25.0), "reynolds": torch.full_like(case.reynolds, 1e4)}
    for name, value in wild.items():
        assert not surrogate.predict(replace(case, **{name: value})).known.any()


def test_square_and_inside_out_shape_are_flagged(surrogate: Surrogate, random_cases: Cases):
    case = random_cases(2, seed=16)
    corners = torch.tensor([[1.0, 0.0], [1, 0.5], [0, 0.5], [0, -0.5], [1, -0.5], [1, 0]], dtype=torch.float64)
    share = torch.linspace(0, 1, 31, dtype=torch.float64)[:-1, None]
    square = torch.cat([a + share * (b - a) for a, b in pairwise(corners)] + [corners[-1:]])
    inside_out = case.coordinates[1:].flip(1)
    for shape in (panel(square[None]), inside_out):
        assert not surrogate.predict(replace(case[:1], coordinates=shape)).known.any()


def test_edge_speed_of_incompressible_and_sonic_flow():
    """Critical pressure coefficient at Mach 0.5 is -2.13, where the local Mach number is one."""
    cp, mach = torch.tensor([[0.0], [-2.1329]]), torch.tensor([0.0, 0.5])
    speed = edge_speed(cp, mach)[:, 0]
    sonic = torch.sqrt(torch.tensor((1 + 0.2 * 0.25) / 1.2)) / 0.5
    torch.testing.assert_close(speed, torch.stack([torch.tensor(1.0), sonic]), rtol=1e-3, atol=0)
