import os
import subprocess
import sys

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec
from eigcore.core.rules import kth_rule
from eigcore.core.spectrum import spectrum
from eigcore.errors import NonFiniteInput, NotDifferentiable

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
export = pytest.importorskip("jax.export")
check_grads = pytest.importorskip("jax.test_util").check_grads
kernels = pytest.importorskip("eigcore_jax.kernels")

SPECS = [
    EigSpec(2, 4),
    EigSpec(2, 4, index=0, structure="tridiagonal"),
    EigSpec(2, 4, index=1, structure="diagonal"),
    EigSpec(2, 4, outputs=2, functional="smooth", alpha=0.8),
    EigSpec(2, 4, functional="softmax", t=0.5),
    EigSpec(2, 4, functional="weighted", weights=(0.5, -1.0, 2.0, 0.25)),
]
BYNAME = {"argvalues": SPECS, "ids": [f"{s.functional}-{s.structure}" for s in SPECS]}


def symmetric(*shape, seed=0):
    M = np.random.default_rng(seed).normal(size=shape)
    return jnp.asarray(M + np.swapaxes(M, -1, -2))


def model(spec, batch=(3,), dtype="float64"):
    rng = np.random.default_rng(0)
    params, x = rng.normal(size=spec.params_shape), rng.normal(size=(*batch, spec.features))
    return jnp.asarray(params, dtype), jnp.asarray(x, dtype)


def middle(M):
    return eigcore.kth_eigenvalue(M, 1)


def smooth(M):
    return eigcore.smooth_kth_eigenvalue(M, 1, 0.7)


def tridiagonal(M):
    diag = jnp.diagonal(M, axis1=-2, axis2=-1)
    return eigcore.kth_eigenvalue_tridiagonal(diag, jnp.diagonal(M, 1, -2, -1), 1)


ALL = pytest.mark.parametrize("function", [middle, smooth, tridiagonal])


def close(a, b, tolerance=1e-11):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("spec", **BYNAME)
def test_derivatives_of_models_agree_with_differences(spec):
    function = jax.jit(lambda p, x: eigcore.evaluate(spec, p, x))
    modes = ["fwd", "rev"] if spec in SPECS[:1] else ["rev"]
    check_grads(function, model(spec), order=2 if spec in SPECS[2:4] else 1, modes=modes, eps=1e-5)


@ALL
def test_first_and_second_derivatives_of_eigenvalues_agree_with_differences(function):
    check_grads(jax.jit(function), (symmetric(2, 4, 4),), order=2, modes=["rev"], eps=1e-5)


@ALL
def test_transforms_compose(function):
    # under jit, for speed; eager calls are the next test
    jit, vmap = jax.jit, jax.vmap
    M = symmetric(3, 3, 3)
    values = jit(function)(M)
    G, H = jit(vmap(jax.grad(function)))(M), jit(vmap(jax.hessian(function)))(M)
    close(jit(vmap(function))(M), values)
    close(jit(vmap(vmap(function)))(M[None])[0], values)
    close(jit(lambda M: jax.jvp(function, (M,), (M,))[1])(M), (G * M).sum((-1, -2)))
    close(jit(jax.grad(lambda M: function(M).sum()))(M), G)
    close(jit(vmap(jax.jacfwd(function)))(M), G)
    for second in (jax.jacrev(jax.jacrev(function)), jax.jacfwd(jax.jacfwd(function))):
        close(jit(vmap(second))(M), H)


def test_transforms_work_in_eager_calls():
    M = symmetric(2, 3, 3)
    G = jax.jit(jax.vmap(jax.grad(middle)))(M)
    close(jax.grad(middle)(M[0]), G[0])
    close(jax.vmap(middle)(M), middle(M))
    value, pullback = jax.vjp(middle, M)
    close(pullback(jnp.ones_like(value))[0], G)
    _, turn = jax.linearize(middle, M)
    close(turn(M), (G * M).sum((-1, -2)))
    close(jax.hessian(middle)(M[0]), jax.jit(jax.hessian(middle))(M[0]))


def test_autodiff_agrees_with_vjp():
    for spec in SPECS:
        params, x = model(spec)
        values, pullback = eigcore.vjp(spec, params, x)

        def square(params, x, spec=spec):
            return (eigcore.evaluate(spec, params, x) ** 2).sum() / 2

        gradient = jax.jit(jax.grad(square, (0, 1)))(params, x)
        for ours, theirs in zip(pullback(values), gradient, strict=True):
            close(ours, theirs)


