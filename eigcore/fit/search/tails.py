"""What rows hidden from a fit say of going on beyond its range.

A hidden row is outside the range if a number of it is, in the rows that are fitted beside it: of
slices of time many are, of random folds the extreme ones. The matrices of a neuron say what it
predicts there with either kind of tails (`eigcore.fit.edges`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eigcore.fit.combinations import tails_of
from eigcore.fit.edges import ADVICE, gone_on, outside
from eigcore.fit.losses import Targets
from eigcore.fit.members.member import Settings
from eigcore.fit.problem import Problem
from eigcore.fit.search.folds import End, Fold
from eigcore.fit.search.trials import Trial
from eigcore.model import SpectralModel

_CLEARLY = 2.0
"""Least number of standard deviations of a sign test."""


def tail_notes(
    problem: Problem, settings: Settings, trial: Trial, folds: Sequence[Fold]
) -> tuple[str, ...]:
    """Return a note if columns that go on predict most hidden rows outside the range better.

    Parameters
    ----------
    problem : the rows to fit
    settings, trial : what was chosen, and its neurons in each fold
    folds : those that it was judged on
    """
    names, told = problem.encoding.names, dict(problem.constraints.missing)
    stays = [n for n in names if n in told or tails_of(problem.options, n) != "constant"]
    pairs = zip(folds, trial.ends, strict=True)
    found = [each for pair in pairs if (each := _both(*pair, settings, stays)) is not None]
    if not found:
        return ()
    values = [np.concatenate(each) for each in zip(*(values for values, _ in found), strict=True)]
    targets, loss = Targets.joined([targets for _, targets in found]), problem.loss
    with np.errstate(over="ignore"):
        one, two = (loss.deviance(value, *targets) for value in values)
        sizes = [loss.rows(targets.moved(value), targets.target)[0] for value in values]
    better, worse = (int((sign * (sizes[0] - sizes[1]) > 0.0).sum()) for sign in (1.0, -1.0))
    if better - worse <= _CLEARLY * np.sqrt(better + worse) or not two < one:
        return ()
    before, after = (loss.error(value, *targets) for value in values)
    return (
        f"{len(sizes[0])} validation rows are outside the range of the rows that were fitted "
        f"beside them. Had the model gone on there, it would have been better on {better} and "
        f"worse on {worse}: {loss.metric} {after:.4g} instead of {before:.4g}. If new rows will "
        f"lie outside too, {ADVICE}.",
    )


def _both(
    fold: Fold, ends: Sequence[End], settings: Settings, stays: Sequence[str]
) -> tuple[list[np.ndarray], Targets] | None:
    """Return the decisions of the hidden rows outside the range, constant and going on there.

    In the unit of the target, with the targets of these rows; None if there are none.
    """
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
    return values, rows.target.observed
