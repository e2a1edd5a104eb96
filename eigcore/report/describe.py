"""What a model holds, in words: for `eigcore show` and the report."""

from __future__ import annotations

import collections
from typing import Any

from eigcore.encoding import Categories, Column, Linear, PiecewiseLinear
from eigcore.model import SpectralModel

_LEVELS = 8
"""Largest number of levels to print."""
_LINKS = {
    "identity": "a number in its units",
    "log": "a positive number in its units",
    "logistic": "the probability of {classes[1]}, otherwise {classes[0]}",
    "softmax": "the probabilities of {listed}",
}


def describe(model: SpectralModel) -> dict[str, Any]:
    """Describe a model in words.

    Returns
    -------
    dict
        target, prediction: text. columns: list of dicts of text with name, holds, values, missing
        and unseen. members: list of text. provenance: name -> text.
    """
    static, encoding = model.static, model.encoding
    pairs = zip(encoding.names, encoding.columns, strict=True)
    specs = collections.Counter(
        f"order {spec.dim}, {spec.structure}, functional {spec.functional}, eigenvalue {spec.k}"
        for spec in static.specs
    )
    classes = static.classes or tuple(range(max(2, model.outputs)))
    listed = ", ".join(map(str, classes))
    neutral = model.provenance.get("neutral", ())
    return {
        "target": static.target_name or "a number",
        "prediction": _prediction(model).format(classes=classes, listed=listed),
        "columns": [{"name": name, **_column(column, name in neutral)} for name, column in pairs],
        "members": [f"{count} of {spec}" for spec, count in specs.items()],
        "provenance": {
            **{n: _short(each) for n, each in model.to_dict()["provenance"].items()},
            **_intervals(model),
        },
    }


def _intervals(model: SpectralModel) -> dict[str, str]:
    """Say from which rows the model has intervals, if it has."""
    own = model.calibration
    if own is None:
        return {}
    rows = own.rows // (1 if own.kind == "classes" else model.outputs)
    return {"intervals": f"{rows} calibration rows{f' by {own.column}' * bool(own.column)}"}


def _prediction(model: SpectralModel) -> str:
    """Say what a prediction is, with fields for the classes."""
    told = model.provenance
    found = "a proportion" if told.get("loss") == "binomial" else _LINKS[model.static.link]
    if model.static.targets:
        found = f"for each target {found}".replace("in its units", "in the units of the target")
    return found + ", per unit of exposure" * ("exposure" in told)


def _short(value: Any) -> str:
    """Write a value of the provenance; equal values of all members are written once."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items() if each not in ([], {}))
    if isinstance(value, list):
        counts = collections.Counter(map(_short, value))
        return "; ".join(f"{each} (of {count})" for each, count in counts.items())
    return str(value)


def _column(column: Column, neutral: bool) -> dict[str, Any]:
    holds, values, unseen = type(column).__name__.lower(), "", ""
    absent = "neutral" if neutral else "a matrix"
    if isinstance(column, Categories):
        one, several = ("category", "categories")
        if column.of is not None:
            one, several = (f"{each} of {column.of}" for each in ("special code", "special codes"))
        holds = f"{len(column.levels)} {one if len(column.levels) == 1 else several}"
        values = ", ".join(map(str, column.levels[:_LEVELS]))
        values += ", …" if len(column.levels) > _LEVELS else ""
        unseen = "an error" if column.unseen == "refuse" else "neutral"
    elif isinstance(column, PiecewiseLinear):
        holds = f"numbers, {len(column.knots) - 1} pieces"
    elif isinstance(column, Linear):
        holds = "numbers, linear"
    if column.range is not None:
        values = f"{column.range[0]:g} … {column.range[1]:g}" + ", goes on" * column.goes_on
    values += ", others refused" * (column.outside == "refuse")
    absent = absent if column.missing else "an error"
    return {"holds": holds, "values": values, "missing": absent, "unseen": unseen}