def test_a_spec_is_a_static_argument_of_jit():
    fast = jax.jit(eigcore.evaluate, static_argnums=0)
    for spec in SPECS:
        close(fast(spec, *model(spec)), eigcore.evaluate(spec, *model(spec)))


def test_models_can_be_mapped_over_parameters_and_rows():
    spec = SPECS[3]
    params, x = model(spec)
    many = jnp.stack((params, 2 * params))
    values = jax.vmap(lambda p: jax.vmap(lambda row: eigcore.evaluate(spec, p, row))(x))(many)
    assert values.shape == (2, 3, 2)
    close(values[1], eigcore.evaluate(spec, 2 * params, x))


def test_a_gradient_penalty_has_the_right_gradient():
    spec = SPECS[0]
    params, x = model(spec)

    def penalty(params):
        return (jax.grad(lambda x: eigcore.evaluate(spec, params, x).sum())(x) ** 2).sum()

    check_grads(jax.jit(penalty), (params,), order=1, eps=1e-5)
    close(jax.jit(jax.grad(penalty))(params), jax.grad(penalty)(params))


# -- ties, orders, bad rows


def test_at_a_tie_the_gradient_is_the_projector_over_its_rank():
    M = jnp.diag(jnp.array([1.0, 1.0, 1.0, 3.0]))
    for k in range(3):
        G = jax.grad(lambda M, k=k: eigcore.kth_eigenvalue(M, k))(M)
        close(G, jnp.diag(jnp.array([1.0, 1.0, 1.0, 0.0])) / 3)


def test_a_second_derivative_at_a_tie_is_never_a_number():
    M, D = jnp.diag(jnp.array([1.0, 1.0, 3.0])), symmetric(3, 3)

    def slope(M):
        return (jax.grad(middle)(M) * D).sum()

    assert np.isnan(jax.hessian(middle)(M)).any()
    assert np.isnan(jax.grad(slope)(M)).any()
    assert np.isnan(jax.jit(jax.grad(slope))(M)).any()
    assert np.isfinite(jax.hessian(smooth)(M)).all()


def test_third_derivatives_raise():
    M = symmetric(3, 3)
    for third in (jax.jacfwd(jax.hessian(middle)), jax.jacrev(jax.hessian(middle))):
        for transform in (lambda f: f, jax.jit):
            with pytest.raises(NotDifferentiable, match="no third ones"):
                transform(third)(M)


def test_eigenpairs_refuse_derivatives():
    M = symmetric(3, 3)
    _, vector = jax.jit(lambda M: eigcore.kth_eigenpair(M, 1))(M)
    close(jax.grad(middle)(M), jnp.outer(vector, vector))
    for f in (
        lambda M: eigcore.kth_eigenpair(M, 1)[0],
        lambda M: eigcore.kth_eigenpair(M, 1)[1].sum(),
    ):
        with pytest.raises(NotDifferentiable, match=r"none of eigenvectors\. Use kth_eigenvalue"):
            jax.grad(f)(M)
    stopped = jax.grad(lambda M: eigcore.kth_eigenpair(jax.lax.stop_gradient(M), 1)[1] @ M[0])(M)
    assert np.isfinite(stopped).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_rows_raise_in_eager_calls_and_are_nan_under_jit(bad):
    M = symmetric(3, 4, 4)
    wanted, G = middle(M), jax.vmap(jax.grad(middle))(M)
    M = M.at[1, 0, 1].set(bad)
    with pytest.raises(NonFiniteInput, match=r"1 of 3 rows.*index 1"):
        middle(M)
    values = jax.jit(middle)(M)
    assert np.isnan(values[1])
    close(values[::2], wanted[::2])
    slopes = jax.jit(jax.grad(lambda M: middle(M).sum()))(M)
    assert np.isnan(slopes[1]).all()
    close(slopes[::2], G[::2])
    bends = jax.jit(jax.vmap(jax.hessian(middle)))(M)
    assert np.isnan(bends[1]).any()
    assert np.isfinite(bends[::2]).all()


def test_numbers_near_overflow_are_solved():
    M = jnp.broadcast_to(jnp.eye(3), (2, 3, 3)) * 1.5e308
    assert (np.asarray(jax.jit(middle)(M)) == 1.5e308).all()


# -- compiling


def test_a_second_call_of_the_same_shape_compiles_nothing():
    M, other = symmetric(7, 4, 4), symmetric(7, 4, 4, seed=1)
    middle(M)
    with jax.no_tracing():
        values = middle(other)
    close(values, np.linalg.eigvalsh(other)[:, 1])


