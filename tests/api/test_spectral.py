"""The public functions of singular values: errors, dtypes, Newton–Schulz."""

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput

X = np.random.default_rng(0).normal(size=(2, 5, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eigcore.spectral_map(X, "clip"), "Write c=1.0"),
        (lambda: eigcore.spectral_map(X, "clip", c=-1), "positive finite number c"),
        (lambda: eigcore.spectral_map(X, "clip", c=1, tau=1), "takes c; got tau"),
        (lambda: eigcore.spectral_map(X, "clip", c=[1]), "positive finite number c"),
        (lambda: eigcore.spectral_map(X, "clip", c=1, sizes=1), "takes c; got sizes"),
        (lambda: eigcore.spectral_map(X, "klip", c=1), "expected one of clip, soft_clip"),
        (lambda: eigcore.spectral_map(X, "exp"), "expected one of"),
        (lambda: eigcore.spectral_map(X, lambda s: s), "pair of functions"),
        (lambda: eigcore.spectral_map(X, "truncate"), "rank=10 or energy=0.9"),
        (lambda: eigcore.spectral_map(X, "truncate", rank=4), "rank is 4"),
        (lambda: eigcore.spectral_map(X, "truncate", energy=2.0), "energy is 2"),
        (lambda: eigcore.spectral_map(X[0, 0], "polar"), "X\\[None, :\\]"),
        (lambda: eigcore.matrix_function(X, "exp"), "spectral_map"),
        (lambda: eigcore.matrix_function(-np.eye(3), "log"), "not a number"),
        (lambda: eigcore.spectral_value(X, "kth"), "nuclear, spectral"),
        (lambda: eigcore.spectral_value(X, "ky_fan"), "k is None"),
        (lambda: eigcore.spectral_value(X, "schatten", p=0), "p > 0"),
        (lambda: eigcore.vjp(np.sin, X, "clip"), "EigSpec or one of spectral_map"),
        (lambda: eigcore.vjp(eigcore.spectral_map, X, "polar")[1](X[0]), "cotangent"),
        (lambda: eigcore.jvp(eigcore.spectral_map, X, "polar", X[0]), "direction"),
        (lambda: eigcore.newton_schulz(X, "clip"), "spectral_map"),
        (lambda: eigcore.newton_schulz(X, "polar", steps=0), "steps=10"),
    ],
)
def test_wrong_input_is_refused_with_what_to_type(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_bad_rows_are_counted():
    bad = X.copy()
    bad[1, 2, 0] = np.inf
    for call in (
        lambda: eigcore.spectral_map(bad, "polar"),
        lambda: eigcore.spectral_value(bad, "nuclear"),
        lambda: eigcore.newton_schulz(bad, "polar"),
    ):
        with pytest.raises(NonFiniteInput, match=r"1 of 2 rows .* index 1"):
            call()


def test_dtypes_and_empty_batches():
    assert eigcore.spectral_map(X.astype("float16"), "polar").dtype == np.float16
    assert eigcore.spectral_map([[1, 2], [3, 4]], "polar").dtype == np.float64
    assert eigcore.spectral_map(X[:0], "polar").shape == (0, 5, 3)
    assert eigcore.spectral_value(X[:0], "nuclear").shape == (0,)


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (8, 8)])
def test_newton_schulz_comes_with_a_bound(size):
    rng = np.random.default_rng(3)
    X = 5 * rng.normal(size=(2, *size))
    soft, polar = (eigcore.spectral_map(X, f, **o) for f, o in MAPS)
    for steps in (4, 7, 12, 20):
        F, bound = eigcore.newton_schulz(X, "soft_clip", steps=steps, c=1.5, bound=True)
        assert (np.linalg.norm(F - soft, 2, axis=(-2, -1)) <= bound + 1e-12).all()
        F, bound = eigcore.newton_schulz(X, "polar", steps=steps, bound=True)
        assert (np.linalg.norm(F - polar, axis=(-2, -1)) <= bound + 1e-12).all()
    assert (bound < 1e-12).all()


MAPS = (("soft_clip", {"c": 1.5}), ("polar", {}))


def test_soft_clip_after_ten_steps_as_published():
    """20 by 30 Gaussian entries times 5: below 1e-8 after 10 steps, above .1 after 5."""
    X = 5 * np.random.default_rng(0).normal(size=(20, 30))
    exact = eigcore.spectral_map(X, "soft_clip", c=1.5)
    far, near = (
        np.linalg.norm(eigcore.newton_schulz(X, "soft_clip", steps=s, c=1.5) - exact, 2)
        for s in (5, 10)
    )
    assert far > 0.1
    assert near < 1e-8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(30, 20), (20, 20), (3, 6)])
