"""Functions of singular values: every name, ties and zeros, with and without `Backend.svd`."""

import numpy as np
import pytest

import eigcore
from eigcore.errors import NotDifferentiable
from eigcore.testing.rectangles import MAPS, NORMS, PLAIN, TALL, Rectangle, mapped, measured
from eigcore.testing.wrapped import Wrapped

H = 1e-5
SQUARE = Rectangle("4 by 4", size=(4, 4), spectra=((4.0, 3.0, 2.0, 0.9), (2.0, 1.6, 1.1, 0.6)))
FLAT = Rectangle("2 by 12", size=(2, 12), spectra=((3.0, 2.2), (2.0, 0.5)))


class NoSvd(Wrapped):
    def svd(self, X):
        return None


@pytest.fixture(params=["own", "eigenpairs"])
def backend(request):
    good = eigcore.get_backend("numpy")
    return good if request.param == "own" else NoSvd(good)


@pytest.mark.parametrize("case", [PLAIN[0], SQUARE, FLAT], ids=lambda case: case.name)
@pytest.mark.parametrize("name", [*MAPS, *NORMS])
def test_every_name_has_the_value_and_the_derivative_of_its_definition(name, case, backend):
    options = dict((MAPS | NORMS)[name])
    function, definition = (
        (eigcore.spectral_value, measured) if name in NORMS else (eigcore.spectral_map, mapped)
    )
    X, E = case.X, case.direction()
    there, back = (definition(name, X + s * H * E, options) for s in (1, -1))
    value, tangent = eigcore.jvp(function, X, name, E, backend=backend, **options)
    np.testing.assert_allclose(value, definition(name, X, options), atol=1e-12)
    np.testing.assert_allclose(tangent, (there - back) / (2 * H), atol=2e-7)
    G = case.rng(7).normal(size=value.shape)
    pulled = eigcore.vjp(function, X, name, backend=backend, **options)[1](G)
    np.testing.assert_allclose((pulled * E).sum(), (G * tangent).sum(), rtol=1e-11)
    np.testing.assert_array_equal(function(X, name, backend=backend, **options), value)


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-9, 1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("name", ["soft_clip", "soft_threshold", "power", "clip"])
def test_divided_differences_do_not_cancel(name, gap, backend):
    """A diagonal matrix with σ = 1 + gap and 1: Φ⁻ and Φ⁺, one entry of E each, in mpmath."""
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 60
    f = {
        "soft_clip": lambda s: s / mpmath.sqrt(1 + s**2 / mpmath.mpf(1.5) ** 2),
        "soft_threshold": lambda s: s - mpmath.mpf(0.75),
        "power": lambda s: mpmath.sqrt(s),
        "clip": lambda s: min(s, mpmath.mpf(1.25)),
    }[name]
    a, b = mpmath.mpf(1 + gap), mpmath.mpf(1)
    minus = mpmath.diff(f, 1) if a == b else (f(a) - f(b)) / (a - b)
    plus = (f(a) + f(b)) / (a + b)
    options = MAPS[name] | ({"c": 1.25} if name == "clip" else {})
    E = np.array([[0.0, 1.0], [0.0, 0.0]])
    _, found = eigcore.jvp(
        eigcore.spectral_map, np.diag([1 + gap, 1.0]), name, E, backend=backend, **options
    )
    expected = np.array([[0, float(minus + plus)], [float(minus - plus), 0]]) / 2
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_kink_between_two_close_singular_values_is_seen():
    E = np.array([[0.0, 1.0], [1.0, 0.0]])
    X = np.diag([1 + 3e-7, 1 - 1e-7])
    _, found = eigcore.jvp(eigcore.spectral_map, X, "clip", E, c=1.0)
    np.testing.assert_allclose(found[0, 1], 0.25, atol=1e-8)


def test_the_identity_returns_the_matrix_and_a_pair_is_a_function(backend):
    for case in (TALL, FLAT):
        for f in [(lambda s: s, lambda s: 1.0), (lambda s: s**3, lambda s: 3 * s**2)]:
            F, dF = eigcore.jvp(eigcore.spectral_map, case.X, f, case.direction(), backend=backend)
            X, E = case.X, case.direction()
            if f[0](2.0) == 2.0:
                expected = X, E
            else:  # X Xᵀ X and its differential
                expected = X @ X.mT @ X, E @ X.mT @ X + X @ E.mT @ X + X @ X.mT @ E
            np.testing.assert_allclose(F, expected[0], atol=1e-13)
            np.testing.assert_allclose(dF, expected[1], atol=1e-12)


def test_where_a_map_jumps_at_zero_the_derivative_keeps_the_rank(backend):
    """X⁺ along matrices of rank 2 (Golub & Pereyra 1973), and the partial isometry."""
    rng = np.random.default_rng(1)
    B, C, dB, dC = (rng.normal(size=s) for s in [(5, 2), (2, 4), (5, 2), (2, 4)])
    X, E = B @ C, dB @ C + B @ dC
    for name, definition in (("pinv", lambda X: np.linalg.pinv(X).mT), ("polar", None)):
        definition = definition or (lambda X: mapped("polar", X, {}))
        there, back = ((B + s * H * dB) @ (C + s * H * dC) for s in (1, -1))
        expected = (definition(there) - definition(back)) / (2 * H)
        _, found = eigcore.jvp(eigcore.spectral_map, X, name, E, backend=backend)
        np.testing.assert_allclose(found, expected, atol=1e-7 * abs(expected).max())


