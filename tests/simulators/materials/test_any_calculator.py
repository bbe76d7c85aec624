"""Any calculator of ASE answers under its own name."""

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import invalidate_caches
from pathlib import Path

import ase
import numpy as np
import pytest
import torch

from understudy.simulators.interface import Status
from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.any_calculator import AnyCalculator
from understudy.simulators.materials.emt import EMT_LATTICE_CONSTANTS, Emt
from understudy.simulators.materials.slabs import SlabPlan
from understudy.simulators.registry import simulator

Prove = Callable[..., None]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


#: A calculator of one's own, whose energies are those of effective-medium theory times a factor.
MINE = """
from pathlib import Path
from ase.calculators.emt import EMT

class Mine(EMT):
    def __init__(self, model="", **arguments):
        super().__init__(**arguments)

    def calculate(self, *asked):
        super().calculate(*asked)
        self.results = {name: value * FACTOR for name, value in self.results.items()}
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes modules of one's own, read anew where they were read before."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)
        invalidate_caches()
        for module in ("my_base", "my_code"):
            monkeypatch.delitem(sys.modules, module, raising=False)

    return write


def printed(code: str, folder: Path) -> str:
    """What another process prints of `found`, the simulator `my_code:Mine` in that folder."""
    code = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from understudy.simulators.registry import simulator
found = simulator("my_code:Mine")
print({code})
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def hydrogen_on(metal: str, constant: float):
    plan = SlabPlan(constants={metal: constant})
    slab = plan.slabs(plan.occupation([metal] * 4)[None], torch.zeros(1, dtype=torch.float64))
    return placed(slab, "H", torch.tensor([[1 / 3, 1 / 3]]).double(), torch.tensor([0.9]).double())


def test_lattice_constants_are_those_of_the_embedded_simulator(prove: Prove):
    found = simulator("ase.calculators.emt:EMT")
    away = np.max([abs(found.constants[metal] - constant) for metal, constant in EMT_LATTICE_CONSTANTS.items()])
    told = "lattice constants by a cubic through nine energies against minima of EMT: difference [Å]"
    prove(told, away, at_most=1e-3)


def test_the_same_energies_under_either_name():
    case = hydrogen_on("Pd", EMT_LATTICE_CONSTANTS["Pd"])
    named, embedded = (one.predict(case) for one in (simulator("ase.calculators.emt:EMT"), Emt()))
    assert named["adsorption_energy"].item() == pytest.approx(embedded["adsorption_energy"].item(), abs=1e-9)


def test_arguments_decide_the_digest():
    plain, soft = (simulator(f"ase.calculators.morse:MorsePotential{words}") for words in ("", ":epsilon=0.5,r0=2.5"))
    assert plain.digest != soft.digest


def test_another_class_of_the_same_name_shares_no_energy(written):
    answers = []
    for factor in ("1.0", "2.0"):
        written("my_code", MINE.replace("FACTOR", factor))
        answers.append(simulator("my_code:Mine").predict(hydrogen_on("Pd", 3.9)))
    one, two = (answer["clean_energy"].item() for answer in answers)
    assert two == pytest.approx(2 * one, rel=1e-2)  # what is left of the force weighs twice as much


def test_the_code_that_a_class_derives_from_decides_the_digest(written):
    found = []
    for factor in ("1.0", "2.0"):
        written("my_base", MINE.replace("FACTOR", factor))
        written("my_code", "from my_base import Mine as Base\n\nclass Mine(Base):\n    pass\n")
        found.append(simulator("my_code:Mine"))
    assert found[0].digest != found[1].digest
    told = [one.configuration["calculator"] for one in found]
    assert told[0]["source of my_code"] == told[1]["source of my_code"]
    assert {one["version of ase"] for one in told} == {ase.__version__}


def test_a_class_without_a_text_is_known_by_its_name(written, monkeypatch: pytest.MonkeyPatch):
    written("my_code", MINE.replace("FACTOR", "1.0"))
    kind = type(simulator("my_code:Mine").calculator)
    monkeypatch.setattr(kind, "__module__", "typed_at_a_prompt")
    monkeypatch.setitem(sys.modules, "my_code", type(sys)("my_code"))
    sys.modules["my_code"].Mine = kind
    told = simulator("my_code:Mine").configuration["calculator"]
    assert set(told) == {"name", "source of ase.calculators.emt", "version of ase"}


def test_files_decide_the_digest_by_what_they_hold(written, tmp_path: Path):
    written("my_code", MINE.replace("FACTOR", "1.0"))

    def digest(place: str, contents: str) -> str:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(contents)
        return simulator(f"my_code:Mine:model={place}").digest

    first = digest("small.model", "weights")
    assert digest("small.model", "others") != first
    assert digest("small.model", "weights") == first
    assert digest("elsewhere/small.model", "weights") == first


def test_where_a_calculator_writes_does_not_decide_the_digest(written, tmp_path: Path):
    written("my_code", MINE.replace("FACTOR", "1.0"))
    plain = simulator("my_code:Mine").digest
    (tmp_path / "out.txt").write_text("changes with each run")
    assert simulator("my_code:Mine:directory=runs,txt=out.txt").digest == plain


def test_another_process_has_the_same_digest_and_another_folder(written, tmp_path: Path):
    written("my_code", MINE.replace("FACTOR", "1.0"))
    here = simulator("my_code:Mine")
    digest, folder = printed("found.digest, found.calculator.directory", tmp_path).split()
    assert digest == here.digest
    assert folder != here.calculator.directory
    assert Path(here.calculator.directory).is_dir()
    assert not Path(folder).exists()  # gone with its process


def test_a_folder_that_is_named_holds_one_for_each_process_which_stays(written, tmp_path: Path):
    written("my_code", MINE.replace("FACTOR", "1.0"))
    folders = [Path(simulator("my_code:Mine:directory=runs").calculator.directory) for _ in range(2)]
    assert folders[0] != folders[1]
    for folder in folders:
        assert folder.is_dir()
        assert folder.parent == tmp_path / "runs"


def test_a_calculator_without_a_folder_makes_none(written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    without = "    directory = property(lambda self: None, lambda self, folder: None)\n"
    written("my_code", MINE.replace("FACTOR", "1.0") + without)
    assert simulator("my_code:Mine").calculator.directory is None
    assert not list((tmp_path / "temporary").iterdir())


def test_sent_to_another_process_it_makes_its_own_calculator(written):
    written("my_code", MINE.replace("FACTOR", "1.0"))
    here = simulator("my_code:Mine")
    assert isinstance(here, AnyCalculator)
    energy = here.predict(hydrogen_on("Pd", 3.9))["adsorption_energy"]
    there = pickle.loads(pickle.dumps(here))
    assert there.calculator.directory != here.calculator.directory
    assert there.predict(hydrogen_on("Pd", 3.9))["adsorption_energy"] == pytest.approx(energy.item(), abs=1e-9)


def test_a_metal_that_the_calculator_does_not_know_is_a_row_with_a_reason():
    answer = simulator("ase.calculators.emt:EMT").predict(hydrogen_on("Ir", 3.84))
    assert answer.status == (Status.FAILED,)
    assert "EMT" in answer.message[0]


def test_a_file_in_the_working_folder_is_found_by_a_command(tmp_path: Path):
    (tmp_path / "my_help.py").write_text("from ase.calculators.emt import EMT\n")
    (tmp_path / "my_code.py").write_text("from my_help import EMT\n\nclass Mine(EMT):\n    pass\n")
    (tmp_path / "ase.py").write_text("raise SystemExit('in the place of the package')\n")
    code = "import sys; from understudy.simulators.registry import simulator; before = list(sys.path); "
    code += "print(simulator('my_code:Mine').name, sys.path[:-1] == before)"
    command = [sys.executable, "-P", "-c", code]  # -P: as a command, without the working folder
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["my_code:Mine", "True"], done.stderr  # last, for processes that are started later


def test_a_module_that_is_nowhere_is_refused_with_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"no module 'my_lost_code' in the working folder \({tmp_path}\), nor is"):
        simulator("my_lost_code:Mine")


def test_no_class_of_that_name():
    with pytest.raises(ValueError, match="has no 'Wrong'"):
        simulator("ase.calculators.emt:Wrong")
    with pytest.raises(ValueError, match="no module 'not_a_package'"):
        simulator("not_a_package.calculators:Good")
