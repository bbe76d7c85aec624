"""The command `understudy`, also reached by `python -m understudy`."""

from understudy.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
