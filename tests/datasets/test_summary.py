from pathlib import Path

from understudy.datasets.reader import load
from understudy.datasets.summary import info
from understudy.simulators.interface import Status


def test_it_counts_what_is_there(data_file: Path):
    summary = info(data_file)
    data = load(data_file)
    assert (summary.rows, summary.planned, summary.subjects, summary.nodes, summary.files) == (200, 200, 25, 160, 1)
    assert summary.ended == {status: data.status.count(status) for status in Status if status in data.status}
    assert sum(summary.messages.values()) == 200 - summary.ended[Status.OK]
    assert sum(summary.kinds.values()) == 25


def test_its_text_names_units_failures_and_origin(data_file: Path):
    text = info(data_file).text()
    assert "200 cases\n" in text
    assert "thin-airfoil 1" in text
    assert "thin-airfoil theory holds within 12 deg of zero lift" in text
    (line,) = (line for line in text.splitlines() if line.startswith("outputs/xtr_top"))
    assert line.split()[1] == "chord"
