"""The flow in the cells of a grid: what follows from what is stored, and values on both sides of a cut."""

from dataclasses import replace

import pytest
import torch

from understudy.simulators.airfoil.flow_field import FlowField
from understudy.simulators.registry import SIMULATORS, WITH_FIELDS

Flows = tuple[FlowField, FlowField]


def test_the_free_stream_flies_at_its_own_mach_number_without_pressure(made_up_flows: Flows):
    flow = made_up_flows[0]
    one = torch.ones_like(flow.cells["density"])
    still = {"density": one, "pressure": one, "velocity_x": 0.6 * one, "velocity_y": 0.8 * one}
    free = replace(flow, cells=flow.cells | still)
    torch.testing.assert_close(free.local_mach, 0.7 * one)
    torch.testing.assert_close(free.temperature, one)
    assert float(free.cp.abs().max()) == 0


def test_sonic_pressure_is_that_of_isentropic_flow(made_up_flows: Flows):
    """p* / p = ((1 + 0.2 M²) / 1.2)^3.5, and nothing is left to gain at Mach 1."""
    flow = made_up_flows[0]
    ratio = ((1 + 0.2 * 0.7**2) / 1.2) ** 3.5
    assert flow.sonic_cp == pytest.approx((ratio - 1) / (0.7 * 0.7**2))
    assert replace(flow, facts=flow.facts | {"mach": 1.0}).sonic_cp == pytest.approx(0, abs=1e-15)


def test_the_first_cell_lies_on_the_linear_law_of_the_wall(made_up_flows: Flows):
    """u+ = y+, since friction comes from the gradient at the wall."""
    for flow in made_up_flows:
        normal = torch.stack([flow.wall["wall_normal_x"], flow.wall["wall_normal_y"]])
        normal = normal / normal.norm(dim=0)
        above = slice(flow.wake, flow.size[0] - flow.wake)
        u, v = (flow.cells[name][above, 0] for name in ("velocity_x", "velocity_y"))
        along = (u * normal[1] - v * normal[0]).abs()
        friction_speed = (0.5 * flow.wall["wall_cf"].abs() / flow.cells["density"][above, 0]).sqrt()
        torch.testing.assert_close(along / friction_speed, flow.wall["wall_y_plus"])


def test_the_height_of_a_cell_on_the_body_is_the_distance_of_its_middle(made_up_flows: Flows):
    flow = made_up_flows[0]
    torch.testing.assert_close(flow.wall["wall_height"], flow.cells["wall_distance"][:, 0], rtol=0.01, atol=0)


def test_values_at_nodes_are_the_same_on_both_sides_of_a_cut_and_a_joint(made_up_flows: Flows):
    ring, cut = made_up_flows
    at_ring, at_cut = (flow.at_nodes(flow.cells["density"]) for flow in made_up_flows)
    torch.testing.assert_close(at_ring[0], at_ring[-1], rtol=0, atol=0)
    torch.testing.assert_close(at_cut[: cut.wake, 0], at_cut.flip(0)[: cut.wake, 0], rtol=0, atol=1e-15)
    for flow in (ring, cut):
        torch.testing.assert_close(flow.at_nodes(torch.ones(flow.size)), torch.ones(flow.nodes.shape[:2]))


def test_a_flow_that_does_not_fit_its_grid_is_refused(made_up_flows: Flows):
    flow = made_up_flows[1]
    lacking = {name: values for name, values in flow.cells.items() if name != "pressure"}
    with pytest.raises(ValueError, match=r"a flow needs the cell values .*; pressure missing"):
        replace(flow, cells=lacking)
    with pytest.raises(ValueError, match=r"density must be \(56, 16\) on this grid; got \(55, 16\)"):
        replace(flow, cells=flow.cells | {"density": flow.cells["density"][1:]})
    with pytest.raises(ValueError, match="facts mach, reynolds, alpha; reynolds missing"):
        replace(flow, facts={"mach": 0.7, "alpha": 1.0})


def test_those_who_give_fields_are_simulators_that_declare_them():
    from understudy.simulators.airfoil.rans import Rans
    from understudy.simulators.airfoil.viscous import ViscousSimulator

    assert set(WITH_FIELDS) <= set(SIMULATORS)
    assert Rans().fields
    assert not ViscousSimulator().fields