def test_large_batches_are_cut_into_chunks_inside_jit(monkeypatch):
    M = symmetric(53, 4, 4)
    values, vectors = np.linalg.eigh(M)
    wanted, v = values[:, 1], vectors[:, :, 1]
    G = v[:, :, None] * v[:, None, :]
    monkeypatch.setattr("eigcore_jax.kernels.NATIVE", None)  # they need no chunks
    monkeypatch.setattr("eigcore.dispatch.backend.MEMORY_BUDGET", 4 * 4 * 5 * 8 * 7)
    close(jax.jit(lambda M: middle(M))(M), wanted)
    close(jax.jit(jax.grad(lambda M: middle(M).sum()))(M), G)
    lowered = jax.jit(lambda M: middle(M)).lower(M).as_text()
    assert "stablehlo.while" in lowered


@pytest.mark.parametrize(
    ("order", "dtype"), [(0, "bfloat16"), (1, "float32"), (2, "float64"), (2, "float32")]
)
def test_every_order_lowers_for_tpu_cuda_and_cpu(order, dtype):
    spec = SPECS[3]
    params, x = model(spec, dtype=dtype)

    def value(params, x):
        return eigcore.evaluate(spec, params, x).astype("float32").sum()

    def penalty(params, x):
        return (jax.grad(value, 1)(params, x) ** 2).sum()

    function = (value, jax.grad(value), jax.grad(penalty))[order]
    exported = export.export(jax.jit(function), platforms=("tpu", "cuda", "cpu"))(params, x)
    assert exported.platforms == ("tpu", "cuda", "cpu")
    tolerance = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 0.1}[dtype]
    wanted = np.asarray(jax.jit(function)(params, x), "float64")
    np.testing.assert_allclose(
        np.asarray(exported.call(params, x), "float64"), wanted, rtol=tolerance, atol=tolerance
    )


@ALL
def test_an_exported_function_takes_batches_of_any_size(function):
    (rows,) = export.symbolic_shape("rows")
    shape = jax.ShapeDtypeStruct((rows, 4, 4), np.float64)
    exported = export.export(jax.jit(function), platforms=("tpu", "cuda", "cpu"))(shape)
    for size in (1, 3, 8):
        close(exported.call(symmetric(size, 4, 4)), function(symmetric(size, 4, 4)))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_gradients_keep_the_dtype(dtype):
    M = symmetric(4, 4).astype(dtype)
    for f in (jax.grad(middle), jax.jit(jax.grad(middle))):
        G = f(M)
        assert G.dtype == dtype
        trace = float(np.trace(np.asarray(G, "float64")))
        assert trace == pytest.approx(1, abs=8 * float(jnp.finfo(dtype).eps))


WITHOUT = """
import warnings
warnings.simplefilter("error")
import numpy as np, jax, jax.numpy as jnp, eigcore
assert not jax.config.jax_enable_x64
from eigcore.errors import InvalidInput
M = np.diag([3.0, 1.0, 2.0])
for a in (jnp.asarray(M), np.float32(M), M.tolist(), np.int64(M), np.uint64(M)):
    value = eigcore.kth_eigenvalue(a, 1, backend="jax")
    assert value.dtype == jnp.float32 and float(value) == 2.0, value
f = lambda M: eigcore.kth_eigenvalue(M, 1)
G, H = jax.jit(jax.grad(f))(jnp.asarray(M)), jax.hessian(f)(jnp.asarray(M))
assert G.dtype == H.dtype == jnp.float32
assert np.allclose(G, np.diag([0.0, 0.0, 1.0]), atol=1e-6)
assert eigcore.kth_eigenvalue([[1, 2], [2, 1]], 0, backend="jax").dtype == jnp.float32
# a whole number of 64 bits that JAX would wrap around
assert float(eigcore.kth_eigenvalue(np.array([[2**40]]), 0, backend="jax")) == 2.0**40
spec = eigcore.EigSpec(2, 3, functional="smooth", alpha=0.5)
params = np.float32(np.random.default_rng(0).normal(size=spec.params_shape))
x = np.float32(np.random.default_rng(1).normal(size=(4, 2)))
ours, pullback = eigcore.vjp(spec, params, x, backend="jax")
theirs, wanted = eigcore.vjp(spec, params, x, backend="numpy")
assert np.allclose(ours, theirs, atol=1e-5)
for a, b in zip(pullback(np.ones(4)), wanted(np.ones(4))):
    assert a.dtype == jnp.float32 and np.allclose(a, b, atol=1e-4)

model = eigcore.SpectralModel(
    None, [(eigcore.EigSpec(2, 3, functional="softmax", t=1.0), params)], target_offset=1e6,
    target_scale=10.0)
found, wanted = model.predict(np.float64(x), backend="jax"), model.predict(x)
assert found.dtype == np.float64 and abs(found - wanted).max() < 1e-4
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    loaded, apply = model.to_jax()
assert len(told) == 1 and "JAX_ENABLE_X64=1" in str(told[0].message)
assert apply(loaded, x).dtype == apply(loaded, np.int64(x)).dtype == jnp.float32

wide, ones = np.float64(x), np.ones(spec.params_shape)
for refused in (
    lambda: eigcore.kth_eigenvalue(M, 1, backend="jax"),
    lambda: eigcore.kth_eigenvalue(M.astype(">f8"), 1, backend="jax"),
    lambda: eigcore.kth_eigenpair(M, 1, backend="jax"),
    lambda: eigcore.smooth_kth_eigenvalue(M, 1, 0.5, backend="jax"),
    lambda: eigcore.kth_eigenvalue_tridiagonal(M[0], M[0, 1:], 1, backend="jax"),
    lambda: eigcore.evaluate(spec, jnp.asarray(params), wide, backend="jax"),
    lambda: eigcore.vjp(spec, ones, wide, backend="jax"),
    lambda: eigcore.jvp(spec, params, x, params, wide, backend="jax"),
    lambda: apply(loaded, wide),
):
    try:
        refused()
    except InvalidInput as error:
        assert "JAX_ENABLE_X64=1" in str(error) and "float32" in str(error), error
    else:
        raise AssertionError("a float64 array was shortened")
print("fine")
"""


