"""`understudy evaluate`: how far a surrogate can be trusted."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from understudy.cli.outputs import require_output, with_name


def evaluate(
    data: Annotated[Path, Parameter(help="data file with a simulator's answers")],
    /,
    *,
    by: Annotated[str, Parameter(help="surrogate (the pretrained one) or the path of a checkpoint")] = "surrogate",
    rows: Annotated[
        Literal["unseen", "all"],
        Parameter(help="unseen: shapes of its test families alone; all: every answered case"),
    ] = "unseen",
    out: Annotated[
        Path | None, Parameter(help="JSON file for the figures; a page of pictures is left beside it, as .html")
    ] = None,
) -> None:
    """Compare a surrogate with stored answers of a simulator: errors, coverage of the intervals, flagged cases.

    understudy evaluate runs/airfoils.h5 --by runs/surrogate --out runs/trust.json
    """
    import json

    from understudy.asking import predictor
    from understudy.cli.progress import bar
    from understudy.cli.report import say, units_told
    from understudy.datasets.reader import load
    from understudy.datasets.whole_files import write_bytes
    from understudy.design.evaluation_page import write_evaluation
    from understudy.learning import TRUST, evaluation, test_rows
    from understudy.surrogate.checkpoint import AnySurrogate

    if out is not None:
        require_output(out, [".json"], inputs=[data])
    with load(with_name(data)) as content, bar("evaluating") as show:
        who = predictor(by, content.about)
        if not isinstance(who, AnySurrogate):
            raise ValueError(f"only a surrogate is evaluated on stored answers; {who.name} is a simulator")
        chosen = test_rows(who, content) if rows == "unseen" else content.ok_rows
        report = evaluation(who, content, chosen, progress=lambda done, total: show(done, total, ""))
    say(f"{report.text()}\n{units_told(report.comparisons)}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        words = {"data": str(data), "by": by, "rows": rows, **report.words()}
        write_bytes(out, json.dumps(words, indent=1).encode())
        told = f"{who.card.sentence}\nData: {data}, rows: {rows}"
        write_evaluation(report, out.with_suffix(".html"), title=TRUST, told=told)
        say(f"{out}\n{out.with_suffix('.html')}")
