import pytest
import torch

from understudy.simulators.interface import Solution, SolveError, Status


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [
        ((Status.REFUSED,), ("refused: mach must be less",), "^refused: mach must be less$"),
        ((Status.NOT_CONVERGED,), ("stalled",), "^not converged: stalled$"),
        ((Status.OK, Status.FAILED), ("", "the grid folds"), "^case 1: failed: the grid folds$"),
    ],
)
def test_what_was_not_answered_is_told_once(status: tuple[Status, ...], message: tuple[str, ...], told: str):
    answer = Solution(values={"cl": torch.zeros(len(status))}, status=status, message=message)
    with pytest.raises(SolveError, match=told):
        answer.raise_unless_ok()
