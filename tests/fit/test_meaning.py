"""What a cell means: the same in every container, library and entry point."""

import warnings

import numpy as np
import pytest
from levels import BIG, EFFECT, QUICK, levels_and_target

import eigcore
import eigcore.fit
from eigcore.encoding import Categories, Encoding, Linear
from eigcore.errors import InvalidInput, InvalidTable, NonFiniteInput, UnseenLevels
from eigcore.model import SpectralModel

rows = pytest.fixture(levels_and_target, scope="module", name="rows")


@pytest.fixture(scope="module")
def coded(rows):
    level, z, y = rows
    return eigcore.fit.fit(np.stack([level, z], 1), y, categories=["x0"], **QUICK).model


LEVELS = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])


def by_name(table):
    return {"x0": table[:, 0].astype(int), "x1": table[:, 1]}


@pytest.mark.parametrize(
    "predict",
    [
        lambda m: m.predict(LEVELS),
        lambda m: m.predict(LEVELS.astype(int)),
        lambda m: m.predict(LEVELS.tolist()),
        lambda m: m.predict(LEVELS.astype(object)),
        lambda m: m.predict(by_name(LEVELS)),
        lambda m: m.decision(LEVELS[None])[0],
        lambda m: m.explain(LEVELS).prediction,
        lambda m: m.certify(x=LEVELS, radius={"x1": 0.0}).local.lower,
        lambda m: m.predict(m.encoding.table(LEVELS), codes=True),
    ],
)
def test_a_number_in_an_array_is_the_level_it_was_at_the_fit(coded, predict):
    np.testing.assert_allclose(predict(coded), EFFECT, atol=1.0)


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_so_it_is_in_the_arrays_of_frameworks(coded, library, dtype):
    pytest.importorskip(library)
    backend = eigcore.get_backend(library)
    x = backend.asarray(LEVELS, dtype=dtype)
    if library == "torch":
        model = coded.to_torch()
        found = [
            coded.predict(x),
            model(x),
            model(backend.asarray(coded.encoding.table(LEVELS)), codes=True),
        ]
    else:
        params, apply = coded.to_jax()
        codes = backend.asarray(coded.encoding.table(LEVELS))
        found = [coded.predict(x), apply(params, x), apply(params, codes, codes=True)]
    for each in found:
        np.testing.assert_allclose(backend.to_numpy(backend.detach(each)), EFFECT, atol=1.0)


def test_arrays_that_cannot_hold_the_levels_ask_for_codes(rows):
    level, z, y = rows
    named = {"kind": np.array(["a", "b", "c"])[level - 1], "z": z}
    text = eigcore.fit.fit(named, y, **QUICK).model
    with pytest.raises(InvalidInput, match="categories are text"):
        text.predict(LEVELS)
    torch = pytest.importorskip("torch")
    codes = text.encoding.table({"kind": ["a", "b", "c"], "z": np.zeros(3)})
    with pytest.raises(InvalidInput, match=r"'kind' has categories such as 'a'.*codes=True"):
        text.to_torch()(torch.tensor(codes))
    found = text.to_torch()(torch.tensor(codes), codes=True).detach()
    np.testing.assert_allclose(found, EFFECT, atol=1.0)
    narrow = Encoding((Categories((2**24, 2**24 + 1)),))
    numbers, library = torch.tensor([[2.0**24]]), eigcore.get_backend("torch")
    assert narrow(numbers.double(), library).tolist() == [[1.0, 0.0]]
    with pytest.raises(InvalidInput, match="float32 numbers cannot hold or tell apart"):
        narrow(numbers, library)


def test_levels_keep_every_digit(rows, tmp_path):
    _, z, _ = rows
    number = np.random.default_rng(1).integers(0, 20, 300)
    y = z + 5.0 * (number % 2)
    for cells, asked in (
        (BIG + number, [BIG, BIG + 1]),
        ([*map(int, BIG + number - 1), None], [BIG - 1, BIG]),
        (np.array([f"0{n}" for n in number], dtype=object), ["00", "01"]),
    ):
        table = {"id": cells, "z": np.resize(z, len(cells))}
        target = np.resize(y, len(cells))
        model = eigcore.fit.fit(table, target, categories=["id"], **QUICK).model
        model.save(tmp_path / "m.eig")
        model = SpectralModel.load(tmp_path / "m.eig")
        assert len(model.encoding.columns[0].levels) == 20
        assert [type(level) for level in model.encoding.columns[0].levels[:2]] == [
            type(each) for each in asked
        ]
        found = model.predict({"id": asked, "z": [0.0, 0.0]})
        np.testing.assert_allclose(found, [0.0, 5.0], atol=0.5)


