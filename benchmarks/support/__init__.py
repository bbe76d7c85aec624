"""What benchmarks share; `make verify` runs the scripts of the folder above and not these."""
