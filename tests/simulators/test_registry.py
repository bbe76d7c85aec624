import pytest

from understudy.datasets.synthetic import THIN_AIRFOIL, ThinAirfoilTheory
from understudy.simulators.registry import simulator


def test_a_simulator_of_ones_own_is_found_by_its_place():
    assert isinstance(simulator(THIN_AIRFOIL), ThinAirfoilTheory)


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        (
            "fluent",
            ValueError,
            "expected one of the simulators viscous, xfoil, rans, openfoam, or 'module:Class'; got 'fluent'",
        ),
        ("no.such.module:Solver", ValueError, "'no.such.module:Solver' is not there: no module 'no'"),
        ("understudy.datasets.synthetic:Solver", ValueError, "understudy.datasets.synthetic has no 'Solver'"),
        ("collections:Counter", TypeError, "collections:Counter is not a Simulator"),
    ],
)
def test_an_unknown_simulator_is_refused(name: str, kind: type[Exception], sentence: str):
    with pytest.raises(kind, match=sentence):
        simulator(name)
