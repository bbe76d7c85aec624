"""understudy: learned stand-ins for costly physics simulations, and gradient-based design through them.

Four rooms, each of which imports only from those before it: `understudy.simulators`, `understudy.datasets`,
`understudy.surrogate` and `understudy.design`. Importing this module does nothing.
"""

__version__ = "0.1.0"
