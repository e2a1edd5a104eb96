"""What a counterfactual shall reach: a number, or a class (math.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.guarantees.box import to_decision
from eigcore.portable.description import Described
from eigcore.portable.predict import forward
from eigcore.portable.tables import predict_table
from eigcore.portable.targets import output_of


class Goal(NamedTuple):
    """The sum of signed outputs that shall exceed a level.

    Parameters
    ----------
    terms : list of (output, sign)
        With classes, the least sum of the first and another one counts.
    level : float
    output : int
        The output that is told.
    before, threshold : float
        Its prediction, and that to cross; NaN with classes.
    classes : tuple
        With the link "softmax": the most probable class, and the target.
    """

    terms: list[tuple[int, float]]
    level: float
    output: int
    before: float
    threshold: float
    classes: tuple[Any, ...] = ()


def predicted(model: Described, table: np.ndarray) -> np.ndarray:
    """Return the prediction of one row of codes: (outputs,)."""
    found = predict_table(forward, model, table, get_backend("numpy"), codes=True)
    return np.reshape(found, model.outputs)


def goal_of(model: Described, target: Any, output: Any, before: np.ndarray) -> Goal:
    """Return what the target means for a row with the predictions `before` (outputs,).

    Raises
    ------
    InvalidInput
        If the target is no number, or no class; the row is on its side already; `clip` keeps
        predictions from it; or the output is missing or none.
    """
    if model.static.link == "softmax":
        return _class_goal(model, target, before)
    chosen = output_of(model.static, output)
    own = float(before[chosen])
    ends = [float(np.broadcast_to(end, model.outputs)[chosen]) for end in model.static.ends]
    level, threshold, sign = _level(model, target, own, ends)
    return Goal([(chosen, sign)], sign * level, chosen, own, threshold)


def _class_goal(model: Described, target: Any, before: np.ndarray) -> Goal:
    """A class is the most probable one where its score exceeds every other score."""
    classes = model.static.classes or tuple(range(model.outputs))
    most = int(before.argmax())
    if target not in classes or target == classes[most]:
        held = "on its side already" if target in classes else "of another class"
        raise InvalidInput(
            f"target is {target!r}, and the row is {held}: its most probable class is "
            f"{classes[most]!r}. Expected another class of {list(classes)}. Write "
            f"target={classes[int(np.argsort(before)[-2])]!r}."
        )
    place = classes.index(target)
    others = [(c, -1.0) for c in range(model.outputs) if c != place]
    pair = (classes[most], target)
    return Goal([(place, 1.0), *others], 0.0, place, float(before[place]), math.nan, pair)


def _level(
    model: Described, target: Any, before: float, ends: Sequence[float]
) -> tuple[float, float, float]:
    """Return the decision to cross, the threshold in units of the prediction, and the direction."""
    static = model.static
    threshold, side = target, None
    if static.link == "logistic":
        if target is None or target in static.classes:
            threshold = 0.5
        if target is not None and target in static.classes:
            side = 1.0 if target == static.classes[1] else -1.0
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.number)):
        known, example = "", f"{before * 1.1 or 1.0:.4g}"
        if static.classes:
            known = f"a class, one of {list(static.classes)}, or "
            example = repr(static.classes[int(before < 0.5)])
        raise InvalidInput(
            f"target is {target!r}. Expected {known}a number for the prediction to cross. Write "
            f"target={example}, for example."
        )
    level = to_decision(static.link, float(threshold), "target")
    own = 1.0 if before <= threshold else -1.0
    if static.clip is not None and own * threshold >= own * ends[own > 0]:
        raise InvalidInput(
            f"target is {target!r}, but the predictions of this model stay between "
            f"{ends[0]:g} and {ends[1]:g}. Expected a number between them. Write "
            f"target={before:.4g}, for example."
        )
    if side not in (None, own):
        raise InvalidInput(
            f"The prediction of x is {before:.6g}, on the side of {target!r} already. Expected a "
            "row of the other class. Pass another row, or the other class."
        )
    return level, float(threshold), own
