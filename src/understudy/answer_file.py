"""A table of answers that grows on disk, so that a second run of the same question goes on where the first stopped.

What was answered is in `ANSWERS.part` at any moment, beside a file that says which question it answers; the table has
its own name once it is whole.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from understudy.datasets.whole_files import room_for, write_bytes
from understudy.simulators.interface import Predictor, Status

Row = dict[str, str]


def question(asked: Path, who: Predictor) -> str:
    """What must not differ for a run to go on, or to be finished already: what is asked, and who answers; as a hash."""
    with asked.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha256(who.identity.encode())).hexdigest()


class AnswerFile:
    """The table of answers to one question, begun or gone on with.

    out: its name once whole. columns: of the table, "status" among them.
    done: rows that are answered. ended: how these ended.
    """

    def __init__(self, out: Path, columns: Sequence[str], asked: str) -> None:
        self.out, self.columns = out, tuple(columns)
        self.part = out.with_name(out.name + ".part")
        self._question = self.part.with_name(self.part.name + ".question")
        rows = self._kept(asked)
        self.done = len(rows)
        self.ended = Counter(Status(row[self.columns.index("status")]) for row in rows)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([list(self.columns), *rows])
        self.part.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.part, text.getvalue().encode())
        write_bytes(self._question, asked.encode())

    @contextmanager
    def growing(self, total: int) -> Iterator[Callable[[Sequence[Row]], None]]:
        """Whatever is given to the function inside is on the disk when it returns; the table is whole at the end.

        Raises:
            DiskFullError: no room left; what was answered is kept.
            KeyboardInterrupt: Ctrl-C; its text says how much is kept.
        """
        try:
            with room_for(self.part), self.part.open("a", encoding="utf-8", newline="") as file:
                table = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore", lineterminator="\n")

                def add(rows: Sequence[Row]) -> None:
                    table.writerows(rows)
                    file.flush()
                    self.done += len(rows)
                    self.ended.update(Status(row["status"]) for row in rows)

                yield add
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped: {self.done} of {total} rows are kept in {self.part}; run the same command again to go on"
            ) from None
        self.part.replace(self.out)
        self._question.unlink(missing_ok=True)

    def _kept(self, asked: str) -> list[list[str]]:
        """Rows of an earlier run that are whole."""
        same = self._question.is_file() and self._question.read_text(encoding="utf-8") == asked
        if not same or not self.part.is_file():
            return []
        whole = self.part.read_text(encoding="utf-8")
        whole = whole[: whole.rfind("\n") + 1]
        lines = [row for row in csv.reader(io.StringIO(whole, newline="")) if len(row) == len(self.columns)]
        return lines[1:] if lines[:1] == [list(self.columns)] else []
