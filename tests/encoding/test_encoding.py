import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NAMES, encoding, rows

from eigcore.dispatch.registry import get_backend
from eigcore.encoding import (
    Categories,
    Encoding,
    Linear,
    Periodic,
    PiecewiseLinear,
    Projection,
    quantile_knots,
)
from eigcore.encoding.read import outside_message
from eigcore.errors import InvalidInput, InvalidSpec, NonFiniteInput

numpy = get_backend("numpy")
number = st.floats(-1e6, 1e6, allow_nan=False)
knots = st.lists(st.integers(-1000, 1000), min_size=2, max_size=6, unique=True).map(
    lambda v: tuple(float(k) / 8 for k in sorted(v))
)
column = st.one_of(
    st.builds(Linear, number, st.floats(0.01, 1e3), st.booleans()),
    st.builds(PiecewiseLinear, knots, st.sampled_from(["linear", "clamped"]), st.booleans()),
    st.builds(
        Categories,
        st.lists(st.text(max_size=5), min_size=1, max_size=5, unique=True).map(tuple),
        st.booleans(),
    ),
    st.builds(Periodic, st.just(300.0), knots, st.booleans()),
)


@st.composite
def encodings_(draw):
    columns = draw(st.lists(column, min_size=1, max_size=5))
    names = tuple(f"c{j}" for j in range(len(columns)))
    numeric = [name for name, c in zip(names, columns, strict=True) if c.numeric]
    projections = []
    if numeric and draw(st.booleans()):
        of = draw(st.lists(st.sampled_from(numeric), min_size=1, max_size=3, unique=True))
        weights = tuple(draw(st.sampled_from([-2.0, 0.25, 1.0])) for _ in of)
        shape = draw(
            st.sampled_from(
                [Linear(1.0, 2.0, True), PiecewiseLinear((-9.0, 0.5, 70.0), "linear", True)]
            )
        )
        projections.append(Projection(tuple(of), weights, shape, tuple(draw(number) for _ in of)))
    return Encoding(tuple(columns), names, projections=tuple(projections))


encodings = encodings_()


@settings(deadline=None)
@given(encodings)
def test_json_and_back_is_the_same_encoding(e):
    back = Encoding.from_dict(json.loads(json.dumps(e.to_dict())))
    assert back == e
    assert hash(back) == hash(e)
    assert e.terms == e.slices[-1].stop == len(e.widths) == len(e.constants[0])


