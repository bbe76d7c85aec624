"""XFOIL's binary polar dump, which holds each converged point in the program's own double precision.

The file is Fortran sequential unformatted (each record between two 4-byte lengths, little-endian):

| record | content |
|---|---|
| 0 | airfoil name (48 characters), program name (8 characters), version |
| 1, 2 | Mach, Reynolds in millions, n_crit top and bottom; flags |
| 3 | flags; the number of surface nodes is the last of four integers |
| 4 | the nodes: x, y |
| 5 + 4 k | point k: alpha [deg], cl, cd, 0, cm, transition x top and bottom |
| 6 + 4 k | stations in the two boundary layers, top and bottom (wake included); index of the trailing-edge stations |
| 7 + 4 k, 8 + 4 k | the stations, top then bottom: x, cp, theta, delta_star, cf, shear or amplification |

Station 0 of each side is the stagnation point, which is no node; the others are the nodes from the nose to the trailing
edge, then the wake. Only converged points are written. The text files of XFOIL carry 4 to 6 digits of the same numbers.
"""

import struct
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray


class PolarDumpError(ValueError):
    """The bytes are not a polar dump of XFOIL 6.99 built in double precision."""


@dataclass(frozen=True, eq=False)
class DumpedPoint:
    """One converged point; the fields are on the nodes of the dump, from the upper trailing edge around the nose."""

    alpha: float
    cl: float
    cd: float
    cm: float
    xtr_top: float
    xtr_bottom: float
    cp: Float64[ndarray, " nodes"]
    theta: Float64[ndarray, " nodes"]
    delta_star: Float64[ndarray, " nodes"]
    cf: Float64[ndarray, " nodes"]
    upper_nodes: int  # nodes from the upper trailing edge down to the stagnation point


@dataclass(frozen=True, eq=False)
class PolarDump:
    """What one dump file holds: the program's version, the nodes it used, and the converged points in order."""

    version: str
    nodes: Float64[ndarray, "nodes 2"]
    points: tuple[DumpedPoint, ...]


def read_polar_dump(content: bytes) -> PolarDump:
    """Decode a polar dump.

    Raises:
        PolarDumpError: the content is cut short, of another layout or precision, or its nodes and stations disagree.
    """
    records = _records(content)
    if len(records) < 5 or (len(records) - 5) % 4:
        raise PolarDumpError(f"expected 5 records and 4 per point; got {len(records)}")
    try:
        version = f"{struct.unpack_from('<d', records[0], 56)[0]:.2f}"
        nodes = np.frombuffer(records[4], "<f8").reshape(-1, 2)
        points = tuple(_point(records[start : start + 4], nodes) for start in range(5, len(records), 4))
    except (struct.error, ValueError) as error:
        raise PolarDumpError(f"expected the layout of XFOIL 6.99 in double precision; {error}") from error
    return PolarDump(version, nodes, points)


def _records(content: bytes) -> list[bytes]:
    records, position = [], 0
    while position < len(content):
        if position + 4 > len(content):
            raise PolarDumpError("the file ends inside a record length")
        (length,) = struct.unpack_from("<i", content, position)
        end = position + 4 + length
        if length < 0 or content[end : end + 4] != content[position : position + 4]:
            raise PolarDumpError("the lengths before and after a record differ; the file is cut short or foreign")
        records.append(content[position + 4 : end])
        position = end + 4
    return records


def _point(records: list[bytes], nodes: Float64[ndarray, "nodes 2"]) -> DumpedPoint:
    alpha, cl, cd, _, cm, xtr_top, xtr_bottom = struct.unpack("<7d", records[0])
    _, _, end_top, end_bottom = struct.unpack("<4i", records[1])
    top = np.frombuffer(records[2], "<f8").reshape(-1, 6)[1:end_top]
    bottom = np.frombuffer(records[3], "<f8").reshape(-1, 6)[1:end_bottom]
    surface = np.concatenate([top[::-1], bottom])
    if surface.shape[0] != nodes.shape[0] or not np.array_equal(surface[:, 0], nodes[:, 0]):
        raise PolarDumpError(f"{len(surface)} boundary-layer stations do not lie on the {len(nodes)} surface nodes")
    _, cp, theta, delta_star, cf, _ = surface.T
    return DumpedPoint(alpha, cl, cd, cm, xtr_top, xtr_bottom, cp, theta, delta_star, cf, len(top))
