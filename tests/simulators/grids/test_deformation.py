import pytest
import torch

from understudy.simulators.grids import GridOptions, airfoil_grid, deformed
from understudy.simulators.grids.quality import corner_sines
from understudy.simulators.grids.wall import Contour
from understudy.simulators.shapes import naca
from understudy.simulators.shapes.naca import naca4

SHARP = GridOptions(size=(97, 33), y_plus=40.0, edge_spacing=1e-3, growth=1.5, far=50.0)
BLUNT = GridOptions(size=(97, 33), y_plus=40.0, edge_spacing=1e-3, growth=1.5, far=50.0, wake_share=0.0)
REYNOLDS = torch.tensor([1e6], dtype=torch.float64)
BOTH = pytest.mark.parametrize("options", [SHARP, BLUNT], ids=["C", "O"])


def _section(camber: torch.Tensor, options: GridOptions) -> torch.Tensor:
    position, thickness = torch.tensor([0.4]).double(), torch.tensor([0.12]).double()
    return naca4(camber, position, thickness, per_side=50, sharp=options.wake > 0)


def _camber(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@BOTH
def test_no_displacement_gives_back_the_grid(options: GridOptions) -> None:
    contour = _section(_camber(0.02), options)
    grid, _ = airfoil_grid(contour, REYNOLDS, options)
    assert torch.equal(deformed(grid, contour).nodes, grid.nodes)


@BOTH
def test_wall_follows_the_contour_and_the_far_field_stays(options: GridOptions) -> None:
    grid, _ = airfoil_grid(_section(_camber(0.02), options), REYNOLDS, options)
    contour = _section(_camber(0.04), options)
    moved = deformed(grid, contour)
    assert grid.place is not None
    assert moved.place is grid.place
    torch.testing.assert_close(moved.wall, Contour.of(contour).points(grid.place), rtol=0, atol=1e-15)
    assert torch.equal(moved.nodes[:, :, -1], grid.nodes[:, :, -1])
    assert corner_sines(moved.nodes).min() > 0.5


def test_cut_stays_matched_and_turns_with_the_trailing_edge() -> None:
    grid, _ = airfoil_grid(_section(_camber(0.0), SHARP), REYNOLDS, SHARP)
    moved = deformed(grid, _section(_camber(0.02), SHARP))
    cut = moved.nodes[:, : grid.wake + 1, 0]
    assert torch.equal(cut, moved.nodes[:, -grid.wake - 1 :, 0].flip(1))
    torch.testing.assert_close(moved.nodes[:, 0], grid.nodes[:, 0], rtol=0, atol=1e-15)
    first = (cut[0, -2] - cut[0, -1]).tolist()
    bisector = Contour.of(_section(_camber(0.02), SHARP)).bisector[0].tolist()
    assert first[1] / first[0] == pytest.approx(bisector[1] / bisector[0], abs=5e-3)


@BOTH
def test_gradient_is_that_of_finite_differences(options: GridOptions) -> None:
    grid, _ = airfoil_grid(_section(_camber(0.02), options), REYNOLDS, options)
    weights = torch.randn(grid.nodes.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def functional(contour: torch.Tensor) -> torch.Tensor:
        return (deformed(grid, contour).nodes * weights).sum()

    contour = _section(_camber(0.03), options).requires_grad_()
    (slope,) = torch.autograd.grad(functional(contour), contour)
    for camber in (0.0, 0.05):
        direction = _section(_camber(camber), options) - contour.detach()
        step = 1e-4
        change = functional(contour.detach() + step * direction) - functional(contour.detach() - step * direction)
        torch.testing.assert_close((slope * direction).sum(), change / (2 * step), rtol=1e-6, atol=1e-9)


def test_displacement_is_smooth_along_every_row() -> None:
    grid, _ = airfoil_grid(_section(_camber(0.02), SHARP), REYNOLDS, SHARP)
    displacement = deformed(grid, _section(_camber(0.03), SHARP)).nodes - grid.nodes
    step = torch.linalg.vector_norm(grid.nodes.diff(dim=1), dim=-1)
    turn = torch.linalg.vector_norm(displacement.diff(dim=1), dim=-1) / step
    assert turn.max() < 0.08  # the mean line turns by up to 0.05 at the nose


def test_a_contour_with_other_points_moves_the_grid_as_well() -> None:
    grid, _ = airfoil_grid(naca("2412-sharp", 100)[None], REYNOLDS, SHARP)
    moved = deformed(grid, naca("2412-sharp", 200)[None])
    torch.testing.assert_close(moved.nodes, grid.nodes, rtol=0, atol=1e-4)


def test_refusals() -> None:
    grid, _ = airfoil_grid(naca("0012-sharp")[None], REYNOLDS, SHARP)
    with pytest.raises(ValueError, match="one contour a grid"):
        deformed(grid, naca("0012-sharp").expand(2, -1, -1))
    with pytest.raises(ValueError, match=r"needs a sharp trailing edge; got a base of 0\.0025 chord"):
        deformed(grid, naca("0012")[None])
