"""The HTML page of a report: one file that needs nothing else."""

from collections.abc import Iterable, Sequence
from html import escape

_YES, _NO = '<span class="yes">yes</span>', '<span class="no">no</span>'
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #22262d; margin: 0; }}
main {{ max-width: 960px; margin: 0 auto; padding: 32px 24px 64px; }}
h1 {{ font-size: 28px; line-height: 1.25; margin: 0 0 16px; }}
h2 {{ font-size: 19px; margin: 40px 0 8px; border-top: 1px solid #dfe3e9; padding-top: 20px; }}
p {{ margin: 8px 0; max-width: 72ch; }}
.status {{ border-left: 6px solid; padding: 12px 18px; margin: 0 0 20px; border-radius: 3px; }}
.status b {{ display: block; font-size: 19px; }}
.good {{ border-color: #23804a; background: #eef7f1; }}
.bad {{ border-color: #b3341f; background: #fcf0ee; }}
.figures {{ display: flex; flex-wrap: wrap; gap: 12px 40px; margin: 16px 0; }}
.figures div {{ min-width: 150px; }}
.figures b {{ display: block; font-size: 23px; font-variant-numeric: tabular-nums; }}
.figures span, .note {{ color: #5b626d; font-size: 14px; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; width: 100%; margin: 8px 0; }}
th, td {{ text-align: right; padding: 5px 8px; border-bottom: 1px solid #e4e7ec; white-space: nowrap; }}
th {{ font-weight: 600; color: #444b56; border-bottom-color: #aab1bc; }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
.yes {{ color: #23804a; }} .no {{ color: #b3341f; font-weight: 600; }}
svg {{ width: 100%; height: auto; display: block; margin: 8px 0; }}
.flows {{ display: flex; flex-wrap: wrap; gap: 8px; }}
.flows img {{ flex: 1 1 360px; min-width: 0; max-width: 100%; height: auto; align-self: flex-start; }}
pre {{ background: #f4f6f9; padding: 12px 16px; border-radius: 4px; overflow-x: auto; font-size: 14px; }}
@media print {{ h2 {{ break-after: avoid; }} svg, table {{ break-inside: avoid; }} }}
</style>
</head>
<body><main>
{body}
</main></body>
</html>
"""


def page(title: str, sections: Iterable[str]) -> str:
    """The text of the file."""
    return _PAGE.format(title=escape(title), body="\n".join(sections))


def status(good: bool, headline: str, told: str) -> str:
    """How it ended, at the head of the page."""
    return f'<div class="status {"good" if good else "bad"}"><b>{escape(headline)}</b>{escape(told)}</div>'


def figures(numbers: Iterable[tuple[str, str]]) -> str:
    """Large numbers, each with what it is."""
    return (
        '<div class="figures">'
        + "".join(f"<div><b>{escape(number)}</b><span>{escape(told)}</span></div>" for number, told in numbers)
        + "</div>"
    )


def section(title: str, content: str, note: str = "") -> str:
    """A heading, what stands under it, and a note in small letters."""
    return f"<h2>{escape(title)}</h2>\n{content}" + (f'\n<p class="note">{escape(note)}</p>' if note else "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are text, or the mark of `_tick`."""
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{first}</tr></thead><tbody>{lines}</tbody></table></div>'


def _cell(text: str) -> str:
    return text if text in (_YES, _NO) else escape(text)


def tick(kept: bool) -> str:
    """A mark for kept or broken."""
    return _YES if kept else _NO


def number(value: float | None, form: str) -> str:
    """A number, or a dash for none."""
    if value is None or value != value:
        return "–"
    sign = "+" if form.startswith("+") else ""
    return f"{value:{sign}z{form.removeprefix(sign)}}"  # z: no minus before a zero


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
