"""The law of descents: one call makes the steps that its backend could be asked for one by one."""

from __future__ import annotations

import numpy as np

from eigcore.core import rules
from eigcore.core.coordinates import Coordinates
from eigcore.core.sources import MeanLoss
from eigcore.encoding import Encoding, Linear, PiecewiseLinear
from eigcore.encoding.bins import bins
from eigcore.testing.cases import MODELS
from eigcore.testing.descents import composed
from eigcore.testing.kit import law
from eigcore.testing.tolerance import agree, holds

_PAIRS, _STEPS = 3, 6
_ALLOWED = 1e-5
"""Relative to a step: directions are in float32, and its errors grow with the curvature."""


@law(MODELS)
def a_descent_equals_its_steps(backend, case):
    """A descent in one call, if any, makes the steps of the composed one, and remembers its pairs.

    Each step begins where the composed one ended, so that rounding cannot add up at kinks.
    """
    spec, rng = case.spec, case.rng(11)
    if spec.features < 3 or spec.outputs > 1 or spec.packed_size < spec.dim * (spec.dim + 1) // 2:
        return
    bent = PiecewiseLinear((-0.5, 0.0, 0.5), "clamped")
    encoding = Encoding((bent, *(Linear() for _ in range(spec.features - 2))))
    found = bins(encoding, rng.normal(size=(9, spec.features - 1)))
    assert found is not None
    terms, offset, target = spec.features, rng.normal(size=9), rng.random(9)
    (mean, deviation), share = rng.uniform(0.5, 2.0, (2, terms)), rng.dirichlet(np.ones(9))
    left, right = rng.normal(size=(2, terms - 1))
    rest, none = terms - 2, np.zeros(0, int)
    square = [np.eye(n) + 0.3 * rng.normal(size=(n, n)) for n in (2, rest)]
    join = rng.normal(size=(2, 3)), np.eye(rest)
    for name, coordinates in (
        ("squared", Coordinates(tuple(square), np.arange(terms), none)),
        (
            "binomial",
            Coordinates((square[0],), np.array([2, 0]), np.array([1, *range(3, 3 + rest)]), join),
        ),
        ("squared", Coordinates((), none, np.arange(terms))),
    ):
        scales = mean, deviation, 0.1, left, right, coordinates
        task = MeanLoss(rules.rule_of(spec), found, name, target, share, offset, *scales)
        descent = backend.descent(task)
        if descent is None:
            return
        size = spec.packed_size * (1 + len(coordinates.free))
        size += spec.dim**2 * len(coordinates.semidefinite)
        _check_steps(descent, composed(task), rng.normal(size=size))


def _check_steps(descent, reference, start: np.ndarray) -> None:
    point, added = start.copy(), 0
    pairs = *np.empty((2, _PAIRS, len(start)), np.float32), np.empty(_PAIRS)
    for step in range(_STEPS):
        own, known = point.copy(), [each.copy() for each in pairs]
        before, last = point.copy(), step == _STEPS - 1
        # the last call makes two steps, and is stopped by what it calls after the second one
        rest = (9, 10, 0.0, 0.0, lambda step, value: step == 2) if last else (1, 10, 0.0, 0.0)
        expected = reference(point, *pairs, added, *rest)
        value, evaluations, reason, values, now = descent(own, *known, added, *rest)
        told = f"{evaluations} evaluations, reason {reason}, {now} pairs"
        wanted = f"{expected[1]} evaluations, reason {expected[2]}, {expected[4]} pairs"
        holds(told == wanted, f"The descent tells of {told}, but should of {wanted}.")
        moved = np.linalg.norm(point - before)
        agree("the point", own, point, _ALLOWED * moved)
        scale = _ALLOWED * np.abs(expected[3]).max()
        agree("the value", value, expected[0], scale)
        agree("the values", values, expected[3], scale)
        added = expected[4]
        for mine, wanted in zip(known, pairs, strict=True):
            wanted = wanted[: min(added, _PAIRS)]
            agree("a pair", mine[: len(wanted)], wanted, _ALLOWED * np.abs(wanted).max())
