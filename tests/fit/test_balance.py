"""Predictions and targets have the same sum on the fitted rows, whatever the link."""

import numpy as np
import pytest

from eigcore.fit import fit, fit_stream, resume
from eigcore.fit.balance import Sums, balancing, shift_of, unbalanced

QUICK = {"dim": 3, "knots": 4, "penalty": 1e-3, "members": 3, "max_iter": 15, "validation": 0}
ROWS = 800


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    table = {"a": rng.normal(size=ROWS), "b": rng.normal(size=ROWS)}
    signal = 1.2 * table["a"] + np.sin(2 * table["b"])
    noise = rng.gumbel(size=(ROWS, 3)) + np.stack([signal, 0 * signal, -signal], 1)
    targets = {
        "logistic": np.where(rng.random(ROWS) < 1 / (1 + np.exp(3.9 - signal)), "1 bad", "0 good"),
        "poisson": rng.poisson(0.15 * np.exp(signal / 2)),
        "multinomial": np.array(["u", "v", "w"])[noise.argmax(1)],
    }
    return table, targets, rng.uniform(0.5, 2.0, ROWS)


def ratios(model, table, target, weights):
    """Sum of predictions divided by that of targets, for each class or once."""
    p, classes = model.predict(table).reshape(ROWS, -1), model.static.classes
    own = [target == c for c in classes[-p.shape[1] :]] if classes else [target]
    return weights @ p / (np.stack(own, 1).T @ weights)


@pytest.mark.parametrize("loss", ["logistic", "poisson", "multinomial"])
def test_sums_of_predictions_and_targets_agree_also_after_a_resumed_fit(rows, loss):
    table, targets, weights = rows
    target = targets[loss]
    options = QUICK | {"loss": loss, "weights": weights}
    if loss != "multinomial":  # 3 % bads, and many zeros
        assert np.unique(target, return_counts=True)[1].max() > 0.8 * ROWS
    result = fit(table, target, **options)
    model = result.model
    assert ratios(model, table, target, weights) == pytest.approx(1.0, rel=1e-6)
    assert ratios(unbalanced(model), table, target, weights) != pytest.approx(1.0, rel=1e-3)
    slopes = [each.bound for each in model.certify().columns]
    assert slopes == pytest.approx([c.bound for c in unbalanced(model).certify().columns], rel=1e-9)
    same, _ = resume(model, table, target, weights=weights, max_iter=0)
    assert np.allclose(same.predict(table), model.predict(table), rtol=1e-9)
    further, _ = resume(model, table, target, weights=weights, max_iter=3, remember=True)
    assert ratios(further, table, target, weights) == pytest.approx(1.0, rel=1e-6)
    if loss != "multinomial":
        told = result.report.model.metrics["observed/expected"][0]
        assert told == pytest.approx(1.0, rel=1e-6)


def test_predictions_balance_between_their_ends(rows):
    table, targets, _ = rows
    whole, ends = table | {"y": targets["poisson"]}, (0.12, 0.3)  # the mean is 0.18
    options = QUICK | {"loss": "poisson", "clip": ends}
    fitted = fit(table, whole["y"], **options).model
    further, _ = resume(fitted, table, whole["y"], max_iter=1)
    stream = fit_stream([whole], "y", **options, sample_rows=200, epochs=1).model
    for model in (fitted, further, stream):
        p = model.predict(table)
        assert ((p == ends[0]) | (p == ends[1])).sum() > ROWS // 5
        assert ratios(model, table, whole["y"], np.ones(ROWS)) == pytest.approx(1.0, rel=1e-6)
    above = fit(table, whole["y"], **options | {"clip": (0.5, 2.0)}).model
    assert (shift_of(above) == 0.0).all()


def test_a_small_batch_moves_the_balance_little(rows):
    table, targets, _ = rows
    target = targets["poisson"]
    model = fit(table, target, **QUICK, loss="poisson").model
    few = {name: column[:8] for name, column in table.items()}
    after, _ = resume(model, few, np.full(8, 3), max_iter=2, remember=True)
    alone, _ = resume(model, few, np.full(8, 3), max_iter=2)
    assert 0.95 < ratios(after, table, target, np.ones(ROWS)) < 1.3
    assert ratios(alone, few | table, target, np.ones(ROWS)) > 3.0
    scored = fit(table, targets["logistic"], **QUICK).model
    one_class, _ = resume(scored, few, ["0 good"] * 8, max_iter=1)
    assert (shift_of(one_class) == 0.0).all()


def test_budgets_and_streams_balance_on_all_their_rows(rows):
    table, targets, _ = rows
    whole = table | {"y": targets["logistic"]}
    batches = [{n: c[part] for n, c in whole.items()} for part in (slice(300), slice(300, ROWS))]
    options = QUICK | {"members": 2, "max_iter": 5}
    stream = fit_stream(batches, "y", **options, sample_rows=200, epochs=1).model
    short = fit(table, targets["logistic"], **options, budget_seconds=0.5).model
    for model in (stream, short):
        found = ratios(model, table, targets["logistic"], np.ones(ROWS))
        assert found == pytest.approx(1.0, rel=1e-6)


def test_newtons_method_balances_from_far_and_gives_up_where_nothing_balances():
    class Target:
        weights = offset = None

        def __init__(self, values):
            self.values = np.array(values, float)

    def shift(link, decision, values):
        target, ends = Target(values), (-np.inf, np.inf)
        rows = np.asarray(decision).reshape(len(values), -1)

        def at(moved):
            return Sums.of(link, ends, rows + moved, target)

        return balancing(link, at, np.zeros(np.size(decision) // len(values)))

    found = shift("logistic", [30.0, 31.0, -20.0], [0, 1, 0])
    p = 1 / (1 + np.exp(-np.array([30.0, 31.0, -20.0]) - found))
    assert p.sum() == pytest.approx(1.0, rel=1e-6)
    far = np.array([[40.0, 0.0], [35.0, 1.0], [0.0, 3.0]])
    p = np.exp(far + shift("softmax", far, [0, 1, 1]))
    assert (p / p.sum(1, keepdims=True)).sum(0) == pytest.approx([1.0, 2.0], rel=1e-6)
    assert shift("logistic", [1.0, 2.0], [1, 1]) == shift("log", [1.0], [0]) == 0.0
