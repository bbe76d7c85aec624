import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from understudy.simulators.grids import Grid, GridOptions, GridQuality, airfoil_grid, closed, wall_spacing
from understudy.simulators.grids.quality import corner_sines, skews
from understudy.simulators.grids.wall import Contour
from understudy.simulators.interface import Status
from understudy.simulators.shapes import library, naca

Made = tuple[Grid, GridQuality]
SHARP = ("0012-sharp", "4412-sharp", "23015-sharp", "6406-sharp")
BLUNT = ("0012", "4412", "23015", "0024")
COARSE_C = GridOptions(size=(97, 33), y_plus=40.0, edge_spacing=1e-3, growth=1.5, far=50.0)
COARSE_O = replace(COARSE_C, wake_share=0.0)


def contours(names: tuple[str, ...]) -> torch.Tensor:
    return torch.stack([naca(name) for name in names])


def reynolds(value: float, rows: int) -> torch.Tensor:
    return torch.full((rows,), value, dtype=torch.float64)


@pytest.fixture(scope="module")
def c_grids() -> Made:
    return airfoil_grid(contours(SHARP), reynolds(6e6, len(SHARP)))


@pytest.fixture(scope="module")
def o_grids() -> Made:
    return airfoil_grid(contours(BLUNT), reynolds(6e6, len(BLUNT)), GridOptions(wake_share=0.0))


@pytest.fixture(scope="module", params=["C", "O"])
def made(request: pytest.FixtureRequest, c_grids: Made, o_grids: Made) -> Made:
    return c_grids if request.param == "C" else o_grids


def _polygon_area(points: torch.Tensor) -> torch.Tensor:
    following = points.roll(-1, dims=1)
    return 0.5 * (points[..., 0] * following[..., 1] - points[..., 1] * following[..., 0]).sum(1)


