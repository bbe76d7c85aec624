"""Files that commands leave: never in the place of what they read, and named as the format that they hold."""

from collections.abc import Sequence
from pathlib import Path

DATA_SETS = (".h5", ".hdf5")


def require_output(out: Path, suffixes: Sequence[str] = (), *, inputs: Sequence[Path] = ()) -> None:
    """Refuse a file of results that would replace an input, or whose name says another format.

    Args:
        out: the file to make; what is no file, such as /dev/stdout, is written as it is.
        suffixes: ends of names that say its format; any if none is given.

    Raises:
        ValueError: one of these, or a folder.
    """
    if out.is_dir():
        raise ValueError(f"expected a name for the file of results; got the folder {out}: add a name to it")
    if out.exists() and not out.is_file():
        return
    for read in inputs:
        if out.resolve() == read.resolve() or (out.is_file() and read.is_file() and out.samefile(read)):
            raise ValueError(f"expected a file of its own for the results; got {out}, which is read: choose another")
    if suffixes and out.suffix.lower() not in suffixes:
        expected = " or ".join(suffixes)
        raise ValueError(f"expected a name that ends in {expected}; got {out}: choose such as {out.stem}{suffixes[0]}")


def require_folder(out: Path) -> None:
    """Refuse a file where a folder of results is to be.

    Raises:
        ValueError: a file.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"expected a folder for the results; got the file {out}: choose another name")


def with_name(path: Path) -> Path:
    """The same file or folder by a path that ends in its name, as "." does not."""
    return path if path.name else path.resolve()
