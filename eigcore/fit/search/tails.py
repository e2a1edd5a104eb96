"""Whether a model goes on beyond its fitted range, by rows that are hidden from short fits.

A hidden row is outside the range if a number of it is, in the rows that are fitted beside it. Of
slices of time many are, of random folds hardly any: there the outermost rows, or groups, are hidden
once more together. The matrices of a neuron say what it predicts there with either kind of tails
(`eigcore.fit.edges`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eigcore.fit.combinations import tails_of
from eigcore.fit.data.names import listed
from eigcore.fit.edges import gone_on, outside
from eigcore.fit.losses import Loss, Targets
from eigcore.fit.members.member import Settings
from eigcore.fit.problem import Problem
from eigcore.fit.search.candidates import is_line
from eigcore.fit.search.ensemble import gain
from eigcore.fit.search.folds import CHOOSING, End, Fold, TimeUp, fold_of, judge
from eigcore.fit.search.trials import Trial
from eigcore.model import SpectralModel

_PART = 0.1
"""Part of the rows, or of the groups, that are the outermost."""
_CLEARLY = 0.8
"""Part of a deviance that is clearly less."""
_ERRORS = 2.0
"""Standard errors by which a linear model must be better if it stays constant."""
_FEWEST = 3
"""Least number of outermost rows, or groups, that let another model go on."""
_UNTIL, _STRAIGHT_UNTIL = CHOOSING + 0.1, 0.8
"""Parts of a budget after which the outermost rows are not asked, in a hurry and otherwise, also of
a linear model, which is fitted at once."""
_GAPS, _THIRD = 32, 3
"""Gaps that are compared at an end, at most, and as a part of all."""
_ATOM = 5
"""So many equal numbers at an end are an edge."""


class Going(NamedTuple):
    """Names of columns that go on beyond the fitted range, and what to say about them."""

    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def told(self, given: Mapping[str, str] | str | None) -> tuple[str, ...]:
        """Return the notes, with what to type instead of the tails that are given."""
        constant = dict.fromkeys(self.names, "constant")
        own = {**given, **constant} if isinstance(given, Mapping) else "constant"
        words = [f"{name}=constant" for name in constant] if given else ["constant"]
        typed = " ".join(f"--tails {word}" for word in words)
        advice = f"For it to stay constant, fit with tails={json.dumps(own)}, or {typed}."
        return tuple(f"{note} {advice}" for note in self.notes)


def going(
    problem: Problem,
    plan: Sequence[Settings],
    trial: Trial | None,
    folds: Sequence[Fold],
    neurons: int,
) -> Going:
    """Return the columns that go on, among those whose tails the options leave open.

    A linear model goes on unless hidden rows outside are clearly and certainly worse so. Other
    models, and those with a link, whose predictions would go on as an exponential, stay constant
    unless these rows are predicted clearly better if they go on. A column with an edge at both ends
    stays constant, or one that no slice of time leaves, and so does all if no hidden row is
    outside. If time is up before they are asked, or rows are too few, a linear model goes on.

    Parameters
    ----------
    problem : the rows to fit
    plan : settings that were chosen
    trial : what is known of the first ones; None: they were not judged
    folds : those that they were judged on; none if rows are too few
    neurons : number of short fits
    """
    names, settings = _open(problem), plan[0]
    line = problem.loss.link == "identity" and all(map(is_line, plan))
    if not folds:
        names = [name for name in names if _outer(problem, name).any()]
        return _unasked(names) if line and names else Going()
    if problem.together.forward:
        places = {name: problem.encoding.names.index(name) for name in names}
        names = [name for name in names if any(_leaves(fold, places[name]) for fold in folds)]
        pairs = list(zip(folds, trial.ends if trial else [[]] * len(folds), strict=True))
    else:
        outer = {name: _outer(problem, name) for name in names}
        names = [name for name, far in outer.items() if far.any()]
        fold = _outermost(problem, [outer[name] for name in names], len(folds[0].known))
        until = _UNTIL if problem.context.hurried and not line else _STRAIGHT_UNTIL
        if fold is not None and not line and fold.hidden.together.count < _FEWEST:
            return Going()
        pairs = [] if fold is None else [(fold, _judged(fold, settings, neurons, until))]
    if line and names and not any(ends for _, ends in pairs):
        return _unasked(names)
    stays = [name for name in problem.encoding.names if name not in names]
    every = (_both(*pair, settings, stays) for pair in pairs)
    found = [each for each in every if each is not None]
    return _decided(problem.loss, found, names, line)


def _unasked(names: Sequence[str]) -> Going:
    """A linear model goes on where no hidden row could tell otherwise."""
    note = (
        f"The model is linear and goes on beyond the fitted range in {listed(names, 5)}; time or "
        "rows were too few to find out whether it should."
    )
    return Going(tuple(names), (note,))


def _leaves(fold: Fold, column: int) -> bool:
    """Whether a hidden row is outside the range of a column, by its number."""
    known, hidden = (each.numbers[:, column] for each in (fold.known, fold.hidden))
    ends = [(np.fmin.reduce(each), np.fmax.reduce(each)) for each in (known, hidden)]
    return bool(ends[1][0] < ends[0][0] or ends[1][1] > ends[0][1])


def _judged(fold: Fold, settings: Settings, neurons: int, until: float) -> list[End]:
    """Ends of short fits; none if time is up."""
    try:
        return judge(fold, settings, neurons, until=until).ends
    except TimeUp:
        return []
    except KeyboardInterrupt:
        fold.known.context.interrupted = True
        return []


def _open(problem: Problem) -> list[str]:
    """Names of the numeric columns whose tails the options leave open."""
    given, encoding = problem.options.tails, problem.encoding
    if isinstance(given, str):
        return []
    closed = {*dict(problem.constraints.missing), *(given or ())}
    return [
        name
        for name, column in zip(encoding.names, encoding.columns, strict=True)
        if column.numeric
        and name not in closed
        and tails_of(problem.options, name) == "constant"
        and not problem.constraints.bend(name)
    ]


def thins_out(values: np.ndarray) -> bool:
    """Whether numbers (n,) become rarer towards their largest one, so that new ones may be larger.

    With x_1 ≤ … ≤ x_n and k = min(32, ⌊n / 3⌋), the last k gaps together must be 1/2 + k/32 times
    as wide as the k before: they are equally wide at the edge of a uniform distribution, and at the
    end of an exponential tail 1 + 1/2 + … + 1/k wide to 1/(k + 1) + … + 1/2k. Few gaps say little,
    and an edge that they only seem to show costs more than one that is overlooked. An end of five
    equal numbers is an edge.
    """
    count = len(values)
    k = min(_GAPS, count // _THIRD)
    if count < _ATOM:
        return count > 1
    places = [count - 1 - 2 * k, count - 1 - k, count - _ATOM, count - 1]
    low, middle, atom, last = np.partition(values, places)[places]
    return bool(atom < last and last - middle > (0.5 + k / _GAPS) * (middle - low))


def _outer(problem: Problem, name: str) -> np.ndarray:
    """Standard deviations of each row (rows,) from the mean, towards ends without an edge."""
    cells = problem.numbers[:, problem.encoding.names.index(name)]
    groups, far, seen = problem.together.clusters, np.zeros(len(cells)), ~np.isnan(cells)
    own = cells[seen]
    if not len(own) or len(np.unique(own)) < 3:
        return far
    away = (own - own.mean()) / (own.std() or 1.0)
    for sign in (1.0, -1.0):
        values = sign * away
        if thins_out(values if groups is None else _largest(values, groups[seen])):
            far[seen] = np.maximum(far[seen], values)
    return far


def _largest(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Largest value of each group."""
    found, places = np.unique(groups, return_inverse=True)
    largest = np.full(len(found), -np.inf)
    np.maximum.at(largest, places, values)
    return largest


