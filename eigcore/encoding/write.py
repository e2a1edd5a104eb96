"""Tables written into files, with pyarrow; `eigcore.encoding.files` reads them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from eigcore.encoding.files import ending_of
from eigcore.encoding.kinds import functions
from eigcore.errors import InvalidInput
from eigcore.writing import check_folder, write_whole


def write_table(columns: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write columns, completely or not at all, in the format of the ending.

    columns : sequences, NumPy or pyarrow arrays (rows,) by name

    Raises
    ------
    InvalidInput
        An unknown ending, a folder that does not exist, or cells that the format cannot hold.
    """
    import pyarrow as pa

    path = Path(path)
    ending = ending_of(path)
    table = pa.table(dict(columns))
    try:
        write_whole(path, partial(_FORMS.get(ending, _write_csv), table, ending))
    except pa.ArrowException as exc:
        raise InvalidInput(
            f"{str(path)!r} cannot hold these columns ({' '.join(str(exc).split())}); expected "
            "numbers or text. Write .parquet, or fewer columns."
        ) from exc


def _write_csv(table: Any, ending: str, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            cells = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field.name, cells)
    with pa.output_stream(str(path), compression="gzip" if ending == ".csv.gz" else None) as file:
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(table.column_names)
        file.write(head.getvalue().encode())
        style = "needed" if any(map(_needs_quotes, table.columns)) else "none"
        arrow.write_csv(table, file, arrow.WriteOptions(include_header=False, quoting_style=style))


def _needs_quotes(cells: Any) -> bool:
    import pyarrow as pa

    pc = functions()
    text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
    return bool(text and pc.any(pc.match_substring_regex(cells, '[",\r\n]')).as_py())


def _write_parquet(table: Any, _: str, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)


def _write_arrow(table: Any, _: str, path: Path) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)


_FORMS = {".parquet": _write_parquet, ".arrow": _write_arrow, ".feather": _write_arrow}


def check_output(path: str | os.PathLike[str]) -> None:
    """Raise InvalidInput unless a table can be written to ``path``; call it before long work."""
    ending_of(Path(path))
    check_folder(Path(path))
