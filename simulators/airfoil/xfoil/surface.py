"""What follows from XFOIL's surface fields: edge speed, friction drag, and the fields at other nodes.

Sources: von Kármán, J. Aeronautical Sciences 8, 1941, for compressibility; Drela 1989 for its use with boundary layers.
"""

import math

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from scipy.interpolate import PchipInterpolator


def edge_speed(cp: Float64[ndarray, " nodes"], mach: float) -> Float64[ndarray, " nodes"]:
    """Speed at the edge of the boundary layer over the free-stream speed, from the Kármán-Tsien rule.

    With β = √(1 - M²): cp = c / (β + M² c / (2 (1 + β))), where c = 1 - q² belongs to the incompressible speed q, and
    u = q (1 - λ) / (1 - λ q²), λ = M² / (1 + β)².
    """
    beta = math.sqrt(1 - mach * mach)
    incompressible = beta * cp / (1 - mach * mach / (2 * (1 + beta)) * cp)
    speed_squared = np.maximum(1 - incompressible, 0.0)
    ratio = (mach / (1 + beta)) ** 2
    return np.sqrt(speed_squared) * (1 - ratio) / (1 - ratio * speed_squared)


def friction_drag(
    nodes: Float64[ndarray, "nodes 2"], cf: Float64[ndarray, " nodes"], alpha: float, upper_nodes: int
) -> float:
    """Skin friction integrated along the free stream, both sides, from the first node behind the stagnation point.

    Args:
        nodes: surface nodes from the upper trailing edge around the nose.
        cf: skin friction, positive along the flow on each side.
        alpha: angle of attack [deg].
        upper_nodes: how many nodes lie between the upper trailing edge and the stagnation point.
    """
    radians = math.radians(alpha)
    along = nodes @ np.array([math.cos(radians), math.sin(radians)])
    upper, lower = slice(0, upper_nodes), slice(upper_nodes, None)
    return float(np.trapezoid(cf[lower], along[lower]) - np.trapezoid(cf[upper], along[upper]))


def at_nodes(
    source: Float64[ndarray, "from 2"], values: Float64[ndarray, "fields from"], target: Float64[ndarray, "to 2"]
) -> Float64[ndarray, "fields to"]:
    """Fields on one set of nodes of a contour, at another set of nodes of the same contour; monotone in arc length."""
    return np.asarray(PchipInterpolator(_arc(source), values, axis=1)(_arc(target)))


def _arc(nodes: Float64[ndarray, "nodes 2"]) -> Float64[ndarray, " nodes"]:
    """Arc length over the contour's length, 0 at the upper and 1 at the lower trailing edge."""
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(nodes, axis=0), axis=1).cumsum()])
    return length / length[-1]
