"""`eigcore.vjp` and `eigcore.jvp` of functions of matrices, on every backend."""

import numpy as np
import pytest
from arrays import BACKENDS, host, on, symmetric

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput

H = 1e-6
M, E = symmetric(2, 5, 5), symmetric(2, 5, 5, seed=1)
X, D = (np.random.default_rng(seed).normal(size=(2, 5, 3)) for seed in (2, 3))
TURNED = np.random.default_rng(5).normal(size=(2, 5, 5))
DIAG, OFF = M.diagonal(axis1=-2, axis2=-1), M[:, 0, 1:]
D_DIAG, D_OFF = E.diagonal(axis1=-2, axis2=-1), E[:, 0, 1:]
CASES = {
    "map": (eigcore.spectral_map, (X,), ("power",), (D,), {"p": 1.5}),
    "function": (eigcore.matrix_function, (M,), ("exp",), (E,), {}),
    "value": (eigcore.spectral_value, (X,), ("entropy_rank",), (D,), {}),
    "all": (eigcore.eigenvalues, (M,), (), (E,), {}),
    "several": (eigcore.eigenvalues, (M,), (), (E,), {"lo": 1, "hi": -2}),
    "kth": (eigcore.kth_eigenvalue, (M,), (3,), (E,), {}),
    "by name": (eigcore.kth_eigenvalue, (M,), (), (E,), {"k": -2}),
    "smooth": (eigcore.smooth_kth_eigenvalue, (M,), (2,), (E,), {"alpha": 0.5}),
    "not symmetric": (eigcore.dynamics.eigenvalues, (TURNED,), (), (E,), {}),
    "pair": (eigcore.kth_eigenvalue_tridiagonal, (DIAG, OFF), (), (D_DIAG, D_OFF), {"k": 1}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_they_are_those_of_the_function(name, backend):
    function, arrays, arguments, directions, options = CASES[name]

    def moved(step):
        there = [a + step * d for a, d in zip(arrays, directions, strict=True)]
        return function(*there, *arguments, **options)

    arrays = [on(backend, a) for a in arrays]
    directions = [on(backend, d) for d in directions]
    values, change = eigcore.jvp(function, *arrays, *arguments, *directions, **options)
    np.testing.assert_allclose(host(values), host(moved(0.0)), rtol=1e-13)
    expected = (host(moved(H)) - host(moved(-H))) / (2 * H)
    np.testing.assert_allclose(host(change), expected, atol=1e-7)
    values, pullback = eigcore.vjp(function, *arrays, *arguments, **options)
    g = np.random.default_rng(4).normal(size=tuple(values.shape))
    if "complex" in str(values.dtype):
        g = g + 1j * g[::-1]
    kept = host(g.conj() * host(change)).real.sum()
    g = eigcore.get_backend(backend).asarray(g)
    pulled = pullback(g)
    pulled = pulled if isinstance(pulled, tuple) else (pulled,)
    sums = [host((a * d).sum()) for a, d in zip(pulled, directions, strict=True)]
    np.testing.assert_allclose(sum(sums), kept, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eigcore.vjp(eigcore.kth_eigenvalue, M), "k is None"),
        (lambda: eigcore.vjp(eigcore.kth_eigenvalue, M, 2, lower=True), "takes k; got lower"),
        (lambda: eigcore.vjp(eigcore.eigenvalues, M, 2), r"eigenvalues, M, lo=0, hi=-1\)"),
        (lambda: eigcore.vjp(eigcore.eigenvalues, M, lo=3, hi=1), "Swap them"),
        (lambda: eigcore.vjp(eigcore.eigenvalues, M + 0j), "expected real"),
        (lambda: eigcore.vjp(eigcore.kth_eigenvalue_tridiagonal, DIAG), "diag, off, k=0"),
        (lambda: eigcore.jvp(eigcore.kth_eigenvalue, M, 2), "M, k, direction"),
        (lambda: eigcore.jvp(eigcore.kth_eigenvalue, M, 2, E[0]), "direction should have"),
        (lambda: eigcore.jvp(eigcore.smooth_kth_eigenvalue, M, 2, E), "alpha=0.1"),
        (lambda: eigcore.vjp(eigcore.kth_eigenvalue, M, 2)[1](np.ones(3)), "cotangent"),
        (lambda: eigcore.vjp(eigcore.dynamics.eigenvalues, M, 2), r"dynamics.eigenvalues, A\)"),
        (lambda: eigcore.vjp(eigcore.dynamics.eigenvalues, M, k=2), "takes A only; got k"),
        (lambda: eigcore.vjp(eigcore.dynamics.eigenvalues, M)[1](np.ones(3)), "cotangent"),
        (lambda: eigcore.vjp(eigcore.dynamics.eigenvalues, M)[1]("a"), "cotangent"),
        (lambda: eigcore.vjp(eigcore.newton_schulz, M, "polar"), "or one of spectral_map"),
    ],
)
def test_wrong_calls_are_told_with_what_to_type(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_bad_rows_are_counted():
    bad = M.copy()
    bad[1, 0, 0] = np.inf
    for call in (
        lambda: eigcore.vjp(eigcore.eigenvalues, bad),
        lambda: eigcore.jvp(eigcore.kth_eigenvalue, bad, 1, E),
        lambda: eigcore.vjp(eigcore.kth_eigenvalue_tridiagonal, DIAG * np.inf, OFF, k=1),
    ):
        with pytest.raises(NonFiniteInput, match="of 2 rows"):
            call()
