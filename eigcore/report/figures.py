"""The pictures of a report: what the columns do, which matter, and how good predictions are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eigcore.encoding import Categories
from eigcore.guarantees.codes import code_columns
from eigcore.guarantees.curve import Curve, curve
from eigcore.guarantees.importance import importances
from eigcore.report import private
from eigcore.report.scores import Seen
from eigcore.report.svg import Chart, lying, span

COLUMNS = 12
"""Largest number of columns that are drawn, the most important first."""
ROWS = 100
"""Largest number of rows over which a curve is averaged."""
LEVELS = 20
"""Largest number of levels that are drawn, the commonest first."""
KINDS = ("one", "two", "three", "four", "five", "six")
"""Colours of the outputs."""


class Figure(NamedTuple):
    """A picture with its words.

    Parameters
    ----------
    title, caption : str
    pictures : tuple of str
        SVG, one below the other.
    legend : tuple of (colour, name)
    """

    title: str
    caption: str
    pictures: tuple[str, ...]
    legend: tuple[tuple[str, str], ...] = ()


def importance(seen: Seen) -> tuple[Figure, list[str]]:
    """Return the picture of the importances, and the columns by importance."""
    shares = importances(seen.model, seen.cells)
    order = sorted(shares, key=lambda name: -shares[name])
    names = seen.model.encoding.names
    for place, source in code_columns(seen.model.encoding).items():
        shares[names[source]] += shares.pop(names[place])
    top = sorted(shares, key=lambda name: -shares[name])[:COLUMNS]
    values = [100 * shares[name] for name in top]
    words = [f"{value:.1f} %" for value in values]
    rest = "" if len(shares) == len(top) else f" The {len(top)} largest of {len(shares)}."
    caption = f"Share of each column in what tells these rows apart.{rest}"
    picture = lying("Importance of the columns", top, values, words)
    return Figure("Which columns matter", caption, (picture,)), order


def shapes(seen: Seen, order: list[str], names: tuple[str, ...]) -> Iterator[Figure]:
    """Yield what each of the first columns does, averaged over rows; names: of the outputs."""
    for name in order[:COLUMNS]:
        found = curve(seen.model, name, seen.some(ROWS))
        j = seen.model.encoding.names.index(name)
        column = seen.model.encoding.columns[j]
        if isinstance(column, Categories):
            yield from _levels(found, seen.table[:, j], names)
        else:
            yield _numeric(found, private.edges(seen.table[:, j]), names)


def _numeric(found: Curve, rug: list[float], names: tuple[str, ...]) -> Figure:
    x = np.array(found.grid)
    y, low, high = (np.atleast_2d(each.T) for each in (found.decision, found.low, found.high))
    label = f"{found.column} [{found.unit}]" if found.unit else found.column
    ends = (float(x[0]), float(x[-1]))
    top = Chart(f"The decision along {found.column}", ends, span(y), ("", "decision"), 200.0)
    slope = np.diff(y, axis=1) / np.diff(x)
    said = f"Slopes along {found.column}, inside their proven ends"
    foot = Chart(said, ends, span(low, high, [0.0]), (label, "slope"), 150.0)
    legend = [(kind, name) for kind, name in zip(KINDS, names, strict=False)]
    for kind, *each in zip(KINDS, y, slope, low, high, strict=False):
        top.line(x, each[0], kind)
        foot.area(*_steps(x, each[2], each[3]), kind)
        xs, own, _ = _steps(x, each[1], each[1])
        foot.line(xs, own, kind)
    top.rug(rug)
    return Figure(found.column, "", (str(top), str(foot)), tuple(legend))


def _steps(
    x: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the corners of two step functions on the intervals of x."""
    return np.repeat(x, 2)[1:-1], np.repeat(low, 2), np.repeat(high, 2)


