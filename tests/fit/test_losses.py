"""The losses: derivatives, minima, weights, and what models fitted with them predict."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.errors import InvalidOption
from eigcore.fit import fit
from eigcore.fit.losses import LOSSES, Multinomial, Targets, make_loss

QUICK = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 60}
ALL = [
    *(make_loss(name) for name in LOSSES if name != "multinomial"),
    make_loss("quantile", quantile=0.9),
    make_loss("huber", delta=0.1),
    make_loss("multinomial", classes=3),
]
IDS = [f"{loss.name} {vars(loss)}" for loss in ALL]


def sample(loss, rows=60, seed=0):
    """Decisions, targets and weights for a loss."""
    rng = np.random.default_rng(seed)
    value = rng.normal(size=(rows, loss.outputs) if loss.outputs > 1 else rows)
    kinds = {
        "logistic": rng.integers(0, 2, rows),
        "multinomial": rng.integers(0, loss.outputs, rows),
        "poisson": rng.poisson(2.0, rows),
        "tweedie": rng.poisson(1.0, rows) * 1.5,
        "gamma": rng.gamma(2.0, size=rows),
        "binomial": rng.integers(0, 5, rows) / 4,
    }
    target = kinds.get(loss.name, rng.normal(size=rows)).astype(float)
    return value, target, rng.uniform(0.0, 3.0, rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ALL, ids=IDS)
def test_a_loss_has_the_derivative_it_says(loss, weighted):
    value, target, weights = sample(loss)
    weights = weights if weighted else None
    direction = np.random.default_rng(1).normal(size=value.shape)
    step = 1e-6
    up, down = (loss(value + s * direction, target, weights)[0] for s in (step, -step))
    slope = float((loss(value, target, weights)[1] * direction).sum())
    assert (up - down) / (2 * step) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("name", ["absolute", "quantile", "huber"])
def test_convex_losses_lie_above_their_subgradients_at_kinks_too(name):
    loss = make_loss(name, quantile=0.8)
    target = np.zeros(1)
    for here in (-1.0, -0.5, 0.0, 0.5, 1.0):
        value, slope = loss(np.array([here]), target)
        for there in np.linspace(-2, 2, 41):
            assert loss(np.array([there]), target)[0] >= value + slope[0] * (there - here) - 1e-15


@pytest.mark.parametrize("loss", ALL, ids=IDS)
def test_a_weight_of_two_is_the_row_twice(loss):
    value, target, _ = sample(loss)
    counts = np.random.default_rng(2).integers(1, 4, len(target))
    one, two = loss(value, target, counts), loss(value.repeat(counts, 0), target.repeat(counts))
    assert one[0] == pytest.approx(two[0], rel=1e-12)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    assert np.allclose(one[1], np.add.reduceat(two[1], first), rtol=1e-12)
    working, targets = loss.working(Targets(target, counts)), Targets(target.repeat(counts))
    assert np.allclose(working.repeat(counts, 0), loss.working(targets))
    assert np.allclose(loss.scaling(target, counts), loss.scaling(targets.target))
    error = loss.error(value.repeat(counts, 0), targets.target)
    assert loss.error(value, target, counts) == pytest.approx(error)


@pytest.mark.parametrize("loss", ALL, ids=IDS)
def test_huge_decisions_give_an_infinite_loss_or_a_finite_slope_and_no_warning(loss):
    value, target, _ = sample(loss)
    value, slope = loss(1e4 * value, target)
    assert value == np.inf if loss.link == "log" else np.isfinite(slope).all()


def test_the_constant_that_minimises_a_loss_is_the_statistic_it_is_named_for():
    target = np.random.default_rng(3).gamma(2.0, size=1001)
    grid = np.linspace(0.0, 10.0, 4001)

    def lowest(loss):
        return grid[np.argmin([loss(np.full(1001, c), target)[0] for c in grid])]

    assert lowest(LOSSES["squared"]) == pytest.approx(target.mean(), abs=0.003)
    assert lowest(LOSSES["absolute"]) == pytest.approx(np.median(target), abs=0.003)
    nine = make_loss("quantile", quantile=0.9)
    assert lowest(nine) == pytest.approx(np.quantile(target, 0.9), abs=0.01)
    assert np.exp(lowest(LOSSES["poisson"])) == pytest.approx(target.mean(), abs=0.01)


def test_working_targets_agree_with_the_loss_to_first_order():
    # one Newton step from the constant decision is least squares on the working target
    for name in ("logistic", "poisson"):
        loss = LOSSES[name]
        _, target, _ = sample(loss, 400)
        targets = Targets(loss.scaled(target, loss.scaling(target)))
        rate = targets.target.mean()
        start = np.log(rate / (1 - rate)) if name == "logistic" else 0.0
        curvature = rate * (1 - rate) if name == "logistic" else 1.0
        newton = start - loss(np.full(400, start), targets.target)[1] * 400 / curvature
        assert np.allclose(loss.working(targets), newton)


def test_the_working_target_of_two_classes_is_that_of_the_log_odds():
    target = np.random.default_rng(4).integers(0, 2, 200).astype(float)
    two = Multinomial(2).working(Targets(target))
    assert np.allclose(two[:, 1] - two[:, 0], LOSSES["logistic"].working(Targets(target)))


# Fits -----------------------------------------------------------------------------------------


def table(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    return {"a": rng.uniform(-2, 2, rows), "b": rng.uniform(-2, 2, rows)}, rng


def test_a_quantile_fit_has_that_part_of_the_rows_below_it():
    columns, rng = table(1500)
    y = columns["a"] + (1.0 + np.abs(columns["b"])) * rng.normal(size=1500)
    for level in (0.1, 0.8):
        found = fit(columns, y, loss="quantile", quantile=level, validation=0.4, **QUICK)
        assert np.mean(y < found.model.predict(columns)) == pytest.approx(level, abs=0.05)
        assert found.report.metric == "pinball loss"


@pytest.mark.parametrize("loss", ["absolute", "huber"])
def test_robust_losses_do_not_follow_outliers(loss):
    columns, rng = table()
    clean = columns["a"] + np.abs(columns["b"])
    y = clean + np.where(rng.random(400) < 0.05, 100.0, 0.0)

    def error(name):
        own = {"delta": 0.01} if name == "huber" else {}
        found = fit(columns, y, loss=name, **own, validation=0.0, **QUICK).model
        return np.abs(found.predict(columns) - clean).mean()

    assert error(loss) < 0.3 < error("squared")


def test_a_poisson_fit_predicts_means_and_is_certified_on_their_logarithm():
    columns, rng = table(2000)
    mean = np.exp(0.5 * columns["a"] + np.abs(columns["b"]))
    found = fit(columns, rng.poisson(mean), loss="poisson", increasing=["a"], **QUICK)
    predicted = found.model.predict(columns)
    assert (predicted > 0.0).all()
    assert predicted.sum() == pytest.approx(mean.sum(), rel=0.03)
    assert np.abs(np.log(predicted / mean)).mean() < 0.12
    assert found.report.model.held_out < 0.7 * found.report.linear.held_out
    assert found.model.certify().columns[0].increasing


def test_a_multinomial_fit_beats_the_linear_one_and_names_its_classes():
    columns, _ = table(600)
    y = np.select([columns["b"] ** 2 > 2.0, columns["a"] > 0.5], ["outer", "right"], "left")
    found = fit(columns, y, **QUICK)
    model, report = found.model, found.report
    assert (model.static.link, model.outputs) == ("softmax", 3)
    assert model.static.classes == ("left", "outer", "right")
    assert report.model.held_out_accuracy > 0.93 > report.linear.held_out_accuracy
    probability = model.predict(columns)
    assert np.allclose(probability.sum(-1), 1.0)
    named = np.array(model.static.classes)[probability.argmax(-1)]
    assert (named == y).mean() > 0.95


def test_weights_move_the_fit_to_their_rows():
    columns, _ = table()
    y = np.where(np.arange(400) < 200, 0.0, 1.0) + 0.1 * columns["a"]
    for weights, level in (((1.0, 0.0), 0.0), ((0.0, 2.0), 1.0), ((1.0, 1.0), 0.5)):
        rows = np.repeat(weights, 200)
        found = fit(columns, y, weights=rows, validation=0.0, **QUICK).model
        assert found.predict(columns).mean() == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "cubic"}, "loss is 'cubic'"),
        ({"loss": "quantile", "quantile": 1.0}, "quantile is 1.0"),
        ({"loss": "huber", "delta": 0.0}, "delta is 0.0"),
        ({"loss": "poisson"}, "loss is 'poisson', and the target has values from -"),
        ({"loss": "multinomial", "increasing": ["a"]}, "guarantees nothing about a probability"),
        ({"weights": np.ones(3)}, "each of the 400 rows"),
        ({"weights": np.zeros(400)}, "weights are all 0"),
    ],
)
def test_what_a_loss_cannot_use_is_refused(options, words):
    columns, _ = table()
    y = columns["a"]
    if options.get("loss") == "multinomial":
        y = np.select([y > 1, y > 0], ["u", "v"], "w")
    with pytest.raises((InvalidOption, ValueError), match="expected") as caught:
        fit(columns, y, **QUICK, **options)
    assert words in str(caught.value)