@pytest.mark.parametrize(
    "name",
    [
        *("exp", "log", "power", "polar", "positive", "pinv", "clip"),
        *("soft_clip", "soft_threshold", "truncate"),
    ],
)
def test_functions_of_symmetric_matrices(name):
    rng = np.random.default_rng(2)
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    lam = np.array([0.5, 1.0, 1.0, 3.0] if name in ("log", "power") else [-2.0, 1.0, 1.0, 3.0])
    A, E = (Q * lam) @ Q.T, rng.normal(size=(4, 4))
    options = {"power": {"p": 0.5}, "clip": {"c": 2.0}, "truncate": {"rank": 2}}.get(name)
    options = options or {"soft_clip": {"c": 1.5}, "soft_threshold": {"tau": 0.75}}.get(name, {})
    f = {
        "exp": np.exp,
        "log": np.log,
        "power": np.sqrt,
        "polar": np.sign,
        "positive": lambda s: np.maximum(s, 0),
        "pinv": lambda s: 1 / s,
        "clip": lambda s: np.clip(s, -2, 2),
        "soft_clip": lambda s: s / np.sqrt(1 + (s / 1.5) ** 2),
        "soft_threshold": lambda s: np.sign(s) * np.maximum(abs(s) - 0.75, 0),
        "truncate": lambda s: np.where(abs(s) > 1.5, s, 0),
    }[name]

    def definition(A):
        s, V = np.linalg.eigh((A + A.T) / 2)
        return (V * f(s)) @ V.T

    F, dF = eigcore.jvp(eigcore.matrix_function, A, name, E, **options)
    np.testing.assert_allclose(F, definition(A), atol=1e-13)
    if name != "clip":  # its kink is at −2
        expected = (definition(A + H * E) - definition(A - H * E)) / (2 * H)
        np.testing.assert_allclose(dF, expected, atol=1e-7)


def test_truncation_keeps_or_drops_a_cluster(backend):
    F = eigcore.spectral_map(TALL.X[1], "truncate", rank=1, backend=backend)
    np.testing.assert_allclose(np.linalg.svd(F)[1], [2, 2, 0], atol=1e-14)
    for energy, rank in ((0.6, 1), (0.65, 2), (0.93, 3), (1.0, 3)):  # 9/14, 13/14
        F = eigcore.spectral_map(PLAIN[0].X[0], "truncate", energy=energy, backend=backend)
        assert np.linalg.matrix_rank(F, tol=1e-10) == rank


def test_soft_clip_does_not_overflow():
    X = np.diag([1e200, 1e-200])
    F, pullback = eigcore.vjp(eigcore.spectral_map, X, "soft_clip", c=2.0)
    np.testing.assert_allclose(F, np.diag([2.0, 0.0]), atol=1e-14)
    np.testing.assert_allclose(pullback(np.eye(2)), np.diag([0.0, 1.0]), atol=1e-14)


def test_shrinkage_and_soft_clip_of_numbers_far_apart():
    """σ = (10¹⁶⁰, 0): Φ⁻ = Φ⁺ = 1/σ₁ of "soft_clip"; "shrink" is the identity up there."""
    X, E = np.diag([1e160, 0.0]), np.eye(2)[::-1]
    F, change = eigcore.jvp(eigcore.spectral_map, X, "soft_clip", E, c=1.0)
    np.testing.assert_allclose(change, 1e-160 * E, rtol=1e-14, atol=0)
    F, change = eigcore.jvp(eigcore.spectral_map, X, "shrink", np.eye(2), noise=1.0)
    np.testing.assert_allclose(F, X, rtol=1e-14)
    np.testing.assert_allclose(change, np.diag([1.0, 0.0]), atol=1e-14)


def test_a_pair_of_norms_and_the_lack_of_a_second_derivative():
    torch = pytest.importorskip("torch")
    X = torch.tensor(PLAIN[0].X, requires_grad=True)
    pair = (lambda s: (s**2).sum(-1), lambda s: 2 * s)
    [gradient] = torch.autograd.grad(eigcore.spectral_value(X, pair).sum(), X, create_graph=True)
    torch.testing.assert_close(gradient, 2 * X)
    with pytest.raises(NotDifferentiable, match="Detach"):
        gradient.sum().backward()


@pytest.mark.parametrize("name", [*NORMS])
def test_second_derivatives_of_norms(name):
    torch = pytest.importorskip("torch")
    options = NORMS[name] | ({"p": 1.5} if name == "schatten" else {})
    X, G, E = SQUARE.X, SQUARE.direction(1), SQUARE.direction()

    def gradient(X):
        return eigcore.vjp(eigcore.spectral_value, X, name, **options)[1](np.ones(2))

    at = torch.tensor(X, requires_grad=True)
    value = eigcore.spectral_value(at, name, **options).sum()
    [first] = torch.autograd.grad(value, at, create_graph=True)
    [second] = torch.autograd.grad((first * torch.tensor(G)).sum(), at)
    expected = (G * (gradient(X + H * E) - gradient(X - H * E))).sum() / (2 * H)
    np.testing.assert_allclose((second.numpy() * E).sum(), expected, rtol=1e-6)


