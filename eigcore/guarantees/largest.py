"""The change of one column that may change the decision most (math.md, section 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.attained import between
from eigcore.guarantees.beyond import within
from eigcore.guarantees.changes import Change
from eigcore.guarantees.codes import codes_of
from eigcore.guarantees.domain import UNSEEN, axis_of, cells_of_value
from eigcore.guarantees.slopes import EPS, projections_of
from eigcore.guarantees.support import column_index, parts_change, rounded_sum, slope_ends
from eigcore.guarantees.text import exactly
from eigcore.portable.description import Described

Value = tuple[Any, dict[int, float]]
"""A value as the caller writes it, and place of a column -> its cell."""


def largest_change(model: Described, column: str, over: Any = None) -> Change:
    """Return the change of one column that may change the decision most, wherever the rest is.

    For a protected column: no change of it alone changes the decision by more than `Change.size`.

    Parameters
    ----------
    model : SpectralModel
    column : str
    over : (low, high) or sequence of levels, optional
        Default: all numbers from the first to the last knot, all levels and one never seen, all
        special codes, and a missing cell; no missing cell and no code of a column in a projection.

    Returns
    -------
    Change
        `Change.among` says which values are compared, `Change.beyond` whether numbers outside the
        fitted range change the decision further.

    Raises
    ------
    InvalidInput
        If the column does not exist, has no knots and no range, or cannot have the values of
        `over`; or if those of a column in a projection hold a missing cell.
    """
    encoding, j = model.encoding, column_index(model, column)
    through, numeric = projections_of(encoding, j), encoding.columns[j].numeric
    values, among = _values(model, column, over)
    cells = {p: np.array([each[p] for _, each in values]) for p in values[0][1]}
    if through and numeric and np.isnan(cells[j]).any():
        raise InvalidInput(
            f"Column {column!r} is part of a projection. Expected a range without missing cells. "
            f"Leave None out, or write model.change({column!r}, None, value)."
        )
    starts = ({p: (np.full(len(v), v[i]), v) for p, v in cells.items()} for i in range(len(values)))
    ends = [parts_change(model, moves) for moves in starts]
    low, high = (np.array(side) for side in zip(*ends, strict=True))
    a, b, _ = np.unravel_index(np.argmax(high), high.shape)
    low, high = low.min((0, 1)), high.max((0, 1))
    for p, weight in through:
        lower, upper = slope_ends(model, p)
        far = abs(weight) * np.ptp(cells[j]) * np.maximum(upper, -lower).max(0) * (1 + 8 * EPS)
        low, high = low - far, high + far
    low, high = rounded_sum(low, high)
    each = (float(low[0]), float(high[0])) if model.outputs == 1 else (low, high)
    (start, before), (end, after) = values[a], values[b]
    found, static = between(model, before, after), model.static
    clipped, codes = static.clip is not None, codes_of(encoding, column)[1]
    axis = [axis_of(model, column, over)] if numeric else []
    beyond = within([model], axis, () if over is None else (column,))
    more = {"codes": codes, "beyond": beyond}
    return Change(column, start, end, *each, static.link, among, clipped, found, **more)


def _values(model: Described, column: str, over: Any) -> tuple[list[Value], str]:
    """Return the values, between two of which the change is largest, and all values in words."""
    encoding, j = model.encoding, column_index(model, column)
    own: Any = encoding.columns[j]
    whole, alone = over is None, not (own.numeric and projections_of(encoding, j))
    axis = axis_of(model, column, own.levels if whole and not own.numeric else over)
    if own.numeric:
        values = [axis.cell(each) for each in axis.places]
        told = [f"numbers from {exactly(values[0])} to {exactly(values[len(axis.cuts) - 1])}"]
        told = told * bool(len(axis.cuts)) + ["missing cells"] * bool(axis.atoms)
    else:
        values, told = [*axis.atoms], ["all levels" if whole else "the given levels"]
    if whole and not own.numeric and own.unseen == "neutral":
        values, told = [*values, UNSEEN], [*told, "levels never seen"]
    if whole and own.missing and alone:
        codes = codes_of(encoding, column)[1]
        values, told = [*values, None, *codes], [*told, "missing cells"]
        told += ["special codes"] * bool(codes)
    cells = [(str(v) if v is UNSEEN else v, cells_of_value(model, column, v)) for v in values]
    return cells, ", ".join(told)
