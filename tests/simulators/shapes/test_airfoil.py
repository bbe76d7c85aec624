import pytest
import torch

from understudy.simulators.shapes import Airfoil, ShapeError, naca


def test_good_contours_pass() -> None:
    assert Airfoil("naca0012", naca("0012")).notes == ()
    touching = naca("0012-sharp")
    touching[-1] = touching[0]
    Airfoil("closed", touching)


def test_refusals() -> None:
    good = naca("2412")
    with pytest.raises(ShapeError, match="x: an airfoil needs at least 20 points; got 19"):
        Airfoil("x", good[::10][:19])
    with pytest.raises(ShapeError, match="must be a finite number"):
        Airfoil("x", torch.where(good > 0.999, torch.nan, good))
    with pytest.raises(ShapeError, match="from the upper trailing edge over the nose"):
        Airfoil("x", good.flip(0))
    crossed = good.clone()
    crossed[20:40, 1] -= 0.2
    with pytest.raises(ShapeError, match=r"the contour crosses itself near x = 0\.9"):
        Airfoil("x", crossed)


@pytest.mark.usefixtures("annotations_unchecked")
def test_single_precision_is_refused() -> None:
    with pytest.raises(TypeError, match="float64"):
        Airfoil("x", naca("0012").float())
