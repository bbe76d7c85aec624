import pytest
import torch

from understudy.simulators.grids import Grid, deformed


def _box(ni: int, nj: int, wake: int = 0) -> Grid:
    """A ring, or a half plane whose lower edge folds into a cut."""
    i, j = torch.arange(ni, dtype=torch.float64), torch.arange(nj, dtype=torch.float64)
    if wake:
        x = (i - (ni - 1) / 2).abs()
        nodes = torch.stack([x[:, None].expand(ni, nj), (j * torch.sign(i - ni // 2)[:, None]).expand(ni, nj)], dim=-1)
    else:
        angle = -2 * torch.pi * (i % (ni - 1)) / (ni - 1)
        ring = torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)
        nodes = (1 + j)[None, :, None] * ring[:, None]
    return Grid(nodes[None], wake, torch.linspace(2, 0, ni - 2 * wake, dtype=torch.float64)[None])


@pytest.mark.parametrize("wake", [0, 8])
def test_coarser_grids_are_every_second_line_exactly(wake: int) -> None:
    grid = _box(33, 17, wake)
    twice = grid.coarser().coarser()
    assert twice.cells == (8, 4)
    assert twice.wake == wake // 4
    assert torch.equal(twice.nodes, grid.nodes[:, ::4, ::4])
    assert torch.equal(twice.wall, grid.wall[:, ::4])
    assert twice.is_c == grid.is_c


def test_refuses_to_coarsen_odd_sizes() -> None:
    for grid in (_box(34, 17), _box(33, 18), _box(33, 17, 7), _box(7, 17)):
        with pytest.raises(ValueError, match="a coarser grid needs even numbers of cells"):
            grid.coarser()


def test_a_grid_made_by_hand_needs_no_places() -> None:
    ring = _box(9, 5)
    by_hand = Grid(ring.nodes, 0)
    assert by_hand.coarser().place is None
    with pytest.raises(ValueError, match="without the places of its wall nodes"):
        deformed(by_hand, torch.zeros(1, 30, 2, dtype=torch.float64))


@pytest.mark.usefixtures("annotations_unchecked")
def test_refusals() -> None:
    ring = _box(9, 5)
    assert ring.place is not None
    with pytest.raises(ValueError, match=r"\(batch, ni, nj, 2\)"):
        Grid(ring.nodes[0], 0, ring.place)
    with pytest.raises(ValueError, match="at least 5 nodes along and 3 away"):
        Grid(ring.nodes[:, :, :2], 0, ring.place)
    with pytest.raises(ValueError, match="wake must have 0 to 3"):
        Grid(ring.nodes, 4, ring.place)
    with pytest.raises(ValueError, match=r"one value for each wall node, \(1, 9\)"):
        Grid(ring.nodes, 0, ring.place[:, 1:])
    with pytest.raises(ValueError, match="two sides of the cut must have equal nodes"):
        Grid(ring.nodes[:, :-1], 0, ring.place[:, :-1])
    with pytest.raises(ValueError, match="two sides of the cut must have equal nodes"):
        Grid(ring.nodes, 2, ring.place[:, 2:-2])