def test_classes_keep_every_digit(rows):
    level, z, _ = rows
    labels = BIG + (level > 1)
    found = eigcore.fit.fit({"z": z + level}, labels, loss="logistic", **QUICK).model
    assert found.static.classes == (BIG, BIG + 1)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([1, "1", "a", "b"], "holds 1 beside the text '1'"),
        ([True, 1, "a", "b"], "holds booleans beside numbers"),
        ([b"\xe9", "a", "b", "c"], r"holds b'\\xe9' \(bytes\)"),
    ],
)
def test_levels_that_cannot_be_kept_apart_are_refused(cells, words):
    with pytest.raises(InvalidTable, match=words):
        eigcore.fit.fit({"c": cells, "a": [1.0, 2, 3, 4]}, [1.0, 2, 3, 4], categories=["c"])


@pytest.mark.parametrize("knots", [1, 8])
def test_a_column_of_two_values_stays_constant_outside(rows, knots):
    level, z, y = rows
    table = {"flag": (level > 1) * 1.0, "z": z}
    model = eigcore.fit.fit(table, y, **QUICK | {"knots": knots}).model
    at = {"flag": [-999.0, 0.0, 1.0, 999.0], "z": np.zeros(4)}
    low, zero, one, high = model.predict(at)
    assert (low, high) == (zero, one)
    outside = model.predict({"flag": np.zeros(4), "z": [-999.0, z.min(), z.max(), 999.0]})
    np.testing.assert_allclose(outside[[0, 3]], outside[[1, 2]], atol=1e-12)
    slopes = model.explain(at).slopes[:, 0]
    assert slopes[[0, 3]].tolist() == [0.0, 0.0]
    assert slopes[1] != 0.0
    column = model.encoding.columns[0]
    assert not column.affine
    assert "limits" not in Linear().to_dict()
    assert column.to_dict()["limits"] == [0.0, 1.0]


def test_a_linear_model_goes_on_and_may_be_convex(rows):
    level, z, y = rows
    table = {"flag": (level > 1) * 1.0, "z": z}
    model = eigcore.fit.fit(table, y, shape="convex", **QUICK).model
    assert model.certify().convex
    low, zero = model.predict({"flag": [-1.0, 0.0], "z": [0.0, 0.0]})
    assert low != zero


def test_a_level_never_seen_is_the_average_of_the_levels_and_told(rows, coded):
    with pytest.warns(UnseenLevels, match="1 cell.s. of column 'x0', such as 9"):
        found = coded.predict(np.array([[9.0, 0.0]]))
    assert -20.0 < found[0] < 30.0
    for spec, params in coded.members:
        assert spec.features == params.shape[1] - 1
        np.testing.assert_allclose(params[:, 1:4].mean(1), 0.0, atol=1e-12)
    assert coded.encoding.unseen(np.array([[9.0, 0.0], [9.0, 1.0], [1.0, 0.0]])) == {"x0": {9.0: 2}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coded.predict(LEVELS)


def test_a_fit_may_refuse_levels_never_seen(rows, tmp_path):
    level, z, y = rows
    table = {"kind": np.array(["a", "b", "c"])[level - 1], "z": z}
    model = eigcore.fit.fit(table, y, on_unseen="refuse", **QUICK).model
    model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    with pytest.raises(InvalidInput, match=r"2 cell.s. of column 'kind', such as ' a', 'A'"):
        model.predict({"kind": [" a", "A", "b"], "z": np.zeros(3)})
    assert model.encoding.unseen({"kind": ["A"], "z": [0.0]}) == {"kind": {"A": 1}}


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"increasing": ["z"]}, {"decreasing": ["w"]}, {"shape": "convex"}),
        *({"increasing": ["z"], "shape": "concave"}, {"increasing": ["w"], "knots": 0, "dim": 1}),
        {"increasing": ["z"], "projections": 2},
    ],
)
def test_a_fit_may_say_what_a_first_missing_cell_means(rows, options):
    level, z, y = rows
    table = {"kind": np.array(["a", "b", "c"])[level - 1], "z": z, "w": z**2}
    with pytest.raises(NonFiniteInput, match="1 missing"):
        eigcore.fit.fit(table, y, **QUICK).model.predict({"kind": ["a"], "z": [np.nan], "w": [0.0]})
    meant = QUICK | options | {"on_missing": "neutral"}
    model = eigcore.fit.fit(table, y, validation=0.0, **meant).model
    columns = {each.name: each for each in model.certify().columns}
    assert all(columns[name].increasing for name in options.get("increasing", ()))
    assert all(columns[name].decreasing for name in options.get("decreasing", ()))
    absent = model.predict({"kind": [None, "a"], "z": [0.0, np.nan], "w": [1.0, 1.0]})
    assert np.isfinite(absent).all()
    terms = model.encoding(model.encoding.table(table), eigcore.get_backend("numpy"), codes=True)
    check_averages(model, terms.mean(0))
    further, _ = eigcore.fit.resume(model, table, y, max_iter=3)
    check_averages(further, terms.mean(0))


