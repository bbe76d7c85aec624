"""What is installed is what is here: the rooms are links, and a build that does not follow them lacks them silently."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("simulators", "datasets", "surrogate", "design")
DATA_FOLDERS = {"data", "pretrained"}
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "src", *ROOMS)

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import understudy

def failed(name):
    raise ImportError(f"{name} cannot be imported") from sys.exc_info()[1]

names = [module.name for module in pkgutil.walk_packages(understudy.__path__, "understudy.", onerror=failed)]
for name in names:
    importlib.import_module(name)
missing = {f"understudy.{room}" for room in ("simulators", "datasets", "surrogate", "design")} - set(names)
assert not missing, missing
sys.stderr.write(understudy.__file__)
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist made from a clean copy of the tree, and a wheel made from that sdist."""
    tree = tmp_path_factory.mktemp("tree")
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            clean = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, tree / name, symlinks=True, ignore=clean)
        else:
            shutil.copy(source, tree / name)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tree / "dist", tree, cwd=tree)
    return tree / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


def in_the_rooms() -> set[str]:
    """Every module and data file of the rooms, as paths inside the import package."""
    files = (path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    return {f"understudy/{path.as_posix()}" for path in files if path.suffix == ".py" or DATA_FOLDERS & set(path.parts)}


def test_the_links_to_the_rooms_were_checked_out_as_links():
    for room in ROOMS:
        linked = ROOT / "src" / "understudy" / room
        assert linked.is_dir(), f"{linked} is not a folder: check out with symlinks (git config core.symlinks true)"


def test_wheel_holds_every_module_and_data_file_of_the_rooms(wheel: Path):
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert in_the_rooms() - inside == set(), "a folder lacks its __init__.py, or its data are not declared"
    assert {"understudy/__init__.py", "understudy/__main__.py", "understudy/py.typed"} <= inside


def test_wheel_holds_nothing_but_the_package(wheel: Path):
    inside = {PurePosixPath(name) for name in zipfile.ZipFile(wheel).namelist()}
    assert {path.parts[0] for path in inside if not path.parts[0].endswith(".dist-info")} == {"understudy"}


def test_sdist_holds_what_the_wheel_is_made_of(built: Path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in in_the_rooms()} - inside == set()
    assert {"pyproject.toml", "README.md", "LICENSE"} <= inside


def test_wheel_declares_the_command(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    declared = ConfigParser()
    declared.read_string(archive.read(name).decode())
    assert declared["console_scripts"]["understudy"] == "understudy.__main__:main"


def test_every_module_imports_from_the_wheel_and_says_nothing(wheel: Path, tmp_path: Path):
    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    run(*pip, "--target", site, wheel, cwd=tmp_path)
    result = run(sys.executable, "-P", "-c", IMPORT_EVERYTHING, cwd=tmp_path, PYTHONPATH=str(site))
    assert result.stdout == ""
    assert Path(result.stderr.splitlines()[-1]).is_relative_to(site)
