"""Find projections: weighted sums of two columns that get a shape function of their own.

Trees split single columns, and shape functions bend along single columns; both miss a target that
depends on a sum or a difference, such as a location on a map. Candidate sums explain the residual
of a small neuron on rows it has not seen (projection pursuit, Friedman & Stuetzle 1981; pairs
ranked by binned residuals as in Lou, Caruana, Gehrke & Hooker 2013). They are kept only if they
lower the validation loss. All certificates stay valid: see `eigcore.encoding.Projection`.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from eigcore.encoding import is_constant
from eigcore.fit.data.encode import Sum
from eigcore.fit.members.member import Settings
from eigcore.fit.problem import Problem
from eigcore.fit.search import ensemble
from eigcore.fit.search.folds import Fold, TimeUp, averaged, folds_of, judge

_RATIOS = (1.0, -1.0, 0.5, -0.5, 2.0, -2.0)
"""Weights of the second column, where the first has 1, both in standard deviations."""
_STEP, _MOST = 2, 8
"""Number of sums added at a time, and at most."""
_LEAST = 2500
"""Least information: with less, the choice would be random."""
_ROWS = 20_000
_KNOTS = 16
"""Largest number of pieces per column of the small neuron."""
_NEURONS = 2
"""Most neurons whose averages with and without sums are compared."""
_STEPS = 0.5
"""Part of the usual number of steps of a short fit, with and without sums."""
_ERRORS = 1.0
"""Least gain on hidden rows, in standard errors, for which sums are kept."""
_LEAST_PART = 0.002
"""Part of the squared residual that a sum must explain."""
_FEW = 12
"""Most values of a column that a sum separates: each gets its own shape function of the other."""
_APART = 1.1
_BINS = 48
_COLUMNS, _PAIRS = 32, 16
"""Number of columns, the best ones alone, whose pairs are tried; pairs tried in detail."""
_LOOKS, _SCREEN_ROWS = 3, 4000
"""Number of sums and of rows for a first look at all pairs."""
_PART = 0.5
"""Part of a budget after which no more sums are tried."""


def find_sums(problem: Problem, settings: Settings, fold: Fold | None = None) -> tuple[Sum, ...]:
    """Find sums of two numeric columns, neither of them with a constraint of its own.

    Parameters
    ----------
    problem : the rows to fit
    settings : settings of the members, found without sums
    fold : of these rows, if there is one
    """
    count = problem.options.projections
    little = problem.information < _LEAST or not problem.effort.refined
    if count is None and (problem.options.selection or little):
        return ()
    if count == 0 or settings.knots == 0 or problem.context.interrupted:
        return ()
    pursuit = Pursuit(problem, settings, fold)
    try:
        pursuit.take_all() if count is not None else pursuit.take_what_pays()
    except TimeUp:
        pass
    except KeyboardInterrupt:
        problem.context.interrupted = True
    return pursuit.sums


class Pursuit:
    """A search for sums, two at a time.

    Parameters
    ----------
    problem, settings, fold : see `find_sums`

    Attributes
    ----------
    sums : sums taken so far
    places : bins (rows,) of sums that were looked at, in all rows or the first ones
    """

    def __init__(self, problem: Problem, settings: Settings, fold: Fold | None = None):
        self.problem, self.settings, self.fold, self.sums = problem, settings, fold, ()
        count = problem.options.projections
        self.most, self.least = (_MOST, _LEAST_PART) if count is None else (count, -np.inf)
        rows = problem.context.rng("projections").permutation(len(problem))[:_ROWS]
        self.halves = problem.part(rows[::2]), problem.part(rows[1::2])
        # row numbers of the halves in the order of the decisions: each half is fitted on the other
        self.rows = problem.part(np.concatenate([rows[1::2], rows[::2]]))
        self.columns = _columns(self.rows)
        self.places: dict[tuple[Sum, int | None], np.ndarray] = {}

    def take_all(self) -> None:
        """Take as many sums as the options ask for, without validation."""
        while sums := self._next():
            self.sums += sums

    def take_what_pays(self) -> None:
        """Take sums as long as they clearly lower the loss on hidden rows."""
        fold = self.fold or folds_of(self.problem)[0]
        many = min(averaged(self.problem), _NEURONS)
        hidden, loss = fold.hidden.target.targets, self.problem.loss
        clusters = fold.hidden.together.clusters
        values = self._decisions(fold, self.settings, self.sums, many)
        while sums := self._next():
            before, values = values, self._decisions(fold, self.settings, self.sums + sums, many)
            if ensemble.gain(loss, values, before, hidden, clusters) < _ERRORS:
                break
            self.sums += sums

    def _decisions(
        self, fold: Fold, settings: Settings, sums: tuple[Sum, ...], neurons: int = 1
    ) -> np.ndarray:
        if self.problem.context.stopped:
            raise TimeUp
        return judge(fold, settings, neurons, sums=sums, until=_PART, steps=_STEPS).values.mean(0)

    def _next(self) -> tuple[Sum, ...]:
        """Best sums not yet taken, for the residual of a small neuron."""
        step = min(_STEP, self.most - len(self.sums))
        if not step:
            return ()
        look = self.settings._replace(knots=min(self.settings.knots, _KNOTS))
        first, second = self.halves
        folds = [Fold(*pair, len(self.problem)) for pair in ((first, second), (second, first))]
        seen = [self._decisions(fold, look, self.sums) for fold in folds]
        targets = self.rows.target.targets
        rest = self.problem.loss.rows(targets.moved(np.concatenate(seen)), targets.target)[1]
        ranked = [each for each in self._ranked(rest) if each[1] not in self.sums]
        return tuple(each for part, each in ranked[:step] if part > self.least)

    def _can_end(self, seconds: float) -> bool:
        """Whether so much can be done in time, unless sums are taken in any case."""
        return self.least == -np.inf or seconds < self.problem.context.left(_PART)

    def _ranked(self, rest: np.ndarray) -> list[tuple[float, Sum]]:
        """Sums of two columns, with the part of the residual (rows, ...) each explains."""
        rest, context = _centred(rest), self.problem.context

        def explained(total: Sum, first: int | None = None) -> float:
            if (total, first) not in self.places:
                cells = [self.columns[name].cells[:first] for name in total.names]
                self.places[total, first] = _places(total.values(cells))
            return _explained(self.places[total, first], rest[:first])

        sums = {pair: _sums(self.columns, pair) for pair in combinations(self.columns, 2)}
        sums = {pair: some for pair, some in sums.items() if some}
        begun = context.seconds
        for some in list(sums.values())[:1]:
            explained(some[0], _SCREEN_ROWS)
        looks = _LOOKS * len(sums) + _PAIRS * len(_RATIOS) * len(rest) / _SCREEN_ROWS
        if not self._can_end((context.seconds - begun) * looks):
            raise TimeUp
        look = {
            pair: max(explained(each, _SCREEN_ROWS) for each in some[:_LOOKS])
            for pair, some in sums.items()
        }
        best = sorted(look, key=lambda pair: -look[pair])[:_PAIRS]
        found = [(explained(each), each) for pair in best for each in sums[pair]]
        return sorted(found, reverse=True)


class _Column(NamedTuple):
    """Cells (rows,) of a column, its mean, 1 / standard deviation, and number of values."""

    cells: np.ndarray
    center: float
    unit: float
    levels: np.ndarray


def _columns(problem: Problem) -> dict[str, _Column]:
    """Free numeric columns that vary; if there are many, those that explain the target best."""
    found = {}
    for place, (name, column) in enumerate(
        zip(problem.encoding.names, problem.encoding.columns, strict=True)
    ):
        if not column.numeric or name in problem.constraints.alone:
            continue
        cells = np.ascontiguousarray(problem.numbers[:, place])
        seen = cells[~np.isnan(cells)]
        levels = np.unique(seen)
        if not is_constant(seen):
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                center, unit = float(seen.mean()), float(1.0 / seen.std())
            if np.isfinite(center) and 0.0 < unit < np.inf:
                found[name] = _Column(cells, center, unit, levels)
    target = _centred(problem.target.working)[:_SCREEN_ROWS]
    part = {
        name: _explained(_places(each.cells[:_SCREEN_ROWS]), target) for name, each in found.items()
    }
    strongest = sorted(found, key=lambda name: -part[name])[:_COLUMNS]
    return {name: each for name, each in found.items() if name in strongest}


def _centred(target: np.ndarray) -> np.ndarray:
    target = target.reshape(len(target), -1)
    return target - target.mean(0)


def _sums(columns: dict[str, _Column], pair: tuple[str, ...]) -> list[Sum]:
    """Candidate sums of a pair; if a column has few values, first one that separates them."""
    both = [columns[name] for name in pair]
    centers, units = tuple(each.center for each in both), [each.unit for each in both]
    few = [len(each.levels) <= _FEW for each in both]
    if all(few):
        return []
    sums = [Sum(pair, (units[0], ratio * units[1]), centers) for ratio in _RATIOS]
    if not any(few):
        return sums
    code, other = (0, 1) if few[0] else (1, 0)
    reach = units[other] * np.ptp(both[other].levels)
    units[code] = float(_APART * reach / np.diff(both[code].levels).min())
    apart = Sum(pair, tuple(units), centers)
    return [apart] if len(both[code].levels) == 2 else [apart, *sums]


def _places(sums: np.ndarray) -> np.ndarray:
    """Bins (n,) of about as many sums each, and one of missing ones; none if all are missing."""
    gone = np.isnan(sums)
    if gone.all():
        return np.zeros(0, np.uint8)
    edges = np.nanquantile(sums[:_SCREEN_ROWS], np.linspace(0.0, 1.0, _BINS + 1)[1:-1])
    edges = np.unique(edges)
    place = np.searchsorted(edges, sums, side="right").astype(np.uint8)
    place[gone] = len(edges) + 1
    return place


def _explained(place: np.ndarray, rest: np.ndarray) -> float:
    """Part of the squared residual (n, outputs) that its means over bins (n,) explain.

    The part that as many bins explain by chance is subtracted.
    """
    if not len(place):
        return -np.inf
    count = np.bincount(place)
    filled = count > 0
    parts = [np.bincount(place, each)[filled] ** 2 / count[filled] for each in rest.T]
    return float(np.sum(parts) / max((rest**2).sum(), 1e-300)) - filled.sum() / len(place)