def check_averages(model, mean):
    """The matrix of a missing cell is the average of the matrices of its column."""
    for column, own in zip(model.encoding.columns, model.encoding.slices, strict=True):
        assert column.missing
        for _, params in model.members:
            average = np.einsum("b,obk->ok", mean[own], params[:, 1:][:, own])
            np.testing.assert_allclose(average, params[:, own.stop], atol=1e-9)


def test_labels_of_a_frame_are_labels(rows):
    pd, sklearn = pytest.importorskip("pandas"), pytest.importorskip("sklearn")
    assert sklearn
    from eigcore.estimators import SpectralRegressor

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=[1, 2, 3])
    y = X[1] - X[2] + X[3] ** 2
    options = {"dim": 3, "knots": 4, "penalty": 1e-3, "n_estimators": 1, "max_iter": 10}
    options |= {"random_state": 0}
    fitted = SpectralRegressor(monotone={1: 1, 2: -1}, **options).fit(X, y)
    proof = fitted.model_.certify()
    assert [c.name for c in proof.columns] == ["1", "2", "3"]
    assert [c.increasing for c in proof.columns] == [True, False, False]
    assert [c.decreasing for c in proof.columns] == [False, True, False]
    np.testing.assert_allclose(fitted.predict(X[[3, 1, 2]]), fitted.predict(X))
    np.testing.assert_allclose(fitted.predict(X.to_numpy()), fitted.predict(X))
    with pytest.raises(InvalidInput, match="has the columns 1, 2, 4; expected those of the fit"):
        fitted.predict(X.rename(columns={3: 4}))
    with pytest.raises(InvalidInput, match="names 0, which is not a column of X"):
        SpectralRegressor(monotone={0: 1}, **options).fit(X, y)
    with pytest.raises(InvalidInput, match="names column '1' twice, as 1 and '1', with 1 and -1"):
        SpectralRegressor(monotone={1: 1, "1": -1}, **options).fit(X, y)
    by_place = SpectralRegressor(monotone={0: 1}, **options).fit(X.to_numpy(), y)
    assert by_place.model_.certify().columns[0].increasing


@pytest.mark.parametrize("labels", [[1, 2, 3], [1, "b", 2.5], [("u", 1), ("u", 2), ("v", 1)]])
def test_fit_takes_frames_with_any_labels(labels):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)))
    frame.columns = pd.MultiIndex.from_tuples(labels) if isinstance(labels[0], tuple) else labels
    target = rng.normal(size=100)
    model = eigcore.fit.fit(frame, target, increasing=[labels[0]], **QUICK).model
    assert model.encoding.names == tuple(map(str, labels))
    assert model.certify().columns[0].increasing
    assert model.predict(frame).shape == (100,)


def test_a_target_is_named_by_its_label():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 3)))
    model = eigcore.fit.fit(frame, 2, **QUICK).model
    assert model.encoding.names == ("0", "1")
    assert model.static.target_name == "2"


def test_a_sparse_matrix_is_a_table(rows):
    sparse = pytest.importorskip("scipy.sparse")
    _, z, _ = rows
    X = np.stack([z, z > 0], 1)
    for kind in (sparse.csr_matrix, sparse.coo_array):
        model = eigcore.fit.fit(kind(X), z, **QUICK).model
        np.testing.assert_array_equal(model.predict(kind(X)), model.predict(X))


def test_codes_that_numbers_cannot_hold_are_no_silent_constant(rows):
    level, z, y = rows
    codes = 2**60 + level
    with pytest.raises(InvalidTable, match=r"digits that numbers do not keep.*categories=\['id'\]"):
        eigcore.fit.fit({"id": codes, "z": z}, y, **QUICK)
    told = eigcore.fit.fit({"id": codes, "z": z}, y, keep_constant=True, **QUICK).report.notes
    assert any("'id' is constant up to rounding and has no effect; if it holds" in n for n in told)
    with pytest.raises(InvalidTable, match="a float that cannot hold every digit of a code"):
        eigcore.fit.fit({"id": codes.astype(float), "z": z}, y, categories=["id"], **QUICK)


def test_new_codes_of_a_file_are_counted(rows, coded, tmp_path):
    level, z, y = rows
    found = coded.encoding.unseen({"x0": ["1", "5", f"{2**60}", None], "x1": np.zeros(4)})
    assert found == {"x0": {"5": 1, f"{2**60}": 1}}
    with pytest.raises(InvalidInput, match=r"holds 'x' in row 1\. Its categories are numbers"):
        coded.encoding.unseen({"x0": ["1", "x"], "x1": np.zeros(2)})
    table = {"kind": level, "z": z}
    model = eigcore.fit.fit(table, y, categories=["kind"], on_unseen="refuse", **QUICK).model
    with pytest.raises(InvalidInput, match="the code -1, a level never seen, in row 1"):
        model.predict(np.array([[0.0, 0.0], [-1.0, 0.0]]), codes=True)
