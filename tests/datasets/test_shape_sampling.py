import numpy as np
import pytest
import torch

from understudy.datasets.buckets import bucket
from understudy.datasets.shape_sampling import BLOCK, ShapeMix, draw_shapes
from understudy.simulators.shapes import library
from understudy.simulators.shapes.airfoil import first_crossing, signed_area


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (3, 20), (BLOCK - 2, BLOCK + 3)])
def test_a_shape_depends_on_seed_and_number_alone(start: int, stop: int):
    mix = ShapeMix(nodes=40)
    whole, part = draw_shapes(mix, 7, 0, 2 * BLOCK), draw_shapes(mix, 7, start, stop)
    assert part.name == whole.name[start:stop]
    assert part.families == whole.families[start:stop]
    np.testing.assert_allclose(part.coordinates, whole.coordinates[start:stop], rtol=0, atol=1e-14)


def test_every_kind_is_drawn_as_often_as_asked_and_is_an_airfoil():
    mix = ShapeMix(nodes=80, blends=0.4, library=0.2, box=0.2, naca4=0.1, naca5=0.1)
    count = 8 * BLOCK
    drawn = draw_shapes(mix, 0, 0, count)
    for kind, share in mix.weights.items():
        spread = np.sqrt(share * (1 - share) / count)
        assert drawn.kind.count(kind) / count == pytest.approx(share, abs=4 * spread)
    for contour in torch.from_numpy(drawn.coordinates):
        assert signed_area(contour) > 0
        assert first_crossing(contour) is None


def test_blends_have_their_parents_in_one_bucket_and_use_all_buckets():
    drawn = draw_shapes(ShapeMix(nodes=20, library=0.0, box=0.0, naca4=0.0, naca5=0.0), 0, 0, 16 * BLOCK)
    used = [{bucket(family) for family in families} for families in drawn.families]
    assert max(len(buckets) for buckets in used) == 1
    assert set.union(*used) == set(range(20))
    assert max(len(families) for families in drawn.families) > 1


def test_a_shape_without_parents_is_a_family_of_its_own():
    mix = ShapeMix(nodes=20, blends=0.0, library=0.0, naca4=0.0, naca5=0.0)
    families = [*draw_shapes(mix, 0, 0, 50).families, *draw_shapes(mix, 1, 0, 50).families]
    assert len(set(families)) == 100


def test_raw_sections_keep_the_roughness_of_their_coordinates():
    """Curvature jumps from node to node far more than on the smooth fits, and the shapes differ from draw to draw."""
    pytest.importorskip("aerosandbox", reason="the raw coordinates come with the extra 'airfoils'")
    alone = {"blends": 0.0, "library": 0.0, "box": 0.0, "naca4": 0.0, "naca5": 0.0}
    raw = draw_shapes(ShapeMix(nodes=160, **alone | {"raw": 1.0}), 0, 0, 2 * BLOCK)
    fits = draw_shapes(ShapeMix(nodes=160, **alone | {"library": 1.0}), 0, 0, 2 * BLOCK)
    assert np.median(_jerk(raw.coordinates)) > 2 * np.median(_jerk(fits.coordinates))
    assert set().union(*raw.families) <= set(library.collection().families)
    for contour in torch.from_numpy(raw.coordinates):
        assert signed_area(contour) > 0
        assert first_crossing(contour) is None


def _jerk(contours: np.ndarray) -> np.ndarray:
    """Largest third difference of y behind the nose, for each shape."""
    y = np.where(contours[..., 0] > 0.1, contours[..., 1], np.nan)
    return np.nanmax(np.abs(np.diff(y, n=3, axis=1)), axis=1)


def test_raw_sections_without_their_coordinates_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "has_raw_coordinates", lambda: False)
    with pytest.raises(ValueError, match="raw sections need the coordinates that the extra 'airfoils' brings"):
        ShapeMix(raw=0.1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"blends": -1.0}, "weights of the shapes must not be negative"),
        ({"blends": float("nan")}, "weights of the shapes must not be negative"),
        ({"blends": 0.0, "library": 0.0, "box": 0.0, "naca4": 0.0, "naca5": 0.0}, "nor all zero"),
        ({"nodes": 12}, "a panelled airfoil needs at least 20 nodes; got 12"),
        ({"perturbation": -0.1}, "perturbation must be at least 0 chord; got -0.1"),
    ],
)
def test_impossible_mixes_are_refused(change: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        ShapeMix(**change)
