"""The additive model that members start from: exact, and for wide tables by a descent."""

from __future__ import annotations

import numpy as np
import pytest
from samples import design_for, problem_for, smooth_table

from eigcore.fit.context import Context
from eigcore.fit.data import covariance
from eigcore.fit.members import guess
from eigcore.fit.members.design import Design
from eigcore.fit.solvers.lbfgs import Solution

KINDS = [
    {},
    {"increasing": ["a"], "decreasing": ["c"]},
    {"shape": "convex"},
    {"neuron": {"structure": "tridiagonal"}},
    {"neuron": {"functional": "weighted", "weights": [0.5, 0.5, 1.0]}},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_descent_finds_the_additive_model_of_a_wide_table(options, monkeypatch):
    exact = design_for(**options)
    coordinates = exact.parametrisation(3)
    wanted = guess.first_guess(exact, coordinates, 1e-3)
    monkeypatch.setattr(covariance, "_MOST_PRODUCTS", 1)
    monkeypatch.setattr(guess, "_STEPS", 400)
    wide = design_for(**options)
    assert not wide.moments.covariance.whole
    found = guess.first_guess(wide, wide.parametrisation(3), 1e-3)
    assert (found[:, 1:][:, coordinates.psd] >= 0.0).all()
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_many_bounds_are_met_by_a_descent(monkeypatch):
    design = design_for(increasing=["a", "b"])
    coordinates = design.parametrisation(3)
    monkeypatch.setattr(guess, "_MOST_BOUNDED", 1)
    monkeypatch.setattr(guess.initialisation, "additive", None)
    found = guess.first_guess(design, coordinates, 1e-3)
    assert (found[:, 1:][:, coordinates.psd] >= 0.0).all()


def test_every_pencil_of_a_wide_table_has_its_own_start(monkeypatch):
    table = smooth_table()
    table["y"] = np.digitize(table["y"], [0.5, 1.5]).astype(str)
    found = []
    for most in (2**18, 1):
        monkeypatch.setattr(covariance, "_MOST_PRODUCTS", most)
        monkeypatch.setattr(guess, "_STEPS", 400)
        design = Design(problem_for(table).encoded(4), 4)
        found.append(guess.first_guess(design, design.parametrisation(3), 1e-3))
    assert len(found[0]) == 3
    np.testing.assert_allclose(*found, atol=0.05)


def test_the_clock_ends_the_descent(monkeypatch):
    monkeypatch.setattr(covariance, "_MOST_PRODUCTS", 1)
    calls = []
    monkeypatch.setattr(guess, "minimize", lambda *_, **more: calls.append(more) or stop(*_))
    context = Context("numpy", budget=1e-9)
    design = Design(problem_for(context=context).encoded(4), 4)
    guess.first_guess(design, design.parametrisation(3), 1e-3)
    assert calls[0]["callback"](1, 0.0, None)


def stop(objective, start):
    return Solution(start, 0.0, 0, 0, "stopped", ())


def test_one_additive_model_serves_all_penalties_of_matrices(monkeypatch):
    design, calls = design_for(), []
    additive = guess.initialisation.additive
    monkeypatch.setattr(
        guess.initialisation, "additive", lambda *each: calls.append(each) or additive(*each)
    )
    matrices, line = design.parametrisation(3), design.parametrisation(1)
    found = [guess.first_guess(design, matrices, penalty) for penalty in (1e-4, 1.0)]
    np.testing.assert_array_equal(*found)
    assert len(calls) == 1
    lines = [guess.first_guess(design, line, penalty) for penalty in (1e-4, 1.0)]
    assert len(calls) == 3
    assert np.abs(lines[0] - lines[1]).max() > 0.01
