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
    """Cruise of a NACA 2412, far from every edge of the range; three times the errors usual there are allowed."""
    angles = torch.tensor([0.0, 4.0, 8.0], dtype=torch.float64)
    case = AirfoilCase.of(panel(naca("2412")[None]), alpha=angles, reynolds=1e6)
    promised, flown = load().predict(case), ViscousSimulator().predict(case)
    assert promised.known.all()
    torch.testing.assert_close(promised["cl"], flown["cl"], rtol=0, atol=0.036)
    torch.testing.assert_close(promised["cd"], flown["cd"], rtol=0.1, atol=0)
    torch.testing.assert_close(promised["cm"], flown["cm"], rtol=0, atol=0.0063)
