"""Who may know a solver: surrogates and designs see only the vocabulary, so that any predictor can take its place.

The order of the rooms themselves is a contract of import-linter in pyproject.toml.
"""

import grimp
import pytest

SIMULATORS = "understudy.simulators"
VOCABULARY = (
    f"{SIMULATORS}.quantities",
    f"{SIMULATORS}.interface",
    f"{SIMULATORS}.line_file",  # how answers are kept, whoever gave them
    f"{SIMULATORS}.shapes",
    f"{SIMULATORS}.grids",
    f"{SIMULATORS}.airfoil.case",
    f"{SIMULATORS}.airfoil.flow_field",
    f"{SIMULATORS}.flow.gas",  # the perfect gas that leads from one quantity of a flow to another
    f"{SIMULATORS}.airfoil.forces",
    f"{SIMULATORS}.airfoil.panel",  # the inviscid panel method: cheap physics that a network may take as an input
    *(
        f"{SIMULATORS}.materials.{name}"
        for name in (
            "case",
            "elements",
            "adsorbates",
            "anomaly",
            "solution",
            "simulator",
            "sites",
            "layers",
            "slabs",
            "atoms",
        )
    ),
)
# their __init__ leads to no solver, which is tested too
PACKAGES = (SIMULATORS, f"{SIMULATORS}.airfoil", f"{SIMULATORS}.flow", f"{SIMULATORS}.materials")
VERIFICATION = "understudy.design.verify"


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("understudy", cache_dir=None)


def within(module: str, *parents: str) -> bool:
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def beyond_vocabulary(modules: set[str]) -> set[str]:
    return {m for m in modules if within(m, SIMULATORS) and m not in PACKAGES and not within(m, *VOCABULARY)}


@pytest.mark.parametrize("room", ["understudy.surrogate", "understudy.design"])
def test_room_imports_only_the_vocabulary_of_simulators(graph: grimp.ImportGraph, room: str):
    importers = {m for m in graph.modules if within(m, room) and not within(m, VERIFICATION)}
    trespasses = {m: beyond_vocabulary(graph.find_modules_directly_imported_by(m)) for m in importers}
    assert not {importer: imported for importer, imported in trespasses.items() if imported}


def test_vocabulary_leads_to_no_solver(graph: grimp.ImportGraph):
    vocabulary = {m for m in graph.modules if m in PACKAGES or within(m, *VOCABULARY)}
    trespasses = {m: beyond_vocabulary(graph.find_upstream_modules(m)) for m in vocabulary}
    assert not {importer: imported for importer, imported in trespasses.items() if imported}


def test_no_room_imports_the_command_line(graph: grimp.ImportGraph):
    rooms = tuple(f"understudy.{room}" for room in ("simulators", "datasets", "surrogate", "design"))
    importers = [module for module in graph.modules if within(module, *rooms)]
    imported = set().union(*(graph.find_modules_directly_imported_by(module) for module in importers))
    assert {module for module in imported if not within(module, *rooms)} <= {"understudy"}