@settings(deadline=None, max_examples=50)
@given(encodings, st.integers(0, 2**31))
def test_between_two_values_the_terms_change_by_the_slopes_times_the_lengths(e, seed):
    rng = np.random.default_rng(seed)
    a, b = np.sort(rng.uniform(-140, 140, size=(2, len(e.columns))), axis=0)
    change = e(b, numpy, codes=True) - e(a, numpy, codes=True)
    for j, (part, here, there) in enumerate(
        zip(e.parts, e.extended(a), e.extended(b), strict=True)
    ):
        if not part.numeric:
            continue
        edges, slopes = e.pieces(j, np.eye(e.terms))
        if isinstance(part, Periodic):
            edges = np.concatenate([edges[:-1] + 300.0 * turn for turn in range(-3, 3)])
            edges, slopes = np.append(edges, edges[0] + 1800.0), np.tile(slopes, (6, 1))
        low, high = sorted((here, there))
        length = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)
        expected = np.sign(there - here) * length @ slopes
        np.testing.assert_allclose(change[e.slices[j]], expected[e.slices[j]], atol=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_every_backend_encodes_the_same(name, dtype):
    pytest.importorskip(name)
    x, e, backend = rows(200), encoding(), get_backend(name)
    if name == "jax":
        dtype = str(backend.asarray(np.zeros(1)).dtype) if dtype == "float64" else dtype
    terms = e(backend.asarray(x.astype(dtype)), backend, codes=True)
    assert str(terms.dtype).endswith(dtype)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(backend.to_numpy(terms), e(x, numpy, codes=True), atol=tolerance)


def test_clips_tails_levels_and_hats_have_the_values_of_the_formulas():
    e = Encoding((PiecewiseLinear((0.0, 1.0, 3.0)), Categories(("a", "b")), Periodic(24, (0, 6))))
    x = np.array([[-2.0, 0, 3.0], [2.0, 1, 15.0], [7.0, -1, -24.0]])
    expected = [
        [-2, 0, 0, 0, 1, 0, 0.5, 0.5],
        [0, 1, 0.5, 0, 0, 1, 0.5, 0.5],
        [0, 1, 1, 2, 0, 0, 1, 0],
    ]
    np.testing.assert_allclose(e(x, numpy, codes=True), expected, atol=1e-15)
    np.testing.assert_array_equal(e.widths[:4], [1, 1, 2, 2])


def test_a_missing_cell_is_its_own_term_or_makes_the_row_nan():
    x = np.array([[np.nan, 1.0, 0.0, np.nan, np.inf]])
    terms = encoding()(x, numpy, codes=True)[0]
    e = encoding()
    np.testing.assert_array_equal(terms[e.slices[0]], [0, 1])
    np.testing.assert_array_equal(terms[e.slices[3]], [0, 0, 0, 1])
    assert np.isnan(terms[e.slices[4]]).all()
    e = encoding(missing=False)
    assert np.isnan(e(x, numpy, codes=True)[0][e.slices[0]]).all()


def test_derivative_is_what_torch_and_jax_differentiate():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    e, x = encoding(), rows(40, seed=3)
    x[:4] = [[1, 0, -1, 0, 1], [1, 1, 0.5, 1, 7], [1, 3, 2, 2, 20], [1, 3, 2, 2, 25]]  # at knots
    expected = e.derivative(x)
    t = torch.tensor(x, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(
        lambda t: e(t, get_backend("torch"), codes=True).sum(0), t
    )
    by_row = jax.jacfwd(lambda t: e(t, get_backend("jax"), codes=True))
    weights = np.concatenate([np.eye(len(e.columns)), e.mixing])  # (parts, columns)
    for part, terms in zip(weights, e.slices, strict=True):
        wanted = expected[:, terms, None] * part
        np.testing.assert_allclose(jacobian[terms].permute(1, 0, 2), wanted, atol=1e-12)
        for row in range(8):
            found = np.asarray(by_row(jax.numpy.asarray(x[row])))
            np.testing.assert_allclose(found[terms], wanted[row], atol=1e-6)


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")
def test_it_compiles_and_exports_without_a_graph_break():
    torch = pytest.importorskip("torch")
    e, backend, x = encoding(), get_backend("torch"), torch.tensor(rows(20))

    class Module(torch.nn.Module):
        def forward(self, x):
            return e(x, backend, codes=True)

    expected = e(x, backend, codes=True)
    exported = torch.export.export(Module(), (x,)).module()(x)
    compiled = torch.compile(Module(), fullgraph=True, backend="eager")(x)
    torch.testing.assert_close(exported, expected, equal_nan=True)
    torch.testing.assert_close(compiled, expected, equal_nan=True)


def test_it_runs_under_jit():
    jax = pytest.importorskip("jax")
    e, backend, x = encoding(), get_backend("jax"), jax.numpy.asarray(rows(20))
    np.testing.assert_allclose(
        jax.jit(lambda x: e(x, backend, codes=True))(x), e(x, backend, codes=True), atol=1e-6
    )


# -- tables ----------------------------------------------------------------------------------------


def frame():
    return {
        "hour": [1, 2, 30],
        "town": ["west", None, "moon"],
        "unused": ["a", "b", "c"],
        "rooms": [1.0, None, 3],
        "size": np.array([1.5, np.nan, 2.0]),
        "age": np.ma.masked_array([1.0, 2.0, 3.0], mask=[True, False, False]),
    }


EXPECTED = np.array([[1.5, np.nan, 1, 2, 1], [np.nan, 2, np.nan, np.nan, 2], [2, 3, 3, -1, 30]])


def test_columns_are_found_by_name_in_any_order():
    np.testing.assert_array_equal(encoding().table(frame()), EXPECTED)


def test_data_frames_and_arrow_tables_are_read_without_importing_them():
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    data = frame() | {"age": [None, 2.0, 3.0]}
    pandas = pd.DataFrame(data)
    np.testing.assert_array_equal(encoding().table(pandas), EXPECTED)
    nullable = pandas.convert_dtypes()
    np.testing.assert_array_equal(encoding().table(nullable), EXPECTED)
    pandas["town"] = pandas["town"].astype("category")
    np.testing.assert_array_equal(encoding().table(pandas), EXPECTED)
    arrow = pa.table({k: pa.array(list(v), from_pandas=True) for k, v in data.items()})
    np.testing.assert_array_equal(encoding().table(arrow), EXPECTED)


def test_a_table_of_numbers_is_taken_as_it_is():
    x = rows(6).reshape(2, 3, 5)
    np.testing.assert_array_equal(encoding().table(x, codes=True), x)
    objects = np.array([[frame()[n][2] for n in NAMES]], dtype=object)
    np.testing.assert_array_equal(encoding().table(objects), EXPECTED[2:])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"size": None}, InvalidInput, ["lacks", "'size'"]),
        ({"size": ["a", "b", "c"]}, InvalidInput, ["'size'", "numbers"]),
        ({"size": [1, 2]}, InvalidInput, ["shapes", "one length"]),
        ({"size": [1, math.inf, 2]}, NonFiniteInput, ["'size'", "infinite", "row 1"]),
        ({"size": np.array(["2020-01-01"] * 3, "M8[D]")}, InvalidInput, ["'size'", "datetime64"]),
        ({"town": [1, 2, 3]}, InvalidInput, ["'town'", "text", "'north'"]),
    ],
)
def test_a_wrong_table_is_one_clear_error(change, error, words):
    data = {k: v for k, v in (frame() | change).items() if v is not None}
    with pytest.raises(error) as caught:
        encoding().table(data)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_misspelt_column_is_suggested():
    data = frame()
    data["rom"] = data.pop("rooms")
    with pytest.raises(InvalidInput, match="'rom' meant as 'rooms'"):
        encoding().table(data)


