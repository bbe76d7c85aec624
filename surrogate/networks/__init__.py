"""Networks on the surface of an airfoil, all of them exactly mirror-symmetric."""
