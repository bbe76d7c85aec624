"""Every block of the tutorials, run in the order of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
BLOCK = re.compile(r"```(python|toml|sh)\n(?:# (\S+\.\w+)\n)?(.*?)```", re.DOTALL)


@pytest.mark.slow  # run by `make tutorials`
@pytest.mark.parametrize("page", sorted(path.name for path in TUTORIALS.glob("*.md")))
def test_every_block_runs(page: str, tmp_path: Path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": _source()}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    blocks = BLOCK.findall((TUTORIALS / page).read_text(encoding="utf-8"))
    assert len(blocks) > 5
    for kind, name, body in blocks:
        if kind != "sh":
            (tmp_path / name).write_text(body)
            continue
        for command in body.splitlines():
            run = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert run.returncode == 0, f"{command}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"


def _source() -> str:
    """Where this package is, for the commands that the blocks call."""
    return str(Path(__file__).parents[1] / "src")
