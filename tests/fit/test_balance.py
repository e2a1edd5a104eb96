"""Predictions and targets have the same sum on the fitted rows, whatever the link."""

import warnings

import numpy as np
import pytest

from eigcore.errors import Unbalanced
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


def test_bounds_that_leave_out_the_mean_of_the_target_are_told(rows):
    table, targets, _ = rows
    y = targets["poisson"]
    options = QUICK | {"loss": "poisson", "clip": (0.5, 2.0)}
    above = fit(table, y, **options)
    assert (shift_of(above.model) == 0.0).all()
    (note,) = above.report.notes
    p = above.model.predict(table).mean()
    assert note == (
        f"Predictions do not balance: on the fitted rows they average {p:.4g}, and the target "
        f"averages {y.mean():.4g}, which clip leaves out with its lower bound 0.5. For them to "
        "balance, choose clip=(None, 2.0), or --clip ,2."
    )
    with pytest.warns(Unbalanced, match="do not balance: .* lower bound 0.5"):
        resume(above.model, table, y, max_iter=1)
    stream = fit_stream([table | {"y": y}], "y", **options, sample_rows=200, epochs=1)
    (told,) = (each for each in stream.report.notes if "do not balance" in each)
    assert f"the target averages {y.mean():.4g}, " in told  # of all rows, not of the sample
    both = table | {"u": y, "v": y}
    several = fit(both, ["u", "v"], **options | {"clip": {"u": (None, 0.01)}})
    (note,) = several.report.notes
    assert "Predictions of 'u' do not balance: " in note
    assert "with its upper bound 0.01. For them to balance, leave clip out." in note
    assert several.model.predict(table)[:, 1].mean() == pytest.approx(y.mean(), rel=1e-6)
    for clip, typed in (((0.001, 0.01), "(0.001, None)}, or --clip u=0.001/."), ((0.1, 0.3), "")):
        notes = fit(both, ["u", "v"], **options | {"clip": {"u": clip}}).report.notes
        assert len(notes) == bool(typed)
        assert all(each.endswith(f'choose clip={{"u": {typed}') for each in notes)


def test_bounds_at_the_mean_are_told_unless_the_link_has_them_too():
    x = {"a": np.linspace(-1, 1, 40)}
    y = np.tile([0.0, 1.0], 20)
    options = QUICK | {"loss": "logistic"}
    for clip, said in (((0.5, None), 1), ((None, 0.5), 1), ((0.0, 0.9), 0)):
        found = fit(x, y, clip=clip, **options)
        notes = [note for note in found.report.notes if "do not balance" in note]
        assert len(notes) == said
    with warnings.catch_warnings():
        warnings.simplefilter("error", Unbalanced)
        resume(found.model, x, np.zeros(40), max_iter=1)  # no bound would balance these
        high = fit(x, y, clip=(0.1, 1.0), **options).model
        resume(high, x, np.ones(40), max_iter=1)


def test_a_class_without_rows_leaves_the_others_in_balance(rows):
    table, targets, weights = rows
    classes = ["t", "u", "v", "w"]
    options = QUICK | {"loss": "multinomial", "weights": weights, "classes": classes}
    model = fit(table, targets["multinomial"], **options).model
    p = weights @ model.predict(table)
    wanted = np.array([weights[targets["multinomial"] == each].sum() for each in classes[1:]])
    assert p[1:] / wanted == pytest.approx(1.0 - p[0] / weights.sum(), rel=1e-6)
    assert p[0] < 0.05 * weights.sum()


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

    def shift(link, decision, values, ends=(-np.inf, np.inf)):
        target = Target(values)
        rows = np.asarray(decision).reshape(len(values), -1)

        def at(moved):
            return Sums.of(link, ends, rows + moved, target)

        return balancing(link, at, np.zeros(np.size(decision) // len(values)))[0]

    found = shift("logistic", [30.0, 31.0, -20.0], [0, 1, 0])
    p = 1 / (1 + np.exp(-np.array([30.0, 31.0, -20.0]) - found))
    assert p.sum() == pytest.approx(1.0, rel=1e-6)
    far = np.array([[40.0, 0.0], [35.0, 1.0], [0.0, 3.0]])
    p = np.exp(far + shift("softmax", far, [0, 1, 1]))
    assert (p / p.sum(1, keepdims=True)).sum(0) == pytest.approx([1.0, 2.0], rel=1e-6)
    ends = [np.array([0.3]), np.array([0.7])]
    stuck = np.array([-9.0, -9.0, -9.0, 9.0])  # all at the ends, with the mean 0.4, not 0.45
    moved, at = shift("logistic", stuck, [0.2, 0.4, 0.6, 0.6], ends), lambda x: 1 / (1 + np.exp(-x))
    assert np.clip(at(stuck + moved), *ends).mean() == pytest.approx(0.45, rel=1e-6)
    for ends in ((-np.inf, np.inf), (np.array([0.1]), np.array([9.0]))):
        assert shift("log", [0.0, 0.0], [3, 3], ends) == pytest.approx(np.log(3.0), rel=1e-6)
    rare = shift("softmax", np.zeros((4, 3)), [0, 0, 0, 1])  # no row is of the third class
    assert np.exp(rare[0] - rare[1]) == pytest.approx(3.0, rel=1e-6)
    assert rare[2] == 0.0
    assert np.abs(rare).max() < 1.0
    assert shift("log", [-1e4], [1]) == shift("log", [1e4], [1]) == 0.0  # exp is 0, or infinite
    assert shift("logistic", [1.0, 2.0], [1, 1]) == shift("log", [1.0], [0]) == 0.0
