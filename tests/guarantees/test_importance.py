"""Importances of columns: right values, free of units, for every kind of column."""

import numpy as np
import pytest
from samples import NAMES, model, rows

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Categories, Encoding, Linear
from eigcore.encoding.projection import Projection
from eigcore.guarantees.importance import importances


def diagonal(encoding, slopes, **options):
    """A model of order 1: the decision is linear in the terms."""
    params = np.concatenate([[0.0], slopes])[None, :, None]
    return SpectralModel(encoding, [(EigSpec(encoding.terms, 1), params)], **options)


def test_a_linear_model_is_measured_by_slope_times_mean_deviation():
    x = np.array([[0.0, 5.0], [1.0, 5.0], [5.0, 8.0]])
    m = diagonal(Encoding((Linear(), Linear(scale=2.0)), ("a", "b")), [3.0, -4.0])
    # mean |x - mean| is 2 and 4/3; slopes are 3 and 2
    assert importances(m, x) == pytest.approx({"a": 6 / (6 + 8 / 3), "b": (8 / 3) / (6 + 8 / 3)})
    # weighted: means 2.75 and 6.5, mean deviations 2.25 and 1.5
    found = importances(m, x, np.array([1.0, 1.0, 2.0]))
    assert found == pytest.approx({"a": 6.75 / 9.75, "b": 3 / 9.75})
    assert found == pytest.approx(importances(m, x[[0, 1, 2, 2]]))


def test_categories_and_missing_cells_are_levels():
    columns = (Categories(("u", "v"), missing=True), Linear(missing=True))
    m = diagonal(Encoding(columns, ("kind", "a")), [1.0, 3.0, 8.0, 0.0, 4.0])
    table = {"kind": ["u", "v", None, "u"], "a": [1.0, np.nan, 2.0, 7.0]}
    # levels 1, 3, 8, 1 around 3.25; a: 0, 4, 0, 0 around 1
    kind, a = (2.25 + 0.25 + 4.75 + 2.25) / 4, (1 + 3 + 1 + 1) / 4
    assert importances(m, table) == pytest.approx({"kind": kind / (kind + a), "a": a / (kind + a)})


def test_a_projection_counts_for_its_columns_in_units_of_neither():
    x = np.array([[0.0, 0.0, 1.0], [1.0, 2000.0, 2.0], [2.0, 4000.0, np.nan]])
    plain = (Linear(), Linear(), Linear(missing=True))
    both = Projection(("a", "b"), (1.0, 0.001), Linear())
    m = diagonal(Encoding(plain, ("a", "b", "c"), (), (both,)), [0, 0, 0, 0, 1.0])
    assert importances(m, x) == pytest.approx({"a": 1 / 3, "b": 2 / 3, "c": 0.0})


def test_what_raises_all_scores_alike_is_unimportant_for_probabilities():
    spec = EigSpec(2, 1, outputs=2)
    params = np.array([[0.0, 5.0, 1.0], [0.0, 5.0, -1.0]])[..., None]
    scores = SpectralModel(None, [(spec, params)])
    classes = SpectralModel(None, [(spec, params)], link="softmax", classes=("n", "y"))
    x = np.random.default_rng(0).normal(size=(50, 2))
    assert importances(scores, x)["x0"] > 0.5
    assert importances(classes, x) == pytest.approx({"x0": 0.0, "x1": 1.0})


def test_a_constant_model_has_no_important_column():
    m = diagonal(Encoding((Linear(), Linear())), [0.0, 2.0])
    assert importances(m, np.ones((4, 2))) == {"x0": 0.0, "x1": 0.0}


@pytest.mark.parametrize("variant", [{}, {"outputs": 2}, {"structure": "tridiagonal"}])
def test_shares_of_every_kind_of_column_add_up_to_one(variant):
    found = importances(model(1, spec=variant), rows(40, 1))
    assert tuple(found) == NAMES
    assert sum(found.values()) == pytest.approx(1.0)
    assert min(found.values()) > 0.0
