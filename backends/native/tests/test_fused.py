"""Fused passes against the composition they replace."""

from itertools import pairwise

import eigcore_native as en
import numpy as np
import pytest

CASES = [(t, d) for t in (np.float64, np.float32) for d in (1, 2, 3, 5, 8, 15, 20, 26, 33)]


def weights(d):
    i, j = np.tril_indices(d)
    return i, j, np.where(i == j, 1, np.sqrt(2))


def unpack(p, d):
    i, j, w = weights(d)
    m = np.zeros((*p.shape[:-1], d, d))
    m[..., i, j] = p / w
    m[..., j, i] = p / w
    return m


def reference(p, d, k):
    i, j, w = weights(d)
    values, vectors = np.linalg.eigh(unpack(p.astype(float), d))
    v = vectors[..., k]
    return values[..., k], w * v[..., i] * v[..., j], np.min(np.diff(values, axis=-1), initial=1)


def close(a, b, dtype, gap=1.0):
    scale = max(1.0, float(np.max(np.abs(b), initial=0)))
    np.testing.assert_allclose(a, b, rtol=0, atol=3000 * np.finfo(dtype).eps * scale / min(gap, 1))


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_value_and_gradient_packed(dtype, d, threads):
    p = np.random.default_rng(d).standard_normal((3, 67, d * (d + 1) // 2)).astype(dtype)
    values, gradient = en.value_and_gradient_packed(p, d // 2, d, threads=threads)
    v, g, gap = reference(p, d, d // 2)
    close(values, v, dtype)
    close(gradient, g, dtype, gap)
    pair = en.eigenpair_packed(p, d // 2, d)
    close(pair.values, v, dtype)


@pytest.mark.parametrize(("dtype", "d"), [*CASES, (np.float64, 45), (np.float32, 45)])
@pytest.mark.parametrize("threads", [1, 2])
def test_value_and_gradient_of_whole_matrices(dtype, d, threads):
    m = np.random.default_rng(d).standard_normal((3, 67, d, d)).astype(dtype)
    values, gradient = en.value_and_gradient(m, d // 2, threads=threads)
    pair = en.eigenpair(m, d // 2)
    np.testing.assert_array_equal(values, pair.values)
    np.testing.assert_array_equal(gradient, gradient.swapaxes(-1, -2))
    close(gradient, pair.vectors[..., :, None] * pair.vectors[..., None, :], dtype)


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_pullback_of_values(dtype, d, threads):
    p, g = (np.random.default_rng(d).standard_normal(s) for s in ((3, 67, d, d), (3, 67)))
    v, g = en.eigenpair(p.astype(dtype), 0).vectors, g.astype(dtype)
    whole = g[..., None, None] * v[..., :, None] * v[..., None, :]
    i, j, w = weights(d)
    near = i - j <= 1
    packed = whole[..., i, j] * w
    off = 2 * whole[..., range(1, d), range(d - 1)]
    expected = {
        "full": whole.reshape(3, 67, d * d),
        "packed": packed,
        "band": packed[..., near],
        "pair": np.concatenate([whole[..., range(d), range(d)], off], -1),
    }
    for layout, value in expected.items():
        # a guard behind the end, which no register may reach
        room = np.full(value.size + 1, 7, dtype)
        out = room[:-1].reshape(value.shape)
        assert en.value_vjp(v, g, layout, out, threads) is out
        close(out, value, dtype)
        assert room[-1] == 7
        np.testing.assert_array_equal(en.value_vjp(v, g, layout, threads=threads), out)


def test_pullback_of_values_checks_its_arguments():
    v, g = np.ones((3, 2)), np.ones(3)
    with pytest.raises(ValueError, match="layout should be one of full"):
        en.value_vjp(v, g, "whole")
    with pytest.raises(ValueError, match="vectors and g should have shapes"):
        en.value_vjp(v, g[:2])
    with pytest.raises(ValueError, match="out should be a contiguous float64 array of shape"):
        en.value_vjp(v, g, out=np.empty((3, 4), np.float32))


def test_gradient_at_a_tie_is_the_projector_over_its_rank():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    i, j, w = weights(5)
    for spectrum, k, members in (
        ([0, 1, 1, 2, 3], 2, [1, 2]),
        ([1] * 5, 0, range(5)),
        ([0, 1, 2, 2, 2], 4, [2, 3, 4]),
    ):
        m = (q * np.array(spectrum, float)) @ q.T
        p = np.stack([m[i, j] * w] * 3)
        _, gradient = en.value_and_gradient_packed(p, k)
        projector = q[:, list(members)] @ q[:, list(members)].T / len(list(members))
        _, whole = en.value_and_gradient(np.stack([m] * 3), k)
        np.testing.assert_allclose(whole, np.stack([projector] * 3), atol=1e-13)
        np.testing.assert_allclose(gradient, np.stack([projector[i, j] * w] * 3), atol=1e-13)


@pytest.mark.parametrize(("dtype", "d"), CASES)
def test_band(dtype, d):
    p = np.random.default_rng(d).standard_normal((50, 2 * d - 1)).astype(dtype)
    i, j, _ = weights(d)
    full = np.zeros((50, d * (d + 1) // 2), dtype)
    keep = np.nonzero(i - j <= 1)[0]
    full[:, keep] = p
    values, gradient = en.value_and_gradient_band(p, d // 2)
    v, g, gap = reference(full, d, d // 2)
    close(values, v, dtype)
    close(gradient, g[:, keep], dtype, gap)


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", [1, 7, 19])
def test_pencil_and_its_pullback(dtype, d, threads, n):
    rng = np.random.default_rng(d)
    params = rng.standard_normal((n + 1, d * (d + 1) // 2)).astype(dtype)
    x, g = rng.standard_normal((203, n)).astype(dtype), rng.standard_normal(203).astype(dtype)
    pair = en.pencil(x, params, d // 2, d, threads=threads)
    values, gradient, gap = reference(params[0] + x @ params[1:], d, d // 2)
    close(pair.values, values, dtype)
    d_params, d_x = en.pencil_vjp(x, params, pair.vectors, g, threads=threads)
    weighted = g[:, None] * gradient
    close(d_params, np.concatenate([np.ones((203, 1)), x], 1).T @ weighted, dtype, gap)
    close(d_x, weighted @ params[1:].T, dtype, gap)
    assert en.pencil_vjp(x, params, pair.vectors, g, want_x=False)[1] is None


def test_pencil_pullback_at_ties():
    params = np.zeros((3, 6))
    params[0, [0, 2, 5]] = 1, 1, 4
    params[1:] = np.random.default_rng(0).standard_normal((2, 6))
    x = np.array([[0.0, 0.0], [0.3, -0.2], [0.0, 0.0]])
    g = np.array([2.0, 1.0, -1.0])
    pair = en.pencil(x, params, 0)
    assert pair.tied.tolist() == [True, False, True]
    d_params, d_x = en.pencil_vjp(x, params, pair.vectors, g, k=0, tied=pair.tied)
    _, gradient = en.value_and_gradient_packed(params[0] + x @ params[1:], 0)
    np.testing.assert_allclose(d_params[0], g @ gradient, atol=1e-14)
    np.testing.assert_allclose(d_x, g[:, None] * gradient @ params[1:].T, atol=1e-14)


@pytest.mark.parametrize(("dtype", "d"), CASES)
def test_tridiagonal_pencil(dtype, d):
    rng = np.random.default_rng(d)
    params, x, g = (rng.standard_normal(s).astype(dtype) for s in ((5, 2 * d - 1), (61, 4), (61,)))
    pair = en.pencil(x, params, 0, tridiagonal=True)
    values, gradient = en.value_and_gradient_band(params[0] + x @ params[1:], 0)
    close(pair.values, values, dtype)
    d_params, d_x = en.pencil_vjp(x, params, pair.vectors, g, tridiagonal=True)
    close(d_params[0], g @ gradient, dtype, 0.1)
    close(d_x, g[:, None] * gradient @ params[1:].T, dtype, 0.1)


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "logistic"])
def test_encoded_pass(dtype, d, threads, loss):
    rng = np.random.default_rng(d)
    rows, columns, bins, K, k = 411, 3, 6, d * (d + 1) // 2, d // 2
    offsets = np.arange(columns + 1) * bins
    base, steps = (
        rng.standard_normal(K).astype(dtype),
        (rng.standard_normal((columns * bins, K)) / 2).astype(dtype),
    )
    start = en.prefix_tables(steps, list(pairwise(offsets)))
    index = (rng.integers(0, bins, (rows, columns)) + offsets[:-1]).astype(np.int32)
    fraction = rng.random((rows, columns)).astype(dtype)
    target, weight = rng.random(rows).astype(dtype), rng.random(rows).astype(dtype)
    p = base + start[index].sum(1) + (fraction[..., None] * steps[index]).sum(1)
    f, gradient, gap = reference(p, d, k)
    r = f - target
    value, slope = {
        "squared": (r**2 / 2, r),
        "absolute": (np.abs(r), np.sign(r)),
        "huber": (
            np.where(np.abs(r) <= 0.5, r**2 / 2, 0.5 * (np.abs(r) - 0.25)),
            np.clip(r, -0.5, 0.5),
        ),
        "logistic": (np.logaddexp(0, f) - target * f, 1 / (1 + np.exp(-f)) - target),
    }[loss]
    got = en.encoded_value_and_gradient(
        index,
        fraction,
        base,
        start,
        steps,
        k,
        target,
        loss,
        delta=0.5,
        weight=weight,
        threads=threads,
    )
    g = (weight * slope)[:, None] * gradient
    d_start, d_step = np.zeros((columns * bins, K)), np.zeros((columns * bins, K))
    np.add.at(d_start, index, g[:, None, :])
    np.add.at(d_step, index, fraction[..., None] * g[:, None, :])
    np.testing.assert_allclose(
        got.loss, np.sum(weight * value), rtol=1e-4 if dtype is np.float32 else 1e-11
    )
    close(got.values, f, dtype)
    close(got.d_values, weight * slope, dtype)
    close(got.d_base, g.sum(0), dtype, gap)
    close(got.d_start, d_start, dtype, gap)
    close(got.d_step, d_step, dtype, gap)
    values, vectors, tied = en.encoded_value(
        index, fraction, base, start, steps, k, vectors=True, threads=threads
    )
    assert not tied.any()
    np.testing.assert_array_equal(values, got.values)
    for saved in (None, vectors):
        second = en.encoded_gradient(
            index, fraction, base, start, steps, k, got.d_values, vectors=saved, threads=threads
        )
        close(second.d_start, got.d_start, dtype, gap)
        close(second.d_step, got.d_step, dtype, gap)


def test_prefix_tables_and_their_transpose():
    rng = np.random.default_rng(0)
    runs = [(0, 4), (5, 11)]
    steps, a, b = rng.standard_normal((3, 11, 6))
    start = en.prefix_tables(steps, runs)
    np.testing.assert_allclose(start[7], steps[5] + steps[6])
    assert not start[[0, 4, 5]].any()
    np.testing.assert_allclose(
        np.sum(a * start) + np.sum(b * steps), np.sum(en.prefix_tables_vjp(a, b, runs) * steps)
    )


@pytest.mark.parametrize("runs", [[(0, 12)], [(-1, 3)], [(4, 4)]])
def test_runs_outside_the_tables_raise(runs):
    with pytest.raises(IndexError, match="runs"):
        en.prefix_tables(np.zeros((11, 6)), runs)


def test_indices_outside_the_tables_raise():
    base, table = np.zeros(3), np.zeros((4, 3))
    with pytest.raises(IndexError, match="outside"):
        en.encoded_value(np.array([[4]]), np.zeros((1, 1)), base, table, table, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_encoded_gradient_at_a_tie_is_the_projector_over_its_multiplicity(dtype):
    # diag(1, 1, 5) in every row: P/m of the lowest eigenvalue is diag(1/2, 1/2, 0)
    base = np.array([1, 0, 1, 0, 0, 5], dtype)
    table, indices = np.zeros((1, 6), dtype), np.zeros((4, 1), np.int32)
    rest = (indices, np.zeros((4, 1), dtype), base, table, table, 0)
    expected = np.array([2, 0, 2, 0, 0, 0])
    found = en.encoded_gradient(*rest, np.ones(4, dtype))
    np.testing.assert_allclose(found.d_base, expected, atol=1e-5)
    found = en.encoded_value_and_gradient(*rest, np.zeros(4, dtype))
    np.testing.assert_allclose(found.d_base, expected, atol=1e-5)
