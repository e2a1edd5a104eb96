"""Settings before anything is validated, and what decides which candidates there are."""

from __future__ import annotations

import numpy as np

from eigcore.fit.members.member import Settings
from eigcore.fit.problem import Problem
from eigcore.fit.search.candidates import DEFAULT, FAST, FIRST_ROUGH, SLOW, Scope, fixed
from eigcore.fit.search.folds import is_fast

_UNJUDGED = 0.1
"""Penalty of a linear model that was not judged, in columns per row."""


def usual_settings(problem: Problem) -> Settings:
    """Settings before anything is validated."""
    scope = scope_of(problem)
    guess = _guess(problem)._replace(dim=scope.order)
    rough = FIRST_ROUGH if problem.options.smooth else 0.0
    guess = guess._replace(knots=min(guess.knots, scope.most), smooth=rough)
    return guess._replace(**fixed(problem.options))


def _guess(problem: Problem) -> Settings:
    return FAST if is_fast(problem) else DEFAULT if problem.fast else SLOW


def straight(problem: Problem, usual: Settings, line: Settings | None = None) -> list[Settings]:
    """Return the plan of a linear model; of the usual settings, if the caller fixed some of them.

    line : the best one that was judged
    """
    options = problem.options
    free = options.dim is options.knots is options.penalty is None
    if not (line or free) or not problem.constraints.allows(1):
        return [usual] * usual.members
    if line is None:
        per_row = len(problem.encoding.columns) / max(problem.information, 1.0)
        line = Settings(0, 1, min(1.0, _UNJUDGED * per_row), 1)
    return [line] * (options.members or 1)


def scope_of(problem: Problem) -> Scope:
    """What decides which candidates there are."""
    columns = problem.encoding.columns
    numeric = sum(column.numeric for column in columns)
    single = len(columns) == 1 and problem.constraints.allows(1)
    order = problem.constraints.order(_guess(problem).dim)
    pairs = zip(columns, problem.numbers.T, strict=True)
    pieces = [len(np.unique(cells)) - 1 for column, cells in pairs if column.numeric]
    values = max(1, *pieces) if pieces else 1
    sizes = problem.information, is_fast(problem), numeric, order, single, values
    return Scope(*sizes, problem.context.hurried)
