import math
from typing import Any

import pytest

from understudy.simulators.grids import GridOptions


def test_cells_add_up_and_coarsen_twice() -> None:
    for size in ((193, 49), (385, 97), (769, 193)):
        for share in (0.0, 1 / 3):
            options = GridOptions(size=size, wake_share=share)
            assert 2 * (options.wake + options.surface + options.base) == size[0] - 1
            assert options.wake % 4 == 0
    assert GridOptions().wake == 64


def test_options_on_twice_as_many_cells_halve_each() -> None:
    finer = GridOptions().on((769, 193))
    assert finer.wake == 128
    assert finer.y_plus == GridOptions().y_plus / 2


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"size": (384, 97)}, "size must be an odd number"),
        ({"size": (33, 97)}, "at least 65 nodes"),
        ({"size": (385, 9)}, "at least 17"),
        ({"wake_share": 0.9}, "wake_share must be 0 to 0.6; got 0.9"),
        ({"base_share": 0.0}, "base_share must be"),
        ({"y_plus": 0.0}, "y_plus"),
        ({"far": 1.0}, "far"),
        ({"edge_spacing": math.nan}, "edge_spacing"),
        ({"nose_turn": 40.0}, "nose_turn"),
        ({"growth": 1.0}, "growth must be 1.01 to 4; got 1"),
        ({"wake_widening": 0.0}, "wake_widening"),
    ],
)
def test_refusals(wish: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        GridOptions(**wish)
