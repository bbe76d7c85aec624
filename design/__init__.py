"""Design: problems, optimisers that follow the gradient of whoever answers, verification by a simulator, the report.

`problem` and `problem_file` (what is asked, and its TOML), `optimise` (the search), `verify` (the simulator's verdict),
`design` (the answer), `run` (all of it, in rounds, on disk), `report`, `compare`. This module imports nothing, so that
the command line need not wait for torch.
"""
