"""Masks, streams, labels and numbers at the edges: refused, or right, at every entry point."""

import warnings

import numpy as np
import pytest
from levels import BIG, QUICK, levels_and_target

import eigcore
import eigcore.fit
from eigcore.errors import InvalidInput, InvalidTable, NonFiniteInput

rows = pytest.fixture(levels_and_target, scope="module", name="rows")


@pytest.mark.parametrize("give", [lambda c: c, lambda c: [*c], lambda c: c.tolist()])
def test_masked_cells_are_missing_wherever_they_stand(give):
    x = np.linspace(0, 1, 90)
    mask = np.arange(90) % 3 == 0
    column = np.ma.array(np.where(mask, 1e6, x), mask=mask)
    model = eigcore.fit.fit({"a": give(column), "b": x}, x, **QUICK).model
    assert model.encoding.columns[0].missing
    assert model.encoding.columns[0].knots[-1] <= 1.0
    rows = [np.ma.array([v, 0.5], mask=[m, False]) for v, m in zip(column.data, mask, strict=True)]
    assert np.isnan(model.encoding.table(rows)[:, 0]).tolist() == mask.tolist()
    table = np.ma.array(np.stack([column.data, x], 1), mask=np.stack([mask, 0 * mask], 1))
    for found in (model.predict(table), model.predict(table, codes=True)):
        np.testing.assert_array_equal(found, model.predict({"a": column, "b": x}))
    weights = np.ma.array(np.ones(90), mask=mask)
    with pytest.raises(InvalidInput, match="weights hold missing"):
        eigcore.fit.fit({"b": x}, x, weights=weights, **QUICK)


def test_estimators_see_masks_dates_and_records():
    pytest.importorskip("sklearn")
    from eigcore.estimators import SpectralClassifier, SpectralRegressor

    options = {"dim": 3, "knots": 4, "penalty": 1e-3, "n_estimators": 1, "max_iter": 5}
    x = np.linspace(0, 1, 90)
    mask = np.arange(90) % 3 == 0
    masked = np.ma.array(np.where(mask, 1e6, x), mask=mask)
    made = SpectralRegressor(**options)
    for kind in (made, SpectralClassifier(**options)):
        with pytest.raises(InvalidInput, match="y is masked in 30 of 90 rows"):
            kind.fit(x[:, None], masked)
    with pytest.raises(InvalidInput, match="y holds datetime64"):
        made.fit(x[:, None], np.repeat(np.datetime64("2020-01-01"), 90))
    with pytest.raises(InvalidInput, match="X is a record array"):
        made.fit(np.rec.fromarrays([x, x], names="a,b"), x)
    fitted = made.fit(masked[:, None], x)
    both = fitted.predict(np.ma.array([[0.5], [0.5]], mask=[[False], [True]]))
    np.testing.assert_array_equal(both, fitted.predict(np.array([[0.5], [np.nan]])))


def test_labels_of_a_model_keep_their_type(rows):
    pytest.importorskip("sklearn")
    from eigcore.estimators import SpectralClassifier

    level, z, _ = rows
    for labels in ((-5, 2**63 + 2, 2**63 + 3), (2, 3, "a"), (0.5, 2**53 + 1, 7)):
        y = np.empty(len(level), dtype=object)
        y[:] = [labels[number - 1] for number in level]
        model = eigcore.fit.fit({"z": z + level}, y, loss="multinomial", **QUICK).model
        found = SpectralClassifier.from_model(model).classes_
        assert found.tolist() == list(model.static.classes)
        assert {*map(repr, found.tolist())} == {*map(repr, labels)}


def stream(level, z, y):
    pa = pytest.importorskip("pyarrow")
    cells = pa.array([None if n == 2 else BIG + int(n) for n in level])
    return [pa.table({"c": cells.dictionary_encode(), "z": z, "y": y})]


def test_categories_that_batches_declare_are_categories(rows):
    level, z, y = rows
    for made in (stream(level, z, y), lambda: iter(stream(level, z, y))):
        model = eigcore.fit.fit_stream(made, "y", epochs=1, **QUICK).model
        assert model.encoding.columns[0].levels == (BIG + 1, BIG + 3)
        assert model.encoding.columns[0].missing
    for _, params in model.members:
        np.testing.assert_allclose(params[:, 1:3].mean(1), 0.0, atol=1e-12)


