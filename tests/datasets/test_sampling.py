import numpy as np
import pytest

from understudy.datasets.sampling import ConditionRanges, Sampler, conditions

RANGES = ConditionRanges(share_tripped=0.3, share_prescribed_cl=0.25)


@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 7), (5, 40), (99, 100)])
def test_a_case_depends_on_seed_and_number_alone(sampler: Sampler, start: int, stop: int):
    whole = conditions(RANGES, sampler, 4, 0, 100, total=100)
    part = conditions(RANGES, sampler, 4, start, stop, total=100)
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name][start:stop])


def test_a_sobol_design_grows_without_moving_a_case():
    small = conditions(RANGES, Sampler.SOBOL, 4, 0, 50, total=50)
    large = conditions(RANGES, Sampler.SOBOL, 4, 0, 50, total=5000)
    for name in small:
        np.testing.assert_array_equal(small[name], large[name])


def test_seeds_give_different_cases():
    one, other = (conditions(RANGES, Sampler.SOBOL, seed, 0, 16, total=16)["mach"] for seed in (1, 2))
    assert (one != other).all()


@pytest.mark.parametrize("sampler", list(Sampler))
def test_shares_and_ranges_are_those_asked_for(sampler: Sampler):
    count = 4096
    drawn = conditions(RANGES, sampler, 0, 0, count, total=count)
    prescribed = np.isfinite(drawn["cl"])
    assert (prescribed == np.isnan(drawn["alpha"])).all()
    assert prescribed.mean() == pytest.approx(0.25, abs=0.01)
    above, below = drawn["trip_top"] < 1, drawn["trip_bottom"] < 1
    # A third each of the 30 % is forced on both surfaces, above only, below only.
    for share in ((above & below).mean(), (above & ~below).mean(), (~above & below).mean()):
        assert share == pytest.approx(0.1, abs=0.01)
    for name in ("alpha", "mach", "n_crit", "reynolds"):
        values = drawn[name][np.isfinite(drawn[name])]
        low, high = getattr(RANGES, name)
        assert low <= values.min() < values.max() <= high


def test_reynolds_number_is_even_in_its_logarithm():
    drawn = conditions(RANGES, Sampler.SOBOL, 0, 0, 4096, total=4096)["reynolds"]
    counts, _ = np.histogram(np.log10(drawn), bins=np.linspace(5, 7, 9))
    np.testing.assert_allclose(counts, 512, atol=2)  # a Sobol sequence is even to one point in each of 2^k cells


def test_a_latin_hypercube_is_even_in_each_condition():
    count = 300
    mach = conditions(RANGES, Sampler.LATIN_HYPERCUBE, 0, 0, count, total=count)["mach"]
    assert sorted(np.floor(mach / 0.5 * count)) == list(range(count))


def test_no_trips_and_no_prescribed_lift_if_their_shares_are_zero():
    drawn = conditions(ConditionRanges(share_tripped=0.0), Sampler.SOBOL, 0, 0, 512, total=512)
    assert (drawn["trip_top"] == 1).all()
    assert (drawn["trip_bottom"] == 1).all()
    assert np.isnan(drawn["cl"]).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mach": (0.0, 1.3)}, r"mach \[-\] must be a range \(lowest, highest\) within 0 .. 0.999; got \(0.0, 1.3\)"),
        ({"alpha": (5.0, -5.0)}, r"alpha \[deg\] must be a range"),
        ({"reynolds": (-1e5, 1e6)}, r"reynolds \[-\] must be a range"),
        ({"share_tripped": 1.2}, "share_tripped must be between 0 and 1; got 1.2"),
    ],
)
def test_impossible_ranges_are_refused(change: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        ConditionRanges(**change)


def test_cases_outside_the_design_are_refused():
    with pytest.raises(ValueError, match="expected 0 <= start < stop <= 10; got 5 and 11"):
        conditions(RANGES, Sampler.SOBOL, 0, 5, 11, total=10)
