"""The XLA handlers inside jit, vmap and custom derivatives."""

import numpy as np
import pytest
from door import KINDS, rule, value_and_gradient

jax = pytest.importorskip("jax")

from eigcore_native import jax as door  # noqa: E402
from eigcore_native import kernel  # noqa: E402

from eigcore.core.functionals import Smooth, Softmax, TopSum, Weighted  # noqa: E402
from eigcore.core.rules import Rule  # noqa: E402


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_inside_jit_and_vmap(dtype, kind):
    shape = {"square": (5, 5), "full": (25,), "packed": (15,)}.get(kind, (9,))
    p = np.random.default_rng(0).standard_normal((6, 50, *shape)).astype(dtype)
    expected = value_and_gradient(kind, p, 2)
    tolerance = 100 * np.finfo(dtype).eps

    def f(q):
        return door.value_and_gradient(rule(kind, 5, 2), q)

    for got in (
        jax.jit(f)(p),
        jax.jit(jax.vmap(jax.vmap(f)))(p),
        jax.vmap(f, in_axes=1, out_axes=1)(p),
    ):
        for a, b in zip(got, expected, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, atol=tolerance)
    values = jax.jit(lambda q: door.value(rule(kind, 5, 2), q))(p)
    np.testing.assert_allclose(values, expected[0], atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_ties_and_non_finite_rows(kind):
    eye = {"square": np.eye(3), "full": np.eye(3).ravel(), "packed": [1, 0, 1, 0, 0, 1]}
    one = np.array(eye.get(kind, [1, 0, 1, 0, 1] if kind == "band" else [1, 1, 1, 0, 0]), float)
    values, gradient = door.value_and_gradient(rule(kind, 3, 1), np.stack([one, one * np.nan]))
    np.testing.assert_allclose(gradient[0], one / 3, atol=1e-15)
    assert np.isnan(values[1])
    assert np.isnan(gradient[1]).all()


def test_reverse_mode_through_a_custom_rule():
    p = np.random.default_rng(0).standard_normal((20, 15))
    which = rule("packed", 5, 2)

    @jax.custom_vjp
    def value(q):
        return door.value(which, q)

    value.defvjp(lambda q: door.value_and_gradient(which, q), lambda g, c: (c[..., None] * g,))
    gradient = jax.jit(jax.grad(lambda q: (value(q) ** 2).sum()))(p)
    v, g = value_and_gradient("packed", p, 2)
    np.testing.assert_allclose(gradient, 2 * v[:, None] * g, atol=1e-12)


def test_windows():
    m = np.random.default_rng(0).standard_normal((7, 6, 6))
    m = (m + m.swapaxes(1, 2)) / 2
    for f in (lambda a: door.eigenpairs(a, 1, 3), jax.vmap(lambda a: door.eigenpairs(a, 1, 3))):
        values, vectors = jax.jit(f)(m)
        np.testing.assert_allclose(values, np.linalg.eigvalsh(m)[:, 1:4], atol=1e-13)
        np.testing.assert_allclose(m @ vectors, values[:, None, :] * vectors, atol=1e-12)


def test_exported_programs_name_the_handlers_of_old():
    """Programs on disk call these names with these attributes; they never change."""
    with jax.enable_x64(True):
        exported = jax.export.export(jax.jit(lambda q: door.value(rule("band", 5, 2), q)))(
            jax.ShapeDtypeStruct((4, 9), np.float64)
        )
    text = exported.mlir_module()
    assert "eigcore_value(" in text or "@eigcore_value" in text
    for attribute in ("k = 2 : i64", "dim = 5 : i64", "band = true", "threads = 0 : i64"):
        assert attribute in text


def test_rows_of_another_length_raise():
    with pytest.raises(jax.errors.JaxRuntimeError, match="do not belong together"):
        jax.block_until_ready(door.value(rule("packed", 3, 0), np.zeros((3, 7))))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["square", "packed", "band"])
def test_functions_of_all_eigenvalues(kind, dtype):
    lay = rule(kind, 5, 0).layout
    shape = {"square": (5, 5), "packed": (15,)}.get(kind, (9,))
    p = np.random.default_rng(0).standard_normal((3, 20, *shape)).astype(dtype)
    for phi in (
        TopSum(5, 2),
        Weighted(5, (0.0, 1.0, 3.0, -1.0, 2.0)),
        Softmax(5, 0.3),
        Smooth(5, (2, 0.4)),
    ):
        made = Rule(lay, phi)
        expected = kernel(made, "rows", (p,), "gradient", threads=1)
        got = jax.jit(lambda q, made=made: door.value_and_gradient(made, q))(p)
        np.testing.assert_allclose(got[0], expected.values, rtol=1e-6)
        np.testing.assert_allclose(got[1], expected.gradient, rtol=1e-6, atol=1e-7)
        values = jax.vmap(lambda q, made=made: door.value(made, q))(p)
        np.testing.assert_array_equal(values, got[0])
