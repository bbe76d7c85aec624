"""What is in a data set, for a person who meets it for the first time."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy.datasets.provenance import Provenance
from understudy.datasets.reader import load
from understudy.datasets.statistics import Adsorption, Statistics, adsorption, statistics
from understudy.simulators.interface import Status, Subject
from understudy.simulators.quantities import quantity

_MESSAGES = 5
_ADSORPTION = "outputs/adsorption_energy"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a data set holds.

    path, bytes, files: where it is, and how large.
    rows, planned: cases stored, and cases when it is finished.
    group, subjects, families: what rows share: shapes or structures; how many, and distinct families among them.
    nodes: surface nodes of each shape.
    flows: what is stored of the flow around each airfoil; nothing if no flows are.
    kinds: how these were made -> how many.
    ended: status -> cases.
    messages: the most frequent messages of cases that were not answered -> how often.
    quantities: name in the file -> statistics over the answered cases; adsorption energies, of which those of different
        reactions have no mean in common, are apart.
    adsorption: of slabs, adsorbate -> its adsorption energies.
    provenance: simulator, design, commit, date.
    """

    path: Path
    bytes: int
    files: int
    rows: int
    planned: int
    group: str
    subjects: int
    families: int
    nodes: int
    flows: tuple[str, ...]
    kinds: Mapping[str, int]
    ended: Mapping[Status, int]
    messages: Mapping[str, int]
    quantities: Mapping[str, Statistics]
    adsorption: Mapping[str, Adsorption]
    provenance: Provenance

    def text(self) -> str:
        """The summary as a page of plain text."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        nodes = f", {self.nodes} nodes each" if self.nodes else ""
        source = self.provenance
        lines = [
            f"{self.path}: {self.rows} cases{self._unfinished()}",
            f"storage    {self.bytes / 1e6:.1f} MB in {_counted(self.files, 'file')}",
            f"simulator  {source.simulator} {source.simulator_version}, code {source.commit}, {source.created}",
            *([f"           {_settings(source)}"] if source.simulator_configuration else []),
            f"design     {source.sampler}, seed {source.seed}; identity {source.identity[:16]}",
            f"{self.group:<10} {self.subjects} ({kinds}) of {self.families} families{nodes}",
            *([f"flows      {', '.join(self.flows)}"] if self.flows else []),
            "status     " + ", ".join(f"{count} {status}" for status, count in self.ended.items()),
            *(f"           {count} x {message}" for message, count in self.messages.items()),
            "",
            f"{'quantity':<26}{'unit':>8}{'mean':>12}{'std':>12}{'least':>12}{'most':>12}",
            *(_row(name, found) for name, found in self.quantities.items()),
            *(_of_adsorbate(name, found) for name, found in self.adsorption.items()),
        ]
        return "\n".join(lines)

    def _unfinished(self) -> str:
        return "" if self.rows >= self.planned else f" of {self.planned} (not finished)"


def info(path: str | Path) -> Summary:
    """Look through the data set at `path`, reading all of it once.

    Raises:
        FileNotFoundError: nothing there.
        DataFileError: a file that cannot be read.
    """
    with load(path) as data:
        quantities = dict(statistics(data))
        of_slabs = data.about is Subject.SLAB
        if of_slabs:
            quantities.pop(_ADSORPTION, None)
        ended = Counter(data.status)
        messages = Counter(message for message in data.message if message)
        return Summary(
            path=Path(path),
            bytes=sum(file.stat().st_size for file in data.files),
            files=len(data.files),
            rows=len(data),
            planned=data.provenance.planned,
            group=data.group,
            subjects=len(data.subject_names),
            families=len({family for families in data.subject_families for family in families}),
            nodes=data.nodes,
            flows=data.ragged_names if data.grids else (),
            kinds=dict(Counter(data.subject_kinds).most_common()),
            ended={status: ended[status] for status in Status if ended[status]},
            messages=dict(messages.most_common(_MESSAGES)),
            quantities=quantities,
            adsorption=adsorption(data) if of_slabs else {},
            provenance=data.provenance,
        )


def _settings(source: Provenance) -> str:
    """What of a simulator's configuration can be said in a word each."""
    inner = source.simulator_configuration.get("calculator", {})
    every = {**inner, **source.simulator_configuration}
    plain = {name: value for name, value in every.items() if not isinstance(value, Mapping)}
    words = {name: "x".join(map(str, value)) if isinstance(value, list) else value for name, value in plain.items()}
    return ", ".join(f"{name}={value}" for name, value in words.items())


def _row(name: str, found: Statistics) -> str:
    return f"{name:<26}{quantity(name.split('/')[1]).unit:>8}{_numbers(found)}"


def _of_adsorbate(name: str, found: Adsorption) -> str:
    """Its line of the table, and behind it what was counted, and from what."""
    numbers = f"{'–':>12}" * 4 if found.energies is None else _numbers(found.energies)
    count = _counted(0 if found.energies is None else found.energies.count, "case")
    left = f", {found.anomalous} anomalous left out" if found.anomalous else ""
    return (
        f"{f'adsorption_energy, {name}':<26}{'eV':>8}{numbers}   {count}{left}; {found.reaction or 'no reaction known'}"
    )


def _numbers(found: Statistics) -> str:
    return "".join(f"{value:12.5g}" for value in (found.mean, found.std, found.minimum, found.maximum))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
