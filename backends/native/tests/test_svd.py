"""Singular value decompositions of small matrices beside LAPACK's."""

import numpy as np
import pytest
from eigcore_native import svd

SIZES = [(1, 1), (2, 1), (2, 2), (3, 2), (4, 4), (9, 5), (8, 8), (40, 16), (33, 32), (64, 64)]
DTYPES = [np.float64, np.float32]


def level(X):
    """30 m ε."""
    return 30 * X.shape[-2] * float(np.finfo(X.dtype).eps)


def law(X, U, s, Vt):
    """X = U diag(s) Vt with orthonormal vectors, s as LAPACK's in more digits."""
    exact = np.linalg.svd(X.astype(float), compute_uv=False)
    norm, eye = exact[..., :1], np.eye(X.shape[-1])
    assert (abs(s - exact) <= level(X) * norm).all()
    assert (np.diff(s, axis=-1) <= 0).all()
    wide = [a.astype(float) for a in (U, s, Vt)]
    assert (
        abs((wide[0] * wide[1][..., None, :]) @ wide[2] - X) <= level(X) * norm[..., None]
    ).all()
    for a in (wide[0], wide[2].mT):
        assert (abs(a.mT @ a - eye) <= level(X)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3, 37])
def test_random_matrices_of_every_size(count, size, dtype):
    X = np.random.default_rng(0).normal(size=(count, *size)).astype(dtype)
    found = svd(X)
    law(X, *found)
    for threads in (1, 2):
        for a, b in zip(found, svd(X, threads), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_ties_graded_and_scaled_matrices(scale, dtype):
    rng = np.random.default_rng(1)
    Q, R = np.linalg.qr(rng.normal(size=(9, 5)))[0], np.linalg.qr(rng.normal(size=(5, 5)))[0]
    small = 1e-9 if dtype is np.float64 else 1e-3
    for s in (
        [1, 1, 1, 1, 1],
        [3, 2, 2, 2, 1],
        [1, 1, small, small, small],
        [1, 1e-1, 1e-2, 1e-2, small],
    ):
        X = (scale * (Q * np.array(s, float)) @ R).astype(dtype)
        law(X, *svd(X))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(2, 2), (6, 4), (24, 24), (33, 32)])
def test_matrices_of_lower_rank_get_orthonormal_vectors(size, dtype):
    rng, (m, n) = np.random.default_rng(2), size
    low = [rng.normal(size=(m, r)) @ rng.normal(size=(r, n)) for r in range(n)]
    equal, triple = rng.normal(size=(2, m, n))
    equal[:, 1], triple[:, 1:] = equal[:, 0], 3 * triple[:, :1]
    whole = rng.integers(-1, 2, size=(m, 1)) * np.ones(n)
    last = np.zeros(size)
    last[-1, -1] = 1
    X = np.array([*low, equal, triple, whole, last, np.ones(size)], dtype)
    law(X, *svd(X))
    for k, one in enumerate(X):
        for a, b in zip(svd(one), svd(X), strict=True):
            np.testing.assert_allclose(a, b[k], atol=level(X) * abs(one).max(), rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hard_matrices_converge(dtype):
    n = 16
    i, j = np.indices((n, n))
    grades = np.exp2(np.linspace(0, -100 if dtype is np.float64 else -20, n))
    noise = np.random.default_rng(3).normal(size=(n, n))
    shear = np.triu(np.full((n, n), -0.6)) + 1.6 * np.eye(n)
    X = [
        1 / (i + j + 1.0),  # Hilbert
        np.linspace(0, 1, n)[:, None] ** np.arange(n),  # Vandermonde
        0.8 ** np.arange(n)[:, None] * shear,  # Kahan
        grades[:, None] * noise,
        grades * noise,
        grades[:, None] * noise * grades,
        grades[::-1, None] * noise * grades,
        np.where(i + j == n - 1, grades, 0),
    ]
    law(np.array(X, dtype), *svd(np.array(X, dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_sizes_near_the_limits_of_a_dtype(dtype):
    info, rng = np.finfo(dtype), np.random.default_rng(4)
    X = rng.uniform(-1, 1, size=(4, 6, 4))
    X[1] = X[1, :, :1] @ X[1, :1]
    for size in (info.max / 8, info.tiny * 2.0**30, info.tiny / info.eps):
        scaled = (X * float(size)).astype(dtype)
        U, s, Vt = svd(scaled)
        law(scaled / dtype(size), U, s / dtype(size), Vt)
    small = np.full((3, 2), info.smallest_subnormal, dtype)
    U, s, Vt = svd(small)
    np.testing.assert_array_equal(s, [2 * info.smallest_subnormal, 0])
    law(np.ones((3, 2), dtype), U, np.sqrt([6.0, 0]), Vt)


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrices_that_are_not_finite_are_nan_and_leave_others_alone(dtype):
    X = np.random.default_rng(5).normal(size=(20, 6, 4)).astype(dtype)
    X[7] = 0
    bad = X.copy()
    bad[3, 2, 1], bad[5, 0, 0] = np.nan, np.inf
    for a, b in zip(svd(bad), svd(X), strict=True):
        lost = np.isnan(a).reshape(20, -1)
        np.testing.assert_array_equal(lost.all(1), lost.any(1))
        assert np.flatnonzero(lost.any(1)).tolist() == [3, 5]
        np.testing.assert_array_equal(np.delete(a, [3, 5], 0), np.delete(b, [3, 5], 0))


def test_batches_of_any_shape_and_what_is_refused():
    X = np.random.default_rng(3).normal(size=(2, 3, 5, 4))
    U, s, Vt = svd(X[..., ::-1])
    assert (U.shape, s.shape, Vt.shape) == ((2, 3, 5, 4), (2, 3, 4), (2, 3, 4, 4))
    law(X[..., ::-1], U, s, Vt)
    assert svd(X[:0])[1].shape == (0, 3, 4)
    for wrong in (X.mT, X[0, 0, 0], np.zeros((2, 65, 65)), X[..., :0]):
        with pytest.raises(ValueError, match="expected matrices"):
            svd(wrong)
    with pytest.raises(TypeError, match="float64 or float32"):
        svd(X.astype(complex))
