"""Values and pullbacks of every source against the composition they replace."""

from itertools import pairwise

import numpy as np
import pytest
from door import KINDS, rows, rule, value_and_gradient
from eigcore_native import _core
from eigcore_native.kernels import PAIR, kernel, tables

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
    """λ_k of packed rows, its packed gradient, and the smallest gap of the spectra."""
    i, j, w = weights(d)
    values, vectors = np.linalg.eigh(unpack(p.astype(float), d))
    v = vectors[..., k]
    return values[..., k], w * v[..., i] * v[..., j], np.min(np.diff(values, axis=-1), initial=1)


def in_layout(kind, m):
    """Symmetric matrices, or the gradient by them, as rows: the adjoint of reading rows."""
    d = m.shape[-1]
    i, j, w = weights(d)
    near = i - j <= 1
    return {
        "square": lambda: m,
        "full": lambda: m.reshape(*m.shape[:-2], d * d),
        "packed": lambda: m[..., i, j] * w,
        "band": lambda: (m[..., i, j] * w)[..., near],
        "pair": lambda: np.concatenate(
            [m[..., range(d), range(d)], 2 * m[..., range(1, d), range(d - 1)]], -1
        ),
    }[kind]()


def close(a, b, dtype, gap=1.0):
    scale = max(1.0, float(np.max(np.abs(b), initial=0)))
    np.testing.assert_allclose(a, b, rtol=0, atol=3000 * np.finfo(dtype).eps * scale / min(gap, 1))


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
    matrices.solve(values, vectors, 1)
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
    _, found = value_and_gradient(kind, batch, 2)
    expected = in_layout(kind, np.diag([0, 0, 1, 1, 1]) / 3)
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


def encoded_case(dtype, d, rows=411, columns=3, bins=6):
    """A source "encoded", and the terms (rows, columns · bins + 1) that it stands for."""
    rng = np.random.default_rng(d)
    edges = np.arange(columns + 1) * bins
    params = (rng.standard_normal((1, columns * bins + 1, d * (d + 1) // 2)) / 2).astype(dtype)
    indices = (rng.integers(0, bins, (rows, columns)) + edges[:-1]).astype(np.int32)
    fractions = rng.random((rows, columns)).astype(dtype)
    terms = np.zeros((rows, columns * bins + 1))
    terms[:, 0] = 1
    for c, (first, end) in enumerate(pairwise(edges)):
        here = np.arange(first, end)
        terms[:, 1 + here] = here < indices[:, c, None]
        terms[np.arange(rows), 1 + indices[:, c]] = fractions[:, c]
    runs = [(int(first), int(end)) for first, end in pairwise(edges)]
    return indices, fractions, runs, params, terms


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_encoded_columns(dtype, d, threads):
    indices, fractions, runs, params, terms = encoded_case(dtype, d)
    g = np.random.default_rng(d).standard_normal(len(terms)).astype(dtype)
    values, gradient, gap = reference(terms @ params[0], d, d // 2)
    which = rule("packed", d, d // 2)
    made = tables(params, runs)
    for arrays in ((indices, fractions, runs, params), (indices, fractions, made)):
        answer = kernel(which, "encoded", arrays, "pullback", threads)
        close(answer.values, values, dtype)
        (d_params,) = answer.pullback(g)
        assert d_params.shape == params.shape
        close(d_params[0], terms.T @ (g[:, None] * gradient), dtype, gap)
        alone = kernel(which, "encoded", arrays, "values", threads)
        close(alone.values, values, dtype)
        assert alone.pullback is None
        assert answer.vectors is None
        v = kernel(which, "encoded", arrays, "vectors", threads).vectors
        np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_encoded_columns_at_ties(dtype, threads):
    # diag(1, 1, 5) in every second row: P/m of the lowest eigenvalue is diag(1/2, 1/2, 0)
    params = np.zeros((1, 2, 6), dtype)
    params[0, 0, [0, 2, 5]] = 1, 1, 5
    params[0, 1] = 1, 2, 3, 4, 5, 6
    indices, fractions = np.zeros((150, 1), np.int32), np.zeros((150, 1), dtype)
    fractions[1::2] = 1
    g = np.linspace(0, 1, 150, dtype=dtype)
    arrays = indices, fractions, [(0, 1)], params
    (found,) = kernel(rule("packed", 3, 0), "encoded", arrays, "pullback", threads).pullback(g)
    p = params[0, 0] + fractions * params[0, 1]
    gradient = reference(p, 3, 0)[1]
    gradient[::2] = 0.5, 0, 0.5, 0, 0, 0
    expected = np.stack([g @ gradient, (g * fractions[:, 0]) @ gradient])
    np.testing.assert_allclose(found[0], expected, atol=1e-3 if dtype is np.float32 else 1e-11)


def test_terms_of_no_run_and_of_several():
    rng = np.random.default_rng(0)
    params = rng.standard_normal((1, 12, 6))
    indices = np.array([[3, 10], [0, 5], [4, 4]], np.int32)
    fractions, runs = rng.random((3, 2)), [(0, 4), (5, 11)]
    starts = [[1, 2, 3, *range(6, 11)], [], []]
    p = np.stack([params[0, 0] + params[0, s].sum(0) for s in starts])
    p += (fractions[..., None] * params[0, 1:][indices]).sum(1)
    answer = kernel(rule("packed", 3, 1), "encoded", (indices, fractions, runs, params), "values")
    np.testing.assert_allclose(answer.values, reference(p, 3, 1)[0], atol=1e-12)


@pytest.mark.parametrize("runs", [[(0, 12)], [(-1, 3)], [(4, 4)]])
def test_runs_outside_the_terms_raise(runs):
    with pytest.raises(IndexError, match="runs"):
        tables(np.zeros((1, 12, 6)), runs)


@pytest.mark.parametrize("shape", [(12, 6), (2, 12, 6), (1, 0, 6), (6,)])
def test_tables_of_other_shapes_raise(shape):
    with pytest.raises(ValueError, match=r"params.*\(1, terms \+ 1, K\)"):
        tables(np.zeros(shape), [])


def test_sources_of_encoded_columns_are_checked():
    made, which = tables(np.zeros((1, 5, 6)), [(0, 4)]), rule("packed", 3, 0)
    for index in (4, -1):
        with pytest.raises(IndexError, match="inside the tables"):
            kernel(
                which,
                "encoded",
                (np.full((1, 1), index, np.int32), np.zeros((1, 1)), made),
                "values",
            )
    for shape in [(2, 1), (1, 2), (1,), (1, 1, 1)]:
        arrays = np.zeros((1, 1), np.int32), np.zeros(shape), made
        with pytest.raises(ValueError, match="indices and fractions"):
            kernel(which, "encoded", arrays, "values")
    arrays = np.zeros((1, 1), np.int32), np.zeros((1, 1)), made
    with pytest.raises(ValueError, match="tables of matrices of order 4"):
        kernel(rule("packed", 4, 0), "encoded", arrays, "values")
