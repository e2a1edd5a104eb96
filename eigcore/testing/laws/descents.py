"""The law of descents: one call makes the steps that its backend could be asked for one by one."""

from __future__ import annotations

from typing import NamedTuple

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


class _Run(NamedTuple):
    """Descend on p w² + p (1 + jump²) v² from w and v, with a remembered pair s = 1, y = turn."""

    p: float
    w: float
    v: float = 0.0
    jump: float = 0.0
    turn: float = 0.0
    limits: tuple[int, int, float, float] = (1, 10, 0.0, 0.0)
    stop: int = 0


_RUNS = (
    _Run(0.999, 0.4),  # the decrease, and then the slope, just meets its condition or does not
    _Run(0.99999, 0.4),
    _Run(0.03, 0.4),
    _Run(0.07, 0.4),
    _Run(0.25, 1.0, 2e-15, 1e5),  # sᵀy / (‖s‖ ‖y‖) is 2e-5, and 2e-7
    _Run(0.25, 1.0, 2e-21, 1e7),
    _Run(0.25, 100.0),  # the first step is as long as the slope, or 1
    _Run(0.25, 0.1),
    _Run(1e4, 1e-6),  # more than ten trials
    _Run(1e12, 1e-14),  # none of thirty is better than the start
    _Run(0.25, 1e50, turn=0.5),  # out of the range of float32
    _Run(0.25, 1e-50, turn=0.5),
    _Run(0.25, 1.0, turn=-1.0),  # ascends
    _Run(0.25, 1.0, turn=np.nan),
    _Run(0.25, 1.0, turn=1e-12),  # thirty trials are too few
    _Run(0.25, 1.0, 1e-60, 1e120),  # the squares of the slope overflow
    _Run(0.25, 1.0, 1e-300, 1e305),  # the slope overflows
    _Run(0.25, 0.3, limits=(1, 10, 0.1, 0.0)),
    _Run(0.25, 0.1, limits=(1, 10, 0.1, 0.0)),
    _Run(0.04, 1.0, 1.0, 3.0, limits=(20, 2, 0.0, 1e9)),
    _Run(0.04, 1.0, 1.0, 3.0, limits=(20, 2, 0.0, 1e9), stop=2),
    _Run(0.04, 1.0, 1.0, 3.0, limits=(20, 3, 0.0, 10.0)),
)


@law(MODELS)
def a_descent_tries_and_ends_like_its_steps(backend, case):
    """A descent in one call, if any, tries and stops where the composed one does."""
    spec = case.spec
    if spec.outputs > 1 or spec.packed_size < spec.dim * (spec.dim + 1) // 2 or spec.dim < 2:
        return
    rule, K, scales = rules.rule_of(spec), spec.packed_size, (np.zeros(2), np.full(2, 1e200))
    bent = PiecewiseLinear((-0.5, 0.0, 0.5), "clamped")
    found = bins(Encoding((bent,)), np.zeros((1, 1)))
    assert found is not None
    both = Coordinates((np.eye(2),), np.arange(2), np.zeros(0, int))
    for run in _RUNS:
        # the terms are too small to count in the loss, which leaves the penalty
        jumps = np.zeros(1), np.full(1, run.jump)
        given = "squared", np.zeros(1), None, None, *scales, run.p, *jumps, both
        task = MeanLoss(rule, found, *given)
        with np.errstate(over="ignore", invalid="ignore"):
            descent = backend.descent(task)
            if descent is None:
                return
            _check_end(descent, composed(task), run, K)


def _check_end(descent, reference, run: _Run, K: int) -> None:
    ends = []
    for each in (descent, reference):
        point, pairs = np.zeros(3 * K), np.zeros((2, 1, 3 * K), np.float32)
        point[K], point[2 * K] = run.w, run.v
        pairs[:, 0, K] = 1.0, run.turn
        before, added = np.abs(point).max(), int(run.turn != 0.0)
        known = *pairs, np.full(1, run.turn), added
        found = each(point, *known, *run.limits, lambda step, value: step == run.stop)
        ends.append(((*found[1:3], len(found[3]), found[4]), point, found[3]))
    (told, point, values), (wanted, where, expected) = ends
    holds(told == wanted, f"{run} tells of {told}, but should of {wanted}.")
    agree("the point", point, where, _ALLOWED * before)
    values, expected = np.nan_to_num(values), np.nan_to_num(expected)  # inf - inf is NaN
    agree("the values", values, expected, _ALLOWED * np.abs(expected).max())


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
