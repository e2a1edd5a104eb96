"""Boxes around a row, as they are typed: --box income=±10% age=±2 size=70..90."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eigcore.cli.reading import table_for
from eigcore.errors import InvalidOption
from eigcore.fit import FitOptions
from eigcore.fit.data.names import check_names
from eigcore.model import SpectralModel

WRITTEN = "F=±NUMBER, F=±PERCENT%, or F=LOW..HIGH"
EXAMPLE = "income=±10%"


def box_around(
    options: FitOptions,
    model: SpectralModel,
    table: Path | None,
    row: int | None,
    boxes: Sequence[str],
) -> dict[str, Any]:
    """Return x, lower and upper for `certify` and `prove`; nothing without a table.

    Raises
    ------
    InvalidOption
        If one of table, row and box is given without the others, or a box cannot be read.
    """
    if table is None:
        for name, given in (("row", row), ("box", boxes)):
            if given not in (None, []):
                raise InvalidOption(name, given, "a table after the model", None, "has no table")
        return {}
    rows = table_for(options, model, table)
    if row is None or not 0 <= row < len(rows):
        raise InvalidOption("row", row, f"a number from 0 to {len(rows) - 1}", 0)
    if not boxes:
        raise InvalidOption("box", None, f"{WRITTEN} for each column that moves", EXAMPLE)
    own = rows.slice(row, 1)
    cells = dict(zip(model.encoding.names, model.encoding.table(own)[0].tolist(), strict=True))
    ends = dict(_ends(text, cells) for text in boxes)
    lower, upper = ({name: pair[i] for name, pair in ends.items()} for i in (0, 1))
    return {"x": own, "lower": lower, "upper": upper}


def _ends(text: str, cells: dict[str, float]) -> tuple[str, tuple[float, float]]:
    """Return the column and the ends of what is typed for it."""
    name, _, size = text.rpartition("=")
    check_names("box", [name], list(cells))
    cell = cells[name]
    if np.isnan(cell):
        raise InvalidOption("box", text, "a column with a number in the row", EXAMPLE)
    low, _, high = size.partition("..")
    number = size.removeprefix("±").removeprefix("+-").removeprefix("+/-")
    try:
        if high:
            ends = float(low), float(high)
        elif number == size:
            raise ValueError(size)
        else:
            part = abs(cell) / 100 if number.endswith("%") else 1.0
            half = float(number.removesuffix("%")) * part
            ends = cell - half, cell + half
    except ValueError:
        raise InvalidOption("box", text, WRITTEN, EXAMPLE) from None
    if not ends[0] <= cell <= ends[1]:
        expected = f"LOW and HIGH on either side of the row's own number, {cell:g}"
        raise InvalidOption("box", text, expected, f"{name}={cell:g}..{cell + 1:g}")
    return name, ends
