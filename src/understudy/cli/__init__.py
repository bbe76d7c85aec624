"""The command line: one command, one file.

The commands are thin: they turn flags and TOML files into the configurations of the rooms, show bars, and print. Each
imports torch and the rooms inside its function, which no other code does, so that `--help` answers at once.
"""

from understudy.cli.app import main

__all__ = ["main"]
