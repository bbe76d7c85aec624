"""What every test shares: one thread, and annotations that are checked unless a test asks for what a user meets."""

from collections.abc import Iterator

import jaxtyping
import pytest
import torch

torch.set_num_threads(1)  # results to rounding must not depend on how a reduction is split; pytest-xdist uses the cores


@pytest.fixture
def annotations_unchecked() -> Iterator[None]:
    """Switch the checking of annotations off, as in use, to reach the sentence with which bad input is refused."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
