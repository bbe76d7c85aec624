"""`make annotations` checks the shapes in annotations; without this they could be wrong unnoticed."""

import jaxtyping
import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.interface import Solution


@pytest.fixture(autouse=True)
def checked(pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("jaxtyping_packages"):
        pytest.skip("annotations are not checked; run `make annotations`")


square = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]], dtype=torch.float64).expand(3, 4, 2)
alpha = torch.zeros(3, dtype=torch.float64)


def test_a_wrong_number_of_nodes_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="pressure_forces"):
        pressure_forces(square, torch.zeros(3, 5, dtype=torch.float64), alpha)


def test_an_integer_tensor_is_caught_where_a_float_is_declared():
    with pytest.raises(jaxtyping.TypeCheckError, match="pressure_forces"):
        pressure_forces(square, torch.zeros(3, 4, dtype=torch.int64), alpha)


def test_a_wrong_shape_in_a_dataclass_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="residuals"):
        Solution(values={}, status=(), message=(), residuals=torch.zeros(3))


def test_right_shapes_pass():
    lift, moment = pressure_forces(square, torch.ones(3, 4, dtype=torch.float64), alpha)
    assert lift.shape == moment.shape == (3,)


@pytest.mark.usefixtures("annotations_unchecked")
def test_a_test_can_meet_a_refusal_as_a_user_does():
    with pytest.raises(ValueError, match=r"coordinates must be \(batch, nodes, 2\); got \(1, 30, 3\)"):
        AirfoilCase.of(torch.zeros(30, 3), alpha=0.0)