@pytest.mark.parametrize("kind", ["i1", "i8", "u1", "u8"])
def test_the_smallest_integer_of_a_stream_stays_in_the_sample(kind):
    cells = np.random.default_rng(0).integers(60, 100, 5000).astype(kind)
    cells[777] = np.iinfo(kind).min
    batches = [{"c": cells, "y": cells / 100.0}]
    options = QUICK | {"epochs": 1, "sample_rows": 500}
    model = eigcore.fit.fit_stream(batches, "y", **options).model
    assert model.encoding.columns[0].knots[0] == np.iinfo(kind).min


def test_lists_in_a_stream_are_refused_by_name():
    batches = [{"d": [[1]] * 20, "z": np.arange(20.0), "y": np.arange(20.0)}]
    with pytest.raises(InvalidTable, match="Column 'd' holds list"):
        eigcore.fit.fit_stream(batches, "y", epochs=1, **QUICK)


def test_a_level_that_is_refused_is_nan_in_frameworks(rows):
    torch = pytest.importorskip("torch")
    level, z, y = rows
    options = QUICK | {"categories": ["c"], "on_unseen": "refuse"}
    model = eigcore.fit.fit({"c": level, "z": z}, y, **options).model
    x = torch.tensor([[1.0, 0.0], [9.0, 0.0]], dtype=torch.float64)
    with pytest.raises(NonFiniteInput, match="1 of 2 rows"):
        model.to_torch()(x)
    assert torch.isfinite(model.to_torch()(x[:1])).all()


def test_huge_numbers_are_one_sentence(rows, tmp_path):
    level, z, y = rows
    options = QUICK | {"knots": 0, "tails": "linear"}
    model = eigcore.fit.fit({"z": z, "u": level}, y, **options).model
    for ask in (model.predict, model.explain):
        with pytest.raises(NonFiniteInput, match="overflow"), np.errstate(all="ignore"):
            ask({"z": [1.7e308], "u": [1.7e308]})
    with pytest.raises(InvalidInput, match="an integer beyond 1e308"):
        model.predict({"z": [10**400], "u": [1]})
    with pytest.raises(InvalidInput, match="no array of numbers"):
        eigcore.kth_eigenvalue(np.array([[10**400, 0], [0, 1]], dtype=object), 1)
    with pytest.raises(InvalidTable, match="an integer of 1e100 or more"):
        eigcore.fit.fit({"c": [10**5000, 1] * 20, "z": z[:40]}, z[:40], categories=["c"], **QUICK)
    for path in ("a\0b", "\ud800.eig"):
        with pytest.raises(eigcore.errors.ModelFileError, match="could not be written"):
            model.save(tmp_path / path)
    with pytest.raises(InvalidInput, match="no path of a file"):
        eigcore.fit.fit("x" * 5000 + ".csv", "y")


def test_a_model_of_labels_that_are_integers_reads_frames_by_label():
    pd, _ = pytest.importorskip("pandas"), pytest.importorskip("sklearn")
    from eigcore.estimators import SpectralRegressor

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(100, 3)), columns=[1, 2, 3])
    model = eigcore.fit.fit(X, X[1] - 2 * X[2], **QUICK).model
    fitted = SpectralRegressor.from_model(model)
    with warnings.catch_warnings(action="ignore"):
        np.testing.assert_allclose(fitted.predict(X[[3, 1, 2]]), model.predict(X))


def test_levels_of_a_stream_average_to_zero(rows):
    level, z, y = rows
    batches = [{"c": level, "z": z, "y": y + np.where(level == 1, 50.0, 0.0) * z}]
    options = QUICK | {"epochs": 20, "categories": ["c"], "sample_rows": 60, "max_iter": 5}
    model = eigcore.fit.fit_stream(batches, "y", **options).model
    for _, params in model.members:
        np.testing.assert_allclose(params[:, 1:4].mean(1), 0.0, atol=1e-12)
