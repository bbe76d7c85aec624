"""Physics: the vocabulary everyone shares, shapes, and the codes that answer a case. Imports no other room.

Vocabulary: `quantities` (names, symbols, units), `interface` (who answers, and how a case ended), `airfoil.case` (what
is asked), `airfoil.flow_field` (the flow in the cells of a grid), `airfoil.forces` (lift and moment of a pressure),
`shapes`, `grids`. This module imports nothing, so that the
names and units are at hand without waiting for torch.
"""
