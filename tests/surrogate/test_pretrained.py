"""The ensemble that ships with the package: it is there, small, says what it is, and flies like its simulator."""

import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.shapes.naca import naca
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.checkpoint import PRETRAINED, load


def test_it_fits_into_the_package_and_names_its_data():
    card = load().card
    assert PRETRAINED.stat().st_size < 10e6
    assert str(card.data["training_cases"]) in card.sentence
    assert card.accuracy["cases"]["everything"] == card.data["test_cases"]


def test_it_flies_a_plain_section_like_its_simulator():
    """Cruise of a NACA 2412, far from every edge of the range: three times the mean error on the card is allowed."""
    angles = torch.tensor([0.0, 4.0, 8.0], dtype=torch.float64)
    case = AirfoilCase.of(panel(naca("2412")[None]), alpha=angles, reynolds=1e6)
    surrogate = load()
    promised, flown = surrogate.predict(case), ViscousSimulator().predict(case)
    flown.raise_unless_ok()
    assert promised.known.all()
    usual = surrogate.card.accuracy["accuracy"]["headline box"]
    for name in ("cl", "cm"):
        assert (promised[name] - flown[name]).abs().max() < 3 * usual[name]["mean"]
    assert (promised["cd"].log() - flown["cd"].log()).abs().max() < 3 * usual["cd"]["mean"]