def test_second_derivatives_at_ties_and_zeros():
    """‖X‖_F, written as the Schatten norm, has one everywhere but at zero; ‖X‖_* none at zero."""
    torch = pytest.importorskip("torch")
    X, G = torch.tensor(TALL.X[:4], requires_grad=True), torch.tensor(TALL.direction(1)[:4])
    for name, options in (("schatten", {"p": 2.0}), ("nuclear", {})):
        value = eigcore.spectral_value(X, name, **options).sum()
        [first] = torch.autograd.grad(value, X, create_graph=True)
        [second] = torch.autograd.grad((first * G).sum(), X)
        if name == "nuclear":
            assert torch.isfinite(second).all((-2, -1)).tolist() == [True, True, False, False]
            continue
        size = torch.linalg.matrix_norm(X)[:, None, None]
        along = (X * G).sum((-2, -1), keepdim=True)
        torch.testing.assert_close(second, G / size - along * X / size**3)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0, 4.0])
def test_second_derivatives_of_schatten_norms_where_the_rank_is_low(p):
    """At σ = (2, 1, 0): differences of the gradient, and NaN for p < 2, where there is none."""
    torch = pytest.importorskip("torch")
    X, H = np.diag([2.0, 1.0, 0.0]), 1e-4

    def gradient(X):
        return eigcore.vjp(eigcore.spectral_value, X, "schatten", p=p)[1](np.ones(()))

    def value(X):
        return eigcore.spectral_value(X, "schatten", p=p)

    second = torch.autograd.functional.hessian(value, torch.tensor(X)).numpy().reshape(9, 9)
    if p < 2:
        assert np.isnan(second).all()
        return
    sides = (np.eye(9) * s * H for s in (1, -1))
    there, back = ([gradient(X + e.reshape(3, 3)) for e in side] for side in sides)
    expected = (np.array(there) - back).reshape(9, 9) / (2 * H)
    np.testing.assert_allclose(second, expected, atol=1e-4)


@pytest.mark.parametrize("gap", [1e-14, 1e-13, 1e-12, 1e-10, 1e-8])
@pytest.mark.parametrize("name", NORMS)
def test_second_derivatives_near_ties_do_not_cancel(name, gap):
    """They move by no more than a multiple of the gap from those at the tie."""
    torch = pytest.importorskip("torch")
    Q, R = (np.linalg.qr(TALL.rng(i).normal(size=(n, n)))[0] for i, n in ((1, 4), (2, 3)))

    def value(X):
        return eigcore.spectral_value(
            X, name, **(NORMS[name] | ({"k": 1} if name == "ky_fan" else {}))
        )

    tie, near = (
        torch.autograd.functional.hessian(value, torch.tensor(Q[:, :3] * [2.0, 1.0 + g, 1.0] @ R))
        for g in (0.0, gap)
    )
    assert torch.isfinite(tie).all()
    assert abs(near - tie).max() < 10 * gap


@pytest.mark.parametrize("name", NORMS)
def test_no_norm_has_a_second_derivative_at_zero(name):
    torch = pytest.importorskip("torch")
    X = torch.zeros(3, 2, dtype=torch.float64)
    second = torch.autograd.functional.hessian(
        lambda X: eigcore.spectral_value(X, name, **NORMS[name]), X
    )
    assert torch.isnan(second).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_batches_go_through_the_kernel_and_equal_lapack(dtype, monkeypatch):
    """Also matrices of lower rank, zero, and not finite."""
    kernels = pytest.importorskip("eigcore_kernels")
    if kernels.SVD is None:
        pytest.skip("no eigcore-native with singular value decompositions")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 6, 4)).astype(dtype)
    X[2], X[4] = 0, X[4, :, :1] @ X[4, :1]
    G = rng.normal(size=X.shape).astype(dtype)
    found = []
    for native in (kernels.SVD, None):
        monkeypatch.setattr(kernels, "SVD", native)
        with eigcore.trace() as seen:
            for name in ("soft_clip", "pinv", "truncate"):
                F, pull = eigcore.vjp(eigcore.spectral_map, X, name, **MAPS[name])
                found.append((F, pull(G)))
            found.append((eigcore.spectral_map(X[0], "polar"),))
        drivers = {solve.driver for solve in seen}
        assert drivers == {kernels.DRIVER if native else "numpy.linalg.svd"}
    eps = float(np.finfo(dtype).eps)
    for own, other in zip(found[:4], found[4:], strict=True):
        for a, b in zip(own, other, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, atol=300 * eps * max(1, abs(b).max()))
    bad = X.copy()
    bad[1, 0, 0] = np.nan
    with pytest.raises(eigcore.errors.NonFiniteInput, match="1 of 9"):
        eigcore.spectral_map(bad, "polar")
