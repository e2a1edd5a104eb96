"""Tables in files: CSV and Parquet, read and written with pandas and pyarrow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eigcore.errors import InvalidInput

ENDINGS = (".csv", ".csv.gz", ".parquet")


def read_table(path: str | os.PathLike[str]) -> Any:
    """Read a table into a pandas data frame.

    Parameters
    ----------
    path : file ending in .csv, .csv.gz or .parquet; a CSV file has names in its first line and
        commas between cells. Empty cells, NA and NaN are missing.

    Raises
    ------
    InvalidInput
        A missing, empty or unreadable file, an unknown ending, a name that occurs twice.
    """
    import pandas as pd

    path = Path(path)
    ending = _ending(path)
    if not path.is_file():
        raise InvalidInput(
            f"There is no file {str(path)!r}. Expected a table ({', '.join(ENDINGS)}). "
            "Check the path, or type ls to see the files here."
        )
    try:
        frame = pd.read_parquet(path) if ending == ".parquet" else _read_csv(pd, path)
    except (ValueError, OSError, EOFError) as exc:
        raise InvalidInput(
            f"{str(path)!r} cannot be read as {ending[1:]} ({_first_line(exc)}). Expected a table "
            "with column names. Check the file, or save it again."
        ) from exc
    if not len(frame) or not len(frame.columns):
        raise InvalidInput(
            f"{str(path)!r} has {len(frame.columns)} column(s) and {len(frame)} rows; expected at "
            "least one row below the names. Check the file."
        )
    return frame


def _read_csv(pd: Any, path: Path) -> Any:
    names = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].tolist()
    double = sorted({str(name) for name in names if names.count(name) > 1})
    if double:
        # pandas would rename the second one without a word.
        raise InvalidInput(
            f"Column name(s) {', '.join(map(repr, double))} occur more than once in {str(path)!r}; "
            "expected every name once. Rename the columns in the first line."
        )
    return pd.read_csv(path)


def write_table(frame: Any, path: str | os.PathLike[str]) -> None:
    """Write a pandas data frame, whole or not at all; the ending of ``path`` says how.

    Raises
    ------
    InvalidInput
        An unknown ending, or a folder that is not there.
    """
    path = Path(path)
    ending = _ending(path)

    def write(temporary: str) -> None:
        if ending == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            packing = "gzip" if ending == ".csv.gz" else None
            frame.to_csv(temporary, index=False, compression=packing)

    atomically(path, write)


def atomically(path: Path, write: Callable[[str], None]) -> None:
    """Call ``write`` with a temporary name beside ``path``, then put the file in its place."""
    check_folder(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        write(temporary)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def check_output(path: str | os.PathLike[str]) -> None:
    """Raise InvalidInput unless a table can be written there; before the work, not after it."""
    _ending(Path(path))
    check_folder(Path(path))


def check_folder(path: Path) -> None:
    """Raise InvalidInput unless the folder of ``path`` exists and ``path`` is no folder."""
    if not path.parent.is_dir():
        raise InvalidInput(
            f"There is no folder {str(path.parent)!r} to write {path.name!r} into; expected an "
            f"existing one. Type: mkdir -p {path.parent}"
        )
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder; expected the name of a file to write.")


def _ending(path: Path) -> str:
    for ending in ENDINGS:
        if path.name.lower().endswith(ending):
            return ending
    raise InvalidInput(
        f"{str(path)!r} has an unknown ending; expected one of {', '.join(ENDINGS)}. Rename or "
        "convert the file."
    )


def _first_line(exc: BaseException) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0] if lines else type(exc).__name__
