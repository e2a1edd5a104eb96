"""Values and residuals within 30 d eps |A| on matrices that break solvers."""

import pathlib

import mpmath
import numpy as np
import pytest
from door import eigenpair, taking, tridiagonal, values
from eigcore_native import eigenpairs
from hard_matrices import dense, hard_matrices, indices, law
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DTYPES = [np.float64, np.float32]
HARD = [(np.dtype(t).name, name) for t in DTYPES for name in hard_matrices(t)]
SIZES = [*range(1, 20), 23, 31, 32, 33, 45, 63, 64, 65, 100, 127, 128]


@pytest.mark.parametrize(("dtype", "name"), HARD)
@pytest.mark.parametrize("path", ["best", "one_precision", "full"])
def test_hard_matrices(dtype, name, path):
    m = hard_matrices(np.dtype(dtype))[name]
    with taking(path):
        for k in range(len(m)):
            law(name, m, k, *eigenpair(m, k))
            law(name, m, k, values(m, k))


@pytest.mark.parametrize(("dtype", "name"), HARD)
def test_hard_matrices_among_others(dtype, name):
    m = hard_matrices(np.dtype(dtype))[name]
    batch = np.random.default_rng(1).standard_normal((21, *m.shape)).astype(dtype)
    batch = (batch + batch.swapaxes(1, 2)) / 2
    batch[13] = m
    for k in indices(len(m)):
        found, vectors = eigenpair(batch, k)
        copies, _ = eigenpair(np.broadcast_to(m, batch.shape), k)
        np.testing.assert_array_equal(copies, np.broadcast_to(found[13], 21))
        for j in (0, 12, 13, 14, 20):
            law(name, batch[j], k, found[j], vectors[j])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", SIZES)
def test_random_matrices_of_every_size(d, dtype):
    m = np.random.default_rng(d).standard_normal((35 if d < 40 else 9, d, d)).astype(dtype)
    for k in indices(d):
        for a, x, v in zip(m, *eigenpair(m, k), strict=True):
            law(f"random {d}", ((a.astype(np.longdouble) + a.T) / 2).astype(dtype), k, x, v)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [200, 300, 512])
def test_large_matrices(d, dtype):
    m = np.random.default_rng(d).standard_normal((2, d, d)).astype(dtype)
    m = (m + m.swapaxes(1, 2)) / 2
    for k in indices(d):
        for a, x, v in zip(m, *eigenpair(m, k), strict=True):
            law(f"large {d}", a, k, x, v)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_prescribed_clusters(dtype, data):
    d = data.draw(st.integers(2, 24))
    seed = data.draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    centres = data.draw(st.lists(st.floats(-4, 4), min_size=1, max_size=d))
    width = 10.0 ** data.draw(st.integers(-17, -1))
    scale = 2.0 ** data.draw(st.integers(-120, 120))
    spectrum = np.array([centres[i % len(centres)] for i in range(d)])
    spectrum += width * rng.standard_normal(d)
    q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    m = ((q * spectrum) @ q.T * scale).astype(dtype)
    m = m / 2 + m.T / 2
    k = data.draw(st.integers(0, d - 1))
    law("clusters", m, k, *eigenpair(m, k))
    law("clusters", m, k, values(m, k))


@pytest.mark.parametrize("gap", [0.0, *10.0 ** np.arange(-14, 0)])
@pytest.mark.parametrize("d", [24, 27, 33, 64])
def test_gaps_down_to_none_in_batches(d, gap):
    """What single precision cannot tell apart is solved in double, and no matrix sees another."""
    rng, k, count = np.random.default_rng(d), d // 2, 21
    spectra = np.sort(rng.uniform(-1, 1, (count, d)), axis=1)
    spectra[:, k] = spectra[:, k - 1] + gap * rng.uniform(0.2, 1, count)
    spectra.sort(axis=1)
    q, _ = np.linalg.qr(rng.standard_normal((count, d, d)))
    m = (q * spectra[:, None]) @ q.mT
    m = np.concatenate([m / 2 + m.mT / 2, rng.standard_normal((1, d, d)) * 1e-300])
    m[-1] += m[-1].T
    for index in (k - 2, k - 1, k, k + 1, d - 1):
        pair, turned = eigenpair(m, index), eigenpair(m[::-1], index)
        np.testing.assert_array_equal(pair[0], turned[0][::-1])
        np.testing.assert_array_equal(pair[1], turned[1][::-1])
        for a, x, v, y in zip(m, *pair, values(m, index), strict=True):
            law(f"gap {gap}", a, index, x, v)
            law(f"gap {gap}", a, index, y)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_tridiagonal_matrix(dtype, data):
    d = data.draw(st.integers(1, 40))
    number = st.one_of(st.floats(-1, 1), st.sampled_from([0.0, 1.0, -1.0, 1e-8, 1e-17, 1e-30]))
    a = np.array(data.draw(st.lists(number, min_size=d, max_size=d))).astype(dtype)
    b = np.array(data.draw(st.lists(number, min_size=d - 1, max_size=d - 1))).astype(dtype)
    k = data.draw(st.integers(0, d - 1))
    pair = tridiagonal(a, b, k)
    law("tridiagonal", dense(a, b).astype(dtype), k, pair.values, pair.vectors)


