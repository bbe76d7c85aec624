"""The page on how far to trust a surrogate shows what was compared."""

import pytest
import torch

from understudy.design.evaluation_page import evaluation_page, trust_picture
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
