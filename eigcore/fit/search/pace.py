"""How a race spends a budget: on how many folds, until when, and what it does not begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eigcore.fit.members.member import SOME, Settings, is_open_ended
from eigcore.fit.problem import Problem
from eigcore.fit.search.candidates import is_line
from eigcore.fit.search.folds import CHOOSING, Fold, TimeUp, averaged, judge
from eigcore.fit.search.trials import Trial
from eigcore.fit.search.usual import usual_settings

LONGEST = 0.6
"""Part of a budget for choosing without a hurry, or as long as nothing is better than a linear
model, which costs nothing."""
_CANDIDATES = 10
"""So many candidates are judged in a hurry, if each fold has its time."""
_RACE = 20
"""So many candidates on all folds take about as long as a race without a budget."""
_PART = 0.5
"""Seconds of successive halving, as part of those that all its candidates would take."""


def affordable(problem: Problem, folds: list[Fold]) -> list[Fold]:
    """Return as many of some folds as the budget pays, at least one; all if it hurries nothing.

    A short fit with the usual settings tells how many, and whether there is a hurry.
    """
    context = problem.context
    if len(folds) == 1 or context.budget is None:
        return folds
    usual = usual_settings(problem)
    _seconds(folds[0], usual, 0.0)  # makes the design, which others share
    took = 2.0 * _seconds(folds[0], usual, 0.5)
    context.hurried = False  # decides how many neurons there are
    neurons = averaged(problem)
    steps = 1 if neurons == 1 else 2 * neurons  # several neurons make twice as many each
    context.hurried = _RACE * len(folds) * steps * took > context.left(LONGEST)
    if not context.hurried or problem.together.roles is not None:
        return folds
    count = context.left(CHOOSING) / (_CANDIDATES * took)
    return folds[: max(1, int(min(count, len(folds))))]


def _seconds(fold: Fold, settings: Settings, steps: float) -> float:
    """Seconds of a short fit; infinite if time is up."""
    context = fold.known.context
    begun = context.seconds
    try:
        judge(fold, settings, 1, ends=None, steps=steps, few=False)
    except TimeUp:
        return float("inf")
    except KeyboardInterrupt:
        context.interrupted = True
        return float("inf")
    return max(context.seconds - begun, 1e-9)


def until(problem: Problem, trials: Mapping[Settings, Trial]) -> float:
    """Part of the budget after which choosing ends.

    Of much information, sums of columns are chosen after the race.
    """
    if not problem.context.hurried and problem.information < SOME:
        return LONGEST
    lines = [trial.loss for each, trial in trials.items() if is_line(each)]
    bent = [trial.loss for each, trial in trials.items() if not is_line(each)]
    return CHOOSING if bent and min(bent) < min(lines, default=float("inf")) else LONGEST


def is_payable(
    candidates: Sequence[Settings], trials: Mapping[Settings, Trial], left: float
) -> bool:
    """Whether the time left pays for successive halving of all candidates.

    trials : what can be fitted; True if no matrices are among them, since some are better than none
    """
    took = [trial.seconds for each, trial in trials.items() if each.dim > 1]
    return not took or _PART * len(candidates) * sum(took) / len(took) <= left


def fittable(
    trials: Mapping[Settings, Trial],
    problem: Problem,
    folds: Sequence[Fold],
    neurons: int,
    members: int,
) -> dict[Settings, Trial]:
    """Trials of what can be fitted in the time left, by the time that its validation took.

    A member descends on all rows for at least as many steps as a neuron on a fold.
    """
    share = len(problem) / (sum(len(fold.known) for fold in folds) * neurons)
    left = problem.context.left()
    if not is_open_ended(problem):
        left /= members
    took: dict[tuple[int, int], float] = {}
    for each, trial in trials.items():
        size = each.knots, each.dim
        took[size] = max(took.get(size, 0.0), trial.seconds * share)
    return {
        each: trial
        for each, trial in trials.items()
        if is_line(each) or took[each.knots, each.dim] <= left
    }


def unjudged(count: int) -> str:
    """Say that the time for choosing ended when so many candidates were judged."""
    judged = f"the best of the {count} that were judged is used" if count else "none is judged"
    return (
        f"The budget ended before all candidates for settings were judged: {judged}. A "
        "larger budget judges more."
    )
