import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from understudy.design.design import Design, Outcome
from understudy.design.problem import OperatingPoint, Problem, QuantityConstraint, Search
from understudy.design.report import report
from understudy.design.run import run_design

PROBLEM = Problem(
    name="wing <of> wax & feathers",
    points=(OperatingPoint(cl=0.4), OperatingPoint(cl=0.6, reynolds=5e5), OperatingPoint(alpha=3.0)),
    constraints=(QuantityConstraint(quantity="cm", at_least=-0.3),),
    search=Search(starts=1, iterations=6),
)
NEVER_CLOSED = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """Collects what a page refers to, its text, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in NEVER_CLOSED:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def made() -> list[Design]:
    return []


@pytest.fixture
def design(understudy: type, judge: type, made: list[Design], tmp_path: Path) -> Design:
    if not made:
        made.append(run_design(PROBLEM, understudy(), judge(extra_drag=0.0005), tmp_path))
    return made[0]


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page


def test_the_page_needs_nothing_from_outside(design: Design) -> None:
    text = report(design, PROBLEM, command="understudy design x.toml")
    page = parsed(text)
    assert page.open == []
    assert all(reference.startswith("#") for reference in page.references)
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_ids_of_the_pictures_do_not_clash(design: Design) -> None:
    text = report(design, PROBLEM)
    clips = re.findall(r'<clipPath id="([^"]+)"', text)
    assert len(clips) == len(set(clips))


def test_the_page_tells_everything(design: Design) -> None:
    page = parsed(report(design, PROBLEM, command="understudy design wax.toml --out runs/wax"))
    assert page.tags.count("svg") == 4
    for title in (
        "The shape",
        "Operating points",
        "Promise, verdict and gap",
        "Constraints",
        "Pressure at each operating point",
        "Polars",
        "History of the search",
        "How to repeat it",
    ):
        assert title in page.text
    assert "wing <of> wax & feathers" in page.text  # escaped in the page, itself again in the browser
    assert "understudy design wax.toml --out runs/wax" in page.text
    assert design.sentence in page.text
    assert "cm at point 2" in page.text
    assert "0 of 3" in page.text  # verified drags inside the interval
    assert "nan" not in page.text.lower()


def test_a_failure_says_so_at_the_top(design: Design) -> None:
    failed = replace(design, outcome=Outcome.NOT_FLOWN, sentence="xfoil could not fly the design at point 2: no.")
    text = report(failed, PROBLEM)
    top = parsed(text[: text.index("The shape")]).text
    assert "Failed: the simulator could not fly it" in top
    assert "xfoil could not fly the design at point 2: no." in top
    assert "<b>Success" not in text


def test_a_design_that_was_not_verified_has_a_page_too(design: Design) -> None:
    promised = replace(design, verdict=None, gap=(), polar=None, objective=(0.01, None), outcome=Outcome.NOT_VERIFIED)
    page = parsed(report(promised, PROBLEM))
    assert "Nothing was verified" in page.text
    assert "not flown" in page.text
    assert "Polars" not in page.text


def test_what_a_simulator_does_not_know_has_no_column(design: Design) -> None:
    """Transition is answered by some, and only a surrogate was trained."""

    def heads(shown: Design) -> str:
        text = report(shown, PROBLEM)
        return text[text.index("Operating points") : text.index("Promise, verdict and gap")]

    assert "Known" in heads(design)
    assert "N_crit" not in heads(design)
    promise = replace(design.promise, low={}, high={}, values={**design.promise.values, "xtr_top": (0.5, 0.5, 0.5)})
    assert "Known" not in heads(replace(design, promise=promise))
    assert "N_crit" in heads(replace(design, promise=promise))


def test_the_page_is_small_enough_to_send(design: Design) -> None:
    assert len(report(design, PROBLEM).encode()) < 1_000_000
