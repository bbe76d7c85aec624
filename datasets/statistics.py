"""Mean, spread and quantiles of every quantity in a data set, over the answered rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from understudy.datasets.reader import DataSet
from understudy.simulators.materials.adsorbates import reaction_of
from understudy.simulators.materials.anomaly import Anomaly

LEVELS = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)

_ROWS_AT_ONCE = 4096
_SAMPLED_ROWS = 4096  # of a field, for its quantiles; mean, spread and extremes use every row


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Of one quantity; `quantiles` at the levels of `LEVELS`, for fields from an even sample of rows."""

    count: int
    mean: float
    std: float
    minimum: float
    maximum: float
    quantiles: tuple[float, ...]


def statistics(data: DataSet, rows: Tensor | None = None) -> Mapping[str, Statistics]:
    """Statistics of each stored quantity, by its name in the file ("inputs/alpha", "outputs/cd", "fields/cp").

    Values that are not finite (an angle where lift is prescribed) are left out; a quantity without any finite value is
    left out whole. The standard deviation is that of the population.

    Args:
        data: the data set.
        rows: which rows; all answered ones if not given. Take the training rows to normalise by.
    """
    chosen = data.ok_rows if rows is None else rows
    columns = {f"inputs/{name}": values[chosen] for name, values in data.inputs.items()}
    columns |= {f"outputs/{name}": values[chosen] for name, values in data.outputs.items()}
    found = {name: _of_column(values) for name, values in columns.items()}
    even = [name for name in data.field_names if name not in data.ragged_names]
    found |= {f"fields/{name}": _of_field(data, name, chosen) for name in even}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Adsorption:
    """The adsorption energies [eV] of one adsorbate, all counted by one reaction.

    reaction: in words; empty where the adsorbate has none. energies: of the rows in which it stayed what and where it
    was, None if there are none. anomalous: number of the others, whose energies are those of something else.
    """

    reaction: str
    energies: Statistics | None
    anomalous: int


def adsorption(data: DataSet) -> Mapping[str, Adsorption]:
    """What is known of the adsorption energies in a data set of slabs, by adsorbate."""
    energy = data.outputs["adsorption_energy"]
    told = [data.outputs[str(one)] > 0.5 for one in Anomaly if str(one) in data.outputs]
    anomalous = torch.stack(told).any(0) if told else torch.zeros(len(data), dtype=torch.bool)
    answered = data.ok & torch.isfinite(energy)
    names = data.slab_case().adsorbates
    found = {}
    for name in sorted({name for name, ok in zip(names, answered.tolist(), strict=True) if ok}):
        own = answered & torch.tensor([one == name for one in names])
        found[name] = Adsorption(
            reaction=reaction_of(name),
            energies=_of_column(energy[own & ~anomalous]),
            anomalous=int((own & anomalous).sum()),
        )
    return found


def _of_column(values: Tensor) -> Statistics | None:
    return _collected([values], values)


def _of_field(data: DataSet, name: str, rows: Tensor) -> Statistics | None:
    step = max(1, len(rows) // _SAMPLED_ROWS)
    return _collected(_blocks(data, name, rows), data.field(name, rows[::step]))


def _blocks(data: DataSet, name: str, rows: Tensor) -> Iterator[Tensor]:
    for part in rows.split(_ROWS_AT_ONCE):
        yield data.field(name, part)


def _collected(blocks: Iterator[Tensor] | list[Tensor], sample: Tensor) -> Statistics | None:
    """One pass with Chan's update of mean and squared deviation, which loses no digits where the spread is small."""
    count, mean, deviation, lowest, highest = 0, 0.0, 0.0, np.inf, -np.inf
    for block in blocks:
        values = _finite(block)
        if not len(values):
            continue
        step = float(values.mean()) - mean
        share = len(values) / (count + len(values))
        deviation += float(values.var()) * len(values) + step * step * count * share
        mean += step * share
        count += len(values)
        lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
    if not count:
        return None
    return Statistics(
        count=count,
        mean=mean,
        std=float(np.sqrt(deviation / count)),
        minimum=lowest,
        maximum=highest,
        quantiles=tuple(np.quantile(_finite(sample), LEVELS).tolist()),
    )


def _finite(values: Tensor) -> np.ndarray:
    flat = values.reshape(-1).to(torch.float64)
    return flat[torch.isfinite(flat)].numpy()