def test_bounds_of_newton_schulz_hold_where_rounding_counts(dtype, size):
    """Rounding turns the polar factor by εκ, and drives the coupled iteration away beyond 1/√ε."""
    rng, k = np.random.default_rng(0), min(size)
    U, V = (np.linalg.qr(rng.normal(size=(n, k)))[0] for n in size)
    for kappa in (1e1, 1e3, 1e5, 1e7):
        X = ((U * np.geomspace(1, 1 / kappa, k)) @ V.T).astype(dtype)
        u, s, vt = np.linalg.svd(X.astype(float), full_matrices=False)
        F, bound = eigcore.newton_schulz(X, "polar", steps=50, bound=True)
        assert np.linalg.norm(F - u @ vt) <= bound < np.finfo(dtype).eps * 200 * kappa
        for c in (0.1, 1 / kappa):
            F, bound = eigcore.newton_schulz(X, "soft_clip", steps=50, bound=True, c=c)
            exact = (u * (s / np.hypot(1, s / c))) @ vt
            assert np.linalg.norm(F - exact, 2) <= bound < c + 1.01 * np.linalg.norm(F)


@pytest.mark.parametrize("name", ["soft_clip", "polar"])
def test_newton_schulz_compiles_and_has_finite_gradients_at_zero(name):
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    options = {"c": 2.0} if name == "soft_clip" else {}

    def total(a):
        return eigcore.newton_schulz(a, name, **options).sum()

    compiled = torch.compile(total, fullgraph=True, backend="aot_eager")
    a = torch.tensor(X)
    torch.testing.assert_close(compiled(a), total(a), rtol=0, atol=1e-12)
    zero = torch.zeros(3, 2, requires_grad=True)
    by_torch = torch.autograd.grad(total(zero), zero)[0]
    by_jax = jax.grad(total)(jax.numpy.zeros((3, 2)))
    assert np.isfinite(np.asarray(by_jax)).all()
    np.testing.assert_allclose(by_torch, by_jax)
    if name == "soft_clip":
        np.testing.assert_allclose(by_jax, 1, atol=1e-6)


def test_pairs_of_torch_functions_and_of_jax():
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    expected = eigcore.spectral_map(X, (np.tanh, lambda s: 1 - np.tanh(s) ** 2))
    for tanh, a in ((torch.tanh, torch.tensor(X)), (jax.numpy.tanh, jax.numpy.asarray(X))):
        got = eigcore.spectral_map(a, (tanh, lambda s, tanh=tanh: 1 - tanh(s) ** 2))
        np.testing.assert_allclose(np.asarray(got), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_newton_schulz_of_tiny_and_huge_matrices(size):
    F, bound = eigcore.newton_schulz(size * X, "polar", steps=20, bound=True)
    np.testing.assert_allclose(F, eigcore.spectral_map(X, "polar"), atol=1e-12)
    assert (bound < 1e-12).all()
    for c in (0.7, size):
        F, bound = eigcore.newton_schulz(size * X, "soft_clip", steps=25, bound=True, c=c)
        exact = eigcore.spectral_map(size * X, "soft_clip", c=c)
        off = np.linalg.norm((F - exact) / c, 2, axis=(-2, -1))
        assert (off <= bound / c + 1e-12).all()
    assert (off < 1e-12).all()


@pytest.mark.parametrize("size", [(2, 5, 3), (2, 3, 5), (1, 260, 260)])
def test_batched_gradients_of_torch(size):
    """As Sven and gradcheck ask for them; the last size is beyond NumPy's share."""
    torch = pytest.importorskip("torch")
    a = torch.tensor(np.random.default_rng(1).normal(size=size), requires_grad=True)
    calls = [lambda a: eigcore.spectral_map(a, "soft_clip", c=1.0)]
    calls += [lambda a: eigcore.spectral_value(a, "nuclear")]
    if size[-1] == size[-2]:
        calls += [lambda a: eigcore.matrix_function(a, "positive")]
    for call in calls:
        F = call(a)
        G = torch.tensor(np.random.default_rng(2).normal(size=(3, *F.shape)))
        batch = torch.autograd.grad(F, a, G, is_grads_batched=True, retain_graph=True)[0]
        for one, g in zip(batch, G, strict=True):
            expected = torch.autograd.grad(F, a, g, retain_graph=True)[0]
            torch.testing.assert_close(one, expected, rtol=0, atol=1e-12 * len(a) * size[-1])
