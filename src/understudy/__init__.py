"""understudy: learned stand-ins for costly physics simulations, and gradient-based design through them.

Four rooms, each of which imports only from those before it: `understudy.simulators`, `understudy.datasets`,
`understudy.surrogate` and `understudy.design`. Importing this module does nothing; its functions load what they need
when they are first asked for:

    predictor   whoever answers, by name: "surrogate", "viscous", "xfoil", "emt", or the path of a checkpoint
    case        what is asked: an airfoil by name or file, and the conditions it flies in
    slab_case   or slabs with what stands on them, by file or as ASE's atoms
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.asking import case, predictor, slab_case

__version__ = "0.1.0"
__all__ = ["__version__", "case", "predictor", "slab_case"]

_DOORS = dict.fromkeys(("predictor", "case", "slab_case"), "understudy.asking")


def __getattr__(name: str) -> Any:
    if name not in _DOORS:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    return getattr(import_module(_DOORS[name]), name)
