"""Proximal steps of spectral norms, and columns that drop out exactly."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.errors import InvalidOption
from eigcore.fit import fit, resume
from eigcore.fit.solvers.prox import l1_ball, minimize_composite, spectral_prox

QUICK = {"dim": 3, "penalty": 1e-3, "members": 2, "max_iter": 60}


def symmetric(rng, count, d):
    M = rng.normal(size=(count, d, d))
    return (M + M.transpose(0, 2, 1)) / 2


@pytest.mark.parametrize("radius", [0.0, 0.3, 2.0, 100.0])
def test_the_projection_onto_the_l1_ball_is_nearer_than_any_other_point(radius):
    rng = np.random.default_rng(0)
    values = rng.normal(size=7)
    found = l1_ball(values, radius)
    assert np.abs(found).sum() <= radius * (1 + 1e-12)
    for _ in range(200):
        other = rng.normal(size=7)
        other *= min(1.0, radius / np.abs(other).sum())
        # obtuse angle: the characterisation of a projection onto a convex set
        assert (values - found) @ (other - found) <= 1e-12


def test_the_proximal_point_is_lower_than_all_around_it():
    rng = np.random.default_rng(1)
    M, groups = symmetric(rng, 6, 3), np.array([0, 0, 1, 1, 1, 2])
    psd, strength = np.array([0, 1, 0, 0, 1, 1], dtype=bool), np.array([0.7, 0.4, 0.0])
    found = spectral_prox(M, strength, groups, psd)
    assert np.linalg.eigvalsh(found[psd]).min() >= -1e-14

    def cost(X):
        norms = np.abs(np.linalg.eigvalsh(X)).max(-1)
        most = np.array([norms[groups == j].max() for j in range(3)])
        return 0.5 * ((X - M) ** 2).sum() + strength @ most

    for size in (1e-3, 0.1, 1.0):
        for _ in range(100):
            other = found + size * symmetric(rng, 6, 3)
            values, vectors = np.linalg.eigh(other)
            values[psd] = np.maximum(values[psd], 0.0)
            other = (vectors * values[:, None, :]) @ vectors.mT
            # strong convexity: the cost rises at least by half the squared distance
            assert cost(other) >= cost(found) + 0.5 * ((other - found) ** 2).sum() - 1e-9


def test_a_group_is_zero_exactly_when_its_nuclear_norm_is_small():
    M = symmetric(np.random.default_rng(2), 4, 3)
    nuclear = np.abs(np.linalg.eigvalsh(M)).sum()
    groups, free = np.zeros(4, dtype=int), np.zeros(4, dtype=bool)
    assert (spectral_prox(M, np.array([1.0001 * nuclear]), groups, free) == 0.0).all()
    assert (spectral_prox(M, np.array([0.9999 * nuclear]), groups, free) != 0.0).any()


def test_the_composite_solver_solves_a_lasso():
    rng = np.random.default_rng(3)
    A = rng.normal(size=(40, 10))
    b = A[:, :3] @ np.array([1.0, -2.0, 3.0]) + 0.1 * rng.normal(size=40)

    def objective(x):
        return 0.5 * float(np.square(A @ x - b).sum()), A.T @ (A @ x - b)

    def prox(x, t):
        return np.sign(x) * np.maximum(np.abs(x) - 5.0 * t, 0.0)

    x = minimize_composite(objective, prox, np.zeros(10), max_iter=1000, tolerance=1e-12).x
    slope = objective(x)[1]
    # optimality: the gradient is -5 sign(x) where x is not zero, and at most 5 elsewhere
    assert np.allclose(slope[x != 0.0], -5.0 * np.sign(x[x != 0.0]), atol=1e-6)
    assert (np.abs(slope) <= 5.0 + 1e-6).all()
    assert 3 <= (x != 0.0).sum() < 10


# Fits -----------------------------------------------------------------------------------------


def table(rows=400, seed=0):
    """Three columns that matter (two numbers, one text) among ten."""
    rng = np.random.default_rng(seed)
    columns: dict = {f"x{j}": rng.normal(size=rows) for j in range(8)}
    columns |= {"kind": rng.choice(list("abc"), rows), "other": rng.choice(list("uvw"), rows)}
    signal = columns["x0"] + 1.5 * np.abs(columns["x1"]) + (columns["kind"] == "a")
    return columns, signal + 0.2 * rng.normal(size=rows)


def used(model):
    return {name for name, norm in model.feature_norms.items() if norm > 0.0}


@pytest.mark.parametrize(
    ("knots", "constraints"),
    [(12, {}), (4, {"increasing": ["x0", "x5"]}), (4, {"shape": "convex"})],
)
def test_columns_that_do_not_matter_get_zero_matrices_exactly(knots, constraints):
    columns, y = table()
    found = fit(columns, y, selection=0.1, knots=knots, **QUICK, **constraints)
    assert used(found.model) == {"x0", "x1", "kind"}
    for name in ("x2", "x5", "other"):
        where = found.model.encoding.slices[found.model.encoding.names.index(name)]
        assert all((params[:, 1:][:, where] == 0.0).all() for params in found.model.params)
    proven = {column.name: column for column in found.model.certify().columns}
    assert proven["x5"].increasing
    assert proven["x5"].bound == 0.0
    assert "Left out by selection, without any effect: x2, x3" in found.report.notes[-1]
    plain = fit(columns, y, knots=knots, **QUICK, **constraints)
    assert found.report.model.held_out < plain.report.model.held_out


def test_selection_works_for_many_classes_and_is_kept_when_a_fit_goes_on():
    columns, y = table(600)
    labels = np.select([y > 2.0, y > 1.0], ["top", "middle"], "low")
    found = fit(columns, labels, selection=0.05, knots=4, **QUICK)
    assert used(found.model) == {"x0", "x1", "kind"}
    further, _ = resume(found.model, columns, labels, max_iter=5)
    assert used(further) == used(found.model)


def test_a_selection_that_leaves_nothing_is_an_error():
    columns, y = table()
    with pytest.raises(InvalidOption, match="leaves out all 10 columns"):
        fit(columns, y, selection=50.0, knots=4, **QUICK)
    with pytest.raises(InvalidOption, match="selection is -1"):
        fit(columns, y, selection=-1.0, knots=4, **QUICK)


def test_ctrl_c_while_selecting_still_gives_a_model(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("eigcore.fit.search.selection.minimize_composite", interrupt)
    columns, y = table(100)
    found = fit(columns, y, selection=0.1, knots=4, increasing=["x0"], **QUICK)
    assert found.report.interrupted
    assert found.model.certify().columns[0].increasing