def _levels(found: Curve, codes: np.ndarray, names: tuple[str, ...]) -> Iterator[Figure]:
    counts = [
        int((np.isnan(codes) if level is None else codes == code).sum())
        for code, level in enumerate(found.grid)
    ]
    shown = sorted(np.argsort(np.negative(counts), kind="stable")[:LEVELS])
    label = ["missing" if found.grid[c] is None else str(found.grid[c]) for c in shown]
    few = len(shown) < len(counts)
    caption = f"The {len(shown)} commonest of {len(counts)} levels." if few else ""
    outputs = np.atleast_2d(found.decision.T)[: len(KINDS)]
    for own, name in zip(outputs, names or ("",), strict=False):
        title = f"{found.column}: {name}" if name else found.column
        values = own[shown] - np.average(own, weights=np.maximum(counts, 1e-9))
        words = [f"{value:+.3g}".replace("-", "−") for value in values]
        picture = lying(f"The decision at each level of {title}", label, values, words)
        yield Figure(title, caption, (picture,))


def quality(seen: Seen) -> Iterator[Figure]:
    """Yield observed beside expected by decile, and the residuals."""
    if seen.observed is None or len(seen) < 2 * private.LEAST:
        return
    expected, observed, what = seen.prediction, seen.observed, f"mean {seen.target}"
    if seen.classes:
        what = f"share of {seen.classes[1]!r}"
    if expected.ndim > 1:
        own = expected.argmax(-1)
        expected, observed = expected.max(-1), (own == observed).astype(float)
        what = "share of right predictions"
    yield _deciles(expected, observed, seen.weights, what)
    if not seen.classes:
        yield from _residuals(seen.prediction, seen.observed - seen.prediction, seen.target)


def _parts(expected: np.ndarray) -> list[np.ndarray]:
    """Return the rows of each tenth, ordered by the prediction; at least `LEAST` in each."""
    count = min(private.BINS, len(expected) // private.LEAST)
    return np.array_split(np.argsort(expected, kind="stable"), count)


def _deciles(
    expected: np.ndarray, observed: np.ndarray, weights: np.ndarray | None, what: str
) -> Figure:
    parts, w = _parts(expected), np.ones(len(expected)) if weights is None else weights
    x, y = (
        np.array([np.average(values[part], weights=w[part]) for part in parts])
        for values in (expected, observed)
    )
    ends = span(x, y)
    picture = Chart("Observed beside expected by decile", ends, ends, ("expected", "observed"))
    picture.line(ends, ends, "even")
    picture.points(x, y)
    caption = f"The rows in {len(parts)} equal parts by prediction: {what}, expected and observed."
    caption += " On the line both are equal."
    return Figure("Expected and observed", caption, (str(picture),))


def _residuals(expected: np.ndarray, off: np.ndarray, target: str) -> Iterator[Figure]:
    low, high = np.quantile(off, [0.01, 0.99])
    if high > low:
        heights, ends = np.histogram(np.clip(off, low, high), 25)
        label = (f"observed − predicted {target}", "rows")
        picture = Chart("Histogram of residuals", (low, high), (0.0, heights.max()), label)
        picture.bars(ends, heights)
        caption = "How far predictions are off. The outermost bars hold 1 % of the rows and more."
        yield Figure("Residuals", caption, (str(picture),))
    parts = _parts(expected)
    x = np.array([expected[part].mean() for part in parts])
    bands = np.array([np.quantile(off[part], [0.1, 0.25, 0.5, 0.75, 0.9]) for part in parts]).T
    if len(x) > 1 and x[-1] > x[0]:
        label = (f"predicted {target}", "residual")
        picture = Chart("Residuals by prediction", (x[0], x[-1]), span(bands, [0.0]), label)
        picture.area(x, bands[0], bands[4], "one")
        picture.area(x, bands[1], bands[3], "one")
        picture.line(x, bands[2], "one")
        caption = "Residuals along the prediction: median, middle half and middle 80 % of the rows."
        yield Figure("Residuals by prediction", caption, (str(picture),))
