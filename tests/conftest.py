"""What every test shares: one thread, annotations checked unless a test asks for what a user meets, measured proofs."""

from collections.abc import Callable, Iterator

import jaxtyping
import pytest
import torch

torch.set_num_threads(1)  # results to rounding must not depend on how a reduction is split; pytest-xdist uses the cores

Prove = Callable[..., None]


@pytest.fixture
def annotations_unchecked() -> Iterator[None]:
    """Switch the checking of annotations off, as in use, to reach the sentence with which bad input is refused."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def prove(record_property: Callable[[str, object], None]) -> Prove:
    """Assert a bound and leave the measured value for docs/verification.md, which `benchmarks/verification.py` writes.

    Of several values that are called the same, the worst is shown.
    """

    def bounded(what: str, value: float, *, at_most: float | None = None, at_least: float | None = None) -> None:
        record_property("proof", (what, float(value), at_most, at_least))
        assert at_most is None or value <= at_most, what
        assert at_least is None or value >= at_least, what

    return bounded


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that proves something measurable is known by its fixture."""
    for item in items:
        if "prove" in getattr(item, "fixturenames", ()):
            item.add_marker("proof")
