"""What whoever asks may rely on, whoever answers: every predictor gets the whole suite.

A new simulator or surrogate is added to `PREDICTORS`.
"""

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.openfoam import OpenFoam, OpenFoamNotInstalledError, OpenFoamOptions
from understudy.simulators.airfoil.rans import Rans, RansOptions
from understudy.simulators.airfoil.viscous import PoolOptions, ViscousSimulator
from understudy.simulators.airfoil.xfoil import March, Xfoil, XfoilNotInstalledError
from understudy.simulators.interface import Answer, NotDifferentiableError, Predictor, Status
from understudy.simulators.quantities import QUANTITIES, Place
from understudy.simulators.shapes import naca, panel
from understudy.surrogate import Surrogate, load

#: Who answers; a row that nobody can answer is given up at the first try, where standard settings try for long.
PREDICTORS = {
    "viscous": lambda: ViscousSimulator(PoolOptions(starts=PoolOptions().starts[:1])),
    "surrogate": load,
    "xfoil": lambda: Xfoil(march=March.NEVER, iterations=30),
    "rans": lambda: Rans(RansOptions(grid=(97, 25), drop=1e-7)),
    "openfoam": lambda: OpenFoam(OpenFoamOptions(grid=(97, 25), iterations=2000)),
}
#: How far a row may be from the same row asked alone, relative to 1 + its size: Newton's method of the viscous
#: simulator ends at residuals of 1e-8, the networks compute in single precision, the others run each row alone.
AWAY = {"viscous": 1e-7, "surrogate": 2e-5, "xfoil": 0.0, "rans": 0.0, "openfoam": 0.0}
NODES = 100
BAD = 1  # the row that nobody can answer


@pytest.fixture(scope="module", params=PREDICTORS)
def predictor(request: pytest.FixtureRequest) -> Predictor:
    try:
        return PREDICTORS[request.param]()
    except (OpenFoamNotInstalledError, XfoilNotInstalledError) as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def case() -> AirfoilCase:
    """Three sections at an angle, at a lift beyond reach and at a lift within it."""
    nan = torch.nan
    return AirfoilCase(
        coordinates=torch.cat([panel(naca(name)[None], NODES) for name in ("2412", "0012", "4415")]),
        alpha=_numbers(3.0, nan, nan),
        cl=_numbers(nan, 9.0, 0.6),
        reynolds=_numbers(1e6, 1e6, 2e6),
        mach=_numbers(0.1, 0.1, 0.2),
        n_crit=_numbers(9.0, 9.0, 7.0),
        trip_top=_numbers(1.0, 1.0, 0.3),
        trip_bottom=_numbers(1.0, 1.0, 1.0),
    )


def _numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture(scope="module")
def answer(predictor: Predictor, case: AirfoilCase) -> Answer:
    with torch.no_grad():
        return predictor.predict(case)


def test_every_row_has_a_status_and_a_sentence_where_it_is_not_ok(answer: Answer):
    assert len(answer) == len(answer.status) == len(answer.message) == 3
    assert [bool(sentence) for sentence in answer.message] == [status is not Status.OK for status in answer.status]


def test_one_bad_row_ends_no_other(answer: Answer):
    assert [status is Status.OK for status in answer.status] == [row != BAD for row in range(3)]


def test_values_are_numbers_where_ok_and_nan_elsewhere(answer: Answer):
    for name, values in answer.values.items():
        assert values[BAD].isnan().all(), name
        assert values[[0, 2]].isfinite().all(), name


def test_quantities_are_those_declared_and_lie_where_they_are_declared_to(predictor: Predictor, answer: Answer):
    assert set(answer.values) == set(predictor.quantities) <= set(QUANTITIES)
    nodes = answer["cp"].shape[1]
    for name, values in answer.values.items():
        assert values.shape == ((3, nodes) if QUANTITIES[name].place is Place.NODE else (3,)), name
    assert isinstance(predictor, Surrogate) or nodes == NODES


def test_what_is_asked_is_met(case: AirfoilCase, answer: Answer):
    assert float(answer["alpha"][0]) == pytest.approx(3.0, abs=1e-6)
    assert float(answer["cl"][2]) == pytest.approx(float(case.cl[2]), abs=2e-4)


def test_a_row_does_not_see_its_neighbours(predictor: Predictor, case: AirfoilCase, answer: Answer):
    away = AWAY[predictor.name]
    with torch.no_grad():
        alone = predictor.predict(case[2:3])
    assert alone.status == (Status.OK,)
    for name, values in answer.values.items():
        torch.testing.assert_close(values[2:3], alone[name], rtol=away, atol=away, msg=name)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_answers_come_in_the_dtype_and_on_the_device_of_the_coordinates(
    predictor: Predictor, case: AirfoilCase, dtype: torch.dtype
):
    """The angle fixes the row: a prescribed lift in single precision is another question for XFOIL."""
    one = replace(case, **{item.name: getattr(case, item.name).to(dtype) for item in fields(case)})[:1]
    with torch.no_grad():
        answer = predictor.predict(one)
    answer.raise_unless_ok()
    for name, values in answer.values.items():
        assert (values.dtype, values.device) == (dtype, one.coordinates.device), name


@pytest.mark.parametrize(
    "predictor",
    [pytest.param(name, marks=pytest.mark.slow) if name == "rans" else name for name in PREDICTORS],
    indirect=True,
)
def test_gradients_flow_or_are_refused(predictor: Predictor, case: AirfoilCase):
    alpha = _numbers(3.0).requires_grad_()
    one = replace(case[:1], alpha=alpha)
    if not predictor.differentiable:
        with pytest.raises(NotDifferentiableError, match="gives no gradients"):
            predictor.predict(one)
        return
    (slope,) = torch.autograd.grad(predictor.predict(one)["cl"].sum(), alpha)
    step = 0.01  # degrees: enough for single precision; transition passing a station bends the lift by a few per cent
    with torch.no_grad():
        below, above = (float(predictor.predict(replace(one, alpha=alpha + side * step))["cl"]) for side in (-1, 1))
    assert float(slope) == pytest.approx((above - below) / (2 * step), rel=0.1)
