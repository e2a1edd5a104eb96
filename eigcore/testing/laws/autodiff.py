"""Laws of the differentiation and the compiler of a framework, if a backend declares them."""

from __future__ import annotations

from typing import Any

import numpy as np

import eigcore
from eigcore.core.functionals import Smooth
from eigcore.dispatch.backend import Backend
from eigcore.errors import NotDifferentiable
from eigcore.testing.cases import SMALL, SOME, Model, spread
from eigcore.testing.hard import TIES
from eigcore.testing.kit import gap_of, host, kth_gradient, law, put
from eigcore.testing.laws.derivatives import check_tie, pulled_back
from eigcore.testing.tolerance import DIFFERENCE, STEP, agree, bound, holds

AUTODIFF = ("autodiff",)


def _loss(backend: Backend, case: Model) -> Any:
    """Return ⟨g, f⟩ as a function of parameters and inputs."""
    g = put(backend, case.cotangent, case.dtype)
    total = backend.xp.sum
    return lambda p, x: total(eigcore.evaluate(case.spec, p, x, backend=backend) * g)


def _arrays(backend: Backend, case: Model) -> tuple[Any, Any]:
    return put(backend, case.params, case.dtype), put(backend, case.x, case.dtype)


@law(SOME, needs=AUTODIFF)
def autodiff_agrees_with_the_rule_under_a_random_cotangent(backend, case):
    """The gradient of ⟨g, f⟩ by the framework equals the pullback of g by eigcore.vjp."""
    got = backend.gradient(_loss(backend, case), *_arrays(backend, case))
    _, *expected = pulled_back(backend, case)
    allowed = bound(case.spec.dim, case.dtype, case.hardness * case.cotangent.sum())
    for what, a, b in zip(("∂params", "∂x"), got, expected, strict=True):
        agree(what, host(backend, a), b, allowed)


@law(SMALL, needs=AUTODIFF)
def autodiff_of_a_matrix_agrees_with_the_rule(backend, case):
    """The same for kth_eigenvalue and smooth_kth_eigenvalue of a matrix, times a number."""
    k, M = case.d // 2, put(backend, case.M, case.dtype)
    allowed = 3 * bound(case.d, case.dtype, case.norm / np.minimum(gap_of(case, k), 0.5))
    [G] = backend.gradient(lambda M: 3 * eigcore.kth_eigenvalue(M, k, backend=backend), M)
    agree("3 ∂λ_k/∂M", host(backend, G), 3 * kth_gradient(backend, case, k), allowed)
    [G] = backend.gradient(
        lambda M: 3 * eigcore.smooth_kth_eigenvalue(M, k, 0.5, backend=backend), M
    )
    phi = Smooth(case.d, (k, 0.5))
    agree("3 ∂λ̃_k/∂M", host(backend, G), 3 * kth_gradient(backend, case, k, phi), allowed)


@law(TIES[::2], TIES[1:4:2], needs=AUTODIFF)
def autodiff_at_a_tie_is_the_projector_over_m(backend, case):
    """The gradient of the framework obeys the tie rule."""
    M = put(backend, case.M, case.dtype)
    for k in case.ks:
        [G] = backend.gradient(
            lambda M, k=k: backend.xp.sum(eigcore.kth_eigenvalue(M, k, backend=backend)), M
        )
        check_tie(case, k, host(backend, G))


@law(SMALL[4:6], needs=AUTODIFF)
def autodiff_of_bands_is_v_squared_and_twice_its_products(backend, case):
    """∂λ/∂diag_i = v_i², ∂λ/∂off_i = 2 v_i v_{i+1} for a tridiagonal matrix."""
    rng, d = case.rng(), 7
    diag, off = case.rounded(np.arange(d) + rng.random(d)), case.rounded(rng.random(d - 1))
    lam, V = np.linalg.eigh(np.diag(diag) + np.diag(off, 1) + np.diag(off, -1))
    gap = np.diff(lam).min()
    arrays = put(backend, diag, case.dtype), put(backend, off, case.dtype)

    def value(a: Any, b: Any) -> Any:
        return eigcore.kth_eigenvalue_tridiagonal(a, b, 2, backend=backend)

    got = backend.gradient(value, *arrays)
    v, allowed = V[:, 2], bound(d, case.dtype, lam[-1] / gap)
    agree("∂λ/∂diag", host(backend, got[0]), v**2, allowed)
    agree("∂λ/∂off", host(backend, got[1]), 2 * v[1:] * v[:-1], 2 * allowed)


