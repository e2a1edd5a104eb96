"""The public functions of arrays: derivatives."""

import numpy as np
import pytest
from arrays import BACKENDS, SPEC, host, model, on

import eigcore
from eigcore import EigSpec


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_pullback_is_the_adjoint_of_the_directional_derivative(outputs, backend):
    spec = EigSpec(3, 4, outputs=outputs, functional="smooth", alpha=0.5)
    params, x = model(spec, (2, 3))
    d_params, d_x = model(spec, (2, 3), seed=1)
    arrays = [on(backend, a) for a in (params, x, d_params, d_x)]
    values, tangents = eigcore.jvp(spec, *arrays)
    again, pullback = eigcore.vjp(spec, *arrays[:2])
    np.testing.assert_allclose(host(values), host(again), atol=1e-13)
    g = np.random.default_rng(2).normal(size=tuple(values.shape))
    back = [host(a) for a in pullback(on(backend, g))]
    left = (g * host(tangents)).sum()
    assert left == pytest.approx((back[0] * d_params).sum() + (back[1] * d_x).sum(), rel=1e-10)
    h = 1e-6
    plus, minus = (
        eigcore.evaluate(spec, params + s * h * d_params, x + s * h * d_x) for s in (1, -1)
    )
    np.testing.assert_allclose(host(tangents), (plus - minus) / (2 * h), atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_pullback_can_be_used_again(backend):
    params, x = (on(backend, a) for a in model())
    _, pullback = eigcore.vjp(SPEC, params, x)
    ones = on(backend, np.ones(5))
    first, second = pullback(ones), pullback(ones * 2)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(2 * host(a), host(b))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cotangent_may_be_a_list(backend):
    params, x = (on(backend, a) for a in model(batch=(2,)))
    _, pullback = eigcore.vjp(SPEC, params, x)
    d_x = pullback([1.0, 0.0])[1]
    assert (host(d_x)[1] == 0).all()
    assert (host(d_x)[0] != 0).any()
