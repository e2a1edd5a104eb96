"""One kernel for a whole objective, or its composition: the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import problem_for

import eigcore
from eigcore.fit.losses import Targets, make_loss
from eigcore.fit.members.design import Design
from eigcore.fit.solvers.objective import Objective

CASES = [
    {},
    {"loss": "binomial"},
    {"weights": True, "offset": True},
    {"loss": "binomial", "weights": True, "offset": True, "smooth": 0.1},
    {"increasing": ["a"], "decreasing": ["c"], "smooth": 0.1},
    {"increasing": ["c"], "missing": "lowest", "additive": ["b"]},
]


def objective(loss="squared", dtype="float64", dim=4, **case):
    """Objective of the smooth table, with targets of its own."""
    weights, offset = case.pop("weights", False), case.pop("offset", False)
    smooth = case.pop("smooth", 0.0)
    problem = replace(problem_for(**case), fast=dtype == "float32", sampled_from=10_000)
    design = Design(problem.encoded(6), 4)
    made = design.objective(design.parametrisation(dim), 0.01, smooth=smooth)
    rng, count = np.random.default_rng(5), len(problem)
    targets = Targets(
        rng.random(count),
        rng.random(count) if weights else None,
        rng.normal(size=count) if offset else None,
    )
    assert made.rows.dtype == dtype
    return Objective(
        made.rows,
        targets,
        loss=make_loss(loss),
        penalty=0.01,
        parametrisation=made.parametrisation,
        smooth=made.smooth,
    )


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("dtype", "allowed"), [("float64", 1e-12), ("float32", 1e-5)])
def test_the_kernel_of_an_objective_equals_its_composition(case, dtype, allowed):
    pytest.importorskip("eigcore_native")
    made = objective(dtype=dtype, **case)
    assert made.kernel is not None
    for scale in (0.1, 1.0, 30.0):
        point = scale * np.random.default_rng(6).normal(size=made.parametrisation.size)
        (value, slope), (other, wanted) = made(point), made.composed(point)
        assert value == pytest.approx(other, rel=allowed)
        assert np.abs(slope - wanted).max() <= 10 * allowed * np.abs(wanted).max()


def test_the_kernel_of_an_objective_says_what_it_ran():
    pytest.importorskip("eigcore_native")
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
