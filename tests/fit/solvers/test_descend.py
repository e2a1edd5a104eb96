"""A descent in one call, and the steps that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from samples import needs_kernels, objective
from scipy.linalg import block_diag

import eigcore
from eigcore.fit.solvers import whitening
from eigcore.fit.solvers.descend import descend
from eigcore.fit.solvers.lbfgs import Memory, minimize


def ends(made, steps=8, **options):
    """Where the descent and its steps end, from one start, and their memories."""
    start = 0.3 * np.random.default_rng(0).normal(size=made.parametrisation.size)
    memories = Memory(5), Memory(5)
    options = {"max_iter": steps, "decrease_tol": 1e-4, "callback": lambda *_: False} | options
    pairs = zip((descend, minimize), memories, strict=True)
    return [each(made, start, memory=memory, **options) for each, memory in pairs], memories


@needs_kernels
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["squared", "binomial"])
def test_a_descent_ends_where_its_steps_do(loss, dtype):
    made = objective(loss, dtype=dtype, weights=True, offset=True, smooth=0.1)
    assert made.descent is not None
    (own, other), memories = ends(made)
    assert np.abs(own.x - other.x).max() < 1e-4
    assert own.values == pytest.approx(other.values, rel=1e-4)
    for name in ("iterations", "evaluations", "reason"):
        assert getattr(own, name) == getattr(other, name)
    again = [
        descend(made, own.x, max_iter=5, memory=m, decrease_tol=0.0, callback=lambda *_: False)
        for m in (memories[0].copy(), memories[1], Memory(5))
    ]
    assert again[0].value == pytest.approx(again[1].value, rel=1e-4)
    assert again[2].value > again[0].value  # the memory counts


@needs_kernels
def test_columns_that_are_whitened_apart_descend_in_one_call_as_well(monkeypatch):
    monkeypatch.setattr(whitening, "MOST", 5)
    made = objective()
    fold = made.parametrisation
    assert fold.described is not None
    factors = fold.described.factors
    assert len(factors) > 1
    point = np.random.default_rng(1).normal(size=fold.size)
    W = point.reshape(fold.matrices(point)[0].shape)
    assert np.allclose(fold.matrices(point)[0, 1:], block_diag(*factors) @ W[1:], atol=1e-14)
    (own, other), _ = ends(made)
    assert np.abs(own.x - other.x).max() < 1e-5


@needs_kernels
@pytest.mark.parametrize(
    "case",
    [
        {"increasing": ["a"], "smooth": 0.1},
        {"increasing": ["a", "b"], "decreasing": ["c"]},
        {"shape": "convex"},
        {"increasing": ["c"], "missing": "lowest"},
    ],
    ids=str,
)
def test_constrained_matrices_descend_in_one_call_as_well(case):
    made = objective(**case)
    assert made.descent is not None
    (own, other), _ = ends(made)
    assert np.abs(own.x - other.x).max() < 1e-4
    assert own.values == pytest.approx(other.values, rel=1e-5)
    assert own.evaluations == other.evaluations


def test_other_coordinates_descend_step_by_step():
    made = objective(additive=["b"])
    assert made.descent is None
    (own, other), _ = ends(made, steps=3)
    assert np.array_equal(own.x, other.x)


@needs_kernels
def test_a_callback_sees_each_step_and_ends_the_descent():
    seen = []

    def callback(step, value, x):
        seen.append((step, value, x.copy()))
        return step == 3

    made = objective()
    (own, _), _ = ends(made, callback=callback)
    assert (own.reason, own.iterations) == ("stopped", 3)
    assert [value for _, value, _ in seen[:3]] == list(own.values[1:])
    assert made(seen[2][2])[0] == pytest.approx(seen[2][1], rel=1e-12)


@needs_kernels
def test_the_best_point_survives_ctrl_c():
    def callback(step, value, x):
        if step == 4:
            raise KeyboardInterrupt

    made = objective()
    (own, other), _ = ends(made, callback=callback)
    assert own.reason == other.reason == "interrupted"
    assert own.value == min(own.values) == pytest.approx(made(own.x)[0], rel=1e-12)


@needs_kernels
def test_a_traced_descent_records_each_evaluation():
    made = objective()
    with eigcore.trace() as calls:
        found = descend(
            made,
            np.ones(made.parametrisation.size),
            max_iter=3,
            memory=Memory(),
            decrease_tol=0.0,
            callback=lambda *_: False,
        )
    assert len(calls) == found.evaluations
