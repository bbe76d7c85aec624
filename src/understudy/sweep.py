"""Many values from one word: "4", "0,2,4", or "-4:12:0.5" (first, last, step)."""

import math

MOST = 100_000


def values(word: str, name: str) -> list[float]:
    """The numbers that a word stands for; the last one of a range is included.

    Args:
        word: a number, several with commas, or first:last:step.
        name: what they are, for the sentence with which they are refused.

    Raises:
        ValueError: no numbers, a step of zero or in the wrong direction, or more than 100,000 values.
    """
    if ":" not in word:
        return [_number(part, word, name) for part in word.split(",")]
    ends = [_number(part, word, name) for part in word.split(":")]
    if len(ends) != 3:
        raise ValueError(f"{name} must be a number or first:last:step; got {word!r}")
    first, last, step = ends
    if step == 0 or (last - first) / step < 0:
        raise ValueError(f"{name}: the step must lead from the first value to the last; got {word!r}")
    count = math.floor((last - first) / step + 1e-9) + 1
    if count > MOST:
        raise ValueError(f"{name}: at most {MOST} values at once; {word!r} stands for {count}")
    return [round(first + number * step, 12) for number in range(count)]


def _number(part: str, word: str, name: str) -> float:
    try:
        value = float(part)
    except ValueError:
        raise ValueError(f"{name} must be a number or first:last:step; got {word!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {word!r}")
    return value
