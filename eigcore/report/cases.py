"""The best and the worst predictions, explained without their cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eigcore.encoding import Categories
from eigcore.guarantees.certificate import Certificate
from eigcore.guarantees.codes import code_columns
from eigcore.guarantees.contributions import Contributions, contributions
from eigcore.guarantees.text import missing
from eigcore.report import private
from eigcore.report.numerals import most, outward, plain
from eigcore.report.scores import Seen

CASES = 3
"""Number of best and of worst predictions."""
REASONS = 5
"""Largest number of columns to name."""
ROWS = 1000
"""Largest number of rows that the baseline is made of."""


class Case(NamedTuple):
    """A prediction and what distinguishes it from the baseline.

    Parameters
    ----------
    title, observed, predicted : str
        `observed` is empty without a target.
    reasons : tuple of (column, cell, contribution, what is proven)
    rest : str
        Contribution of all other columns; empty if there are none.
    """

    title: str
    observed: str
    predicted: str
    reasons: tuple[tuple[str, str, str, str], ...]
    rest: str


class Cases(NamedTuple):
    """Cases and what they are compared with.

    Parameters
    ----------
    cases : tuple of Case
    baseline : tuple of (column, cell)
        In words.
    exact : bool
        Whether contributions come from all orders of the columns; otherwise from a sample.
    """

    cases: tuple[Case, ...]
    baseline: tuple[tuple[str, str], ...]
    exact: bool


def cases(seen: Seen, certificate: Certificate, show: bool) -> Cases:
    """Explain the predictions that are best and worst, or highest and lowest without a target.

    Parameters
    ----------
    seen : Seen
    certificate : Certificate
    show : bool
        Whether cells and targets are told as they are; otherwise as bins of several rows.
    """
    if seen.observed is not None:
        order, names = np.argsort(seen.sizes, kind="stable"), ("Best", "Worst")
    elif seen.prediction.ndim == 1:
        order, names = np.argsort(seen.prediction, kind="stable"), ("Lowest", "Highest")
    else:
        order, names = np.arange(0), ("", "")
    count = min(CASES, len(order) // 2)
    chosen = [(f"{names[0]} {n + 1}", order[n]) for n in range(count)]
    chosen += [(f"{names[1]} {n + 1}", order[-1 - n]) for n in range(count)]
    if not chosen:
        return Cases((), (), True)
    rows = np.array([row for _, row in chosen])
    found = contributions(seen.model, seen.part(rows), "mean", sample=seen.some(ROWS))
    telling = _Telling(seen, found, certificate, show)
    made = tuple(telling.case(n, *case) for n, case in enumerate(chosen))
    return Cases(made, telling.baseline(), not found.error.any())


class _Telling:
    """Writes rows down, with their cells or without."""

    def __init__(
        self, seen: Seen, found: Contributions, certificate: Certificate, show: bool
    ) -> None:
        self.seen, self.found, self.show = seen, found, show
        self.known = certificate.columns
        self.edges = {
            j: private.edges(seen.table[:, j])
            for j, column in enumerate(seen.model.encoding.columns)
            if not isinstance(column, Categories)
        }

    def case(self, n: int, title: str, row: int) -> Case:
        seen, output = self.seen, None
        predicted = np.atleast_1d(seen.prediction[row])
        if len(predicted) > 1:
            output = int(predicted.argmax())
        parts = self.found.of_output(output)[n]
        order = [j for j in np.argsort(-np.abs(parts), kind="stable")[:REASONS] if parts[j]]
        digits = 4 if self.show else 2
        reasons = tuple(
            (self.found.names[j], self.cell(j, row), outward(parts[j], digits), self.proven(j, row))
            for j in order
        )
        rest = float(parts.sum() - parts[order].sum())
        shown = len(order) < np.count_nonzero(parts)
        value = plain(predicted[output or 0], digits)
        if seen.classes:
            label = seen.classes[1 if output is None else output]
            value = f"{label} with probability {value}"
        own = (title, self.observed(row), value, reasons, outward(rest, digits) if shown else "")
        return Case(*own)

    def observed(self, row: int) -> str:
        """Return the target of a row in words."""
        values, classes = self.seen.observed, self.seen.classes
        if values is None:
            return ""
        value = values[row]
        if classes:
            return str(classes[int(value)]) if self.show else private.level(values, value, classes)
        return plain(value) if self.show else private.number(values, value, private.edges(values))

    def cell(self, j: int, row: int) -> str:
        """Return a cell in words."""
        cells, code = self.seen.table[:, j], self.code(j, row)
        if code is not None:
            rare = (self.seen.table[:, code] == self.seen.table[row, code]).sum() < private.LEAST
            held = self.found.held(j, self.seen.table[row])
            return "a rare cell" if rare and not self.show else f"special code {_told(held)}"
        if self.show:
            return _told(self.found.cell(j, cells[row]))
        column = self.seen.model.encoding.columns[j]
        if isinstance(column, Categories):
            return private.level(cells, cells[row], column.levels)
        return private.number(cells, cells[row], self.edges[j])

    def code(self, j: int, row: int) -> int | None:
        """Return the place of the codes of a column, if the row holds one."""
        table, places = self.seen.table, code_columns(self.seen.model.encoding)
        held = [p for p, source in places.items() if source == j and not np.isnan(table[row, p])]
        return held[0] if held else None

    def proven(self, j: int, row: int) -> str:
        """Return what is proven of a column, for this contribution; nothing of special codes."""
        if self.code(j, row) is not None:
            return ""
        own = self.known[j]
        if np.isnan(self.seen.table[row, j]):
            return f"beside known values, missing is {missing(own.missing)}" if own.missing else ""
        if own.increasing != own.decreasing:
            return f"more never {'lowers' if own.increasing else 'raises'} it"
        each = "between two levels" if own.kind == "categories" else f"per {own.unit or 'unit'}"
        return f"at most {most(own.bound)} {each}"

    def baseline(self) -> tuple[tuple[str, str], ...]:
        """Return the cells of the baseline, which is a mean."""
        found, codes = self.found, code_columns(self.seen.model.encoding)
        pairs = [(j, name) for j, name in enumerate(found.names) if j not in codes]
        return tuple((name, _told(found.held(j, found.baseline[0]))) for j, name in pairs)


def _told(value: object) -> str:
    if value is None:
        return "missing"
    return plain(value) if isinstance(value, float) else str(value)
