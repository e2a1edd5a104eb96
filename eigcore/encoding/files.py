"""Tables in files: CSV, Parquet and Arrow, read and written with pandas and pyarrow."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from eigcore.errors import InvalidInput
from eigcore.writing import check_folder, write_whole

ENDINGS = (".csv", ".csv.gz", ".parquet")
STREAMED = (*ENDINGS, ".arrow", ".feather")
_ROWS = 65_536
_BLOCK = 2**22
_ROW_NAMES = re.compile(r"__index_level_\d+__")
"""Names of the columns in which pandas writes an index without a name."""


def read_table(path: str | os.PathLike[str]) -> Any:
    """Read a table into a pandas data frame.

    Parameters
    ----------
    path : file ending in .csv, .csv.gz or .parquet. The first line of a CSV file holds the names;
        commas separate cells. Empty cells, NA, NaN, null and None are missing.

    Raises
    ------
    InvalidInput
        A missing, empty or unreadable file, an unknown ending, or a name that occurs twice.
    """
    import pandas as pd

    path = Path(path)
    ending = _ending(path)
    _check_file(path, ENDINGS)
    with _guard(path, ending):
        frame = _read_parquet(pd, path) if ending == ".parquet" else _read_csv(pd, path)
    if not len(frame) or not len(frame.columns):
        raise InvalidInput(
            f"{str(path)!r} has {len(frame.columns)} column(s) and {len(frame)} rows; expected at "
            "least one row below the names. Check the file."
        )
    return frame


def _read_csv(pd: ModuleType, path: Path) -> Any:
    # pandas would silently rename the second one.
    _check_names(path, pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].tolist())
    with warnings.catch_warnings():
        # in rows with more cells than names, pandas would shift or drop cells
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(path, index_col=False)
        except pd.errors.ParserWarning as exc:
            raise InvalidInput(
                f"Rows of {str(path)!r} have more cells than the first line has names; expected "
                "one name per cell. Name every column in the first line, or remove those cells."
            ) from exc


def _read_parquet(pd: ModuleType, path: Path) -> Any:
    """Read the columns, including those that pandas wrote as a named index."""
    frame = pd.read_parquet(path)
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(named) if named else frame


def file_parts(path: str | os.PathLike[str]) -> list[Callable[[], Iterator[Any]]]:
    """Split a table on disk into parts that can be read in any order, any number of times.

    Parameters
    ----------
    path : file ending in .parquet (a part is a row group), .arrow or .feather (the Arrow file
        format: a record batch), .csv or .csv.gz (the whole file)

    Returns
    -------
    functions, each of which returns an iterator of pyarrow record batches; no part is in memory as
    a whole, unless it is one record batch

    Raises
    ------
    InvalidInput
        A missing or unreadable file, an unknown ending, a name that occurs twice, or no pyarrow.
        The iterators also raise it, for a broken part.
    """
    path = Path(path)
    ending = _ending(path, STREAMED)
    _check_file(path, STREAMED)
    try:
        import pyarrow  # noqa: F401
    except ImportError as exc:
        raise InvalidInput(
            f"{str(path)!r} cannot be read batch by batch without pyarrow; expected pyarrow. "
            "Type: pip install pyarrow"
        ) from exc
    if ending == ".parquet":
        read, parts, names = _parquet(path)
    elif ending.startswith(".csv"):
        read, parts, names = _csv(path)
    else:
        read, parts, names = _arrow(path)
    _check_names(path, names)
    return [partial(_readable, path, ending, read, part) for part in range(parts)]


def _parquet(path: Path) -> tuple[Callable[[int], Iterator[Any]], int, list[str]]:
    import pyarrow.parquet as pq

    with _guard(path, ".parquet"), pq.ParquetFile(path) as file:
        metadata, names = file.metadata, file.schema_arrow.names
    names = [name for name in names if not _ROW_NAMES.fullmatch(name)]

    def read(part: int) -> Iterator[Any]:
        with pq.ParquetFile(path, metadata=metadata, buffer_size=_BLOCK) as file:
            yield from file.iter_batches(_ROWS, row_groups=[part], columns=names)

    return read, metadata.num_row_groups, names


def _arrow(path: Path) -> tuple[Callable[[int], Iterator[Any]], int, list[str]]:
    import pyarrow as pa

    def read(part: int) -> Iterator[Any]:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            yield file.get_batch(part)

    with _guard(path, ".arrow"), pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
        return read, file.num_record_batches, file.schema.names


def _csv(path: Path) -> tuple[Callable[[int], Iterator[Any]], int, list[str]]:
    import pyarrow as pa
    from pyarrow import csv

    def options(types: dict[str, Any]) -> dict[str, Any]:
        absent = [*csv.ConvertOptions().null_values, "None", "<NA>"]  # as in pandas
        convert = csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, null_values=absent
        )
        return {
            "read_options": csv.ReadOptions(block_size=_BLOCK),
            "convert_options": convert,
        }

    # Types are guessed from the first block; other numbers may follow whole numbers and missing
    # cells.
    with _guard(path, ".csv"), csv.open_csv(path, **options({})) as file:
        schema = file.schema
    number, kinds = pa.float64(), (pa.types.is_integer, pa.types.is_null)
    types = {f.name: number if any(is_a(f.type) for is_a in kinds) else f.type for f in schema}

    def read(_: int) -> Iterator[Any]:
        with csv.open_csv(path, **options(types)) as file:
            yield from file

    return read, 1, schema.names


def _readable(path: Path, ending: str, read: Callable[[int], Iterator[Any]], part: int) -> Any:
    with _guard(path, ending):
        yield from read(part)


@contextmanager
def _guard(path: Path, ending: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput:
        raise
    except (ValueError, OSError, EOFError) as exc:
        raise _unreadable(path, ending, exc) from exc


def _unreadable(path: Path, ending: str, exc: Exception) -> InvalidInput:
    return InvalidInput(
        f"{str(path)!r} cannot be read as {ending[1:]} ({_first_line(exc)}). Expected a table "
        "with column names. Check the file, or save it again."
    )


def _check_file(path: Path, endings: tuple[str, ...]) -> None:
    if not path.is_file():
        raise InvalidInput(
            f"There is no file {str(path)!r}. Expected a table ({', '.join(endings)}). "
            "Check the path, or type ls to see the files here."
        )


def _check_names(path: Path, names: list[Any]) -> None:
    double = sorted({str(name) for name in names if names.count(name) > 1})
    if double:
        raise InvalidInput(
            f"Column name(s) {', '.join(map(repr, double))} occur more than once in {str(path)!r}; "
            "expected every name once. Rename the columns in the first line."
        )


def write_table(frame: Any, path: str | os.PathLike[str]) -> None:
    """Write a pandas data frame, completely or not at all, in the format of the ending.

    Raises
    ------
    InvalidInput
        An unknown ending, or a folder that does not exist.
    """
    path = Path(path)
    ending = _ending(path)

    def write(temporary: Path) -> None:
        if ending == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            packing = "gzip" if ending == ".csv.gz" else None
            frame.to_csv(temporary, index=False, compression=packing)

    write_whole(path, write)


def check_output(path: str | os.PathLike[str]) -> None:
    """Raise InvalidInput unless a table can be written to ``path``; call it before long work."""
    _ending(Path(path))
    check_folder(Path(path))


def _ending(path: Path, endings: tuple[str, ...] = ENDINGS) -> str:
    for ending in endings:
        if path.name.lower().endswith(ending):
            return ending
    raise InvalidInput(
        f"{str(path)!r} has an unknown ending; expected one of {', '.join(endings)}. Rename or "
        "convert the file."
    )


def _first_line(exc: BaseException) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0] if lines else type(exc).__name__
