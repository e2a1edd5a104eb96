"""One fit as one object: rows and targets, encoding, constraints, moments and context.

A problem is made once and checked once (`Problem.of`). Searching, members, streams and estimators
derive others from it: other rows, another encoding, further constraints.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from eigcore.encoding import Encoding
from eigcore.encoding.rows import kernel_serves
from eigcore.errors import InvalidTable
from eigcore.fit.combinations import USUAL_DIM, check_single, check_sum, tails_of
from eigcore.fit.constraints import INSIDE, Constraints
from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.encode import Sum, encode
from eigcore.fit.data.kinds import column_notes
from eigcore.fit.data.moments import Moments
from eigcore.fit.data.names import check_keys
from eigcore.fit.data.table import Table
from eigcore.fit.data.target import Target
from eigcore.fit.data.together import Together
from eigcore.fit.effort import EFFORTS, Effort
from eigcore.fit.losses import Loss
from eigcore.fit.members.direction import direction, sum_of_weights
from eigcore.fit.options import FitOptions
from eigcore.fit.units import check_linear


@dataclass(frozen=True, eq=False)
class Problem:
    """Some rows, and everything needed to fit them.

    encoding : of the columns; at first without knots, see `encoded`
    numbers : (rows, columns) float64, from ``encoding.table``
    target : of these rows
    together : which of them are fitted, or hidden, together
    constraints : shapes that the model must have
    options : of the fit, checked
    context : backend, callback, budget and seed, shared by all parts of a problem
    sums : weighted sums of columns that get terms of their own, beside those of the constraints
    notes : sentences about what was done to the table
    fast : whether a kernel computes a pass over encoded rows
    sampled_from : number of rows of which these are a sample; None: these are all rows
    beside : names of the exposure and the offset, if they were given
    """

    encoding: Encoding
    numbers: np.ndarray
    target: Target
    together: Together
    constraints: Constraints
    options: FitOptions
    context: Context
    sums: tuple[Sum, ...] = ()
    notes: tuple[str, ...] = ()
    fast: bool = False
    sampled_from: int | None = None
    beside: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(
        cls, table: Any, target: Any, beside: Beside, options: FitOptions, context: Context
    ) -> Problem:
        """Read and check a table, as for `eigcore.fit.fit`.

        Raises
        ------
        InvalidInput
            A table, column, target or option that cannot be used.
        """
        read = Table.of(table, target, beside, options)
        columns = read.columns(options.keep_constant)
        encoding = Encoding(tuple(columns), tuple(read.cells))
        pairs = zip(encoding.names, encoding.columns, strict=True)
        check_keys("tails", options.tails, [name for name, each in pairs if each.numeric])
        own = Target.of(read, options)
        constraints = Constraints.of(options, encoding, len(own.classes))
        pairs = zip(read.cells.items(), columns, strict=True)
        notes = [note for (name, cells), each in pairs for note in column_notes(name, cells, each)]
        spec = constraints.spec(1, options.dim or constraints.order(USUAL_DIM))
        if read.names:
            check_linear(spec, options.neuron or {})
        check_single(constraints, own.loss.outputs, options)
        check_sum(constraints, spec, own.loss.outputs)
        return cls(
            encoding,
            encoding.table(read.cells),
            own,
            read.together,
            constraints,
            options,
            context,
            notes=(
                *read.notes,
                *own.notes(options, beside),
                *constraints.notes(options),
                *notes,
            ),
            fast=kernel_serves(spec, context.backend),
            beside=tuple(beside.told.items()),
        )

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def rows(self) -> int:
        """Number of rows to fit: these, or those of which they are a sample."""
        return len(self) if self.sampled_from is None else self.sampled_from

    @property
    def weight(self) -> float:
        """Sum of the weights of all `rows`, as they were given; their number without weights."""
        own = self.target.weights
        total = self.target.unit * float(self.rows if own is None else own.sum())
        return min(total, sys.float_info.max)

    @property
    def loss(self) -> Loss:
        """Loss of the target."""
        return self.target.loss

    @cached_property
    def information(self) -> float:
        """Effective number of observations, at most that of groups; see `Loss.information`."""
        target = self.target
        return min(self.loss.information(target.values, target.weights), self.together.count)

    @property
    def effort(self) -> Effort:
        """The work of the preset."""
        return EFFORTS[self.options.preset]

    @cached_property
    def strata(self) -> np.ndarray | None:
        """Kinds (rows,) of the targets, for folds; see `Loss.strata`."""
        return self.loss.strata(self.target.values)

    def part(self, rows: np.ndarray | slice) -> Problem:
        """Return the problem of some of the rows."""
        return replace(
            self,
            numbers=self.numbers[rows],
            target=self.target.part(rows),
            together=self.together.part(rows),
        )

    def of_columns(self, chosen: np.ndarray) -> Problem:
        """Return the problem of some of the columns, a mask (columns,) bool, without sums."""
        names, told = tuple(compress(self.encoding.names, chosen)), self.constraints
        missing = tuple(each for each in told.missing if each[0] in names)
        pairs = tuple(pair for pair in told.dominates if {pair.column, pair.over} <= {*names})
        return replace(
            self,
            encoding=Encoding(tuple(compress(self.encoding.columns, chosen)), names),
            numbers=self.numbers[:, chosen],
            constraints=replace(told, missing=missing, dominates=pairs),
            sums=(),
        )

    def batch(
        self,
        numbers: np.ndarray,
        values: np.ndarray,
        weights: np.ndarray | None,
        offset: np.ndarray | None,
    ) -> Problem:
        """Return the problem with other rows: numbers (n, columns), and as in the target (n,)."""
        target = self.target.of_rows(values, weights, offset)
        return replace(self, numbers=numbers, target=target, together=Together(len(numbers)))

    def set_aside(self) -> tuple[Problem, Problem]:
        """Return the problem without the rows that calibrate intervals, and that of these rows.

        Raises
        ------
        InvalidTable
            If they cannot calibrate: row weights, or no row.
        """
        count = round(self.options.calibration * len(self))
        if self.options.calibration:
            weighted = self.target.weights is not None
            if weighted or not count:
                found = "row weights" if weighted else f"{len(self)} row(s)"
                raise InvalidTable(
                    f"The table has {found}; expected no row weights to calibrate intervals on, "
                    "and at least one such row.",
                    "calibration",
                    0.0,
                    "for no intervals",
                )
        if not count:
            return self, self.part(slice(0))
        fitted, kept = self.together.apart(count, self.context.rng("calibration"))
        rest = self.part(fitted)
        return replace(rest, together=rest.together.rest()), self.part(kept)

    def split(self) -> tuple[Problem, np.ndarray]:
        """Return the problem scaled by the rows to fit, and a mask (rows,) bool of these rows.

        Rows that a pair of a splitter neither fits nor hides are left out.

        Raises
        ------
        InvalidTable
            Too few rows to fit on.
        """
        rows, least = len(self), 1 if self.options.keep_constant else 2
        held = round(self.options.validation * rows)
        if rows - held < least:
            raise InvalidTable(
                f"The table has {rows} row(s), {held} of them held out; expected at least 2 to fit "
                "on. Add rows.",
                "validation",
                0.0,
                "to hold none out",
            )
        whole, fitted = self, np.ones(rows, dtype=bool)
        if held:
            known, hidden = self.together.apart(held, self.context.rng("held out"))
            used = np.union1d(known, hidden)
            whole, fitted = self.part(used), np.isin(used, known)
            whole = replace(whole, together=whole.together.rest())
        target = whole.target
        found = replace(target, scaling=target.part(fitted).own_scaling)
        spec = self.constraints.spec(1, self.options.dim or self.constraints.order(USUAL_DIM))
        if not sum_of_weights(spec):
            found = found.resting(int(direction(spec)[1]), fitted)
        return replace(whole, target=found), fitted

    def encoded(self, knots: int) -> Problem:
        """Return the problem with knots at quantiles of its rows; see `eigcore.fit.data.encode`."""

        def linear(name: str) -> bool:
            return bool(self.constraints.bend(name)) or tails_of(self.options, name) == "linear"

        known = replace(self.constraints, missing=tuple(map(self._place, self.constraints.missing)))
        tied = [each.centred(self.encoding, self.numbers) for each in self.constraints.sums]
        encoding = encode(self.encoding, self.numbers, (*tied, *self.sums), knots, linear)
        return replace(self, encoding=encoding, constraints=known)

    def going_on(self, names: Sequence[str]) -> Problem:
        """Return the problem with columns that go on beyond the fitted range."""
        if not names:
            return self
        tails = {**(self.options.tails or {}), **dict.fromkeys(names, "linear")}
        return replace(self, options=replace(self.options, tails=tails))

    def _place(self, told: tuple[str, str | float]) -> tuple[str, str | float]:
        """Return the place of missing cells, as the value with the nearest mean target if between.

        The mean target over the values is that of isotonic regression.
        """
        name, place = told
        cells = self.numbers[:, self.encoding.names.index(name)]
        gone, weights = np.isnan(cells), self.target.targets.weights
        if place != "between" or gone.all() or not gone.any():
            return told
        target = self.target.working.reshape(len(cells), -1).mean(1)
        weights = np.ones(len(cells)) if weights is None else weights
        order = np.argsort(np.where(gone, np.inf, cells), kind="stable")[: np.sum(~gone)]
        rising = self.constraints.way(name) > 0
        fitted = isotonic_regression(target[order], weights=weights[order], increasing=rising).x
        far = np.abs(fitted - np.average(target[gone], weights=weights[gone]))
        nearest = cells[order][far == far.min()]
        low, high = cells[order][[0, -1]]
        inside = INSIDE * (high - low)
        return name, float(np.clip(np.median(nearest), low + inside, high - inside))

    def without(self, labels: tuple[str, ...]) -> Problem:
        """Return the problem with columns that must have no effect."""
        return replace(self, constraints=replace(self.constraints, without=labels))

    @cached_property
    def moments(self) -> Moments:
        """Moments of the terms and of the working target over these rows."""
        return Moments.of(self.encoding, self.numbers, self.target.working, self.target.weights)
