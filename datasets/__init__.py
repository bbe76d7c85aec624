"""Data sets: which cases to run, running them, the HDF5 file, its checker and readers. Imports only `simulators`."""