@law(tuple(c for c in SOME if c.dtype == "float64"), needs=AUTODIFF)
def second_order_is_right_or_raises(backend, case):
    """∂/∂params of ‖∂f/∂x‖² against differences of the rule's gradient: a gradient penalty."""
    loss, (params, x) = _loss(backend, case), _arrays(backend, case)

    def penalty(p: Any) -> Any:
        [d_x] = backend.gradient(lambda x: loss(p, x), x)
        return backend.xp.sum(d_x * d_x)

    def by_rule(p: np.ndarray) -> float:
        return float((pulled_back(backend, case, p)[2] ** 2).sum())

    try:
        [got] = backend.gradient(penalty, params)
    except Exception as error:
        declared = backend.capabilities.second_order
        holds(not declared, f"second_order is declared, but raises {error!r:.200}.")
        return
    got, size = host(backend, got), by_rule(case.params)
    for salt in range(2):
        step = case.direction(salt)[0]
        there, back = (by_rule(case.params + s * STEP * step) for s in (1, -1))
        slope = (there - back) / (2 * STEP)
        allowed = DIFFERENCE * case.hardness**2 * (1 + size)
        agree("⟨∂‖∂f/∂x‖²/∂params, Δ⟩", (got * step).sum(), slope, allowed)


@law(TIES[:2:2], needs=AUTODIFF)
def second_order_at_a_tie_is_never_a_number(backend, case):
    """λ_k has no second derivative at a tie, so the framework raises or returns NaN."""
    M, k = put(backend, case.M, case.dtype), case.d - 1
    delta = put(backend, spread(case.d)(case.rng(1)), case.dtype)

    def slope(M: Any) -> Any:
        [G] = backend.gradient(lambda M: eigcore.kth_eigenvalue(M, k, backend=backend), M)
        return backend.xp.sum(G * delta)

    try:
        [got] = backend.gradient(slope, M)
    except Exception:
        return
    got = host(backend, got)
    holds(not np.isfinite(got).any(), f"the second derivative at a tie is {got.ravel()[:4]}.")


@law(SMALL[4:5], needs=AUTODIFF)
def an_eigenvector_has_no_derivative(backend, case):
    """Differentiating kth_eigenpair raises NotDifferentiable: a vector's sign is arbitrary."""
    M, k = put(backend, case.M, case.dtype), case.d // 2
    try:
        backend.gradient(
            lambda M: backend.xp.sum(eigcore.kth_eigenpair(M, k, backend=backend)[1]), M
        )
    except NotDifferentiable:
        return
    except Exception as error:
        raise AssertionError(
            f"the derivative of kth_eigenpair raises {error!r:.200}; should be NotDifferentiable."
        ) from error
    raise AssertionError("the derivative of kth_eigenpair should raise NotDifferentiable.")


COMPILED = tuple(c for c in SOME if c.name in ("kth, dense", "kth, tridiagonal", "smooth, dense"))


@law(COMPILED, needs=("compiled",))
def compiled_equals_eager(backend, case):
    """The compiler of the framework compiles evaluate as a whole; the values do not change."""
    arrays = _arrays(backend, case)

    def model(p: Any, x: Any) -> Any:
        return eigcore.evaluate(case.spec, p, x, backend=backend)

    got, eager = backend.compiled(model)(*arrays), model(*arrays)
    allowed = bound(case.spec.dim, case.dtype, case.norm)
    agree("compiled f", host(backend, got), host(backend, eager), allowed)


@law(COMPILED[:2], needs=("compiled", "autodiff"))
def the_gradient_of_compiled_code_agrees_with_the_rule(backend, case):
    """Compiling does not change the gradient."""
    got = backend.gradient(backend.compiled(_loss(backend, case)), *_arrays(backend, case))
    _, *expected = pulled_back(backend, case)
    allowed = bound(case.spec.dim, case.dtype, case.hardness * case.cotangent.sum())
    for what, a, b in zip(("∂params", "∂x"), got, expected, strict=True):
        agree(f"compiled {what}", host(backend, a), b, allowed)
