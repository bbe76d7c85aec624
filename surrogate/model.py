"""One member of a surrogate: a network inside its normalisation, from an encoded case to physical quantities."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from understudy.simulators.airfoil.forces import pressure_forces
from understudy.surrogate.encoding import EVEN_CONDITIONS, EVEN_FIELDS, ODD_CONDITIONS, ODD_FIELDS, Encoding
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.networks.convolution import ConvolutionalNetwork, ConvolutionConfig
from understudy.surrogate.networks.graph_config import GraphConfig
from understudy.surrogate.networks.heads import EVEN_NUMBERS, PAIRED_NUMBERS, NetworkOutput
from understudy.surrogate.normalisation import Normalisation
from understudy.surrogate.outputs import SurfaceFields, physical_fields

NODES = 160  # surface nodes that the networks read; other contours are panelled anew
NetworkConfig = ConvolutionConfig | GraphConfig | AtomsConfig
NETWORKS: dict[str, type[Any]] = {"convolution": ConvolutionConfig, "graph": GraphConfig, "atoms": AtomsConfig}
SPREAD_UNIT = {"cl": 0.01, "cd": 0.02, "cm": 0.002, "xtr": 0.02}  # what a learnt spread of zero means; cd in ln CD
SPREAD_LIMIT = 6.0  # of the logarithm of a learnt spread over its unit


@dataclass(frozen=True, eq=False)
class MemberOutput:
    """What each member answers, (batch, members) unless said otherwise.

    cl, cm: integrals of cp. ln_cd: logarithm of the drag coefficient.
    xtr: transition (batch, members, 2), top and bottom [chord].
    spread: quantity -> expected absolute error as the member judges it, "cd" of ln CD, "xtr" as above.
    fields: on the nodes (batch, members, nodes). network: the bare output.
    """

    cl: Tensor
    cm: Tensor
    ln_cd: Tensor
    xtr: Tensor
    spread: Mapping[str, Tensor]
    fields: SurfaceFields
    network: NetworkOutput


class Member(nn.Module):
    """A network and the normalisation it was trained with; or several of one kind that were trained with the same."""

    def __init__(self, config: NetworkConfig, normalisation: Normalisation, members: int = 1) -> None:
        super().__init__()
        self.config = config
        self.normalisation = normalisation
        sizes = (len(EVEN_FIELDS), len(ODD_FIELDS)), (len(EVEN_CONDITIONS), len(ODD_CONDITIONS))
        # one network is made without saying so, as not every kind can run several side by side
        self.network = _network_of(config)(config, *sizes, *([members] if members > 1 else []))

    def forward(
        self, encoding: Encoding, coordinates: Float[Tensor, "batch nodes 2"], alpha: Float[Tensor, " batch"]
    ) -> MemberOutput:
        """Physical quantities of encoded cases; coordinates and alpha [deg] are those that were encoded."""
        raw = self.network(*self.normalisation.inputs(encoding))
        dtype = encoding.even.dtype  # the network may run in a shorter one
        output = NetworkOutput(raw.fields.to(dtype), raw.numbers.to(dtype), raw.pairs.to(dtype))
        fields = physical_fields(self.normalisation.fields(output.fields), encoding)
        cl, cm = _forces_of_members(coordinates, fields.cp, alpha)
        numbers = dict(zip(EVEN_NUMBERS, output.numbers.unbind(2), strict=True))
        pairs = dict(zip(PAIRED_NUMBERS, output.pairs.unbind(3), strict=True))
        spreads = {**numbers, **pairs}
        return MemberOutput(
            cl=cl,
            cm=cm,
            ln_cd=self.normalisation.ln_cd(numbers["ln_cd"]),
            xtr=0.5 + 0.5 * pairs["xtr"],
            spread={name: unit * _bounded_exp(spreads[f"spread_{name}"]) for name, unit in SPREAD_UNIT.items()},
            fields=fields,
            network=output,
        )


def side_by_side(members: Sequence[Member]) -> Member | None:
    """One module that answers for all members at the cost of one for a single case; None if they are too different."""
    first = members[0]
    alike = all(
        isinstance(member.config, ConvolutionConfig)
        and member.config == first.config
        and all(torch.equal(a, b) for a, b in _paired_buffers(first, member))
        for member in members
    )
    if not alike:
        return None
    together = Member(first.config, copy.deepcopy(first.normalisation), len(members))
    states = [member.network.state_dict() for member in members]
    together.network.load_state_dict({name: torch.cat([state[name] for state in states]) for name in states[0]})
    return together


def _paired_buffers(first: Member, second: Member) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(first.normalisation.buffers(), second.normalisation.buffers(), strict=True)


def _forces_of_members(coordinates: Tensor, cp: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Lift and moment (batch, members) of the pressures (batch, members, nodes) of several members."""
    members = cp.shape[1]
    rows = coordinates[:, None].expand(-1, members, -1, -1).flatten(0, 1)
    cl, cm = pressure_forces(rows, cp.flatten(0, 1), alpha[:, None].expand(-1, members).flatten())
    return cl.unflatten(0, (-1, members)), cm.unflatten(0, (-1, members))


def network_words(config: NetworkConfig) -> dict[str, Any]:
    """The configuration as JSON-ready words, the kind of network included."""
    for kind, config_type in NETWORKS.items():
        if isinstance(config, config_type):
            words = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
            return {"kind": kind, **words}
    raise TypeError(f"expected the configuration of a network ({', '.join(NETWORKS)}); got {type(config).__name__}")


def network_from_words(words: Mapping[str, Any]) -> NetworkConfig:
    """The inverse of `network_words`.

    Raises:
        ValueError: an unknown kind of network or an unknown setting.
    """
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in words.items()}
    kind = settings.pop("kind", None)
    if kind not in NETWORKS:
        raise ValueError(f"network kind must be one of {', '.join(NETWORKS)}; got {kind!r}")
    try:
        return NETWORKS[kind](**settings)
    except TypeError as error:
        raise ValueError(f"settings of the {kind} network do not fit this version: {error}") from error


def _network_of(config: NetworkConfig) -> type[nn.Module]:
    if isinstance(config, GraphConfig):
        from understudy.surrogate.networks.graph import GraphNetwork  # imports PyTorch Geometric

        return GraphNetwork
    return ConvolutionalNetwork


def _bounded_exp(values: Tensor) -> Tensor:
    return torch.exp(SPREAD_LIMIT * torch.tanh(values / SPREAD_LIMIT))