def _length(vector: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(vector, dim=-1)


def test_cells_are_positive_at_all_four_corners(made: Made) -> None:
    grid, quality = made
    assert quality.status == (Status.OK,) * grid.batch
    assert quality.message == ("",) * grid.batch
    assert corner_sines(grid.nodes).min() > 0.5


def test_areas_of_the_cells_add_up_to_that_between_wall_and_far_field(made: Made) -> None:
    grid, _ = made
    diagonals = grid.nodes[:, 1:, 1:] - grid.nodes[:, :-1, :-1], grid.nodes[:, :-1, 1:] - grid.nodes[:, 1:, :-1]
    cells = 0.5 * (diagonals[0][..., 0] * diagonals[1][..., 1] - diagonals[0][..., 1] * diagonals[1][..., 0])
    n = grid.nodes
    rim = torch.cat([n[:, :, 0], n[:, -1, 1:], n[:, :-1, -1].flip(1), n[:, 0, 1:-1].flip(1)], dim=1)
    torch.testing.assert_close(cells.sum((1, 2)), _polygon_area(rim), rtol=1e-12, atol=0)


def test_order_is_clockwise_from_the_wake_over_lower_and_upper_surface(c_grids: Made) -> None:
    grid, _ = c_grids
    assert (grid.nodes[:, 0, 0, 0] > 90).all()
    edge, wall = grid.wake, grid.wall
    torch.testing.assert_close(grid.nodes[:, edge, 0], torch.tensor([1.0, 0.0]).double().expand(4, 2))
    assert (wall[:, 64, 1] < wall[:, -65, 1]).all()
    assert (_polygon_area(wall) < 0).all()


def test_two_sides_of_the_cut_are_one(c_grids: Made) -> None:
    grid, _ = c_grids
    assert grid.wake == 64
    cut = grid.nodes[:, :65, 0]
    assert torch.equal(cut, grid.nodes[:, -65:, 0].flip(1))
    assert (cut[:, :-1, 0] > cut[:, 1:, 0]).all()


def test_an_o_grid_closes_and_has_cells_on_the_base(o_grids: Made) -> None:
    grid, _ = o_grids
    assert grid.is_o
    assert torch.equal(grid.nodes[:, 0], grid.nodes[:, -1])
    assert grid.place is not None
    on_base = ((grid.place < 0) | (grid.place > 2)).sum(1)
    assert (on_base == 2 * GridOptions(wake_share=0.0).base).all()


def test_wall_nodes_lie_on_the_contour(made: Made) -> None:
    grid, _ = made
    names = SHARP if grid.is_c else BLUNT
    fine = torch.stack([naca(name, 1500) for name in names])
    assert grid.place is not None
    surface = (grid.place >= 0) & (grid.place <= 2)
    for row in range(grid.batch):
        start, end = fine[row, :-1], fine[row, 1:]
        points = grid.wall[row][surface[row]]
        along = end - start
        share = (((points[:, None] - start) * along).sum(-1) / along.square().sum(-1)).clamp(0, 1)
        near = _length(points[:, None] - start - share[..., None] * along).amin(1)
        # 100 points a surface were given: the spline through them meets the section to 4th order, at the nose last.
        assert near.max() < 3e-6


def test_first_spacing_on_the_wall_is_that_of_the_reynolds_number(made: Made) -> None:
    grid, quality = made
    first = _length(grid.nodes[:, :, 1] - grid.nodes[:, :, 0])[:, grid.wake : grid.nodes.shape[1] - grid.wake]
    wanted = wall_spacing(reynolds(6e6, grid.batch), 0.7)[:, None]
    assert (first / wanted - 1).abs().max() < 3e-3  # interpolation at the corner of the edge; 1e-4 elsewhere
    torch.testing.assert_close(quality.y_plus, torch.full_like(quality.y_plus, 0.7), rtol=3e-3, atol=0)


def test_growth_is_bounded_and_spacing_along_the_wall_is_smooth(made: Made) -> None:
    grid, quality = made
    assert quality.growth.max() <= 1.2 * (1 + 1e-3)
    assert quality.growth_along.max() < 1.25
    along = _length(grid.wall.diff(dim=1))
    base = 0 if grid.is_c else GridOptions(wake_share=0.0).base
    assert along[:, [base, -1 - base]].max() <= (1 + 1e-3) * GridOptions().edge_spacing
    assert ((along[:, 1:] / along[:, :-1]).log().diff(dim=1)).abs().max() < 0.12  # no kink of spacing either


def test_lines_leave_the_wall_at_right_angles(made: Made) -> None:
    _, quality = made
    assert quality.wall_skew.max() < 0.5
    assert quality.skew.max() < 40


def test_no_line_stands_out_beside_the_trailing_edge(c_grids: Made) -> None:
    grid, _ = c_grids
    angles = skews(grid.nodes)[:, 54:75]
    # At the wall the line halves the corner; farther out than a cell's length nothing is left of it.
    assert angles[:, :, 45:].diff(dim=1).abs().max() < 0.5
    assert angles.diff(dim=1).abs().max() < 10


def test_lines_that_leave_corners_are_evenly_spaced_farther_out(made: Made) -> None:
    grid, _ = made
    width = torch.log(_length(grid.nodes.diff(dim=1)))
    assert width.diff(n=2, dim=1)[:, :, 72:].abs().max() < 0.05
    assert width.diff(dim=1)[:, :, 72:].abs().max() < math.log(1.25)


def test_far_field_is_a_hundred_chords_away(made: Made) -> None:
    grid, _ = made
    middle = torch.tensor([0.5, 0.0], dtype=torch.float64)
    assert _length(grid.nodes[:, :, -1] - middle).min() > 99
    if grid.is_c:
        assert _length(grid.nodes[:, [0, -1]] - middle).min() > 99


def test_wake_leaves_on_the_bisector_and_bends_to_the_stream(c_grids: Made) -> None:
    grid, _ = c_grids
    wake = grid.nodes[:, -65:, 0]
    step = wake.diff(dim=1)
    heading = step / _length(step)[..., None]
    bisector = Contour.of(contours(SHARP)).bisector
    torch.testing.assert_close(heading[:, 0], bisector, rtol=0, atol=1e-4)
    torch.testing.assert_close(heading[:, -1], torch.tensor([1.0, 0.0]).double().expand(4, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [COARSE_C, COARSE_O], ids=["C", "O"])
def test_a_mirrored_airfoil_gets_the_mirrored_grid(options: GridOptions) -> None:
    contour = contours(("4412-sharp", "23015-sharp") if options.wake else ("4412", "23015"))
    flip = torch.tensor([1.0, -1.0], dtype=torch.float64)
    grid, _ = airfoil_grid(contour, reynolds(1e6, 2), options)
    mirrored, _ = airfoil_grid(contour.flip(1) * flip, reynolds(1e6, 2), options)
    # Elimination runs one way: rounding of the map grows with the distance, 50 chords.
    torch.testing.assert_close(mirrored.nodes.flip(1) * flip, grid.nodes, rtol=1e-9, atol=1e-11)


def test_rows_of_a_batch_are_as_if_alone() -> None:
    contour = contours(("0012-sharp", "4412-sharp"))
    together, _ = airfoil_grid(contour, reynolds(1e6, 2) * torch.tensor([1.0, 3.0]), COARSE_C)
    alone, _ = airfoil_grid(contour[1:], reynolds(3e6, 1), COARSE_C)
    torch.testing.assert_close(together.nodes[1:], alone.nodes, rtol=1e-10, atol=1e-12)


def test_the_nodes_do_not_depend_on_how_the_contour_is_tabulated() -> None:
    few, many = (airfoil_grid(naca("2412-sharp", n)[None], reynolds(1e6, 1), COARSE_C)[0] for n in (100, 400))
    # The place of the nose is an average over the points near it: it moves by a tenth of a cell.
    torch.testing.assert_close(few.wall, many.wall, rtol=0, atol=3e-4)


def test_a_finer_grid_holds_the_grid_itself_on_every_second_line() -> None:
    contour = naca("2412-sharp")[None]
    grid, _ = airfoil_grid(contour, reynolds(1e6, 1), COARSE_C)
    finer, _ = airfoil_grid(contour, reynolds(1e6, 1), COARSE_C.on((193, 65)))
    coarsened = finer.coarser()
    assert coarsened.cells == grid.cells
    away = _length(coarsened.wall - grid.wall)[:, 1:-1]
    along = _length(grid.wall.diff(dim=1))
    assert (away / torch.minimum(along[:, 1:], along[:, :-1])).max() < 0.1


def test_a_refused_row_leaves_the_others_alone() -> None:
    good = naca("0012-sharp")
    crossed = good.clone()
    crossed[20:30, 1] = -0.1
    batch = torch.stack([crossed, good, good.flip(0), good * torch.nan, 100 * good, good * torch.tensor([1.0, 0.0])])
    grid, quality = airfoil_grid(batch, reynolds(1e6, 6), COARSE_C)
    assert quality.ok == (False, True, False, False, False, False)
    assert quality.status[0] is Status.REFUSED
    words = ("crosses itself", "", "runs clockwise", "finite number", "in chords", "must have an area")
    assert all(word in sentence for word, sentence in zip(words, quality.message, strict=True))
    assert grid.nodes[1].isfinite().all()
    assert grid.nodes[[0, 2, 3, 4, 5]].isnan().all()
    alone, _ = airfoil_grid(good[None], reynolds(1e6, 1), COARSE_C)
    torch.testing.assert_close(grid.nodes[1:2], alone.nodes)


@pytest.mark.parametrize(
    ("contour", "number", "options", "words"),
    [
        (lambda: naca("0012"), 1e6, COARSE_C, "a C-grid needs a sharp trailing edge"),
        (lambda: naca("0012-sharp"), 1e6, COARSE_O, "at least 0.0005 chord thick"),
        (lambda: naca("0012-sharp")[[0, 1, 1, *range(2, 199)]], 1e6, COARSE_C, "two consecutive points are equal"),
        (
            lambda: naca("0012-sharp"),
            1e9,
            GridOptions(),
            "the Reynolds number must be at most 4.2e+07",
        ),
    ],
    ids=["blunt", "sharp", "repeated", "reynolds"],
)
def test_rows_that_are_refused(
    contour: Callable[[], torch.Tensor], number: float, options: GridOptions, words: str
) -> None:
    _, quality = airfoil_grid(contour()[None], reynolds(number, 1), options)
    assert quality.status == (Status.REFUSED,)
    assert words in quality.message[0]
    assert quality.skew.isnan().all()


@pytest.mark.usefixtures("annotations_unchecked")
def test_refusals() -> None:
    good = naca("0012-sharp")[None]
    with pytest.raises(ValueError, match="at least 20 points"):
        airfoil_grid(good[:, :19], reynolds(1e6, 1))
    with pytest.raises(ValueError, match=r"\(batch, at least 20 points, 2\); got \(199, 2\)"):
        airfoil_grid(good[0], reynolds(1e6, 1))
    with pytest.raises(ValueError, match="one value per airfoil"):
        airfoil_grid(good, reynolds(1e6, 2))
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="reynolds must be positive and finite"):
            airfoil_grid(good, reynolds(bad, 1))


def test_closed_edges() -> None:
    blunt = contours(("0012", "4412"))
    sharp = closed(blunt)
    assert torch.equal(sharp[:, 0], sharp[:, -1])
    torch.testing.assert_close(sharp[0, 99], blunt[0, 99])
    assert torch.equal(closed(sharp), sharp)
    assert airfoil_grid(sharp, reynolds(1e6, 2), COARSE_C)[1].ok == (True, True)
    # The base goes in proportion to x, as with the CST thickness.
    gap = (blunt - sharp)[0, :100, 1]
    torch.testing.assert_close(gap, 0.5 * (blunt[0, 0, 1] - blunt[0, -1, 1]) * blunt[0, :100, 0], rtol=0, atol=1e-12)


def test_strongly_cambered_and_odd_sections_of_the_library() -> None:
    odd = ("s1223", "sc20714", "ah79k132", "ht05")
    shapes = torch.stack([closed(library.airfoil(name, raw=False).coordinates[None], 16.0)[0] for name in odd])
    _, quality = airfoil_grid(shapes, reynolds(6e6, len(odd)))
    assert quality.ok == (True,) * len(odd)


def test_a_thick_section_with_a_thick_base() -> None:
    thick = library.airfoil("fx79w470a", raw=False).coordinates[None]
    _, quality = airfoil_grid(thick, reynolds(6e6, 1), GridOptions(wake_share=0.0))
    assert quality.ok == (True,)


def test_single_precision_gets_the_rounded_grid() -> None:
    contour = naca("2412-sharp", dtype=torch.float32)[None]
    grid, quality = airfoil_grid(contour, torch.tensor([1e5]), COARSE_C)
    assert grid.nodes.dtype == torch.float32
    assert quality.ok == (True,)
    double, _ = airfoil_grid(contour.double(), reynolds(1e5, 1), COARSE_C)
    torch.testing.assert_close(grid.nodes, double.nodes.float(), rtol=1e-6, atol=0)