@pytest.mark.parametrize("d", [2, 3, 5, 8])
def test_against_fifty_digits(d):
    m = np.random.default_rng(d).standard_normal((5, d, d))
    m = (m + m.swapaxes(1, 2)) / 2
    with mpmath.workdps(50):
        for a in m:
            exact = sorted(mpmath.eigsy(mpmath.matrix(a.tolist()), eigvals_only=True))
            norm = max(abs(exact[0]), abs(exact[-1]))
            for k in range(d):
                error = abs(mpmath.mpf(float(eigenpair(a, k)[0])) - exact[k])
                assert error <= 10 * d * np.finfo(float).eps * norm


def stcollection():
    folder = pathlib.Path(__file__).resolve().parents[4] / "shared" / "data" / "stcollection"
    return sorted(folder.glob("*.dat")) if folder.is_dir() else []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", stcollection(), ids=lambda p: p.stem)
def test_stcollection(path, dtype):
    """Matrices on which LAPACK's own solvers failed (Marques, Voemel, Demmel & Parlett 2008)."""
    table = np.loadtxt(path, skiprows=1, ndmin=2)
    a, b = table[:, 1].astype(dtype), table[:-1, 2].astype(dtype)
    d = len(a)
    m = dense(a, b)
    reference = np.linalg.eigvalsh(m)
    bound = 30 * d * np.finfo(dtype).eps * np.max(np.abs(reference))
    stored = path.with_suffix(".eig")
    if dtype is np.float64 and stored.exists():
        np.testing.assert_allclose(np.sort(np.loadtxt(stored, skiprows=1)), reference, atol=bound)
    for k in sorted({0, 1 % d, d // 3, d // 2, d - 2 if d > 1 else 0, d - 1}):
        pair = tridiagonal(a, b, k)
        value, vector = float(pair.values), pair.vectors.astype(float)
        assert abs(value - reference[k]) <= bound
        assert np.linalg.norm(m @ vector - value * vector) <= bound
        assert abs(np.linalg.norm(vector) - 1) <= 10 * d * np.finfo(dtype).eps
        alone = tridiagonal(a, b, k, "values").values
        assert abs(float(alone) - reference[k]) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(hard_matrices(np.float64)))
def test_windows_are_orthonormal(name, dtype):
    m = hard_matrices(np.dtype(dtype))[name]
    d = len(m)
    eps = float(np.finfo(dtype).eps)
    size = float(np.max(np.abs(m.astype(np.longdouble))))
    for lo, hi in {(0, d - 1), (d // 3, d // 2), (d // 2, d // 2), (max(0, d - 3), d - 1)}:
        found, vectors = eigenpairs(m, lo, hi)
        assert np.all(found[1:] >= found[:-1])
        for j in range(hi - lo + 1):
            law(name, m, lo + j, found[j], vectors[:, j])
        gram = vectors.astype(float).T @ vectors.astype(float)
        assert np.max(np.abs(gram - np.eye(hi - lo + 1))) <= 30 * d * eps
        alone, nothing = eigenpairs(m, lo, hi, vectors=False)
        np.testing.assert_allclose(found, alone, rtol=0, atol=60 * d * eps * size * d)
        assert nothing is None


@pytest.mark.parametrize("d", [1, 3, 12, 13, 30])
def test_windows_in_batches(d):
    m = np.random.default_rng(d).standard_normal((2, 23, d, d))
    m[1, 4] = np.nan
    found, vectors = eigenpairs(m, d // 3, d - 1)
    assert vectors.shape == (2, 23, d, d - d // 3)
    clean = np.nan_to_num(m)
    expected = np.linalg.eigvalsh((clean + clean.mT) / 2)[..., d // 3 :]
    expected[1, 4] = np.nan
    np.testing.assert_allclose(found, expected, atol=1e-12)
    product = (m + m.mT) / 2 @ vectors
    np.testing.assert_allclose(product, found[..., None, :] * vectors, atol=1e-12)


@pytest.mark.parametrize(("shape", "lo", "hi"), [((3, 4), 0, 1), ((3, 3), 0, 3), ((3, 3), -1, 1)])
def test_windows_outside_the_spectrum_raise(shape, lo, hi):
    with pytest.raises(ValueError, match="expected"):
        eigenpairs(np.zeros(shape), lo, hi)