def test_missing_cells_where_none_were_expected_are_counted():
    with pytest.raises(NonFiniteInput, match=r"'size' has 1 missing.* was made\. Fill or drop"):
        encoding(missing=False).table(frame())


def test_impossible_codes_and_widths_are_refused():
    with pytest.raises(InvalidInput, match="code from 0 to 2"):
        encoding().table([[1, 1, 1, 7, 1]], codes=True)
    with pytest.raises(InvalidInput, match=r"trailing shape \(5,\); got \(2, 4\)"):
        encoding().table(np.zeros((2, 4)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(scale=0.0),
        lambda: Linear(center=math.nan),
        lambda: PiecewiseLinear((1.0, 1.0)),
        lambda: PiecewiseLinear((1.0,)),
        lambda: PiecewiseLinear((0.0, 1.0), tails="round"),
        lambda: Categories(()),
        lambda: Categories(("a", "a")),
        lambda: Periodic(24, (0, 24)),
        lambda: Encoding((Linear(), Linear()), ("a", "a")),
        lambda: Encoding((Linear(),), ("a", "b")),
        lambda: Encoding.from_dict({"columns": [{"kind": "cubic"}], "names": ["a"]}),
        lambda: Encoding.from_dict({"columns": [{"kind": "linear", "slope": 1}], "names": ["a"]}),
        lambda: Encoding.from_dict({"names": ["a"]}),
    ],
)
def test_a_contradictory_description_is_refused(make):
    with pytest.raises(InvalidSpec):
        make()


# -- knots -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, 1e9, -3.5, math.nan]) | number, max_size=60),
    st.integers(2, 12),
)
def test_knots_increase_strictly_from_smallest_to_largest(values, count):
    finite = np.unique([v for v in values if v == v])
    if len(finite) < 2 or (np.diff(finite) < 1e-9).any():
        return
    found = quantile_knots(values, count)
    assert len(found) == min(count, len(finite))
    assert (np.diff(found) > 0).all()
    assert (found[0], found[-1]) == (finite[0], finite[-1])
    PiecewiseLinear(found)


