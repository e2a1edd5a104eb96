"""Lanczos, the spectral density and extreme eigenvalues against matrices with known spectra."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse.linalg

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.operators import extreme_eigenvalues, gram, lanczos, operator, spectral_density


def rotated(values, seed=0):
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(len(values), len(values))))
    return (Q * values) @ Q.T


def wishart(p=200, n=500, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, p))
    return X.T @ X / n


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("way", ["full", "selective"])
def test_the_basis_is_orthonormal_and_t_is_the_projected_matrix(name, way):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    M = rotated(np.concatenate([np.linspace(0, 1, 110), [30.0, 80.0]]))
    start = np.random.default_rng(1).normal(size=(3, 112))
    run = lanczos(operator(library.asarray(M)), start, 60, way)
    for probe in range(3):
        Q = np.stack([library.to_numpy(q)[probe] for q in run.basis])
        level = 1e-13 if way == "full" else 2e-7
        np.testing.assert_allclose(Q @ Q.T, np.eye(60), atol=level)
        T = np.diag(run.diag[probe]) + np.diag(run.off[probe, :-1], 1)
        T = T + np.diag(run.off[probe, :-1], -1)
        np.testing.assert_allclose(Q @ M @ Q.T, T, atol=80 * level)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_lanczos_writes_into_its_own_arrays_only(name, monkeypatch):
    pytest.importorskip(name)
    monkeypatch.setattr("eigcore.operators.rows.BLOCK", 7)  # several blocks
    library, M = eigcore.get_backend(name), rotated(np.linspace(1, 2, 40))
    start = library.asarray(np.random.default_rng(1).normal(size=(2, 40)))
    before = np.array(library.to_numpy(start))
    run = lanczos(operator(library.asarray(M)), start, 8)
    np.testing.assert_array_equal(library.to_numpy(start), before)
    unit = before / np.linalg.norm(before, axis=1, keepdims=True)
    np.testing.assert_allclose(run.diag[:, 0], np.einsum("pi,ij,pj->p", unit, M, unit))


def test_an_operator_of_scipy_may_return_its_argument():
    same = scipy.sparse.linalg.LinearOperator((9, 9), matvec=lambda v: v, matmat=lambda v: v)
    found = extreme_eigenvalues(operator(same))
    np.testing.assert_allclose((found.values, np.linalg.norm(found.vectors, axis=0)), 1.0)


def test_without_orthogonality_the_basis_loses_it():
    """Otherwise the test above could not fail."""
    M = rotated(np.concatenate([np.linspace(0, 1, 110), [30.0, 80.0]]))
    run = lanczos(operator(M), np.ones((1, 112)), 60, "none")
    top = np.linalg.eigvalsh(
        np.diag(run.diag[0]) + np.diag(run.off[0, :-1], 1) + np.diag(run.off[0, :-1], -1)
    )
    assert (top > 79.0).sum() > 1


def test_selective_orthogonalises_seldom():
    M, calls = operator(wishart()), []
    run = lanczos.__globals__["_Run"]
    plain = run._reorthogonal

    def counted(self, w):
        calls.append(len(self.basis))
        return plain(self, w)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_reorthogonal", counted)
        lanczos(M, np.random.default_rng(0).normal(size=(1, 200)), 60, "selective")
    assert 0 < len(calls) < 20


@pytest.mark.parametrize("way", ["full", "selective", "none"])
def test_quadrature_is_exact_for_polynomials(way):
    """One probe is vᵀf(H)v; degree 2m − 1 is exact and 2m is not."""
    M, m = rotated(np.linspace(-1, 1, 40) ** 3), 6
    found = spectral_density(operator(M), m, 1, seed=4, orthogonal=way)
    v = np.random.default_rng(4).integers(0, 2, (1, 40), dtype=np.int8)[0] * 2.0 - 1.0
    for degree in range(2 * m + 1):
        exact = v @ np.linalg.matrix_power(M, degree) @ v
        got = found.trace(lambda t, k=degree: t**k).value
        assert (abs(got - exact) < 1e-12 * 40) == (degree < 2 * m), degree


def test_quadrature_survives_lost_orthogonality():
    """300 steps on an order of 60: hundreds of copies, and still the same averages."""
    M = rotated(np.concatenate([np.linspace(0, 1, 57), [3.0, 9.0, 40.0]]))
    exact = spectral_density(operator(M), 60, 4, orthogonal="full")
    loose = lanczos(operator(M), np.ones((1, 60)), 60, "none")
    assert (np.diff(np.linalg.eigvalsh(_dense(loose)))[-3:] < 1e-8).any()
    found = spectral_density(operator(M), 60, 4, orthogonal="none")
    for f in (np.sqrt, lambda t: t**7, lambda t: np.exp(-t)):
        np.testing.assert_allclose(
            found.trace(lambda t, f=f: f(np.maximum(t, 0))).value,
            exact.trace(lambda t, f=f: f(np.maximum(t, 0))).value,
            rtol=1e-3,
        )


def _dense(run):
    T = np.diag(run.diag[0]) + np.diag(run.off[0, :-1], 1)
    return T + np.diag(run.off[0, :-1], -1)


def test_a_diagonal_matrix_has_no_error_over_probes():
    """Probes of ±1 see the distribution itself, and an exhausted Krylov space ends the run."""
    found = spectral_density(operator(np.diag([1.0, 1.0, 2.0, 5.0])), 10, 3)
    assert found.diag.shape[1] <= 4
    estimate = found.cdf([0.5, 1.5, 3.0, 6.0])
    np.testing.assert_allclose(estimate.value, [0.0, 0.5, 0.75, 1.0], atol=1e-12)
    np.testing.assert_allclose(estimate.error, 0.0, atol=1e-12)
    trace = found.trace(np.log)
    np.testing.assert_allclose(trace.value, np.log(10.0), rtol=1e-12)
    moments = found.moments(2)
    np.testing.assert_allclose(moments.value, [9 / 4, 31 / 4], rtol=1e-12)


def test_error_bars_hold_the_truth():
    M = wishart()
    values = np.linalg.eigvalsh(M)
    found = spectral_density(operator(M), 40, 30, seed=1)
    trace = found.trace(np.log, ends=(0.8 * values[0], 1.2 * values[-1]))
    assert abs(trace.value - np.log(values).sum()) < 3 * trace.error
    assert trace.error < 3.0
    x = np.linspace(0.1, 2.8, 50)
    width = 0.05
    bumps = (
        np.exp(-0.5 * ((x[:, None] - values) / width) ** 2).mean(-1) / width / np.sqrt(2 * np.pi)
    )
    density = found.density(x, width)
    assert (np.abs(density.value - bumps) < 4 * density.error + 0.01).all()


def test_bounds_hold_for_the_probes_after_few_steps():
    M = wishart()
    values = np.linalg.eigvalsh(M)
    few, many = (spectral_density(operator(M), m, 5, orthogonal="full") for m in (6, 120))
    x = np.linspace(0.05, 3.0, 200)
    bound, truth = few.cdf(x), many.cdf(x).value
    assert (bound.lower <= truth + 1e-9).all()
    assert (truth <= bound.upper + 1e-9).all()
    ends = (0.9 * values[0], 1.1 * values[-1])
    for f in (np.log, np.sqrt, np.exp, lambda t: 1 / t):
        bound, truth = few.trace(f, ends), many.trace(f).value
        assert bound.lower - 1e-9 <= truth <= bound.upper + 1e-9
        assert bound.upper - bound.lower < 0.2 * abs(truth) + 2.0


def test_backends_agree():
    X = np.random.default_rng(2).normal(size=(60, 30))
    found = []
    for name in ("numpy", "torch", "jax"):
        pytest.importorskip(name)
        library = eigcore.get_backend(name)
        found.append(spectral_density(gram(library.asarray(X)), 12, 3, orthogonal="full"))
    for other in found[1:]:
        np.testing.assert_allclose(other.nodes, found[0].nodes, atol=1e-10)
        np.testing.assert_allclose(other.weights, found[0].weights, atol=1e-10)


def test_probes_beyond_the_memory_run_one_after_the_other(monkeypatch):
    M = operator(wishart(40, 100))
    whole = spectral_density(M, 10, 5, orthogonal="full")
    monkeypatch.setattr("eigcore.operators.density.MEMORY", 1)
    parts = spectral_density(M, 10, 5, orthogonal="full")
    np.testing.assert_allclose(parts.nodes, whole.nodes, atol=1e-12)
    assert "40 eigenvalues, 5 probes of 10 steps" in str(parts)


@pytest.mark.parametrize(
    ("which", "name"),
    [("largest", "numpy"), ("smallest", "numpy"), ("both", "torch"), ("both", "jax")],
)
def test_extremes_with_multiple_eigenvalues(which, name):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    values = np.concatenate([[-9.0, -5.0, -5.0], np.linspace(-1, 1, 140), [4.0, 4.0, 4.0, 7.0]])
    M = rotated(values)
    found = extreme_eigenvalues(operator(library.asarray(M)), 3, which)
    low, high = np.sort(values)[:3], np.sort(values)[-3:]
    want = {"largest": high, "smallest": low, "both": np.concatenate([low, high])}[which]
    np.testing.assert_allclose(found.values, want, atol=1e-10)
    V = library.to_numpy(found.vectors)
    np.testing.assert_allclose(V.T @ V, np.eye(len(want)), atol=1e-7)
    residual = np.linalg.norm(M @ V - V * found.values, axis=0)
    assert (residual <= 2 * found.bounds + 1e-12).all()
    assert (found.bounds < 1e-7).all()


def test_extremes_of_small_and_of_constant_operators():
    np.testing.assert_allclose(extreme_eigenvalues(operator(np.eye(5)), 5).values, 1.0)
    np.testing.assert_allclose(extreme_eigenvalues(operator(np.zeros((3, 3))), 2).values, 0.0)
    np.testing.assert_allclose(extreme_eigenvalues(operator([[2.0]]), 1).values, [2.0])
    both = extreme_eigenvalues(operator(np.diag(np.arange(6.0))), 3, "both").values
    np.testing.assert_allclose(both, np.arange(6.0), atol=1e-10)


def test_extremes_of_a_bulk_edge_take_restarts():
    M = wishart(400, 500, seed=5)
    found = extreme_eigenvalues(operator(M), 4, steps=20)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(M)[-4:], atol=1e-10)


@pytest.mark.parametrize(
    "call",
    [
        lambda H: lanczos(H, np.ones((1, 3)), 2, "sometimes"),
        lambda H: lanczos(H, np.ones((1, 3)), 0),
        lambda H: spectral_density(H, probes=0),
        lambda H: extreme_eigenvalues(H, 0),
        lambda H: extreme_eigenvalues(H, 2, "both"),
        lambda H: extreme_eigenvalues(H, 1, "top"),
    ],
)
def test_options_out_of_range_are_told(call):
    with pytest.raises(InvalidInput, match=r"expected .*\. Write "):
        call(operator(np.eye(3)))


def test_products_that_turn_nan_are_told():
    calls = []

    def product(v):
        calls.append(0)
        return v if len(calls) < 4 else v * np.nan

    H = operator(lambda v: product(v) * np.arange(5), size=5)
    with pytest.raises(NonFiniteInput, match="Product 2 with the operator"):
        lanczos(H, np.ones((1, 5)), 5)


def test_a_plain_array_is_an_operator():
    assert extreme_eigenvalues(np.diag([1.0, 2.0, 5.0]), 1).values == pytest.approx([5.0])
    found = spectral_density(np.diag([-1.0, 2.0, 5.0]), 3, 4)
    assert found.moments(1).value == pytest.approx([2.0])
    for call, said in (
        (lambda: found.density(1.0, -1), "width is .* above 0"),
        (lambda: found.density(1.0, 0), "width is .* above 0"),
        (lambda: found.density(np.nan), "holds NaN"),
        (lambda: found.trace(np.log), "not finite at eigenvalues from -1"),
    ):
        with pytest.raises(InvalidInput, match=said):
            call()


@pytest.mark.filterwarnings("error")
def test_bounds_where_the_run_ended_or_an_end_is_an_eigenvalue():
    """The rule is exact there, and f may be infinite at an end without an eigenvalue."""
    for M, ends in ((np.eye(5), (1, 1)), (np.diag([1.0, 1, 2, 2, 2]), (1, 2)), (np.eye(3), (0, 4))):
        found = spectral_density(M, 5, 2).trace(np.log, ends)
        exact = np.linalg.slogdet(M)[1]
        np.testing.assert_allclose([found.value, found.lower, found.upper], exact, atol=1e-12)
