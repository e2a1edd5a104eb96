"""Shapes, layouts, non-finite rows, threads, interruption."""

import os
import signal
import threading
import time

import eigcore_native as en
import numpy as np
import pytest
from eigcore_native import _core
from hard_matrices import dense

DTYPES = [np.float64, np.float32]


def symmetric(rng, *shape, dtype=np.float64):
    m = rng.standard_normal(shape).astype(dtype)
    return (m + m.swapaxes(-1, -2)) / 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 5, 11, 33])
def test_non_finite_rows_are_nan_and_neighbours_untouched(d, dtype):
    m = symmetric(np.random.default_rng(0), 45, d, d, dtype=dtype)
    clean = en.eigenpair(m, d // 2, gaps=True)
    bad = {3: np.nan, 7: np.inf, 20: -np.inf, 44: np.nan}
    for row, value in bad.items():
        m[row, d - 1, 0] = value
    got = en.eigenpair(m, d // 2, gaps=True)
    good = [i for i in range(45) if i not in bad]
    np.testing.assert_array_equal(got.values[good], clean.values[good])
    np.testing.assert_array_equal(got.vectors[good], clean.vectors[good])
    np.testing.assert_array_equal(got.gaps[good], clean.gaps[good])
    assert np.all(np.isnan(got.values[list(bad)]))
    assert np.all(np.isnan(got.vectors[list(bad)]))
    assert np.all(np.isnan(got.gaps[list(bad)]))
    assert not np.any(got.tied[list(bad)])
    values, vectors = en.eigenpairs(m, 0, d - 1)
    assert np.all(np.isnan(values[list(bad)]))
    assert np.all(np.isnan(vectors[list(bad)]))
    assert np.all(np.isfinite(values[good]))
    assert np.all(np.isfinite(vectors[good]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_unaligned_readonly_and_foreign_layouts(dtype):
    rng = np.random.default_rng(0)
    m = symmetric(rng, 12, 6, 6, dtype=dtype)
    expected = en.eigenpair(m, 2).values
    wide = np.zeros((12, 6, 12), dtype)
    wide[:, :, ::2] = m
    raw = np.zeros(m.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(dtype).reshape(m.shape)
    unaligned[...] = m
    assert not unaligned.flags.aligned
    readonly = m.copy()
    readonly.flags.writeable = False
    swapped = m.astype(m.dtype.newbyteorder())
    backwards = np.ascontiguousarray(m[::-1])[::-1]
    for variant in (
        wide[:, :, ::2],
        np.asfortranarray(m),
        unaligned,
        readonly,
        swapped,
        backwards,
        m.swapaxes(1, 2),
        m.tolist(),
    ):
        result = en.eigenpair(variant, 2).values
        np.testing.assert_allclose(result, expected, rtol=0, atol=30 * np.finfo(dtype).eps)
    broadcast = np.broadcast_to(m[0], (5, 6, 6))
    np.testing.assert_array_equal(en.eigenpair(broadcast, 2).values, np.repeat(expected[0], 5))


def test_the_symmetric_part_is_meant():
    rng = np.random.default_rng(0)
    m = rng.standard_normal((20, 5, 5))
    np.testing.assert_array_equal(
        en.eigenpair(m, 1).values, en.eigenpair(m / 2 + m.swapaxes(1, 2) / 2, 1).values
    )
    huge = np.full((2, 2), np.finfo(float).max / 2)
    np.testing.assert_allclose(en.eigenpair(huge, 1).values, np.finfo(float).max)


@pytest.mark.parametrize("lead", [(), (0,), (3, 0, 2), (1,), (2, 3)])
def test_leading_axes(lead):
    m = symmetric(np.random.default_rng(0), *lead, 4, 4)
    pair = en.eigenpair(m, -1, gaps=True)
    assert pair.values.shape == lead
    assert pair.vectors.shape == (*lead, 4)
    assert pair.gaps.shape == (*lead, 2)
    assert pair.tied.shape == lead
    values, vectors = en.eigenpairs(m, 1, 2)
    assert values.shape == (*lead, 2)
    assert vectors.shape == (*lead, 4, 2)
    np.testing.assert_allclose(pair.values, np.linalg.eigvalsh(m)[..., -1], atol=1e-13)


def test_negative_indices_count_from_the_largest_and_bad_ones_raise():
    m = symmetric(np.random.default_rng(0), 4, 4)
    assert en.eigenpair(m, -4).values == en.eigenpair(m, 0).values
    for k in (4, -5):
        with pytest.raises(IndexError, match="k should lie between -4 and 3"):
            en.eigenpair(m, k)
    with pytest.raises(ValueError, match="should have shape"):
        en.eigenpair(np.zeros((3, 4)), 0)
    with pytest.raises(TypeError, match="float32 or float64"):
        en.eigenpair(np.zeros((3, 3), complex), 0)
    assert en.eigenpair(np.eye(3, dtype=int), 0).values.dtype == np.float64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [3, 7, 20, 70])
def test_one_thread_equals_two_and_batch_equals_loop(d, dtype):
    m = symmetric(np.random.default_rng(0), 3000 if d < 50 else 300, d, d, dtype=dtype)
    one, two = en.eigenpair(m, d // 2, threads=1), en.eigenpair(m, d // 2, threads=2)
    for a, b in zip(one[:4], two[:4], strict=True):
        np.testing.assert_array_equal(a, b)
    tolerance = 30 * d * np.finfo(dtype).eps * np.sqrt(d)
    for i in (0, 1, 17, 299):
        np.testing.assert_allclose(
            en.eigenpair(m[i], d // 2).values, one.values[i], rtol=0, atol=tolerance
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_are_flagged_with_their_cluster(dtype):
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((30, 6, 6)))
    spectrum = np.array([-2, 1, 1, 1, 3, 4.0])
    m = ((q * spectrum) @ q.swapaxes(1, 2)).astype(dtype)
    for k, limits in enumerate([(0, 0), (1, 3), (1, 3), (1, 3), (4, 4), (5, 5)]):
        pair = en.eigenpair(m, k)
        assert np.all(pair.tied == (limits[0] < limits[1]))
        assert np.all(pair.cluster == limits)
    assert not np.any(en.eigenpair(symmetric(rng, 500, 6, 6, dtype=dtype), 3).tied)
    diagonal = np.array([[0.0, 1e-3, 1.0]], dtype)
    assert not en.eigenpair_tridiagonal(diagonal, np.zeros((1, 2), dtype), 0).tied[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tie_threshold_is_eight_d_eps_norm(dtype):
    eps = np.finfo(dtype).eps
    for d in (2, 5, 20):
        for factor, tied in ((0.7, True), (1.4, False)):
            diagonal = np.linspace(-1, -0.5, d).astype(dtype)
            diagonal[-1] = dtype(0.25)
            diagonal[-2] = dtype(0.25) - dtype(factor * 8 * d * eps)
            pair = en.eigenpair_tridiagonal(diagonal, np.zeros(d - 1, dtype), d - 1)
            norm = np.abs(diagonal).max()
            assert bool(pair.tied) == (
                tied if norm == 1 else float(diagonal[-1] - diagonal[-2]) <= 8 * d * eps * norm
            )


@pytest.mark.parametrize("dtype", DTYPES)
def test_gaps(dtype):
    m = symmetric(np.random.default_rng(0), 50, 7, 7, dtype=dtype)
    w = np.linalg.eigvalsh(m.astype(float))
    for k in range(7):
        gaps = en.eigenpair(m, k, gaps=True, vectors=False).gaps
        below = w[:, k] - w[:, k - 1] if k else np.full(50, np.inf)
        above = w[:, k + 1] - w[:, k] if k < 6 else np.full(50, np.inf)
        np.testing.assert_allclose(
            gaps, np.stack([below, above], 1), atol=100 * np.finfo(dtype).eps
        )
    assert np.isinf(en.eigenpair(np.eye(1), 0, gaps=True).gaps).all()


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
    with pytest.raises(KeyboardInterrupt):
        en.eigenpair(m, 3, force_full=True)
    assert time.perf_counter() - start < 5


def test_positions_beyond_two_to_the_31():
    i = 70_000
    assert _core.packed_position(i, i) == i * (i + 1) // 2 + i > 2**31


@pytest.mark.slow
@pytest.mark.skipif("EIGCORE_SLOW" not in os.environ, reason="needs 9 GiB; set EIGCORE_SLOW=1")
def test_batches_beyond_two_to_the_31_elements():
    d, n = 2, 2**29 + 40
    p = np.zeros((n, 3), np.float32)
    p[-1] = [1, 0, 2]
    values, _ = en.value_and_gradient_packed(p[-33:], 1), None
    assert en.eigenpair_packed(p, 1, d, vectors=False).values[-1] == values[0][-1] == 2


def test_tridiagonal_equals_dense():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((40, 9)), rng.standard_normal((40, 8))
    m = np.stack([dense(x, y) for x, y in zip(a, b, strict=True)])
    np.testing.assert_allclose(
        en.eigenpair_tridiagonal(a, b, 4).values, en.eigenpair(m, 4).values, atol=1e-13
    )
    v = en.eigenpairs_tridiagonal(a, b, 0, 8)[1]
    np.testing.assert_allclose(
        v.swapaxes(1, 2) @ v, np.broadcast_to(np.eye(9), (40, 9, 9)), atol=1e-12
    )
