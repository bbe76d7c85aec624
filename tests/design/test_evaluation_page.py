"""The page on how far to trust a surrogate shows what was compared."""

from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure

from understudy.design.evaluation_page import _coverage, _width, evaluation_page, trust_picture
from understudy.simulators.quantities import QUANTITIES
from understudy.surrogate.evaluation import Comparison, Report
from understudy.surrogate.learning_curve import Learnt


def compared(count: int, *, widths: float = 1.0, logarithmic: bool = False, seed: int = 0) -> Comparison:
    """Errors as wide as claimed; the largest width over the least is `widths`."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.rand(count, generator=random, dtype=torch.float64)
    width = 0.002 * widths ** torch.rand(count, generator=random, dtype=torch.float64)
    value = truth + width * torch.randn(count, generator=random, dtype=torch.float64)
    columns = (truth, value, value - 1.64 * width, value + 1.64 * width)
    return Comparison(*(column.exp() if logarithmic else column for column in columns), 0.9, logarithmic)


@pytest.mark.parametrize(
    ("name", "count", "widths"), [("adsorption_energy", 1, 1.0), ("cl", 21, 2.0), ("cd", 5000, 300.0)]
)
def test_pictures_of_few_and_many_cases_stay_light(name: str, count: int, widths: float):
    picture = trust_picture(name, compared(count, widths=widths, logarithmic=name == "cd"))
    assert picture.startswith("<svg")
    assert len(picture) < 6e5


def test_every_quantity_and_every_range_is_there():
    quantities = {"adsorption_energy": compared(30), "formation_energy": compared(30, seed=1)}
    accuracy = {name: one.accuracy() for name, one in quantities.items()}
    ranges = ("everything in its place", "anomalous <1>")
    report = Report(
        cases=dict.fromkeys(ranges, 30),
        flagged=dict.fromkeys(ranges, 0.1),
        accuracy=dict.fromkeys(ranges, accuracy),
        comparisons=quantities,
    )
    curve = [Learnt(rows, {"adsorption_energy": 1 / rows, "ln_cd": 2 / rows}) for rows in (25, 50, 100)]
    page = evaluation_page(report, title="Trust", told="by me", curve=curve)
    assert page.count("<svg") == 3
    assert evaluation_page(report, title="Trust", told="by me").count("<svg") == 2
    assert page.count("anomalous &lt;1&gt;") == 2
    assert page.count(f"<td>{accuracy['formation_energy'].mean:.4f}</td>") == 2
    assert "E_f [eV/atom]" in page


def report_of(quantities: dict[str, Comparison]) -> Report:
    accuracy = {name: one.accuracy() for name, one in quantities.items()}
    return Report(cases={"all": 12}, flagged={"all": 0.0}, accuracy={"all": accuracy}, comparisons=quantities)


def test_slabs_are_told_what_is_of_slabs():
    """Many cases on one slab are one number of it; drag is of airfoils."""
    one = replace(compared(12), slabs=1)
    report = report_of({"formation_energy": one})
    page = evaluation_page(report, title="Trust", told="by me")
    assert "C_D" not in page
    assert "<td>12  on 1 slab</td>" in page
    assert page.count("<td>–</td>") == 2
    assert "–: too few to tell, fewer than 10 distinct slabs" in page
    assert "on 1 slab" in report.text()
    assert report.text().endswith("or nothing that varies")
    axes = Figure().subplots()
    _coverage(axes, one)
    assert [text.get_text() for text in axes.texts] == ["too few to tell: 1 slab"]
    assert len(axes.lines) == 1  # the diagonal
    many = report_of({"formation_energy": replace(one, slabs=12)})
    page = evaluation_page(many, title="Trust", told="by me")
    assert page.count("<td>–</td>") == 1  # the rank of widths that are all alike
    assert "too few to tell: " not in page
    assert "logarithm" in evaluation_page(report_of({"cd": compared(12, logarithmic=True)}), title="Trust", told="me")


def test_ranks_of_widths_that_do_not_vary_are_none():
    same = compared(12)
    same = replace(same, low=same.value - 0.1, high=same.value + 0.1)
    assert "nan" not in evaluation_page(report_of({"cl": same}), title="Trust", told="me")
    assert "nan" not in report_of({"cl": same}).text()
    axes = Figure().subplots()
    _width(axes, same, QUANTITIES["cl"])
    assert "Spearman –" in {text.get_text() for text in axes.get_legend().get_texts()}


def test_marks_at_the_edge_of_the_coverage_are_whole():
    axes = Figure().subplots()
    _coverage(axes, compared(12))
    (mark,) = (line for line in axes.lines if line.get_marker() == "D")
    assert not mark.get_clip_on()
