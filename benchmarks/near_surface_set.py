"""The data set of near-surface alloys that ships with the package, made of the labels that are there.

python benchmarks/near_surface_set.py     # seconds; writes datasets/data/near_surface_alloys.h5
"""

from pathlib import Path

import cyclopts
import numpy as np
from support.near_surface import METALS, labels_of, rows

from understudy.datasets.provenance import Provenance
from understudy.datasets.records import Rows
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.tables import StructureTable
from understudy.datasets.writer import write
from understudy.simulators.materials.gpaw_simulator import GpawSimulator
from understudy.simulators.materials.slabs import RPBE_LATTICE_CONSTANTS
from understudy.simulators.materials.solution import QUANTITIES, REFERENCES


def main(out: Path = NEAR_SURFACE_ALLOYS) -> None:
    """Write the file.

    Args:
        out: where.
    """
    data = labels_of(rows())
    stacks = ["/".join(METALS[metal] for metal in layers) for layers in data.metals.tolist()]
    strains = data.strain.tolist()
    names = [f"{stack} {100 * strain:+.2f} %, H fcc" for stack, strain in zip(stacks, strains, strict=True)]
    table = StructureTable.of(
        data.case, name=names, kind=["random stack"] * len(data), families=[(stack,) for stack in stacks]
    )
    content = Rows(
        table=table,
        case=data.numbers.numpy(),
        subject=np.arange(len(data)),
        inputs={},
        outputs={name: data.answer[name].numpy() for name in (*QUANTITIES, *REFERENCES)},
        status=data.answer.status,
        message=data.answer.message,
    )
    simulator = GpawSimulator()
    provenance = Provenance(
        simulator=simulator.name,
        simulator_version=simulator.version,
        simulator_configuration=simulator.configuration,
        planned=len(data),
        design={"constants": RPBE_LATTICE_CONSTANTS},
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out, content, provenance)
    print(f"{out}: {len(data)} labels, {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    cyclopts.run(main)
