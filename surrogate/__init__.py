"""Understudies: networks that answer the simulators' cases with an interval. Imports `datasets` and the vocabulary."""
