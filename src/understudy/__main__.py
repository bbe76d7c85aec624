"""The command `understudy`, also reached by `python -m understudy`."""

from cyclopts import App

from understudy import __version__

app = App(name="understudy", version=__version__, help="Learned stand-ins for simulations, and design through them.")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
