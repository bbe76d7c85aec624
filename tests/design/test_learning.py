import pytest

from understudy.design.learning import fine_tuning
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.shapes.naca import naca
from understudy.simulators.shapes.panelling import panel


def test_only_a_surrogate_can_learn(judge: type) -> None:
    case = AirfoilCase.of(panel(naca("naca0012")[None]), alpha=2.0)
    simulator = judge()
    with pytest.raises(TypeError, match="only a surrogate learns from what was flown; judge is none"):
        fine_tuning()(simulator, case, simulator.predict(case))
