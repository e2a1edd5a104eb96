"""Values and pullbacks of rows and pencils against the composition they replace."""

import numpy as np
import pytest
from door import KINDS, rows, rule, value_and_gradient
from eigcore_native import _core
from eigcore_native.kernels import PAIR, kernel
from reference import CASES, close, in_layout, reference, weights


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_packed_rows(dtype, d, threads):
    p = np.random.default_rng(d).standard_normal((3, 67, d * (d + 1) // 2)).astype(dtype)
    values, gradient = value_and_gradient("packed", p, d // 2, threads=threads)
    v, g, gap = reference(p, d, d // 2)
    close(values, v, dtype)
    close(gradient, g, dtype, gap)
    close(rows("packed", p, d // 2, "values").values, v, dtype)


@pytest.mark.parametrize(("dtype", "d"), CASES)
def test_tridiagonal_rows(dtype, d):
    p = np.random.default_rng(d).standard_normal((50, 2 * d - 1)).astype(dtype)
    i, j, _ = weights(d)
    full = np.zeros((50, d * (d + 1) // 2), dtype)
    keep = np.nonzero(i - j <= 1)[0]
    full[:, keep] = p
    values, gradient = value_and_gradient("band", p, d // 2)
    v, g, gap = reference(full, d, d // 2)
    close(values, v, dtype)
    close(gradient, g[:, keep], dtype, gap)
    apart = np.concatenate([p[:, ::2], p[:, 1::2] / dtype(np.sqrt(2))], 1)
    values, gradient = value_and_gradient("pair", apart, d // 2)
    close(values, v, dtype)
    split = np.concatenate([g[:, keep][:, ::2], g[:, keep][:, 1::2] * np.sqrt(2)], 1)
    close(gradient, split, dtype, gap)


@pytest.mark.parametrize(("dtype", "d"), [*CASES, (np.float64, 45), (np.float32, 45)])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_pullback_from_vectors(kind, dtype, d, threads):
    shape = {"square": (d, d), "full": (d * d,), "packed": (d * (d + 1) // 2,)}
    rng = np.random.default_rng(d)
    p = rng.standard_normal((3, 67, *shape.get(kind, (2 * d - 1,)))).astype(dtype)
    g = rng.standard_normal((3, 67)).astype(dtype)
    answer = rows(kind, p, d // 2, threads=threads)
    v = answer.vectors
    expected = in_layout(kind, g[..., None, None] * v[..., :, None] * v[..., None, :])
    (d_p,) = answer.pullback(g)
    close(d_p, expected, dtype)
    values, gradient = value_and_gradient(kind, p, d // 2, threads)
    np.testing.assert_array_equal(values, answer.values)
    close(answer.pullback(np.ones_like(g))[0], gradient, dtype)
    if kind == "square":
        np.testing.assert_array_equal(d_p, d_p.swapaxes(-1, -2))
    assert answer.pullback(g, (False,)) == (None,)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 2, 3, 5, 15, 33])
@pytest.mark.parametrize("layout", range(PAIR + 1))
def test_no_register_reaches_beyond_the_end(layout, d, dtype):
    size = (d * d, d * (d + 1) // 2, 2 * d - 1, 2 * d - 1)[layout]
    p = np.random.default_rng(d).standard_normal((67, size)).astype(dtype)
    room = np.full(p.size + 1, 7, dtype)
    values, vectors = np.empty(67, dtype), np.empty((67, d), dtype)
    matrices = getattr(_core, f"Matrices{8 * p.itemsize}").rows(layout, d, 0, p)
    matrices.solve(values, vectors, None, 1)
    matrices.pullback(vectors, np.ones(67, dtype), room[:-1], None, 1)
    assert room[-1] == 7
    assert np.all(room[:-1] != 7)


@pytest.mark.parametrize("threads", [1, 2])
def test_gradient_at_a_tie_is_the_projector_over_its_rank(threads):
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    others = rng.standard_normal((70, 5, 5))
    others += others.swapaxes(1, 2)
    for spectrum, k, members in (
        ([0, 1, 1, 2, 3], 2, [1, 2]),
        ([1] * 5, 0, range(5)),
        ([0, 1, 2, 2, 2], 4, [2, 3, 4]),
    ):
        m = (q * np.array(spectrum, float)) @ q.T
        of_cluster = q[:, list(members)]
        projector = of_cluster @ of_cluster.T / len(list(members))
        batch, g = np.concatenate([[m], others, [m]]), rng.standard_normal(72)
        for kind, read in (("square", lambda a: a), ("packed", lambda a: in_layout("packed", a))):
            answer = rows(kind, read(batch), k, threads=threads)
            (found,) = answer.pullback(g)
            gradient = value_and_gradient(kind, read(batch), k, threads)[1]
            np.testing.assert_allclose(gradient[0], read(projector), atol=1e-13)
            np.testing.assert_allclose(found[0], g[0] * read(projector), atol=1e-13)
            np.testing.assert_allclose(found[-1], g[-1] * read(projector), atol=1e-13)
            v = answer.vectors[1:-1]
            alone = read(v[:, :, None] * v[:, None, :] * g[1:-1, None, None])
            np.testing.assert_allclose(found[1:-1], alone, atol=1e-14)


@pytest.mark.parametrize("kind", ["band", "pair"])
def test_gradient_at_a_tie_of_tridiagonal_matrices(kind):
    # 1 on the diagonal and b between the first two: 1 - b, 1 + b, and 1 with multiplicity 3
    p = {"band": [1, 2, 1, 0, 1, 0, 1, 0, 1], "pair": [1, 1, 1, 1, 1, 2, 0, 0, 0]}[kind]
    batch = np.array([p] * 3, float)
    expected = in_layout(kind, np.diag([0, 0, 1, 1, 1]) / 3)
    (found,) = rows(kind, batch, 2).pullback(np.array([1.0, -2.0, 0.0]))
    np.testing.assert_allclose(found, np.stack([expected, -2 * expected, 0 * expected]), atol=1e-14)
    _, found = value_and_gradient(kind, batch, 2)
    np.testing.assert_allclose(found, np.stack([expected] * 3), atol=1e-14)
    _, found = value_and_gradient(kind, batch * 0 + [[0.0]], 2)
    np.testing.assert_allclose(found[0], in_layout(kind, np.eye(5) / 5), atol=1e-14)


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", [0, 1, 7, 19])
def test_pencil(dtype, d, threads, n):
    rng = np.random.default_rng(d)
    params = rng.standard_normal((1, n + 1, d * (d + 1) // 2)).astype(dtype)
    x, g = rng.standard_normal((203, n)).astype(dtype), rng.standard_normal(203).astype(dtype)
    answer = kernel(rule("packed", d, d // 2), "pencil", (params, x), "pullback", threads)
    values, gradient, gap = reference(params[0, 0] + x @ params[0, 1:], d, d // 2)
    close(answer.values, values, dtype)
    d_params, d_x = answer.pullback(g)
    weighted = g[:, None] * gradient
    close(d_params[0], np.concatenate([np.ones((203, 1)), x], 1).T @ weighted, dtype, gap)
    close(d_x, weighted @ params[0, 1:].T, dtype, gap)
    alone, nothing = answer.pullback(g, (True, False))
    np.testing.assert_array_equal(alone, d_params)
    assert nothing is None
    nothing, alone = answer.pullback(g, (False, True))
    np.testing.assert_array_equal(alone, d_x)
    assert nothing is None


@pytest.mark.parametrize(("dtype", "d"), CASES)
def test_tridiagonal_pencil(dtype, d):
    rng = np.random.default_rng(d)
    params, x, g = (rng.standard_normal(s).astype(dtype) for s in ((1, 5, 2 * d - 1), (61, 4), 61))
    answer = kernel(rule("band", d, 0), "pencil", (params, x), "pullback")
    values, gradient = value_and_gradient("band", params[0, 0] + x @ params[0, 1:], 0)
    close(answer.values, values, dtype)
    d_params, d_x = answer.pullback(g)
    close(d_params[0, 0], g @ gradient, dtype, 0.1)
    close(d_x, g[:, None] * gradient @ params[0, 1:].T, dtype, 0.1)


@pytest.mark.parametrize("kind", ["packed", "band"])
@pytest.mark.parametrize("threads", [1, 2])
def test_pencil_at_ties(kind, threads):
    rng = np.random.default_rng(0)
    size, diagonal = {"packed": (6, [0, 2, 5]), "band": (5, [0, 2, 4])}[kind]
    params = np.zeros((1, 3, size))
    params[0, 0, diagonal] = 1, 1, 4
    params[0, 1:] = rng.standard_normal((2, size))
    x, g = rng.standard_normal((150, 2)), rng.standard_normal(150)
    x[[0, 70, 149]] = 0
    answer = kernel(rule(kind, 3, 0), "pencil", (params, x), "pullback", threads)
    d_params, d_x = answer.pullback(g)
    _, gradient = value_and_gradient(kind, params[0, 0] + x @ params[0, 1:], 0)
    np.testing.assert_allclose(gradient[70][diagonal], [0.5, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(d_params[0, 0], g @ gradient, atol=1e-12)
    np.testing.assert_allclose(d_params[0, 1:], (x * g[:, None]).T @ gradient, atol=1e-12)
    np.testing.assert_allclose(d_x, g[:, None] * gradient @ params[0, 1:].T, atol=1e-12)
