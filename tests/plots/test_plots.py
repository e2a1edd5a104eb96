"""Displays show what the model says, in the caller's words, on every kind of model."""

import sys

import numpy as np
import pytest
from guarantees.test_codes import coded
from samples import model, risen, rows, smooth_table

from eigcore import plots
from eigcore.errors import InvalidInput, MissingPackage
from eigcore.fit import fit

pytest.importorskip("matplotlib").use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

KINDS = {
    "numbers": {},
    "classes": {"link": "logistic", "classes": ("no", "yes")},
    "counts": {"link": "log", "target_scale": 0.5, "target_offset": 0.0},
    "several": {"spec": {"outputs": 3}, "link": "softmax", "classes": ("low", "middle", "top")},
    "smoothed": {"spec": {"functional": "smooth", "alpha": 0.5}},
}
TABLE = rows(60, 1)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    table = smooth_table(120)
    names = ("a", "b", "kind")
    given = {name: table[name] for name in names}
    options = {"dim": 3, "knots": 4, "members": 2, "penalty": 0.01, "validation": 0.0}
    return fit(given | {"price": table["y"]}, "price", **options, max_iter=20), given, table["y"]


def words(display):
    """All that a picture says."""
    ax = display.ax_
    found = [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
    found += [text.get_text() for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels())]
    legend = ax.get_legend()
    return " | ".join(found + [t.get_text() for t in (legend.get_texts() if legend else [])])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", ["age", "rooms", "town"])
def test_a_shape_is_the_models_and_no_row_leaves_its_band(kind, column):
    m = model(2, **KINDS[kind])
    own = {"output": 1} if m.outputs > 1 else {}
    shown = plots.ShapeDisplay.from_model(m, column, TABLE, at=TABLE[3], **own)
    call = m.decision if kind == "several" else m.predict
    at = np.repeat(TABLE[3][None], len(shown.curve.grid), axis=0)
    at[:, m.encoding.names.index(column)] = [
        np.nan if point is None else point for point in shown.curve.grid
    ]
    values = call(at) if m.outputs == 1 else call(at)[:, 1]
    np.testing.assert_allclose(shown.value, values, rtol=1e-9)
    size = 1e-9 * np.abs(shown.value).max()
    assert (shown.low <= values + size).all()
    assert (values <= shown.high + size).all()
    if column == "rooms":
        return  # its projections depend on the other cells
    others = [j for j, name in enumerate(m.encoding.names) if name != column]
    low, high = (_ends(m, shown, end) for end in (shown.low, shown.high))
    for other in TABLE[10:14]:
        at[:, others] = other[others]
        moved = m.decision(at) if m.outputs == 1 else m.decision(at)[:, 1]
        moved = moved - moved[shown.start]
        assert (moved >= low - 1e-6).all()
        assert (moved <= high + 1e-6).all()


def _ends(m, shown, end):
    """Ends of a band as changes of the decision from its start."""
    link = m.static.link
    value = shown.value[shown.start]
    if link == "logistic":
        with np.errstate(divide="ignore"):
            return np.log(end / (1 - end)) - np.log(value / (1 - value))
    return np.log(end / value) if link == "log" else end - value


def test_a_certified_column_has_a_band_on_one_side_of_its_start():
    shown = plots.ShapeDisplay.from_model(risen(model(1, missing=False)), "age")
    start = shown.value[shown.start]
    assert (shown.low[shown.start :] >= start - 1e-9).all()
    assert (shown.high[: shown.start] <= start + 1e-9).all()
    assert (shown.high[shown.start + 1 :] > shown.value[shown.start + 1 :]).any()


def test_a_shape_says_names_units_and_where_the_rows_are():
    shown = plots.ShapeDisplay.from_model(model(1), "size", TABLE)
    assert "size (m2); other columns as in the mean case | price" in words(shown)
    assert "rows of the table" in words(shown)
    assert len(shown.data) == np.isfinite(TABLE[:, 0]).sum()
    levels = plots.ShapeDisplay.from_model(model(1), "town")
    assert "0 | 1 | 2 | missing" in words(levels)
    assert "in the middle of the knots" in words(levels)


def test_levels_are_predictions():
    m = model(3)
    shown = plots.LevelsDisplay.from_model(m, ("age", "rooms"), TABLE, at=TABLE[0])
    x, y = shown.grid
    at = TABLE[0].copy()
    at[[1, 2]] = x[7], y[20]
    np.testing.assert_allclose(shown.values[20, 7], m.predict(at))
    assert x[0] == np.nanmin(TABLE[:, 1])
    assert y[-1] == np.nanmax(TABLE[:, 2])


