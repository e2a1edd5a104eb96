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
    *found, failed = svd(X)
    assert not failed.any()
    law(X, *found)
    for threads in (1, 2):
        for a, b in zip(found, svd(X, threads), strict=False):
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
        *found, failed = svd(X)
        assert not failed
        law(X, *found)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_left_to_lapack_is_marked_and_leaves_others_alone(dtype):
    X = np.random.default_rng(2).normal(size=(20, 6, 4)).astype(dtype)
    whole = svd(X)[:3]
    bad = X.copy()
    bad[3, 2, 1], bad[5, 0, 0], bad[7] = np.nan, np.inf, 0
    bad[11] = bad[11, :, :1] @ bad[11, :1]
    bad[13, :, 2] = bad[13, :, 0]
    bad[15] *= np.finfo(dtype).tiny
    *found, failed = svd(bad)
    assert np.flatnonzero(failed).tolist() == [3, 5, 7, 11, 13, 15]
    for a, b in zip(found, whole, strict=True):
        np.testing.assert_array_equal(a[failed == 0], b[failed == 0])


def test_batches_of_any_shape_and_what_is_refused():
    X = np.random.default_rng(3).normal(size=(2, 3, 5, 4))
    U, s, Vt, failed = svd(X[..., ::-1])
    assert (U.shape, s.shape, Vt.shape, failed.shape) == (
        (2, 3, 5, 4),
        (2, 3, 4),
        (2, 3, 4, 4),
        (2, 3),
    )
    law(X[..., ::-1], U, s, Vt)
    assert svd(X[:0])[1].shape == (0, 3, 4)
    for wrong in (X.mT, X[0, 0, 0], np.zeros((2, 65, 65)), X[..., :0]):
        with pytest.raises(ValueError, match="expected matrices"):
            svd(wrong)
    with pytest.raises(TypeError, match="float64 or float32"):
        svd(X.astype(complex))
