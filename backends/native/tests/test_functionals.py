"""Functions of all eigenvalues, and several of them, against LAPACK and the rules of eigcore."""

import numpy as np
import pytest
from door import KINDS, rule, taking
from eigcore_native import eigenpairs, eigenpairs_tridiagonal, kernel
from eigcore_native.functionals import LARGEST
from reference import in_layout

import eigcore
from eigcore.core.functionals import BottomSum, Smooth, Softmax, TopSum, Weighted
from eigcore.core.rules import Rule, matrix
from eigcore.core.spectrum import spectrum_of

DTYPES = [np.float64, np.float32]
ORDERS = [2, 3, 8, 13, 33]
NUMPY = eigcore.get_backend("numpy")


def functionals(d):
    rng = np.random.default_rng(d)
    return {
        "top": TopSum(d, 1),
        "two": TopSum(d, 2),
        "trace": TopSum(d, d),
        "bottom": BottomSum(d, d - 1),
        "softmax": Softmax(d, 0.3),
        "cold": Softmax(d, 1e-300),
        "smooth": Smooth(d, (d // 2, 0.7)),
        "least": Smooth(d, (0, 0.2)),
        "wide": Smooth(d, (d - 1, 100.0)),
        "weighted": Weighted(d, tuple(rng.standard_normal(d).tolist())),
        "few": Weighted(d, tuple((np.arange(d) % 3 == 1) * 2.0)),
    }


def symmetric(d, count, seed=0):
    m = np.random.default_rng(seed).standard_normal((count, d, d))
    return m + m.mT


def tied(d, count):
    """Matrices with eigenvalues 0 and ±1 only, and others with −1, 0, 1 anywhere."""
    rng = np.random.default_rng(d)
    q, _ = np.linalg.qr(rng.standard_normal((count, d, d)))
    m = q * rng.integers(-1, 2, (count, 1, d)) @ q.mT
    whole = np.diag(rng.integers(-1, 2, d)).astype(float)
    return np.concatenate((m + m.mT, whole[None], 0 * whole[None]))


def rows_of(kind, m, dtype):
    """Rows in a layout, and the matrices that they stand for."""
    lay, d = rule(kind, m.shape[-1], 0).layout, m.shape[-1]
    if kind in ("band", "pair"):
        m = m * (abs(np.subtract.outer(np.arange(d), np.arange(d))) <= 1)
    p = in_layout(kind, m).astype(dtype)
    if kind == "pair":
        p[..., d:] /= 2
    return lay, p, matrix(NUMPY, lay, p.astype(np.float64))


def expected(phi, m, dtype):
    """φ and its gradient by LAPACK in float64, ties judged in the dtype of the kernel."""
    lam, v = np.linalg.eigh(m)
    narrow = lam.astype(dtype)
    w = phi.weights(NUMPY, narrow).astype(np.float64)
    return phi.value(NUMPY, lam), (v * w[..., None, :]) @ v.mT, lam


def check(phi, kind, m, dtype, allowed):
    lay, p, m = rows_of(kind, m, dtype)
    values, G, lam = expected(phi, m, dtype)
    eps, size = np.finfo(dtype).eps, max(1.0, abs(lam).max()) * len(lam[0])
    share = max(1.0, np.abs(getattr(phi, "parameter", 1)).sum() if phi.name == "weighted" else 1.0)
    for want in ("values", "gradient", "pullback"):
        found = kernel(Rule(lay, phi), "rows", (p,), want, threads=1)
        np.testing.assert_allclose(found.values, values, rtol=0, atol=30 * eps * size * share)
        if want == "values":
            continue
        ones = np.ones(len(p), dtype)
        got = found.gradient if want == "gradient" else found.pullback(ones)[0]
        assert got.shape == p.shape
        np.testing.assert_allclose(got, in_layout(kind, G), rtol=0, atol=allowed * eps * share)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", ORDERS)
def test_random_matrices(d, kind, dtype):
    m = symmetric(d, 37)
    m += 4 * d * np.diag(np.arange(d))  # gaps, so that vectors are well determined
    for name, phi in functionals(d).items():
        with taking("best" if name != "few" else "full"):
            check(phi, kind, m, dtype, 200.0 * d)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["packed", "square"])
@pytest.mark.parametrize("d", [3, 8, 20])
def test_ties_follow_the_rules(d, kind, dtype):
    for phi in functionals(d).values():
        if phi.parameter != 1e-300:  # as good as a maximum, which rounding decides
            check(phi, kind, tied(d, 21), dtype, 400.0 * d)


@pytest.mark.parametrize("d", [4, 15, 30])
def test_rows_that_are_not_finite_and_neighbours(d):
    m = symmetric(d, 40)
    m[20:30] = np.eye(d)
    worse = m.copy()
    worse[::2] = tied(d, 18)[:20]
    worse[1], worse[3] = np.nan, np.inf
    for phi in functionals(d).values():
        made = Rule(rule("square", d, 0).layout, phi)
        first, second = (kernel(made, "rows", (a,), "gradient", threads=1) for a in (m, worse))
        for a, b in zip(first[::3], second[::3], strict=True):
            np.testing.assert_array_equal(a[5::2], b[5::2])
            assert np.isnan(b[[1, 3]]).all()
            assert np.isfinite(b[4:]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["packed", "square", "full", "band"])
@pytest.mark.parametrize(("d", "lo", "hi"), [(2, 0, 1), (3, 1, 1), (8, 2, 5), (30, 0, 29)])
def test_several_eigenvalues(kind, d, lo, hi, dtype):
    g = np.random.default_rng(1).standard_normal((25, hi - lo + 1)).astype(dtype)
    for m in (symmetric(d, 25), tied(d, 23)):
        lay, p, m = rows_of(kind, m, dtype)
        made = spectrum_of(lay, lo, hi)
        lam, v = np.linalg.eigh(m)
        found = kernel(made, "rows", (p,), "pullback", threads=1)
        atol = 30 * d * np.finfo(dtype).eps * max(1.0, abs(lam).max())
        np.testing.assert_allclose(found.values, lam[:, lo : hi + 1], rtol=0, atol=atol)
        w = (g[:, None].astype(float) @ made.phi.weights(NUMPY, lam.astype(dtype)))[:, 0]
        gap = np.diff(lam, axis=1)
        gap = np.where(gap > 1e-3, gap, 1.0).min()
        G = in_layout(kind, (v * w[:, None, :]) @ v.mT)
        atol = 3000 * d * np.finfo(dtype).eps / min(gap, 1.0)
        np.testing.assert_allclose(found.pullback(g)[0], G, rtol=0, atol=atol)
        assert kernel(made, "rows", (p,), "gradient") is None


@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_windows_of_tridiagonal_matrices(d):
    rng = np.random.default_rng(0)
    diag, off = rng.standard_normal((3, 9, d)), rng.standard_normal((3, 9, d - 1))
    off[0] = 0
    m = np.zeros((3, 9, d, d))
    i = np.arange(d)
    m[..., i, i] = diag
    m[..., i[1:], i[:-1]] = m[..., i[:-1], i[1:]] = off
    for lo, hi in {(0, d - 1), (d // 2, d // 2)}:
        lam, v = eigenpairs_tridiagonal(diag, off, lo, hi)
        np.testing.assert_allclose(lam, eigenpairs(m, lo, hi)[0], atol=1e-12)
        np.testing.assert_allclose(m @ v, lam[..., None, :] * v, atol=1e-12)
        gram = v.mT @ v
        np.testing.assert_allclose(gram - np.eye(hi - lo + 1), 0 * gram, atol=1e-12)
        alone = eigenpairs_tridiagonal(diag, off, lo, hi, vectors=False)[0]
        np.testing.assert_allclose(alone, lam, atol=1e-12)
    with pytest.raises(ValueError, match="expected"):
        eigenpairs_tridiagonal(diag, off[..., :0] if d > 1 else diag, 0, 0)


def test_orders_beyond_the_largest_are_refused():
    d = LARGEST + 1
    assert (
        kernel(
            Rule(rule("full", d, 0).layout, TopSum(d, 2)),
            "rows",
            (np.eye(d).reshape(1, -1),),
            "values",
        )
        is None
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [5, 15, 28])
def test_pairs_do_not_depend_on_other_matrices(d, dtype):
    m = symmetric(d, 256, seed=d).astype(dtype)
    mixed = m.copy()
    mixed[::2] = tied(d, 128)[:128]
    for k in (0, d // 2):
        made = rule("square", d, k)
        first, second = (kernel(made, "rows", (a,), "vectors", threads=1) for a in (m, mixed))
        np.testing.assert_array_equal(first.values[1::2], second.values[1::2])
        np.testing.assert_array_equal(first.vectors[1::2], second.vectors[1::2])
    for a, b in zip(eigenpairs(m, 0, d - 1), eigenpairs(mixed, 0, d - 1), strict=True):
        np.testing.assert_array_equal(a[1::2], b[1::2])