def _outermost(problem: Problem, outer: Sequence[np.ndarray], rows: int) -> Fold | None:
    """Fold that hides the rows, or groups, furthest out in one of some columns.

    None if there is no column, or too little is left to fit.
    """
    if not outer:
        return None
    far = np.max(outer, axis=0)
    groups, rng = problem.together.clusters, problem.context.rng("tails")
    units = np.arange(len(far)) if groups is None else np.unique(groups, return_inverse=True)[1]
    furthest = _largest(far, units)
    count = max(1, round(_PART * len(furthest)))
    hidden = np.isin(units, np.argsort(-furthest, kind="stable")[:count])
    if problem.part(~hidden).information < 0.5 * problem.information:
        return None
    return fold_of(problem, np.flatnonzero(~hidden), np.flatnonzero(hidden), rows, rng)


class _Rows(NamedTuple):
    """Hidden rows outside the range, their targets, and decisions that stay constant or go on.

    clusters : (rows,) their groups; None: each row stands for itself
    """

    targets: Targets
    constant: np.ndarray
    linear: np.ndarray
    clusters: np.ndarray | None = None


def _both(
    fold: Fold, ends: Sequence[End], settings: Settings, stays: Sequence[str]
) -> _Rows | None:
    """Predict the hidden rows outside the range in both ways; None if there are none."""
    designs = [fold.design(settings, len(ends), number) for number in range(len(ends))]
    known = [(design, end) for design, end in zip(designs, ends, strict=True) if design]
    if not known:
        return None
    encoding, hidden = known[0][0].problem.encoding, fold.hidden
    beyond = np.any(outside(encoding, hidden.numbers, stays), axis=1)
    if not beyond.any():
        return None
    members = [
        design.member(design.parametrisation(settings.dim), end.vector) for design, end in known
    ]
    rows = hidden.part(beyond)
    scale, offset = hidden.target.scaling
    values = [
        offset + scale * np.asarray(SpectralModel(*each).decision(rows.numbers, codes=True))
        for each in ((encoding, members), gone_on(encoding, members, stays))
    ]
    return _Rows(rows.target.observed, values[0], values[1], rows.together.clusters)


