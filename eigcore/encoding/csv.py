"""CSV files, read with pyarrow: the kind of a column is found once, from all of its cells.

Cells are read as text. A column whose cells are all numbers, or all truth values, is converted; any
other keeps the text of the file. The same holds in memory and in batches.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eigcore.encoding.kinds import Kind, converted, kind_of, pointed, together
from eigcore.errors import InvalidInput, InvalidTable

_BLOCK = 2**22
_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""What the first bytes of a file say of its encoding; the first that fits."""
_OTHERS = {
    b"\x1f\x8b": ("gzip", "Rename it to end in .csv.gz"),
    b"PAR1": ("Parquet", "Rename it to end in .parquet"),
    b"ARROW1": ("Arrow", "Rename it to end in .arrow"),
    b"PK\x03\x04": ("a zip archive or a workbook", "Unpack it, or save the sheet as CSV"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "Unpack it"),
}
"""First bytes of other formats, with a zero byte later; what they are, and what to do."""
_SEPARATORS = ";\t|,"
_ABSENT = ("None", "<NA>")
"""Cells that are missing, beside those that pyarrow knows."""
_EXTRA = "\0"
"""Name of a column of nothing: rows that end with a separator, below names that do not."""


@dataclass(frozen=True)
class Reading:
    """How to read tables in files.

    sep : character between the cells of a CSV file
    decimal : character before the decimals there
    encoding : of a CSV file, and of columns of bytes in others; None: UTF-8, or what the first
        bytes of the file say
    codes : columns that hold categories: cells stay text where a number would lose digits
    text : columns that are text, whatever their cells look like
    numbers : columns that are numbers for a model: where they hold other text too, their numbers
        get a decimal point, so that each cell means the same whatever the others are
    """

    sep: str = ","
    decimal: str = "."
    encoding: str | None = None
    codes: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


class CsvFile:
    """A CSV file: its names, the kinds of its columns, and its rows in batches.

    names : of the columns; one without a name is called as pandas calls it
    """

    def __init__(self, path: Path, reading: Reading):
        self.path, self.reading = path, reading
        with _opened(path, "rb") as file:
            head = file.read(4096)
        _check_format(path, head)
        self.encoding = reading.encoding or _encoding(path, head)
        with _opened(path, "rt", encoding=self.encoding, newline="") as file:
            rows = csv.reader(file, delimiter=reading.sep)
            given = next((row for row in rows if row), None)
            if given is None:
                raise ValueError("it is empty")
            self._above = rows.line_num
            first = next((row for row in rows if row), given)
        self._check_separator(given, first)
        self.names = [name or f"Unnamed: {place}" for place, name in enumerate(given)]
        self._extra = len(first) == len(given) + 1 and not first[-1]

    def _check_separator(self, *lines: list[str]) -> None:
        """Raise InvalidTable if another separator splits the first lines, and this one does not."""
        for other in _SEPARATORS:
            split = {len(self.reading.sep.join(cells).split(other)) for cells in lines}
            if len(lines[0]) == 1 and len(split) == 1 and split != {1}:
                raise InvalidTable(
                    f"The first line of {str(self.path)!r} holds {other!r} and no "
                    f"{self.reading.sep!r}; expected the character that separates its cells.",
                    "sep",
                    other,
                )

    def kinds(self) -> dict[str, Kind]:
        """What the cells of each column are; this reads the whole file."""
        found: dict[str, Kind] = dict.fromkeys(self.names, "empty")
        found |= {name: "text" for name in self.reading.text if name in found}
        for batch in self._texts():
            for name, before in found.items():
                if before != "text":
                    codes = name in self.reading.codes
                    kind = kind_of(batch[name], self.reading.decimal, codes, before)
                    found[name] = together(before, kind)
        return found

    def batches(self, kinds: Mapping[str, Kind]) -> Iterator[Any]:
        """Yield record batches with the columns converted to their kinds."""
        import pyarrow as pa

        decimal = self.reading.decimal
        for batch in self._texts():
            columns = [converted(batch[n], kinds[n], decimal) for n in self.names]
            for place, name in enumerate(self.names):
                if name in self.reading.numbers and kinds[name] == "text":
                    columns[place] = pointed(columns[place], decimal)
            yield pa.RecordBatch.from_arrays(columns, names=self.names)

    def as_written(self, names: Sequence[str]) -> dict[str, Any]:
        """Return some columns (rows,) as the file writes them: text, without missing cells."""
        import pyarrow as pa

        parts = [batch.select(names) for batch in self._texts(absent=False)]
        return dict(zip(names, pa.Table.from_batches(parts).columns, strict=True))

    def _texts(self, absent: bool = True) -> Iterator[Any]:
        """Yield record batches of text; absent: whether some text means a missing cell."""
        import pyarrow as pa
        from pyarrow import csv as arrow

        names = [*self.names, *([_EXTRA] if self._extra else [])]
        read = arrow.ReadOptions(
            block_size=_BLOCK,
            column_names=names,
            skip_rows=self._above,
            encoding="utf8" if self.encoding == "utf-8-sig" else self.encoding,
        )
        parse = arrow.ParseOptions(delimiter=self.reading.sep, newlines_in_values=True)
        convert = arrow.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=absent,
            null_values=[*arrow.ConvertOptions().null_values, *_ABSENT],
        )
        try:
            packing = "gzip" if _is_packed(self.path) else None
            source = pa.input_stream(str(self.path), compression=packing)
            with source, arrow.open_csv(source, read, parse, convert) as file:
                for batch in file:
                    if self._extra and absent and batch[_EXTRA].null_count < len(batch):
                        raise _ragged(self.path)
                    yield batch
        except pa.ArrowInvalid as exc:
            raise (_ragged(self.path) if "Expected" in str(exc) else exc) from exc


def undecodable(path: Path, encoding: str | None, what: str) -> InvalidTable:
    """Return the error for bytes that are no text in this encoding."""
    return InvalidTable(
        f"{str(path)!r} holds bytes that are no text in {encoding or 'UTF-8'} ({what}); expected "
        "the encoding that it was written in.",
        "encoding",
        "latin-1",
        "if it is Latin-1, for example",
    )


def _ragged(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{str(path)!r} cannot be read as csv: some rows have more cells than the first line has "
        "names, or fewer; expected one name per cell. Correct those rows, or give the separator "
        "of the cells."
    )


def _opened(path: Path, mode: str, **options: Any) -> Any:
    opened: Any = gzip.open if _is_packed(path) else open
    return opened(path, mode, **options)


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _check_format(path: Path, head: bytes) -> None:
    """Raise InvalidInput if the first bytes are those of another format."""
    for mark, (name, advice) in _OTHERS.items():
        if head.startswith(mark) and b"\0" in head:
            raise InvalidInput(
                f"{str(path)!r} begins as {name} does; expected the text of a CSV file. {advice}."
            )


def _encoding(path: Path, head: bytes) -> str:
    """Return what the first bytes say; without a mark, a file is UTF-8."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        raise InvalidTable(
            f"{str(path)!r} holds zero bytes, as UTF-16 does; expected text in UTF-8.",
            "encoding",
            "utf-16-le",
            "if that is its encoding",
        )
    return "utf8"
