"""Shapes, dtypes, strides, non-finite rows, ties, interruption."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from door import (
    KINDS,
    eigenpair,
    pair_rows,
    rows,
    rule,
    taking,
    tridiagonal,
    value_and_gradient,
    values,
)
from eigcore_native import eigenpairs, kernel, serves, tables
from hard_matrices import dense

DTYPES = [np.float64, np.float32]


def symmetric(rng, *shape, dtype=np.float64):
    m = rng.standard_normal(shape).astype(dtype)
    return (m + m.swapaxes(-1, -2)) / 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 5, 11, 33])
def test_non_finite_rows_are_nan_and_neighbours_untouched(d, dtype):
    m = symmetric(np.random.default_rng(0), 45, d, d, dtype=dtype)
    clean = rows("square", m, d // 2)
    bad = {3: np.nan, 7: np.inf, 20: -np.inf, 44: np.nan}
    for row, value in bad.items():
        m[row, d - 1, 0] = value
    got = rows("square", m, d // 2)
    good, bad = [i for i in range(45) if i not in bad], list(bad)
    ones = np.ones(45, dtype)
    for found, expected in (
        (got.values, clean.values),
        (got.vectors, clean.vectors),
        (got.pullback(ones)[0], clean.pullback(ones)[0]),
    ):
        np.testing.assert_array_equal(found[good], expected[good])
        assert np.all(np.isnan(found[bad]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_unaligned_and_readonly_arrays(dtype):
    m = symmetric(np.random.default_rng(0), 12, 6, 6, dtype=dtype)
    expected = values(m, 2)
    wide = np.zeros((12, 6, 12), dtype)
    wide[:, :, ::2] = m
    raw = np.zeros(m.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(dtype).reshape(m.shape)
    unaligned[...] = m
    assert not unaligned.flags.aligned
    readonly = m.copy()
    readonly.flags.writeable = False
    backwards = np.ascontiguousarray(m[::-1])[::-1]
    for variant in (
        wide[:, :, ::2],
        np.asfortranarray(m),
        unaligned,
        readonly,
        backwards,
        m.swapaxes(1, 2),
    ):
        answer = rows("square", variant, 2)
        np.testing.assert_allclose(answer.values, expected, rtol=0, atol=30 * np.finfo(dtype).eps)
        assert answer.pullback(np.ones(12, dtype))[0].shape == m.shape
    np.testing.assert_array_equal(
        values(np.broadcast_to(m[0], (5, 6, 6)), 2), np.repeat(expected[0], 5)
    )
    answer = rows("square", m, 2)
    np.testing.assert_array_equal(
        answer.pullback(np.ones(24, dtype)[::2])[0], answer.pullback(np.ones(12, np.float16))[0]
    )


@pytest.mark.parametrize("d", [3, 20])
def test_rows_may_change_after_the_call(d):
    """The rows of a pullback are those of the call, at ties too."""
    m = np.stack([np.eye(d), np.diag(np.arange(d))])
    answer, kept = rows("square", m, 1), m.copy()
    m[...] = 7.0
    expected = rows("square", kept, 1).pullback(np.ones(2))[0]
    np.testing.assert_array_equal(answer.pullback(np.ones(2))[0], expected)
    np.testing.assert_allclose(expected[0], np.eye(d) / d, atol=1e-15)
    diag, off = np.ones((2, d)), np.zeros((2, d - 1))
    answer = tridiagonal(diag, off, 1)
    diag[...], off[...] = 7.0, 7.0
    for found, share in zip(answer.pullback(np.ones(2)), (1 / d, 0), strict=True):
        np.testing.assert_allclose(found, share, atol=1e-15)


def test_the_symmetric_part_is_meant():
    m = np.random.default_rng(0).standard_normal((20, 5, 5))
    np.testing.assert_array_equal(values(m, 1), values(m / 2 + m.swapaxes(1, 2) / 2, 1))
    huge = np.full((2, 2), np.finfo(float).max / 2)
    np.testing.assert_allclose(values(huge, 1), np.finfo(float).max)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lead", [(), (0,), (3, 0, 2), (1,), (2, 3)])
def test_leading_axes(lead, kind):
    shape = {"square": (4, 4), "full": (16,), "packed": (10,)}.get(kind, (7,))
    p = np.random.default_rng(0).standard_normal((*lead, *shape))
    answer = rows(kind, p, 3)
    assert answer.values.shape == lead
    assert answer.vectors.shape == (*lead, 4)
    assert answer.pullback(np.ones(lead))[0].shape == p.shape
    if kind == "square":
        expected = np.linalg.eigvalsh((p + p.swapaxes(-1, -2)) / 2)[..., -1]
        np.testing.assert_allclose(answer.values, expected, atol=1e-13)


@pytest.mark.parametrize("dtype", [complex, int, np.float16, np.dtype(float).newbyteorder()])
def test_other_dtypes_raise(dtype):
    with pytest.raises(TypeError, match="float64 or float32"):
        values(np.eye(3).astype(dtype), 0)
    with pytest.raises(TypeError, match="float64 or float32"):
        eigenpairs(np.eye(3).astype(dtype), 0, 1)


def test_params_say_the_dtype_of_a_computation():
    params, x = np.ones((1, 3, 6), np.float32), np.ones((5, 2))
    indices, fractions = np.zeros((5, 1), np.int32), np.ones((5, 1))
    for kind, arrays in (
        ("pencil", (params, x)),
        ("encoded", (indices, fractions, (), params)),
        ("encoded", (indices, fractions, tables(params, ()))),
    ):
        answer = kernel(rule("packed", 3, 0), kind, arrays, "pullback")
        assert answer.values.dtype == np.float32
        assert all(a.dtype == np.float32 for a in answer.pullback(np.ones(5)))
    with pytest.raises(TypeError, match="int32"):
        kernel(
            rule("packed", 3, 0),
            "encoded",
            (indices.astype(np.int64), fractions, (), params),
            "values",
        )


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_do_not_belong_to_the_rule_raise(kind):
    for shape in [(), (4,), (3, 4), (2, 3, 4), (9, 1), (0,)]:
        with pytest.raises(ValueError, match=r"expected rows of \d+ numbers for order 3"):
            kernel(rule(kind, 3, 0), "rows", (np.zeros(shape),), "values")
    with pytest.raises(ValueError, match="0 <= k < d"):
        kernel(rule(kind, 3, 3), "rows", (np.zeros((3, 3)),), "values")


@pytest.mark.parametrize(
    ("diag", "off"), [((3,), (3,)), ((4, 3), (2,)), ((4, 4), (4, 3)), ((0,), (0,)), ((), ())]
)
def test_diagonals_whose_shapes_do_not_belong_together_raise(diag, off):
    with pytest.raises(ValueError, match="expected diagonals of 3 numbers"):
        kernel(rule("pair", 3, 0), "diagonals", (np.zeros(diag), np.zeros(off)), "values")


@pytest.mark.parametrize(
    ("params", "x"),
    [((1, 3, 5), (4, 2)), ((1, 3, 6), (4, 3)), ((1, 0, 6), (4, 2)), ((1, 6), (4, 2))],
)
def test_pencils_whose_shapes_do_not_belong_together_raise(params, x):
    with pytest.raises(ValueError, match="expected"):
        kernel(rule("packed", 3, 0), "pencil", (np.zeros(params), np.zeros(x)), "values")


def test_what_is_not_served_is_none():
    many = np.zeros((2, 3, 6)), np.zeros((4, 2))
    assert kernel(rule("packed", 3, 0), "pencil", many, "values") is None
    assert kernel(rule("square", 3, 0), "pencil", many, "values") is None
    assert not serves(rule("band", 3, 0), "encoded")
    assert serves(rule("band", 3, 0), "pencil")
    assert not serves(rule("packed", 2000, 0), "rows")
    assert serves(rule("pair", 2000, 0), "rows")


def test_a_cotangent_of_another_shape_raises():
    answer = rows("square", np.stack([np.eye(3)] * 4), 0)
    for shape in [(), (3,), (4, 1), (5,)]:
        with pytest.raises(ValueError, match="g should have the shape"):
            answer.pullback(np.ones(shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [3, 7, 20, 70])
def test_one_thread_equals_two_and_batch_equals_loop(d, dtype):
    m = symmetric(np.random.default_rng(0), 3000 if d < 50 else 300, d, d, dtype=dtype)
    one, two = eigenpair(m, d // 2, threads=1), eigenpair(m, d // 2, threads=2)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    tolerance = 30 * d * np.finfo(dtype).eps * np.sqrt(d)
    for i in (0, 1, 17, 299):
        np.testing.assert_allclose(values(m[i], d // 2), one[0][i], rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_share_their_cluster(dtype):
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((30, 6, 6)))
    m = ((q * np.array([-2, 1, 1, 1, 3, 4.0])) @ q.swapaxes(1, 2)).astype(dtype)
    for k, (first, last) in enumerate([(0, 0), (1, 3), (1, 3), (1, 3), (4, 4), (5, 5)]):
        members = q[..., first : last + 1]
        expected = members @ members.swapaxes(1, 2) / (last - first + 1)
        for path in ("best", "full"):
            with taking(path):
                _, gradient = value_and_gradient("square", m, k)
            np.testing.assert_allclose(gradient, expected, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [2, 5, 20])
@pytest.mark.parametrize(("factor", "tied"), [(0.7, True), (1.4, False)])
def test_the_tie_threshold_is_eight_d_eps_norm(dtype, d, factor, tied):
    diagonal = np.linspace(-1, -0.5, d).astype(dtype)
    diagonal[-1] = dtype(0.25)
    diagonal[-2] = dtype(0.25) - dtype(factor * 8 * d * np.finfo(dtype).eps)
    norm = float(np.abs(diagonal).max())
    if norm < 1:
        tied = float(diagonal[-1] - diagonal[-2]) <= 8 * d * np.finfo(dtype).eps * norm
    _, gradient = value_and_gradient("pair", pair_rows(diagonal, np.zeros(d - 1, dtype)), d - 1)
    np.testing.assert_allclose(gradient[d - 1], 0.5 if tied else 1.0, atol=1e-5)


@pytest.fixture
def ctrl_c():
    """SIGINT raises KeyboardInterrupt, also in a job that a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_interruption():
    m = np.random.default_rng(0).standard_normal((1, 100, 100)).astype(np.float32).repeat(8000, 0)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    with taking("full"), pytest.raises(KeyboardInterrupt):
        values(m, 3)
    assert time.perf_counter() - start < 5


