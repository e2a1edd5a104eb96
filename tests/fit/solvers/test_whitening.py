"""Whitened coordinates: another basis for the solver, the same models and penalties."""

from __future__ import annotations

import numpy as np
import pytest
from samples import design_for

from benchmarks import bench_whitening
from benchmarks.bench_psd import problems
from eigcore.fit.data.covariance import Covariance
from eigcore.fit.solvers import whitening


@pytest.mark.parametrize("most", [512, 8])
def test_whitening_changes_coordinates_only_and_can_be_undone(most, monkeypatch):
    monkeypatch.setattr(whitening, "MOST", most)
    design = design_for(6, increasing=["a"])
    plain, white = design.parametrisation(3, power=0.0), design.parametrisation(3)
    assert white.kinds[0].white.parts
    assert not plain.kinds[0].white.parts
    point = np.random.default_rng(0).normal(size=plain.size)
    other = white.vector(*plain.blocks(point))
    assert not np.allclose(point, other)
    assert np.allclose(white.matrices(other), plain.matrices(point), atol=1e-12)
    values = [
        design.objective(each, 0.01)(vector)[0] for each, vector in ((plain, point), (white, other))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_fully_whitened_blocks_are_uncorrelated():
    rng = np.random.default_rng(0)
    terms = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 6)) + rng.normal(size=(400, 6))
    covariance = np.corrcoef(terms.T)
    found = whitening.Whitening(Covariance((slice(0, 6),), (covariance,), True), 0.5)
    after = found(found(covariance).T)
    least = np.linalg.eigvalsh(covariance)[0]
    assert np.allclose(after, np.eye(6), atol=0.02 / least)


def test_whitening_saves_steps_where_columns_have_many_pieces():
    as_they_are, halfway, _ = bench_whitening.compare(problems()["stairs"]).mean(0)
    assert (halfway[:3] < 0.8 * as_they_are[:3]).all()
