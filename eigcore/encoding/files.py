"""Tables in files: CSV, Parquet and Arrow, read with pyarrow.

A table in memory is read as its batches are, so that cells are the same in both.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from eigcore.encoding.csv import CsvFile, Reading, undecodable
from eigcore.encoding.kinds import Kind, together
from eigcore.errors import InvalidInput, InvalidOption

ENDINGS = (".csv", ".csv.gz", ".parquet", ".arrow", ".feather")
Part = Callable[[], Iterator[Any]]
"""Returns an iterator of pyarrow record batches; it may be called any number of times."""
_ROWS = 65_536
_BLOCK = 2**22
_ROW_NAMES = re.compile(r"__index_level_\d+__")
"""Names of the columns in which pandas writes an index without a name."""
_USUAL = Reading()


class _File(NamedTuple):
    """names of the columns; the parts, without names of files in errors; columns of bytes."""

    names: list[str]
    parts: list[Part]
    of_bytes: list[str]


def read_table(path: str | os.PathLike[str], reading: Reading = _USUAL) -> Any:
    """Read a table into a pyarrow table.

    Parameters
    ----------
    path : file ending in .csv, .csv.gz, .parquet, .arrow or .feather. The first line of a CSV file
        holds the names. Empty cells, NA, NaN, null and None are missing.
    reading : see `eigcore.encoding.csv.Reading`

    Raises
    ------
    InvalidInput
        A missing, empty or unreadable file, an unknown ending, or a name that occurs twice; see
        `file_parts`.
    """
    batches = [batch for part in file_parts([Path(path)], reading) for batch in part()]
    if not sum(map(len, batches)):
        raise InvalidInput(
            f"{str(path)!r} has 0 rows; expected at least one row below the names. Check the file."
        )
    import pyarrow as pa

    return pa.Table.from_batches(batches)


def as_written(path: Path, names: Sequence[str], table: Any, reading: Reading) -> dict[str, Any]:
    """Return some columns (rows,) of a file as it holds them: those of a CSV file are its text.

    table : as `read_table` returned it
    """
    if not names or not ending_of(path).startswith(".csv"):
        return {name: table.column(name) for name in names}
    with _guard(path, "csv", reading):
        return CsvFile(path, reading).as_written(names)


def file_parts(paths: Sequence[Path], reading: Reading = _USUAL) -> list[Part]:
    """Split tables on disk into parts that can be read in any order, any number of times.

    Parameters
    ----------
    paths : files ending in .parquet (a part is a row group), .arrow or .feather (a record batch),
        .csv or .csv.gz (the whole file). Several CSV files are one table: a column has one kind
    reading : see `eigcore.encoding.csv.Reading`

    Returns
    -------
    functions, each of which returns an iterator of pyarrow record batches; no part is in memory as
    a whole, unless it is one record batch

    Raises
    ------
    InvalidInput
        A missing or unreadable file, an unknown ending, a name that occurs twice, bytes in another
        encoding, or no pyarrow. The iterators also raise it, for a broken part.
    InvalidOption
        A separator without a CSV file, or an encoding without text to decode.
    """
    endings = [_checked(path) for path in paths]
    kinds: dict[str, Kind] = {}
    opened, parts = [], []
    for path, ending in zip(paths, endings, strict=True):
        with _guard(path, ending, reading):
            open_one = _csv if ending.startswith(".csv") else _FORMATS[ending]
            opened.append(open_one(path, reading, kinds))
        _check_names(path, opened[-1].names)
        parts += [partial(_readable, path, ending, reading, part) for part in opened[-1].parts]
    check_used(endings, reading, [name for file in opened for name in file.of_bytes])
    return parts


def _parquet(path: Path, reading: Reading, _: Any) -> _File:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
    names = [name for name in schema.names if not _ROW_NAMES.fullmatch(name)]
    of_bytes = [name for name in _of_bytes(schema) if name in names]

    def read(part: int) -> Iterator[Any]:
        with pq.ParquetFile(path, metadata=metadata, buffer_size=_BLOCK) as file:
            for batch in file.iter_batches(_ROWS, row_groups=[part], columns=names):
                yield _decoded(batch, of_bytes, path, reading)

    parts: list[Part] = [partial(read, part) for part in range(metadata.num_row_groups)]
    return _File(names, parts, of_bytes)


def _arrow(path: Path, reading: Reading, _: Any) -> _File:
    import pyarrow as pa

    with open(path, "rb") as file:
        in_parts = file.read(6) == b"ARROW1"
    opened: Callable[..., Any] = pa.ipc.open_file if in_parts else pa.ipc.open_stream

    def read(part: int) -> Iterator[Any]:
        with pa.OSFile(str(path)) as source, opened(source) as file:
            for batch in [file.get_batch(part)] if in_parts else file:
                yield _decoded(batch, of_bytes, path, reading)

    with pa.OSFile(str(path)) as source, opened(source) as file:
        schema, count = file.schema, file.num_record_batches if in_parts else 1
    of_bytes = _of_bytes(schema)
    return _File(schema.names, [partial(read, part) for part in range(count)], of_bytes)


_FORMATS = {".parquet": _parquet, ".arrow": _arrow, ".feather": _arrow}


def _csv(path: Path, reading: Reading, kinds: dict[str, Kind]) -> _File:
    """Open a CSV file; `kinds`, shared by all of them, learns those of its columns."""
    file = CsvFile(path, reading)
    _check_names(path, file.names)
    for name, kind in file.kinds().items():
        kinds[name] = together(kinds.get(name, "empty"), kind)
    return _File(file.names, [lambda: file.batches(kinds)], [])


def _of_bytes(schema: Any) -> list[str]:
    """Names of the columns that hold bytes, such as text of a program that declared none."""
    import pyarrow as pa

    def holds_bytes(kind: Any) -> bool:
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        return str(kind).startswith(("binary", "large_binary", "fixed_size_binary"))

    return [field.name for field in schema if holds_bytes(field.type)]


def _decoded(batch: Any, of_bytes: Sequence[str], path: Path, reading: Reading) -> Any:
    """Return the batch with text instead of bytes."""
    import pyarrow as pa

    for name in of_bytes:
        encoding, given = reading.encoding or "utf8", batch[name].to_pylist()
        try:
            cells = [cell if cell is None else cell.decode(encoding) for cell in given]
        except UnicodeError as exc:
            raise undecodable(path, reading.encoding, f"column {name!r}: {exc}") from exc
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, name, pa.array(cells, pa.string()))
    return batch


def _readable(path: Path, ending: str, reading: Reading, part: Part) -> Iterator[Any]:
    with _guard(path, ending, reading):
        yield from part()


@contextmanager
def _guard(path: Path, ending: str, reading: Reading) -> Iterator[None]:
    try:
        yield
    except InvalidInput:
        raise
    except (ValueError, OSError, EOFError, csv.Error) as exc:
        if isinstance(exc, UnicodeError) or "invalid UTF8" in str(exc):
            raise undecodable(path, reading.encoding, _first_line(exc)) from exc
        raise InvalidInput(
            f"{str(path)!r} cannot be read as {ending[1:]} ({_first_line(exc)}). Expected a table "
            "with column names. Check the file, or save it again."
        ) from exc


def _checked(path: Path) -> str:
    """Return the ending of a file that is there; raise without pyarrow."""
    ending = ending_of(path)
    if not path.is_file():
        raise InvalidInput(
            f"There is no file {str(path)!r}. Expected a table ({', '.join(ENDINGS)}). "
            "Check the path, or type ls to see the files here."
        )
    try:
        import pyarrow  # noqa: F401
    except ImportError as exc:
        raise InvalidInput(
            f"{str(path)!r} cannot be read without pyarrow; expected pyarrow. "
            "Type: pip install pyarrow"
        ) from exc
    return ending


def check_used(endings: Sequence[str], reading: Reading, of_bytes: Sequence[str] = ()) -> None:
    """Raise InvalidOption for an option of reading that has nothing to act on.

    endings, of_bytes : of all files; their columns of bytes
    """
    if any(ending.startswith(".csv") for ending in endings):
        return
    for option in ("sep", "decimal", *(() if of_bytes else ("encoding",))):
        value = getattr(reading, option)
        if value != getattr(_USUAL, option):
            raise InvalidOption(option, value, "none: no file is a CSV file", None)


def _check_names(path: Path, names: list[str]) -> None:
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InvalidInput(
            f"Column name(s) {', '.join(map(repr, double))} occur more than once in {str(path)!r}; "
            "expected every name once. Rename the columns in the first line."
        )


def ending_of(path: Path) -> str:
    """Return the ending of a table's name; raise InvalidInput for another one."""
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
