"""Layers by height."""

import numpy as np

from understudy.simulators.materials.layers import layers_of


def test_layers_are_numbered_from_the_surface_in_any_order_of_the_atoms():
    heights = np.array([5.0, 9.4, 7.2, 9.6, 5.1, 7.0])
    assert layers_of(heights).tolist() == [2, 0, 1, 0, 2, 1]