@pytest.mark.parametrize("kind", ["numbers", "smoothed", "several"])
def test_a_spectrum_has_its_chosen_eigenvalue_and_its_gap(kind):
    m = model(4, dims=(4, 4), **KINDS[kind])
    own = {"output": 2} if m.outputs > 1 else {}
    shown = plots.SpectrumDisplay.from_model(m, "hour", at=TABLE[2], member=1, **own)
    found = shown.spectrum
    assert (np.diff(found.eigenvalues) >= 0).all()
    if kind == "smoothed":
        assert "from several eigenvalues" in words(shown)
        assert not np.isfinite(found.gap).any()
        return
    (k,) = found.chosen
    np.testing.assert_allclose(found.value, found.eigenvalues[:, k])
    gaps = np.diff(found.eigenvalues)[:, max(k - 1, 0) : k + 1].min(-1)
    np.testing.assert_allclose(found.gap, gaps)
    assert f"chosen: number {k + 1} of 4" in words(shown)
    assert set(found.knots) <= set(found.grid)
    assert len(found.knots) == 4
    assert "member 2 of 2" in words(shown)


def test_the_spectra_of_the_members_average_to_the_decision():
    m = model(4, weights=(3, 1))
    both = [m.spectrum("age", TABLE[2], member=i).value for i in range(2)]
    mean = np.average(both, 0, m.static.weights)
    np.testing.assert_allclose(mean, m.curve("age", TABLE[2]).decision)


@pytest.mark.parametrize("kind", ["numbers", "classes", "several"])
@pytest.mark.parametrize("column", ["age", "town"])
def test_a_game_meets_the_decision_at_its_row(kind, column):
    m = model(4, **KINDS[kind])
    own = {"output": 1} if m.outputs > 1 else {}
    row = rows(1, 5, missing=False)[0]
    row[[1, 3]] = 1.0, 1
    shown = plots.GameDisplay.from_model(m, column, at=row, **own)
    assert (shown.lower <= shown.decision + 1e-9).all()
    assert (shown.decision <= shown.upper + 1e-9).all()
    at = shown.grid.index(1)
    for line in (shown.lower, shown.decision, shown.upper, shown.scorecard, np.full(9, shown.at)):
        np.testing.assert_allclose(line[at if len(line) != 9 else 0], shown.decision[at])
    lines = {line.get_label(): line.get_ydata() for line in shown.ax_.lines}
    np.testing.assert_array_equal(lines["at most: Low's scorecards"], shown.upper)
    assert lines["the row"] == [shown.at]
    assert "at least: High's scorecards" in words(shown)


@pytest.mark.parametrize("kind", KINDS)
def test_a_waterfall_leads_from_the_baseline_to_the_decision(kind):
    m = model(2, **KINDS[kind])
    own = {"output": 1} if m.outputs > 1 else {}
    shown = plots.WaterfallDisplay.from_model(m, TABLE, row=4, sample=TABLE, most=2, **own)
    given = shown.contributions
    ends = [bar.get_x() + bar.get_width() for bar in shown.ax_.patches]
    decision = np.ravel(given.decision[4])[own.get("output", 0)]
    np.testing.assert_allclose(ends[-1], decision)
    np.testing.assert_allclose(shown.ax_.patches[0].get_x(), np.ravel(given.base)[shown.output])
    assert "other columns" in words(shown)
    assert "instead of" in words(shown)
    assert ("probability of" in shown.ax_.get_title()) == (kind in ("classes", "several"))


def test_a_special_code_is_named_and_counts_with_its_numbers():
    m = coded()
    sample = {"age": np.array([30.0, 50.0]), "more": np.array([0.0, 1.0])}
    shown = plots.WaterfallDisplay.from_model(m, {"age": 99.0, "more": 0.5}, sample=sample)
    labels = [each.get_text() for each in shown.ax_.get_yticklabels()]
    assert labels == ["age = special code 99\ninstead of 40"]
    assert set(plots.ImportanceDisplay.from_model(m, sample).importance) == {"age", "more"}


def test_importance_shows_the_largest_first(fitted):
    result, table, _ = fitted
    shown = plots.ImportanceDisplay.from_model(result, table, most=2)
    found = result.model.explain(table, "mean").importance
    assert list(shown.importance) == sorted(found, key=found.get)[::-1][:2]
    assert "mean |contribution| to price" in words(shown)


def test_residuals_and_their_quantiles(fitted):
    result, table, y = fitted
    shown = plots.ResidualsDisplay.from_model(result, table, y, "b", bins=3)
    np.testing.assert_allclose(shown.residuals, y - result.model.predict(table))
    order = np.argsort(table["b"])[:40]
    np.testing.assert_allclose(shown.middle[0], np.median(shown.residuals[order]))
    assert shown.low[0] == np.quantile(shown.residuals[order], 0.1)
    assert plots.ResidualsDisplay.from_model(result, table, y).x_name == "predicted price"


def test_calibration_of_a_class_has_wilsons_interval():
    m = model(2, **KINDS["classes"])
    chance = m.predict(TABLE)
    y = np.where(np.random.default_rng(0).random(60) < chance, "yes", "no")
    shown = plots.CalibrationDisplay.from_model(m, TABLE, y, bins=3)
    part = np.argsort(chance, kind="stable")[20:40]
    p, n = (y[part] == "yes").mean(), 20
    assert shown.observed[1] == p
    np.testing.assert_allclose(shown.predicted[1], chance[part].mean())
    for end in (shown.low[1], shown.high[1]):  # where the score test has its 5 % point
        np.testing.assert_allclose((p - end) ** 2, 1.959963984540054**2 * end * (1 - end) / n)
    assert "share of yes" in words(shown)


