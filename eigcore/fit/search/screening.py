"""Leave out the columns of a wide table that show no effect, before anything else is chosen.

A pass over the rows takes rows · columns, and histograms of pairs take rows · columns², so that a
column that tells nothing costs as much as one that tells all. Columns stay that explain the target
alone, beside those taken before, or together with another one (matching pursuit: Pati, Rezaiifar &
Krishnaprasad 1993; of pairs of columns: Hao & Zhang, JASA 2014). Both tests divide sums of
residuals by their own noise, √Σ e², so that noise may differ from row to row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding
from eigcore.encoding.bins import places
from eigcore.fit.constraints import Constraints
from eigcore.fit.members import initialisation
from eigcore.fit.members.design import Design
from eigcore.fit.members.guess import first_guess
from eigcore.fit.members.member import SOME, begin
from eigcore.fit.problem import Problem
from eigcore.fit.search.candidates import MANY
from eigcore.fit.search.pairs import Pairs

WIDE = 64
"""Up to so many columns all of them stay."""
_ROWS, _CELLS, _PER_COLUMN = 40_000, 2**24, 20
"""Most rows and cells that are looked at, and least number of rows per column."""
_PIECES = 8
"""Pieces of a numeric column."""
_CHANCE = 0.01
"""Part of the useless columns that may stay."""
_ROUNDS = 4
"""How often all columns are looked at, before and after the pairs."""
_RIDGE = 1e-3
_MOST = 0.75
"""All columns stay if more than this part of them would."""
_PART = 0.15
"""Part of a budget after which no column is looked at again."""


def screened(problem: Problem) -> Problem:
    """Return the problem with the columns that show an effect; of few columns, or few rows, all."""
    names = problem.encoding.names
    many = len(problem) >= max(MANY, _PER_COLUMN * len(names)) and problem.information >= SOME
    if len(names) <= WIDE or problem.options.selection is not None or not (many and problem.fast):
        return problem
    mixed = problem.context.rng("selection").permutation(len(problem))
    try:
        most = min(_ROWS, _CELLS // len(names))
        kept = shown(problem.part(np.sort(mixed[:most])))
    except KeyboardInterrupt:
        problem.context.interrupted = True
        return problem
    kept |= np.isin(names, list(problem.constraints.alone))
    return problem.of_columns(kept) if 0.0 < kept.mean() <= _MOST else problem


def shown(problem: Problem) -> np.ndarray:
    """Which columns (columns,) bool show an effect in these rows, alone or with another one."""
    screen = Screen(problem)
    for output in range(screen.target.shape[1]):
        screen.take(output)
    return screen.kept


class Screen:
    """The columns taken so far, by the residuals of what they explain.

    Parameters
    ----------
    problem : Problem

    Attributes
    ----------
    kept : (columns,) bool
    """

    def __init__(self, problem: Problem):
        # additive models need no constraint, and some allow none of order 1
        problem = self.problem = replace(problem, constraints=Constraints())
        weights = problem.target.targets.weights
        self.weights = np.ones(len(problem)) if weights is None else weights
        self.target = problem.target.working.reshape(len(problem), -1)
        self.encoding = replace(problem.encoded(_PIECES).encoding, projections=())
        self.places = places(self.encoding, problem.numbers)
        self.pairs = Pairs(self.encoding.columns, self.places, self.weights)
        self.kept = np.zeros(len(self.encoding.columns), bool)

    def take(self, output: int) -> None:
        """Take columns that explain one output: alone, in pairs, and alone in what is left."""
        rest = self._rest(output)
        for _ in range(_ROUNDS):
            if not self._alone(rest) or self.over():
                break
            rest = self._rest(output)
        both, rest = self.pairs.pursue(rest, self.over)
        self.kept[both] = True
        if both and not self.over():
            self._alone(rest)

    def over(self) -> bool:
        """Whether the time is over; Ctrl-C and the callback are heard."""
        return self.problem.context.is_over(_PART)

    def _alone(self, rest: np.ndarray) -> bool:
        """Take columns by a weighted residual (rows,), the strongest first; whether any was."""
        seen = [_seen(place, rest, self.weights) for place in self.places.T]
        order = sorted(range(len(seen)), key=lambda j: -seen[j].gain)
        found = False
        for j in order:
            if self.kept[j] or seen[j].chance >= _CHANCE:
                continue
            if self.over():  # no time to see what others leave of it
                self.kept[j] = True
            elif _seen(self.places[:, j], rest, self.weights).chance < _CHANCE:
                rest = self._without(rest, j)
                self.kept[j] = found = True
        return found

    def _without(self, rest: np.ndarray, column: int) -> np.ndarray:
        """What is left of a weighted residual after least squares by the terms of one column."""
        own = Encoding(self.encoding.columns[column : column + 1], ("t",))
        cells = self.problem.numbers[:, column : column + 1]
        terms = np.asarray(own(cells, get_backend("numpy"), codes=True), np.float64)
        weighted = terms * self.weights[:, None]
        return rest - weighted @ np.linalg.lstsq(weighted.T @ terms, terms.T @ rest)[0]

    def _rest(self, output: int) -> np.ndarray:
        """Weighted residual (rows,) of an additive model of the columns taken so far."""
        target = self.target[:, output]
        if self.kept.any():
            shared = self.problem.of_columns(self.kept).encoded(_PIECES)
            design = Design(shared, _PIECES)
            coordinates = design.parametrisation(1)
            p = first_guess(design, coordinates, _RIDGE)
            start = begin(initialisation.gapped, coordinates, p, self.problem.context.rng("start"))
            objective = design.objective(coordinates, _RIDGE)
            values = objective.values(start).reshape(self.target.shape)
            target = target - values[:, output]
        return (target - np.average(target, weights=self.weights)) * self.weights


class _Seen(NamedTuple):
    """What sums of a residual over groups tell.

    chance : that they are as far from 0 if there is nothing
    gain : by how much their squares exceed what is expected then
    """

    chance: float
    gain: float


def _seen(place: np.ndarray, rest: np.ndarray, weights: np.ndarray) -> _Seen:
    """Test means of a weighted residual (rows,) over groups (rows,), together and by their trend.

    The squares of their distances from one mean, over their variances, add up to a χ² with as many
    degrees as groups, less one, and the square of their trend is one with one degree (Welch,
    Biometrika 1951); the chance is twice the smaller of the two.
    """
    sums, squares, own = (np.bincount(place, each) for each in (rest, rest**2, weights))
    groups = np.flatnonzero(squares > 0.0)
    if len(groups) < 2:
        return _Seen(1.0, 0.0)
    sums, squares, own = sums[groups], squares[groups], own[groups]
    means, precision = sums / own, own**2 / squares
    score = groups - np.average(groups, weights=precision)
    every = precision @ (means - np.average(means, weights=precision)) ** 2
    trend = (precision * score @ means) ** 2 / (precision @ score**2)
    degrees = len(groups) - 1
    chance = 2.0 * min(chi2.sf(every, degrees), chi2.sf(trend, 1))
    return _Seen(float(chance), float(max(every - degrees, trend - 1.0)))
