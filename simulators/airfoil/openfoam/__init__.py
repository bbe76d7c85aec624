"""OpenFOAM as an airfoil simulator: for now the mesh that it is given."""
