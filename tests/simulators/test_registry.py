import pytest

from understudy.datasets.synthetic import THIN_AIRFOIL, ThinAirfoilTheory
from understudy.simulators.airfoil.rans import Rans, RansOptions
from understudy.simulators.airfoil.viscous import PoolOptions, ViscousSimulator
from understudy.simulators.registry import option_names, simulator


def test_a_simulator_of_ones_own_is_found_by_its_place():
    assert isinstance(simulator(THIN_AIRFOIL), ThinAirfoilTheory)


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        (
            "fluent",
            ValueError,
            "expected one of the simulators viscous, xfoil, rans, openfoam, emt, gpaw, or package.module:Class; got",
        ),
        ("no.such.module:Solver", ValueError, "'no.such.module:Solver' is not there: no module 'no'"),
        ("understudy.datasets.synthetic:Solver", ValueError, "understudy.datasets.synthetic has no 'Solver'"),
        (
            "collections:Counter",
            TypeError,
            "expected a calculator of ASE or a Simulator .*; collections:Counter is neither",
        ),
        ("ase.build:fcc111", TypeError, "ase.build:fcc111 is neither"),
        ("viscos", ValueError, r"got 'viscos': did you mean viscous\?"),
    ],
)
def test_an_unknown_simulator_is_refused(name: str, kind: type[Exception], sentence: str):
    with pytest.raises(kind, match=sentence):
        simulator(name)


def test_options_stand_behind_the_name():
    assert simulator("rans:model=euler,grid=193x49,far=50") == Rans(
        RansOptions(model="euler", grid=(193, 49), far=50.0)
    )
    assert simulator("viscous:tolerance=1e-9,compiled=true") == ViscousSimulator(
        PoolOptions(tolerance=1e-9, compiled=True)
    )


def test_every_simulator_tells_its_options():
    assert option_names("rans:model=sa") == ("model", "grid", "far", "drop", "steps", "rows")
    assert {"grid", "iterations", "workers"} <= set(option_names("openfoam"))
    assert {"panels", "march", "iterations"} <= set(option_names("xfoil"))
    assert option_names(THIN_AIRFOIL) == option_names("runs/surrogate") == ()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("rans:euler", "as rans:option=value,option=value; got 'rans:euler'; it has model, grid, far"),
        ("rans:gird=97x25", "rans has no option 'gird'; expected one of model, grid, far"),
        ("rans:grid=fine", "grid of rans must be two numbers of nodes such as 385x97; got 'fine'"),
        ("rans:steps=1.5", "steps of rans must be a whole number; got '1.5'"),
        ("rans:drop=small", "drop of rans must be a number; got 'small'"),
        ("viscous:compiled=yes", "compiled of viscous must be true or false; got 'yes'"),
        ("xfoil:march=often", "march of xfoil must be one of .*; got 'often'"),
        ("rans:model=les", "model must be one of sa, laminar, euler; got 'les'"),
        ("rans:model=sa,model=euler", "the option 'model' is given twice"),
        ("rans:model=", "expected a simulator as NAME:option=value"),
        (f"{THIN_AIRFOIL}:order=2", "ThinAirfoilTheory has no option 'order'; it has none"),
    ],
)
def test_options_that_a_simulator_does_not_have_are_refused(words: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        simulator(words)
