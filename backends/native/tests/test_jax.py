"""The XLA handlers inside jit, vmap and custom derivatives."""

import eigcore_native as en
import numpy as np
import pytest

jax = pytest.importorskip("jax")

from eigcore_native import jax_ffi  # noqa: E402


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("band", [False, True])
def test_inside_jit_and_vmap(dtype, band):
    p = np.random.default_rng(0).standard_normal((6, 50, 9 if band else 15)).astype(dtype)
    expected = en.value_and_gradient_band(p, 2) if band else en.value_and_gradient_packed(p, 2)

    def f(q):
        return jax_ffi.value_and_gradient_packed(q, 2, 5, band=band)

    for got in (
        jax.jit(f)(p),
        jax.jit(jax.vmap(jax.vmap(f)))(p),
        jax.vmap(f, in_axes=1, out_axes=1)(p),
    ):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    values = jax.jit(lambda q: jax_ffi.value_packed(q, -3, band=band))(p)
    np.testing.assert_allclose(values, expected[0], atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_whole_matrices(dtype):
    m = np.random.default_rng(0).standard_normal((6, 50, 5, 5)).astype(dtype)
    values, gradient = en.value_and_gradient(m, 2)

    def f(q):
        return jax_ffi.value_and_gradient_packed(q, 2, 5)

    rows = m.reshape(6, 50, 25)
    for got in (jax.jit(f)(rows), jax.jit(jax.vmap(f))(rows)):
        np.testing.assert_array_equal(got[0], values)
        np.testing.assert_array_equal(got[1], gradient.reshape(6, 50, 25))
    got = jax.jit(lambda q: jax_ffi.value_packed(q, -3, 5))(rows)
    np.testing.assert_allclose(got, values, atol=100 * np.finfo(dtype).eps)


def test_reverse_mode_through_a_custom_rule():
    p = np.random.default_rng(0).standard_normal((20, 15))

    @jax.custom_vjp
    def value(q):
        return jax_ffi.value_packed(q, 2)

    value.defvjp(
        lambda q: jax_ffi.value_and_gradient_packed(q, 2), lambda g, c: (c[..., None] * g,)
    )
    gradient = jax.jit(jax.grad(lambda q: (value(q) ** 2).sum()))(p)
    v, g = en.value_and_gradient_packed(p, 2)
    np.testing.assert_allclose(gradient, 2 * v[:, None] * g, atol=1e-12)


def test_windows():
    m = np.random.default_rng(0).standard_normal((7, 6, 6))
    m = (m + m.swapaxes(1, 2)) / 2
    values, vectors = jax.jit(lambda a: jax_ffi.eigenpairs(a, 1, 3))(m)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(m)[:, 1:4], atol=1e-13)
    np.testing.assert_allclose(m @ vectors, values[:, None, :] * vectors, atol=1e-12)
    a, b = m[:, 0], m[:, 1, :5]
    values, _ = jax.vmap(lambda x, y: jax_ffi.eigenpairs_tridiagonal(x, y, 0, 5))(a, b)
    np.testing.assert_array_equal(values, en.eigenpairs_tridiagonal(a, b, 0, 5)[0])


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="trailing length"):
        jax_ffi.value_packed(np.zeros((3, 7)), 0)
