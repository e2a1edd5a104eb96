"""What a page needs to compute predictions: the model file, and how to ask for a row."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Column, Linear, Periodic
from eigcore.guarantees.baselines import baseline_rows
from eigcore.guarantees.certificate import Certificate, ColumnCertificate
from eigcore.guarantees.text import decision_name
from eigcore.report.numerals import most
from eigcore.report.scores import Seen


def live_data(seen: Seen, certificate: Certificate, data: bytes) -> dict[str, Any]:
    """Return JSON values for the script of the page.

    Parameters
    ----------
    seen : Seen
        The baseline is the mean of its rows.
    certificate : Certificate
    data : bytes
        The model file.
    """
    encoding = seen.model.encoding
    start = baseline_rows(seen.model, "mean", seen.table, get_backend("numpy"))[0]
    three = zip(encoding.columns, certificate.columns, start.tolist(), strict=True)
    scale = decision_name(certificate) and f" ({decision_name(certificate)})"
    columns = [
        {"name": own.name, "proven": _words(own, scale), "start": None if value != value else value}
        | _control(column)
        for column, own, value in three
    ]
    return {
        "model": base64.b64encode(data).decode(),
        "columns": columns,
        "outputs": list(map(str, seen.model.static.labels)) if seen.model.outputs > 1 else [],
        "positive": str(seen.classes[1]) if len(seen.classes) == 2 else "",
    }


def _words(own: ColumnCertificate, scale: str) -> str:
    """Return what is proven of a column, briefly; scale: of its bound."""
    ways = ["never falls"] * own.increasing + ["never rises"] * own.decreasing
    if len(ways) == 2:
        return "has no effect"
    each = "between two levels" if own.kind == "categories" else f"per {own.unit or 'unit'}"
    return ", ".join([*ways, f"at most {most(own.bound)} {each}{scale}"])


def _control(column: Column) -> dict[str, Any]:
    """Return how to choose a cell of a column."""
    if isinstance(column, Categories):
        levels = {"levels": list(map(str, column.levels)), "unseen": column.unseen == "neutral"}
        return {"missing": column.missing} | levels
    edges = column.pieces(np.zeros(column.terms)).edges
    edges = edges[np.isfinite(edges)]
    low, high = (edges[0], edges[-1]) if len(edges) else (0.0, 0.0)
    if isinstance(column, Linear) and column.affine:
        low, high = column.center - 3 * column.scale, column.center + 3 * column.scale
    elif not isinstance(column, (Linear, Periodic)) and column.outside != "refuse":
        room = 0.1 * (high - low)
        low, high = low - room, high + room
    return {"missing": column.missing, "low": float(low), "high": float(high)}
