"""A case checks itself at birth, batches, and keeps what asks for a gradient."""

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.shapes import naca, panel


@pytest.fixture(scope="module")
def section() -> Tensor:
    return panel(naca("2412")[None], 60)[0]


def test_one_shape_is_flown_at_many_conditions(section: Tensor) -> None:
    case = AirfoilCase.of(section, alpha=torch.tensor([0.0, 2.0, 4.0], dtype=torch.float64), reynolds=5e5, mach=0.1)
    assert case.coordinates.shape == (3, 60, 2)
    assert case.reynolds.tolist() == [5e5] * 3
    assert case.mach.dtype == section.dtype
    assert not case.lift_prescribed.any()


def test_many_shapes_fly_at_one_condition(section: Tensor) -> None:
    case = AirfoilCase.of(section.expand(4, -1, -1), cl=0.5)
    assert len(case) == 4
    assert case.lift_prescribed.all()
    assert case.alpha.isnan().all()


def test_chunks_and_concatenation_undo_each_other(section: Tensor) -> None:
    case = AirfoilCase.of(section, alpha=torch.arange(7, dtype=torch.float64), n_crit=7.0)
    parts = list(case.chunks(3))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert torch.equal(AirfoilCase.concatenate(parts).alpha, case.alpha)


def test_rows_are_chosen_by_slice_index_and_mask(section: Tensor) -> None:
    case = AirfoilCase.of(section, alpha=torch.arange(5, dtype=torch.float64))
    assert case[1:3].alpha.tolist() == [1, 2]
    assert case[torch.tensor([4, 0])].alpha.tolist() == [4, 0]
    assert case[case.alpha > 2].alpha.tolist() == [3, 4]


def test_what_asks_for_a_gradient_keeps_asking(section: Tensor) -> None:
    alpha = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    case = AirfoilCase.of(section, alpha=alpha, reynolds=torch.tensor([1e6, 2e6], dtype=torch.float64))
    case.alpha.sum().backward()
    assert alpha.grad == 2
    assert not case.coordinates.requires_grad


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ({}, r"exactly one of alpha \[deg\] and cl; got neither"),
        ({"alpha": 1.0, "cl": 0.5}, r"exactly one of alpha \[deg\] and cl; got both"),
        ({"alpha": float("nan")}, "exactly one of alpha and cl must be finite"),
        ({"alpha": 0.0, "reynolds": -1e6}, r"reynolds must be positive \[-\]; got -1e\+06"),
        ({"alpha": 0.0, "reynolds": float("nan")}, "reynolds must be positive"),
        ({"alpha": 0.0, "reynolds": float("inf")}, "reynolds must be finite"),
        ({"alpha": 0.0, "n_crit": float("inf")}, "n_crit must be finite"),
        ({"alpha": float("inf"), "cl": float("nan")}, "expected exactly one of alpha"),
        ({"alpha": torch.tensor([0.0, 1.0]), "reynolds": torch.tensor([1e6, -1.0])}, "got -1 in row 1"),
        (
            {"alpha": torch.tensor([0.0, float("inf")])},
            "in each row; got alpha inf and cl nan in row 1",
        ),
        ({"alpha": torch.zeros(0)}, "a case needs at least one row; got none"),
        ({"alpha": 0.0, "mach": 1.3}, r"mach must be at least 0 and below 1 \[-\]; got 1.3"),
        ({"alpha": 0.0, "mach": -0.1}, "mach must be at least 0"),
        ({"alpha": 0.0, "n_crit": 0.0}, "n_crit must be positive"),
        ({"alpha": 0.0, "trip_top": 0.0}, "trip_top must be above 0 and at most 1"),
        ({"alpha": 0.0, "trip_bottom": 1.1}, r"trip_bottom must be above 0 and at most 1 \[chord\]; got 1.1"),
    ],
)
def test_impossible_conditions_are_refused(section: Tensor, conditions: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        AirfoilCase.of(section, **conditions)


def test_impossible_shapes_are_refused(section: Tensor) -> None:
    with pytest.raises(ValueError, match="at least 20 surface nodes; got 12"):
        AirfoilCase.of(section[::5], alpha=0.0)
    broken = section.clone()
    broken[3, 0] = torch.nan
    with pytest.raises(ValueError, match="coordinates must be finite"):
        AirfoilCase.of(broken, alpha=0.0)


def test_batch_sizes_that_differ_are_refused(section: Tensor) -> None:
    with pytest.raises((ValueError, RuntimeError), match=r"broadcast|shape mismatch"):
        AirfoilCase.of(section.expand(3, -1, -1), alpha=torch.zeros(2, dtype=torch.float64))
