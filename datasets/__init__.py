"""Data sets: which cases to run, running them, the HDF5 file, its checker and readers. Imports only `simulators`.

`generation` (SimulateConfig, generate) makes a data set from `sampling` (conditions) and `shape_sampling`; `reader`
(load, DataSet) reads it; `splits`, `statistics`, `summary` (info), `checker` (check) and `export` look at it; `writer`
stores and joins rows made elsewhere. The file is described in `format` and docs/data_format.md. This module imports
nothing.
"""
