"""Functions of singular values in JAX: the kernel in every transformation, beside LAPACK."""

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput, NotDifferentiable
from eigcore.testing.rectangles import MAPS, NORMS

jax = pytest.importorskip("jax")
kernels = pytest.importorskip("eigcore_kernels")

jnp, sharding = jax.numpy, jax.sharding
P = sharding.PartitionSpec

NAMES = ("soft_clip", "pinv")
needs_kernel = pytest.mark.skipif(
    kernels.SVD is None, reason="no eigcore-native with singular value decompositions"
)


def hard(size, dtype):
    """Matrices that are plain, zero, of rank one, of a tie, and with two equal columns."""
    rng, (m, n) = np.random.default_rng(0), size
    X = rng.normal(size=(9, m, n))
    X[2], X[4] = 0, X[4, :, :1] @ X[4, :1]
    X[5], X[6, :, 1] = np.eye(m, n), X[6, :, 0]
    return X.astype(dtype), rng.normal(size=X.shape).astype(dtype)


def mapped(name, X):
    return eigcore.spectral_map(X, name, **MAPS[name])


def pulled(name, X, G):
    F, pull = jax.vjp(lambda X: mapped(name, X), X)
    return F, pull(G)[0]


def both(name, X, G):
    F, pull = eigcore.vjp(eigcore.spectral_map, X, name, **MAPS[name])
    return F, pull(G)


def close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype
        level = 300 * float(np.finfo(b.dtype).eps)
        np.testing.assert_allclose(a, b, atol=level * abs(b).max(initial=1))


@pytest.fixture
def lapack(monkeypatch):
    """Return the answers of NumPy without kernels."""

    def answers(name, X, G):
        with monkeypatch.context() as without:
            without.setattr(kernels, "SVD", None)
            return both(name, X, G)

    return answers


@pytest.mark.parametrize(("size", "dtype"), [((6, 4), "float64"), ((3, 5), "float32")])
def test_hard_matrices_in_every_transformation(size, dtype, lapack):
    X, G = hard(size, dtype)
    x, g = jnp.asarray(X), jnp.asarray(G)
    for name in NAMES:
        wanted = lapack(name, X, G)
        close(both(name, x, g), wanted)
        close(jax.jit(pulled, static_argnums=0)(name, x, g), wanted)
        close(jax.vmap(lambda x, g, name=name: pulled(name, x, g))(x, g), wanted)
        along = jax.jit(lambda x, g, name=name: jax.jvp(lambda x: mapped(name, x), (x,), (g,)))
        close(along(x, g), wanted)  # a spectral map's derivative is self-adjoint
    for count in (0, 1):
        wanted = lapack("soft_clip", X[:count], G[:count])
        close(jax.jit(pulled, static_argnums=0)("soft_clip", x[:count], g[:count]), wanted)
        close(both("soft_clip", x[:count], g[:count]), wanted)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_matrices_leave_others_alone(bad):
    X, G = hard((6, 4), "float64")
    spoilt = X.copy()
    spoilt[3, 2, 1] = bad
    call = jax.jit(pulled, static_argnums=0)
    for found, wanted in zip(call("clip", spoilt, G), call("clip", X, G), strict=True):
        assert np.flatnonzero(np.isnan(found).any((1, 2))).tolist() == [3]
        np.testing.assert_array_equal(np.delete(found, 3, 0), np.delete(wanted, 3, 0))
    with pytest.raises(NonFiniteInput, match="1 of 9"):
        mapped("clip", jnp.asarray(spoilt))


@pytest.mark.parametrize("name", ["schatten", "entropy_rank"])
def test_second_derivatives_of_norms_of_mapped_matrices(name):
    X = jnp.asarray(hard((4, 3), "float64")[0][:2])

    def norm(X):
        return eigcore.spectral_value(X, name, **NORMS[name])

    step, E = 1e-6, np.random.default_rng(1).normal(size=(4, 3))
    slope = jax.jit(jax.vmap(jax.grad(norm)))
    wanted = (slope(X + step * E) - slope(X - step * E)) / (2 * step)
    found = jnp.tensordot(jax.jit(jax.vmap(jax.hessian(norm)))(X), E, 2)
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_numbers_of_functions_are_constants_and_third_derivatives_raise():
    X = jnp.ones((3, 2))
    with pytest.raises(InvalidInput, match=r"c; got an array, and compiled code .* Write c=1\.0"):
        jax.jit(lambda c: eigcore.spectral_map(X, "clip", c=c))(1.0)
    with pytest.raises(NotDifferentiable, match="of eigenvalues and norms, but no third ones"):
        jax.jacfwd(jax.hessian(lambda X: eigcore.spectral_value(X, "schatten", p=4.0)))(X)


@needs_kernel
def test_the_kernel_runs_compiled_eager_and_for_a_mapped_batch():
    X = jnp.asarray(np.random.default_rng(0).normal(size=(8, 16, 16)))
    few = X[:, :6, :4]
    for function in (lambda X: mapped("clip", X), lambda X: pulled("clip", X, X)):
        for call in (function, jax.vmap(function)):
            for a in (X, few):
                assert "eigcore_svd" in jax.jit(call).lower(a).as_text()
    # one matrix of order 16 is LAPACK's
    assert "eigcore_svd" not in jax.jit(lambda X: mapped("clip", X)).lower(X[0]).as_text()
    with eigcore.trace() as seen:
        mapped("clip", few)
        jax.jit(lambda X: mapped("clip", X))(few)
        eigcore.spectral_value(few, "nuclear")
    assert [solve.driver for solve in seen] == 3 * [kernels.DRIVER]


def test_a_second_call_of_the_same_shape_compiles_nothing():
    X, other = map(jnp.asarray, np.random.default_rng(0).normal(size=(2, 9, 6, 4)))
    mapped("clip", X)
    with jax.no_tracing():
        mapped("clip", other)


@pytest.mark.skipif(not hasattr(jax, "set_mesh"), reason="an older JAX")
@pytest.mark.parametrize("kind", [sharding.AxisType.Auto, sharding.AxisType.Explicit])
def test_kernels_run_where_the_matrices_are_on_a_mesh(kind):
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(kind,))
    X = np.random.default_rng(0).normal(size=(6, 4, 4))

    def nuclear(X):
        return eigcore.spectral_value(X, "nuclear").sum()

    def middle(X):
        return eigcore.kth_eigenvalue(X + X.mT, 1)

    def vector(X):
        return eigcore.kth_eigenpair(X + X.mT, 1)[1]

    for function in (
        lambda X: mapped("clip", X),
        jax.grad(nuclear),
        middle,
        vector,
        jax.vmap(middle),
        jax.vmap(vector),
    ):
        wanted = function(X)
        with jax.set_mesh(mesh):
            placed = jax.device_put(X, sharding.NamedSharding(mesh, P("rows")))
            cut = jax.shard_map(function, in_specs=P("rows"), out_specs=P("rows"))
            for found in (function, jax.jit(function), jax.jit(cut)):
                np.testing.assert_allclose(found(placed), wanted, atol=1e-14)
