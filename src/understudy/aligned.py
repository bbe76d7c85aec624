"""Tables for people, as plain text."""

from collections.abc import Sequence


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose columns stand under each other, flush right; the last column is a remark and stands as it is."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]) - 1)]
    return [
        "  ".join([*(cell.rjust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in table
    ]