def test_calibration_counts_weights_and_exposures():
    from eigcore.fit import fit

    rng = np.random.default_rng(0)
    table = {"a": rng.uniform(size=90), "years": rng.uniform(0.5, 2.0, 90)}
    claims = rng.poisson(table["years"] * (1 + table["a"]))
    options = {"dim": 1, "knots": 0, "penalty": 1e-6, "members": 1, "validation": 0}
    m = fit(table, claims, loss="poisson", exposure="years", **options).model
    weights = rng.integers(1, 3, 90)
    asked = {"weights": weights, "exposure": "years"}
    whole = plots.CalibrationDisplay.from_model(m, table, claims, bins=1, **asked)
    w, years = weights, table["years"]
    assert whole.observed[0] == pytest.approx((w @ claims) / (w @ years))
    assert whole.predicted[0] == pytest.approx((w * years) @ m.predict(table) / (w @ years))
    assert whole.low[0] < whole.predicted[0] < whole.high[0]
    twice = np.repeat(np.arange(90), weights)
    rows = {name: column[twice] for name, column in table.items()}
    other = plots.CalibrationDisplay.from_model(m, rows, claims[twice], bins=1, exposure="years")
    assert other.observed[0] == pytest.approx(whole.observed[0])
    thirds = plots.CalibrationDisplay.from_model(m, table, claims, bins=3, **asked)
    assert len(thirds.observed) == 3
    trials = rng.integers(5, 40, 90)
    hits = rng.binomial(trials, 0.3)
    parts = fit(table, hits, loss="binomial", exposure=trials, **options).model
    shown = plots.CalibrationDisplay.from_model(parts, table, hits, bins=1, exposure=trials)
    n, end = trials.sum(), shown.high[0]
    gap = (hits.sum() / n - end) ** 2
    np.testing.assert_allclose(gap, 1.959963984540054**2 * end * (1 - end) / n)
    with pytest.raises(InvalidInput, match="exposure holds 0 and more"):
        plots.CalibrationDisplay.from_model(m, table, claims, exposure=np.zeros(90))


def test_coverage_counts_the_rows_inside(fitted):
    result, table, y = fitted
    m = result.model.calibrate({n: c[:60] for n, c in table.items()}, y[:60])
    rest = {n: c[60:] for n, c in table.items()}
    shown = plots.CoverageDisplay.from_model(m, rest, y[60:], coverages=[0.8, 0.5])
    ends = m.interval(rest, 0.5)
    assert shown.observed[0] == np.mean((ends.lower <= y[60:]) & (y[60:] <= ends.upper))
    assert (shown.low < shown.coverages).all()
    assert (shown.high > shown.coverages).all()


def test_training_shows_every_descent(fitted):
    result, _, _ = fitted
    shown = plots.TrainingDisplay.from_model(result)
    lines = [line.get_ydata() for line in shown.ax_.lines if len(line.get_ydata()) > 1]
    assert [list(line) for line in lines] == [list(values) for values in result.history]


def test_a_display_draws_into_given_axes_and_again(fitted):
    axes = plt.subplots(1, 2)[1]
    shown = plots.TrainingDisplay.from_model(fitted[0], ax=axes[1])
    assert shown.ax_ is axes[1]
    assert shown.figure_ is axes[1].figure
    assert shown.plot(axes[0]).ax_ is axes[0]


def test_without_matplotlib_there_is_one_clear_error(monkeypatch, fitted):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingPackage, match=r'pip install "eigcore\[plots\]"'):
        plots.TrainingDisplay.from_model(fitted[0])


M, CLASSES, SEVERAL = model(1), model(1, **KINDS["classes"]), model(1, **KINDS["several"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.ShapeDisplay.from_model(M, "sise"), "no column 'sise'"),
        (lambda: plots.ShapeDisplay.from_model("m.eig", "size"), "Pass SpectralModel.load"),
        (lambda: plots.ShapeDisplay.from_model(SEVERAL, "size"), "Write output="),
        (lambda: plots.SpectrumDisplay.from_model(M, "size", member=2), "Write member=0"),
        (lambda: M.spectrum("size", TABLE), "at has 60 rows"),
        (lambda: plots.LevelsDisplay.from_model(M, ("size", "town")), "two numeric columns among"),
        (lambda: plots.WaterfallDisplay.from_model(M, TABLE, row=60), "row is 60 of 60"),
        (lambda: plots.ResidualsDisplay.from_model(CLASSES, TABLE, [0] * 60), "CalibrationDisplay"),
        (lambda: plots.ResidualsDisplay.from_model(M, TABLE, [0] * 60, "town"), "numeric column"),
        (lambda: plots.CalibrationDisplay.from_model(CLASSES, TABLE, ["?"] * 60), "labels among"),
        (lambda: plots.CalibrationDisplay.from_model(M, TABLE, [0.0]), "one observation per row"),
        (lambda: plots.CoverageDisplay.from_model(M, TABLE, [0.0] * 60), "model.calibrate"),
        (lambda: plots.TrainingDisplay.from_model(M), "keeps no training curve"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_advice(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
