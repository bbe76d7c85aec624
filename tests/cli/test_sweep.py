import pytest

from understudy.sweep import values


def test_last_value_of_a_range_is_included_whatever_the_rounding():
    assert values("0.2:1.2:0.1", "cl") == pytest.approx([0.1 * n for n in range(2, 13)])
    assert values("-4:12:0.5", "alpha")[-1] == 12.0
    assert values("4:-4:-4", "alpha") == [4.0, 0.0, -4.0]


def test_one_value_and_a_list():
    assert values("-3.5", "alpha") == [-3.5]
    assert values("0,2,7", "alpha") == [0.0, 2.0, 7.0]


@pytest.mark.parametrize("word", ["", "a", "1:2", "1:2:3:4", "0:1:0", "0:1:-1", "inf", "0:1e9:1e-3"])
def test_what_stands_for_no_values_is_refused(word: str):
    with pytest.raises(ValueError, match="alpha"):
        values(word, "alpha")