def test_heavy_ties_leave_knots_for_the_rest():
    values = np.concatenate([np.zeros(900), np.linspace(1, 100, 100)])
    found = quantile_knots(values, 8)
    assert len(found) == 8
    assert found[1] < 20


def test_a_constant_column_has_no_knots():
    with pytest.raises(InvalidInput, match="is constant up to rounding"):
        quantile_knots([2.0, 2.0, math.nan], 5)


def test_a_projection_is_a_weighted_sum_with_its_own_terms():
    shape = PiecewiseLinear((-1.0, 0.0, 2.0))
    e = Encoding(
        (Linear(), Linear()),
        ("a", "b"),
        projections=(Projection(("b", "a"), (2.0, -0.5), shape, (1.0, 3.0)),),
    )
    x = np.random.default_rng(0).normal(size=(20, 2))
    z = 2.0 * (x[:, 1] - 1.0) - 0.5 * (x[:, 0] - 3.0)
    alone = Encoding((shape,))
    assert e.labels == ("a", "b", "2 b - 0.5 a")
    np.testing.assert_array_equal(e(x, numpy, codes=True)[:, 2:], alone(z[:, None], numpy))
    np.testing.assert_array_equal(e.mixing, [[-0.5, 2.0]])
    assert e.replaced(e.parts) == e


@pytest.mark.parametrize(
    ("names", "weights", "column", "words"),
    [
        ((), (), Linear(), "at least one column"),
        (("a", "a"), (1.0, 1.0), Linear(), "each once"),
        (("a",), (0.0,), Linear(), "no zero weight"),
        (("a",), (1.0, 2.0), Linear(), "one of each per name"),
        (("a",), (1.0,), Categories(("x",)), "Linear"),
        (("c",), (1.0,), Linear(), "numeric columns among a, t"),
        (("t",), (1.0,), Linear(), "numeric columns among a, t"),
        (("gap",), (1.0,), Linear(), "missing=True"),
    ],
)
def test_impossible_projections_are_clear_errors(names, weights, column, words):
    columns = (Linear(), Categories(("x", "y")), Linear(missing=True))
    with pytest.raises(InvalidSpec, match=words):
        Encoding(columns, ("a", "t", "gap"), projections=(Projection(names, weights, column),))


def test_a_linear_column_that_goes_on_knows_its_range():
    column = Linear(limits=(0.0, 2.0)).gone_on()
    assert column == Linear(fitted=(0.0, 2.0))
    assert (column.range, column.goes_on, column.affine) == ((0.0, 2.0), True, True)
    encoding = Encoding((column,), ("t",))
    assert Encoding.from_dict(encoding.to_dict()) == encoding
    assert encoding.outside(np.array([[-1.0], [1.0], [2.0], [3.0]])) == {"t": 2}
    refusing = Linear(limits=(0.0, 1.0), outside="refuse")
    for column in (Linear(), refusing, Linear(limits=(0.0, 1.0))):
        assert not column.goes_on
    with pytest.raises(InvalidSpec, match="both given"):
        Linear(limits=(0.0, 1.0), fitted=(0.0, 1.0))


def test_the_message_about_numbers_outside_says_which_columns_stay_constant():
    stays, goes = Linear(limits=(0.0, 1.0)), Linear(fitted=(0.0, 1.0))
    encoding = Encoding((stays, goes), ("a", "b"))
    for found, told in (
        ({"a": 1, "b": 2}, "2 cell(s) of column 'b' (fitted from 0 to 1). There the model stays "),
        ({"a": 1, "b": 2}, "stays constant in 'a'; fitted with --tails linear it goes on."),
        ({"a": 1}, "There the model stays constant; fitted with --tails linear it goes on."),
        ({"b": 2}, "There the model goes on."),
    ):
        assert told in outside_message(encoding, found)
