"""How long members descend where rows are few.

The number of steps is a part of what a penalty means: the short fits of a race choose one that is
too small for long descents, unless the target has little noise. Hidden rows say so inside the
fitted range only: a model that goes on beyond it is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eigcore.fit.effort import FEW
from eigcore.fit.losses import Targets
from eigcore.fit.members.member import Settings, most_steps
from eigcore.fit.problem import Problem
from eigcore.fit.search.folds import STEPS, Fold, TimeUp, average_loss, judge

_NEURONS = 2
"""Neurons of the averages that are judged: one alone would rather stop, twelve go on."""
_PAYS = 0.03
"""Part of the loss that long descents must gain: two neurons tell no less."""


def few_steps(problem: Problem, plan: Sequence[Settings], folds: Sequence[Fold]) -> int | None:
    """Return the most steps of a member if more of them do not pay on hidden rows.

    Averages of two neurons, and what they foretell of all members, are compared after as many steps
    as averages have in a race and after the usual number of a member.

    Parameters
    ----------
    plan : settings of each member; the first ones with matrices are judged
    folds : those that they were chosen on

    Returns
    -------
    None for the usual number: it pays, or is hardly larger; rows are not few, there is no kernel, a
    budget is in a hurry, or the caller sets steps or penalty.
    """
    options, bent = problem.options, [each for each in plan if each.dim > 1]
    short, usual = 2 * STEPS, most_steps(problem)
    asked = problem.fast and not problem.context.hurried and problem.information <= FEW
    given = options.max_iter is not None or options.penalty is not None
    if not asked or given or not bent or usual < 2 * short:
        return None
    few, many = [], []
    try:
        for fold in folds:
            few.append(judge(fold, bent[0], _NEURONS))
            more = (usual - short) / short
            many.append(judge(fold, bent[0], _NEURONS, ends=few[-1].ends, steps=more))
    except TimeUp:
        return None
    except KeyboardInterrupt:
        problem.context.interrupted = True
        return None
    targets = Targets.joined([fold.hidden.target.targets for fold in folds])
    values = (np.concatenate([each.values for each in found], axis=1) for found in (few, many))
    short_loss, loss = (average_loss(problem.loss, v, targets, bent[0].members) for v in values)
    return short if short_loss - _PAYS * abs(short_loss) <= loss else None