@pytest.mark.usefixtures("ctrl_c")
def test_interruption_of_parts_of_a_sum():
    rng = np.random.default_rng(0)
    params, x = rng.standard_normal((1, 301, 465)), rng.standard_normal((20_000, 300))
    answer = kernel(rule("packed", 30, 3), "pencil", (params, x), "pullback", 2)
    g = np.ones(len(x))
    start = time.perf_counter()
    answer.pullback(g)
    whole = time.perf_counter() - start
    threading.Timer(whole / 20, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        answer.pullback(g)
    assert time.perf_counter() - start < 0.7 * whole


@pytest.mark.slow
@pytest.mark.skipif("EIGCORE_SLOW" not in os.environ, reason="needs 9 GiB; set EIGCORE_SLOW=1")
def test_batches_beyond_two_to_the_31_elements():
    p = np.zeros((2**29 + 40, 3), np.float32)
    p[-1] = [1, 0, 2]
    assert rows("packed", p, 1, "values").values[-1] == rows("packed", p[-33:], 1).values[-1] == 2


def test_tridiagonal_equals_dense():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((40, 9)), rng.standard_normal((40, 8))
    m = np.stack([dense(x, y) for x, y in zip(a, b, strict=True)])
    pair, apart = rows("pair", pair_rows(a, b), 4), tridiagonal(a, b, 4)
    np.testing.assert_array_equal(apart.values, pair.values)
    np.testing.assert_array_equal(apart.vectors, pair.vectors)
    g = rng.standard_normal(40)
    np.testing.assert_array_equal(pair_rows(*apart.pullback(g)), pair.pullback(g)[0])
    found, vectors = eigenpair(m, 4)
    np.testing.assert_allclose(pair.values, found, atol=1e-13)
    signs = np.sign(np.sum(pair.vectors * vectors, axis=1, keepdims=True))
    np.testing.assert_allclose(pair.vectors, signs * vectors, atol=1e-12)
