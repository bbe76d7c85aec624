"""What a network is trained on, encoded once and held in memory: inputs, learnt fields, numbers of each case.

The loss sums absolute errors, each over the size that matters to a user (0.02 in CL, 5 % in CD, ...), of the integrated
quantities and of the fields, and the Laplace likelihood of the learnt spreads given those errors. The spreads do not
soften the errors: a case that the network finds difficult counts as much as any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.datasets.ragged import Ragged
from understudy.datasets.reader import DataSet
from understudy.datasets.records import Rows
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.interface import Answer, Solution, Status
from understudy.surrogate.encoding import Conditions, Encoding, encode
from understudy.surrogate.inviscid import panel_basis, surface_nodes
from understudy.surrogate.learnable import Learnable
from understudy.surrogate.model import SPREAD_UNIT, Member, MemberOutput, NetworkConfig
from understudy.surrogate.normalisation import normalisation_of
from understudy.surrogate.outputs import SurfaceFields, learnt_fields

NEEDED_FIELDS = ("cp", "cf", "theta", "delta_star")
NEEDED_NUMBERS = ("cd", "xtr_top", "xtr_bottom")
LEAST_THICKNESS = 1e-7  # chord: the layer at a stagnation point that a simulator may leave out
LEAST_SHAPE_FACTOR = 1.01
LARGEST_PRESSURE = 50.0  # |cp| of a believable answer
ENCODED_AT_ONCE = 2048  # rows
ERROR_UNIT = {"cl": 0.02, "cd": 0.05, "cm": 0.005, "xtr": 0.05}  # error that counts as one; cd is of ln CD
WEIGHT = {"fields": 4.0, "cl": 0.5, "cd": 1.0, "cm": 0.3, "xtr": 0.2, "spread": 0.1}
ERROR_LIMIT = 50.0  # units beyond which an error no longer pulls: a hopeless case must not steer the rest
ROUNDING = 0.05  # normalised field errors below this count quadratically


@dataclass(frozen=True, eq=False)
class TrainingData(Learnable[Member]):
    """Answered cases ready for training; float32, one row a case.

    encoding: inputs. coordinates: (rows, nodes, 2). alpha: (rows,) [deg], solved for where the lift was prescribed.
    learnt: fields in the scales in which they are learnt (rows, 4, nodes).
    reynolds, mach, n_crit, trips: conditions (rows,), trips (rows, 2), top and bottom [chord].
    cl, cm: integrals of the stored pressure by `pressure_forces`. ln_cd: (rows,). xtr: (rows, 2), top and bottom.
    """

    encoding: Encoding
    coordinates: Float[Tensor, "rows nodes 2"]
    alpha: Float[Tensor, " rows"]
    reynolds: Float[Tensor, " rows"]
    mach: Float[Tensor, " rows"]
    n_crit: Float[Tensor, " rows"]
    trips: Float[Tensor, "rows 2"]
    learnt: Float[Tensor, "rows fields nodes"]
    cl: Float[Tensor, " rows"]
    cm: Float[Tensor, " rows"]
    ln_cd: Float[Tensor, " rows"]
    xtr: Float[Tensor, "rows 2"]

    numbers = ("cl", "ln_cd", "cm", "xtr")

    def __len__(self) -> int:
        return len(self.alpha)

    @property
    def device(self) -> torch.device:
        return self.alpha.device

    def fresh(self, network: NetworkConfig) -> Member:
        return Member(network, normalisation_of(self.encoding, self.learnt, self.ln_cd))

    def judged(self, member: Member) -> tuple[Tensor, dict[str, Tensor]]:
        output = member(self.encoding, self.coordinates, self.alpha)
        errors = {name: error.mean() for name, error in case_errors(output, self).items()}
        return loss_of(output, self, member), {"ln_cd": errors.pop("cd"), **errors}

    def __getitem__(self, rows: slice | Tensor) -> "TrainingData":
        return TrainingData(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def to(self, device: torch.device | str) -> "TrainingData":
        """The same on another device."""
        encoding = Encoding(
            **{item.name: getattr(self.encoding, item.name).to(device) for item in fields(self.encoding)}
        )
        rest = {item.name: getattr(self, item.name).to(device) for item in fields(self) if item.name != "encoding"}
        return TrainingData(encoding=encoding, **rest)

    def share(self) -> "TrainingData":
        """Move the tensors to shared memory, so that several processes train on one copy."""
        for item in fields(self.encoding):
            getattr(self.encoding, item.name).share_memory_()
        for item in fields(self):
            if item.name != "encoding":
                getattr(self, item.name).share_memory_()
        return self

    @staticmethod
    def concatenate(parts: "Sequence[TrainingData]") -> "TrainingData":
        """The rows of all parts."""
        encoding = Encoding(
            **{item.name: torch.cat([getattr(part.encoding, item.name) for part in parts]) for item in fields(Encoding)}
        )
        names = [item.name for item in fields(TrainingData) if item.name != "encoding"]
        return TrainingData(
            encoding=encoding, **{name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        )


def loss_of(output: MemberOutput, data: TrainingData, member: Member) -> Tensor:
    """The training loss of a batch."""
    errors = case_errors(output, data)
    target = member.normalisation.normalised_fields(data.learnt)
    field_error = torch.sqrt((output.network.fields[:, 0] - target).square() + ROUNDING**2) - ROUNDING
    total = WEIGHT["fields"] * field_error.mean((0, 2)).sum()
    for name, error in errors.items():
        scaled = (error / ERROR_UNIT[name]).clamp(max=ERROR_LIMIT)
        spread = output.spread[name][:, 0]
        likelihood = error.detach() / spread + torch.log(spread / SPREAD_UNIT[name])
        total = total + WEIGHT[name] * scaled.mean() + WEIGHT["spread"] * likelihood.mean()
    return total


def case_errors(output: MemberOutput, data: TrainingData) -> dict[str, Tensor]:
    """Absolute errors of the numbers of each case (of ln CD for the drag), of a single member."""
    return {
        "cl": (output.cl[:, 0] - data.cl).abs(),
        "cd": (output.ln_cd[:, 0] - data.ln_cd).abs(),
        "cm": (output.cm[:, 0] - data.cm).abs(),
        "xtr": (output.xtr[:, 0] - data.xtr).abs(),
    }


def training_data(data: DataSet, rows: Tensor | None = None) -> TrainingData:
    """The answered ones among `rows` of a data set (all, if not given), encoded.

    Raises:
        ValueError: no answered row, or a field that the networks learn was not stored.
    """
    chosen = data.ok_rows if rows is None else rows[data.ok[rows]]
    if len(chosen) == 0:
        raise ValueError("expected at least one answered case to train on; got none")
    missing = [name for name in NEEDED_FIELDS if name not in data.field_names]
    if missing:
        raise ValueError(
            f"the data set lacks the fields {', '.join(missing)}; simulate it again with its fields stored"
        )
    parts = [training_data_of(data.case(part), data.solution(part)) for part in chosen.split(ENCODED_AT_ONCE)]
    return TrainingData.concatenate(parts)


def training_data_of_rows(rows: Rows) -> TrainingData:
    """The answered ones among rows held in memory, such as verified designs."""
    ragged = [name for name in NEEDED_FIELDS if isinstance(rows.fields.get(name), Ragged | None)]
    if ragged:
        raise ValueError(
            f"the networks learn the fields {', '.join(NEEDED_FIELDS)} on equal nodes; "
            f"missing or ragged: {', '.join(ragged)}"
        )
    case = rows.table.case(rows.subject, rows.inputs)
    if not isinstance(case, AirfoilCase):
        raise TypeError(f"these networks learn from airfoils; got {rows.table.group}")
    values = {name: torch.as_tensor(column) for name, column in (*rows.outputs.items(), *rows.fields.items())}
    return training_data_of(case, Solution(values=values, status=rows.status, message=rows.message))


def training_data_of(case: AirfoilCase, answer: Answer) -> TrainingData:
    """Encode answered cases; rows without an answer, or with one that no airfoil has, are left out.

    Raises:
        ValueError: no row is left.
    """
    alpha = torch.where(case.lift_prescribed, answer.values.get("alpha", case.alpha), case.alpha)
    numbers = {name: answer[name].detach() for name in (*NEEDED_NUMBERS, *NEEDED_FIELDS)}
    usable = torch.tensor([status is Status.OK for status in answer.status]) & torch.isfinite(alpha)
    for values in numbers.values():
        usable &= torch.isfinite(values.reshape(len(case), -1)).all(1)
    usable &= (numbers["cd"] > 0) & (numbers["cp"].abs().amax(1) < LARGEST_PRESSURE)
    if not usable.any():
        raise ValueError("expected at least one answered case to train on; got none")
    case, alpha = case[usable], alpha[usable].double()
    numbers = {name: values[usable].float() for name, values in numbers.items()}
    coordinates = surface_nodes(case.coordinates).double()
    conditions = conditions_of(case, alpha)
    encoding = encode(coordinates, panel_basis(coordinates), conditions).single()
    theta = numbers["theta"].clamp(min=LEAST_THICKNESS)
    stored = SurfaceFields(
        cp=numbers["cp"],
        cf=numbers["cf"],
        theta=theta,
        delta_star=torch.maximum(numbers["delta_star"], LEAST_SHAPE_FACTOR * theta),
    )
    cl, cm = pressure_forces(coordinates, stored.cp, alpha)
    return TrainingData(
        encoding=encoding,
        coordinates=coordinates.float(),
        alpha=alpha.float(),
        reynolds=conditions.reynolds.float(),
        mach=conditions.mach.float(),
        n_crit=conditions.n_crit.float(),
        trips=torch.stack([conditions.trip_top, conditions.trip_bottom], 1).float(),
        learnt=learnt_fields(stored, encoding),
        cl=cl.float(),
        cm=cm.float(),
        ln_cd=torch.log(numbers["cd"]),
        xtr=torch.stack([numbers["xtr_top"], numbers["xtr_bottom"]], 1),
    )


def conditions_of(case: AirfoilCase, alpha: Float[Tensor, " batch"]) -> Conditions:
    """Conditions of a case at known angles, in double precision."""
    names = ("reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
    return Conditions(alpha=alpha.double(), **{name: getattr(case, name).double() for name in names})