def test_everything_works_without_x64():
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={**os.environ, "JAX_ENABLE_X64": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "fine", result.stderr[-3000:]


def on_tpu():
    return any(device.platform == "tpu" for device in jax.devices())


@pytest.mark.tpu
@pytest.mark.skipif("not on_tpu()", reason="jax sees no TPU")
@ALL
def test_a_tpu_gives_the_values_and_gradients_of_the_cpu(function):
    M = symmetric(3, 4, 4).astype("float32")
    device, host = jax.devices("tpu")[0], jax.devices("cpu")[0]
    for f in (function, jax.vmap(jax.grad(function))):
        ours, wanted = f(jax.device_put(M, device)), f(jax.device_put(M, host))
        assert ours.devices() == {device}
        close(ours, wanted, 1e-3)


def test_the_pullback_of_a_large_model_can_be_mapped_and_compiled():
    spec, rng = EigSpec(4, 6), np.random.default_rng(0)
    params, x = (
        jnp.asarray(rng.normal(size=spec.params_shape)),
        jnp.asarray(rng.normal(size=(1500, 4))),
    )
    _, pullback = eigcore.vjp(spec, params, x)
    cotangents = jnp.asarray(rng.normal(size=(3, 1500)))
    alone = [pullback(g) for g in cotangents]
    for mapped in (jax.vmap(pullback)(cotangents), jax.lax.map(jax.jit(pullback), cotangents)):
        for found, each in zip(mapped, zip(*alone, strict=True), strict=True):
            assert np.allclose(found, jnp.stack(each), rtol=0, atol=1e-9)


def test_large_eager_calls_read_the_kernels_of_numpy_outside_a_trace_too(monkeypatch):
    import eigcore_kernels

    if eigcore_kernels.NATIVE is None:
        pytest.skip("eigcore-native is not loaded: make native, and unset EIGCORE_NATIVE")
    seen = []
    for name in ("kernel", "eigenpairs"):
        own = getattr(eigcore_kernels, name)
        monkeypatch.setattr(
            eigcore_kernels, name, lambda *a, own=own, **o: seen.append(own) or own(*a, **o)
        )
    M = jnp.asarray(np.random.default_rng(0).normal(size=(300, 5, 5)))
    eigcore.smooth_kth_eigenvalue(M, 2, 0.5)
    eigcore.kth_eigenvalue(M, 2)
    large = len(seen)
    assert large >= 2
    eigcore.kth_eigenvalue(M[:2], 2)  # compiled
    assert len(seen) == large


def test_what_xla_has_no_kernel_for_is_composed():
    if kernels.NATIVE is None:
        pytest.skip(kernels.NOTE)
    whole, packed = jnp.zeros((8, 2, 2)), jnp.zeros((8, 3))
    assert kernels.kernel(kth_rule("square", 2, 0), "vectors", whole)
    assert kernels.kernel(kth_rule("packed", 2, 0), "gradient", packed)
    assert kernels.kernel(kth_rule("packed", 2, 0), "vectors", packed) is None
    assert kernels.kernel(spectrum(2, 0, 1), "values", whole) is None
    assert kernels.svd(whole)
    assert kernels.svd(whole[:0]) is None
