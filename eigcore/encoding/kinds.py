"""What the text cells of a column of a CSV file are, and how they become that, with pyarrow."""

from __future__ import annotations

import re
from typing import Any, Literal

_WHOLE_CODES, _LONG = r"^(0|-?[1-9]\d{0,17})$", r"\d{16}"
_DECIMAL_CODES, _SHORT = _WHOLE_CODES + r"|^-?(0|[1-9]\d*)\.(0|\d*[1-9])$", 16
"""Codes become numbers only where these keep every digit: int64 keeps 18 of them, float64 15."""

Kind = Literal["empty", "whole", "long", "number", "truth", "text"]
"""What the cells of a column are; "long": whole codes that float64 cannot keep."""
_BOTH: dict[frozenset[Kind], Kind] = {
    frozenset({"whole", "number"}): "number",
    frozenset({"whole", "long"}): "long",
}


def together(one: Kind, other: Kind) -> Kind:
    """Return the kind of cells of two kinds together."""
    if one == other or other == "empty":
        return one
    return other if one == "empty" else _BOTH.get(frozenset({one, other}), "text")


def functions() -> Any:
    """Return pyarrow's functions of arrays; it makes them when it is imported."""
    import pyarrow.compute

    return pyarrow.compute


def kind_of(cells: Any, decimal: str, codes: bool, before: Kind) -> Kind:
    """Return what text cells are, the missing ones aside; `before` says what others are."""
    import pyarrow as pa

    cells = cells.drop_null()
    if not len(cells):
        return "empty"
    if codes:
        return _kind_of_codes(cells, decimal)
    for kind in ("number",) if before == "number" else ("whole", "number"):
        try:
            converted(cells, kind, decimal)
            return kind
        except pa.ArrowInvalid:
            pass
    return "truth" if _are_truths(cells) else "text"


def _are_truths(cells: Any) -> bool:
    import pyarrow as pa

    pc = functions()
    return pc.all(pc.is_in(pc.utf8_lower(cells), pa.array(["true", "false"]))).as_py()


def _kind_of_codes(cells: Any, decimal: str) -> Kind:
    pc = functions()
    if _are_truths(cells):
        return "truth"
    if decimal != ".":
        if pc.any(pc.match_substring(cells, ".")).as_py():
            return "text"
        cells = pc.replace_substring(cells, decimal, ".")

    def holds(pattern: str, cells: Any) -> Any:
        return pc.match_substring_regex(cells, pattern)

    if pc.all(holds(_WHOLE_CODES, cells)).as_py():
        return "long" if pc.any(holds(_LONG, cells)).as_py() else "whole"
    short = pc.max(pc.utf8_length(cells)).as_py() <= _SHORT
    return "number" if short and pc.all(holds(_DECIMAL_CODES, cells)).as_py() else "text"


def pointed(cells: Any, decimal: str) -> Any:
    """Write the numbers among text cells with a decimal point."""
    pc = functions()
    point = re.escape(decimal)
    pattern = rf"^\s*[+-]?(\d+{point}?\d*|{point}\d+)([eE][+-]?\d+)?\s*$"
    numbers = pc.match_substring_regex(cells, pattern)
    return pc.if_else(numbers, pc.replace_substring(cells, decimal, "."), cells)


def converted(cells: Any, kind: Kind, decimal: str) -> Any:
    """Convert text cells; raise pyarrow.ArrowInvalid for a cell of another kind."""
    import pyarrow as pa

    pc = functions()
    types = {"empty": pa.float64(), "number": pa.float64(), "truth": pa.bool_()}
    if kind == "text":
        return cells
    if kind == "truth":
        return pc.cast(pc.utf8_lower(cells), pa.bool_())
    cells = pc.utf8_trim_whitespace(cells)
    # pyarrow reads 0x1F as a whole number
    foreign = ("" if kind == "number" else "xX") + ("" if decimal == "." else ".")
    if any(pc.any(pc.match_substring(cells, each)).as_py() for each in foreign):
        raise pa.ArrowInvalid("no decimal number")
    if decimal != ".":
        cells = pc.replace_substring(cells, decimal, ".")
    return pc.cast(cells, types.get(kind, pa.int64()))
