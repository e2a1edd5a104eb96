import numpy as np
import pytest
from arrays import BACKENDS
from samples import SPECS, linear_model, model, rows

from eigcore.errors import InvalidInput

ONE = {"middle", "concave", "tridiagonal", "banded", "diagonal", "outputs"}


@pytest.mark.parametrize("name", sorted(ONE))
def test_what_each_player_guarantees_holds_in_every_row(name):
    m, x = model(1, spec=SPECS[name], weights=(3, 1), link="log"), rows(80, 2)
    x[3, 0] = np.nan
    f, slip = m.decision(x), 1e-11
    for row in (0, 3):
        game = m.game(x[row])
        low, high, scorecard = (
            each.decision(x) for each in (game.lower, game.upper, game.scorecard)
        )
        assert (low <= f + slip).all()
        assert (f <= high + slip).all()
        assert (low < f - 0.1).any() != (name == "concave")  # then High names all scorecards
        assert (f < high - 0.1).any()
        for found in (low, high, scorecard):
            np.testing.assert_allclose(found[row], f[row], atol=slip)


def test_players_agree_on_every_backend():
    m, x = model(2, spec={"outputs": 2}), rows(6, 3, missing=False)
    game = m.game(x[0])
    for backend in BACKENDS:
        for each in (game.lower, game.upper, game.scorecard):
            found = each.decision(x, backend=backend)
            np.testing.assert_allclose(found[0], m.decision(x)[0], atol=1e-5)
            np.testing.assert_allclose(found, each.decision(x, backend="numpy"), atol=1e-5)


def test_a_player_names_as_many_rules_as_the_eigenvalue_says():
    m = linear_model(3, dim=5, index=1)
    game = m.game([0.5, -1.0, 2.0])
    assert [e.members[0][0].dim for e in (game.upper, game.lower, game.scorecard)] == [2, 4, 1]
    assert game.upper.certify().convex
    assert game.lower.certify().concave
    assert "Low may name 2 of 5 scorecards." in str(game)


def test_the_scores_of_a_row_are_its_local_split():
    m, x = model(4, spec={"outputs": 2}), rows(2, 5)
    game, found = m.game(x[1]), m.explain(x[1:])
    np.testing.assert_allclose(game.scores[:, 1:], found.local[0], atol=1e-10)
    np.testing.assert_allclose(game.scores[:, 0], found.intercept[0], atol=1e-10)
    np.testing.assert_allclose(game.scores.sum(-1), m.decision(x[1:])[0], atol=1e-10)
    said = str(game)
    assert f"{found.local[0, 1, 0]:+.6g}" in said
    assert f"{found.decision[0, 1]:+.6g}" in said


@pytest.mark.parametrize("name", sorted(set(SPECS) - {"smooth"}))
def test_a_model_is_the_difference_of_two_convex_ones(name):
    m, x = model(5, spec=SPECS[name], dims=(4, 4), weights=(3, 1), link="log"), rows(40, 6)
    plus, minus = m.convex_parts()
    for backend in BACKENDS if name in ("middle", "outputs") else ("numpy",):
        parts = [each.decision(x, backend=backend) for each in (plus, minus)]
        tolerance = 1e-11 if backend != "jax" else 1e-4
        np.testing.assert_allclose(parts[0] - parts[1], m.decision(x), atol=tolerance)


@pytest.mark.parametrize("name", ["middle", "weighted", "bottom_sum"])
def test_both_parts_are_proven_convex_where_columns_are_linear(name):
    m = linear_model(7, dim=4, **SPECS[name])
    assert not m.certify().convex
    for part in m.convex_parts():
        assert part.certify().convex


def test_a_convex_model_needs_no_other_part():
    x = rows(5, 8)
    for spec in ({"index": -1}, {"functional": "smooth", "index": -1, "alpha": 0.5}):
        plus, minus = model(9, spec=spec).convex_parts()
        np.testing.assert_array_equal(minus.decision(x), 0.0)
        np.testing.assert_allclose(plus.decision(x), model(9, spec=spec).decision(x))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.convex_parts(), "convex"),
        (lambda m: m.game(rows(1)), r"convex_parts"),
        (lambda m: m.game(rows(2)), "2 rows"),
    ],
)
def test_what_has_no_such_reading_is_refused_with_advice(ask, words):
    with pytest.raises(InvalidInput, match=words):
        ask(model(spec=SPECS["smooth"]))
