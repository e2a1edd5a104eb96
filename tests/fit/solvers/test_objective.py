"""One kernel for a whole objective, or its composition: the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from samples import needs_kernels, objective

import eigcore
from eigcore.fit.solvers.objective import Objective

CASES = [
    {},
    {"loss": "binomial"},
    {"weights": True, "offset": True},
    {"loss": "binomial", "weights": True, "offset": True, "smooth": 0.1},
    {"increasing": ["a"], "decreasing": ["c"], "smooth": 0.1},
    {"increasing": ["c"], "missing": "lowest", "additive": ["b"]},
]


@needs_kernels
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("dtype", "allowed"), [("float64", 1e-12), ("float32", 1e-5)])
def test_the_kernel_of_an_objective_equals_its_composition(case, dtype, allowed):
    made = objective(dtype=dtype, **case)
    assert made.kernel is not None
    for scale in (0.1, 1.0, 30.0):
        point = scale * np.random.default_rng(6).normal(size=made.parametrisation.size)
        (value, slope), (other, wanted) = made(point), made.composed(point)
        assert value == pytest.approx(other, rel=allowed)
        assert np.abs(slope - wanted).max() <= 10 * allowed * np.abs(wanted).max()


@needs_kernels
def test_the_kernel_of_an_objective_says_what_it_ran():
    made = objective(dtype="float32")
    with eigcore.trace() as calls:
        made(np.ones(made.parametrisation.size))
    (call,) = calls
    assert call.driver.startswith("eigcore-native")
    assert (call.dtype, call.shape) == ("float32", (len(made.rows.numbers), 4, 4))


def test_points_too_large_are_infinitely_bad():
    made = objective("binomial")
    for size in (1e200, np.inf, np.nan):
        with np.errstate(all="ignore"):
            value, _ = made(np.full(made.parametrisation.size, size))
        assert not np.isfinite(value)


def test_what_stays_near_a_point_is_composed():
    made = objective()
    size, given = made.parametrisation.size, (made.rows, made.targets)
    fold = {"loss": made.loss, "penalty": made.penalty, "parametrisation": made.parametrisation}
    held = Objective(*given, **fold, anchor=np.zeros(size), hold=0.5)
    point = np.random.default_rng(7).normal(size=size)
    away = np.linalg.norm(made.parametrisation.matrices(point)) ** 2
    assert held(point)[0] == pytest.approx(made(point)[0] + 0.5 * away, rel=1e-12)
    assert held.descent is None