def _groups(found: Sequence[_Rows]) -> np.ndarray | None:
    """Groups (rows,) of all hidden rows, from 0 on; None: each row stands for itself."""
    known = [each.clusters for each in found if each.clusters is not None]
    return np.unique(np.concatenate(known), return_inverse=True)[1] if known else None


def _certain(
    loss: Loss,
    values: np.ndarray,
    other: np.ndarray,
    targets: Targets,
    groups: np.ndarray | None,
) -> bool:
    """Whether decisions are better than others by `_ERRORS`, of an unbiased variance."""
    count = len(values) if groups is None else int(groups.max()) + 1
    if count < 2:
        return False
    return gain(loss, values, other, targets, groups) > _ERRORS * (count / (count - 1)) ** 0.5


def _decided(loss: Loss, found: Sequence[_Rows], names: Sequence[str], straight: bool) -> Going:
    """Return what the hidden rows say; all of them lie outside the range.

    straight : the model is linear and has no link
    """
    if not found:
        return Going()
    targets = Targets.joined([each.targets for each in found])
    values = [
        np.concatenate([each.constant for each in found]),
        np.concatenate([each.linear for each in found]),
    ]
    with np.errstate(over="ignore"):
        constant, linear = (loss.deviance(value, *targets) for value in values)
        stay, go = (loss.error(value, *targets) for value in values)
    if straight:
        clearly = constant <= _CLEARLY * linear
        goes = not (clearly and _certain(loss, values[0], values[1], targets, _groups(found)))
    else:
        goes = linear < _CLEARLY * constant
    if not goes:
        return Going()
    who = "The model is linear and" if straight else "The model"
    count = len(values[0])
    rows, was = ("row was", "was") if count == 1 else ("rows were", "were")
    note = (
        f"{who} goes on beyond the fitted range in {listed(names, 5)}: {count} validation {rows} "
        f"outside the range of the rows that were fitted beside them, and {was} predicted "
        f"with {loss.metric} {go:.4g} so, and {stay:.4g} had it stayed constant there."
    )
    return Going(tuple(names), (note,))
