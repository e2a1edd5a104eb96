"""Laws of eigenvalues of matrices that are not symmetric, and of their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.core.nonsymmetric import EigenRule
from eigcore.core.packing import Whole
from eigcore.dispatch.backend import Backend
from eigcore.dynamics import eig, eigenvalues
from eigcore.errors import NonFiniteInput, NotDifferentiable, NotSupported
from eigcore.testing.kit import host, law, put
from eigcore.testing.squares import JORDAN, SQUARE, SQUARES, Square
from eigcore.testing.tolerance import DIFFERENCE, STEP, agree, bound, holds

ONE = (SQUARE,)


def _lacks(backend: Backend) -> bool:
    """Whether `xp` has no ``linalg.eig``, which is optional; then calls must raise NotSupported."""
    return getattr(getattr(backend.xp, "linalg", None), "eig", None) is None


def _weighted(backend: Backend, A: Any, weights: np.ndarray, dtype: str) -> Any:
    """Return Re Σ conj(w) λ."""
    lam, xp = eigenvalues(A, backend=backend), backend.xp
    re, im = (put(backend, w, dtype) for w in (np.real(weights), np.imag(weights)))
    return xp.sum(re * xp.real(lam) + im * xp.imag(lam))


def _weights(case: Square, count: int) -> np.ndarray:
    re, im = case.rounded(case.rng(9).normal(size=(2, count, case.d)))
    return re + 1j * im


def _solved(backend: Backend, rule: Any, A: Any) -> Any:
    return rule.value_and_gradient(backend, A)


def _rule(case: Square) -> Any:
    return EigenRule(Whole(case.d, case.d))


@law(SQUARES)
def eigenvalues_of_a_matrix_are_those_put_in(backend, case):
    """Complex, by decreasing modulus, then real and imaginary part; with both vectors."""
    allowed = bound(case.d, case.dtype, case.hardness)
    A = put(backend, case.A, case.dtype)
    found = eig(A, backend=backend)
    lam, X, Y, kappa = (
        host(backend, a) for a in (found.values, found.right, found.left, found.condition)
    )
    agree("λ", lam, case.lam, allowed)
    agree("A x", case.A @ X, X * lam[:, None, :], allowed)
    agree("yᴴ A", Y.conj().mT @ case.A, lam[..., None] * Y.conj().mT, allowed)
    agree("|x|", np.linalg.norm(X, axis=-2), np.ones(lam.shape), allowed)
    agree("κ yᴴ x", (Y.conj() * X).sum(-2) * kappa, np.ones(lam.shape), allowed)
    if _lacks(backend):
        try:
            eigenvalues(A, backend=backend)
        except NotSupported:
            return
        raise AssertionError("xp has no linalg.eig; eigenvalues should raise NotSupported.")
    agree("eigenvalues(A)", host(backend, eigenvalues(A, backend=backend)), case.lam, allowed)


@law(ONE)
def simple_eigenvalues_change_as_their_finite_differences(backend, case):
    """dλ = yᴴ dA x / (yᴴ x) along any direction, complex too; vjp = jvp; NaN where not simple."""
    E, A, rule = case.direction(), put(backend, case.A, case.dtype), _rule(case)
    slope = (case.moved(STEP * E) - case.moved(-STEP * E)) / (2 * STEP)
    allowed = DIFFERENCE * case.hardness
    found = eig(A, backend=backend)
    agree("dλ", host(backend, found.derivative(put(backend, E, case.dtype))), slope, allowed)
    if _lacks(backend):
        return
    _, gradient = backend.call(_solved, (rule,), A)
    tangent = host(backend, rule.tangent(backend, gradient, put(backend, E, case.dtype)))
    agree("dλ of the rule", tangent[..., 0] + 1j * tangent[..., 1], slope, allowed)
    g = case.rounded(case.rng(8).normal(size=tangent.shape))
    pulled = host(backend, rule.cotangent(backend, gradient, put(backend, g, case.dtype)))
    sums = (pulled * E).sum((-2, -1)), (g * tangent).sum((-2, -1))
    agree("⟨vjp(g), E⟩", *sums, bound(case.d, case.dtype, 100 * case.hardness))
    defective = put(backend, np.stack((JORDAN, JORDAN)), case.dtype)
    _, gradient = backend.call(_solved, (rule,), defective)
    tangent = host(backend, rule.tangent(backend, gradient, put(backend, E, case.dtype)))
    holds(np.isnan(tangent[0, :2]).all(), "A double eigenvalue has a derivative; it should be NaN.")
    agree("dλ of a simple eigenvalue", tangent[0, 2:, 0], E[0].diagonal()[2:], allowed)


@law(ONE, needs=("autodiff",))
def autodiff_of_eigenvalues_of_a_matrix_agrees_with_the_rule(backend, case):
    """The framework's gradient of Re Σ conj(w) λ; NaN at a defective matrix, and only there."""
    if _lacks(backend):
        return
    A, w = np.stack((case.A[0], JORDAN)), _weights(case, 2)
    put_in = put(backend, A, case.dtype)
    [got] = backend.gradient(lambda a: _weighted(backend, a, w, case.dtype), put_in)
    lam, X = np.linalg.eig(case.A[0])
    X = X[:, abs(case.lam[0, :, None] - lam).argmin(-1)]
    whole = (np.linalg.inv(X).T * w[0].conj()) @ X.T  # Σ conj(w) y̅ xᵀ / (yᴴ x)
    got, allowed = host(backend, got), bound(case.d, case.dtype, 100 * case.hardness)
    agree("the gradient", got[0], whole.real, allowed)
    holds(np.isnan(got[1]).all(), "A defective matrix has a gradient; it should be NaN.")


@law(ONE, needs=("autodiff",))
def second_order_of_eigenvalues_of_a_matrix_is_right_or_raises(backend, case):
    """The gradient of ‖∂L‖², L = (Re Σ conj(w) λ)²."""
    if _lacks(backend):
        return
    w, E = _weights(case, 2), case.direction(1)

    def slope(a: Any) -> Any:
        [found] = backend.gradient(lambda b: _weighted(backend, b, w, case.dtype) ** 2, a)
        return backend.xp.sum(found**2)

    try:
        [got] = backend.gradient(slope, put(backend, case.A, case.dtype))
    except NotDifferentiable:
        return
    there, back = (float(slope(put(backend, case.A + s * STEP * E, case.dtype))) for s in (1, -1))
    allowed = 1000 * DIFFERENCE * case.hardness
    got = (host(backend, got) * E).sum()
    agree("the second derivative", got, (there - back) / (2 * STEP), allowed)


@law(ONE)
def eigenvalues_of_a_bad_row_are_refused_and_leave_others_alone(backend, case):
    """Eager calls raise NonFiniteInput and name the row; the rule gives NaN there only."""
    A = case.A.copy()
    A[1, 0, 2] = np.inf
    spoilt = put(backend, A, case.dtype)
    for function in (eig,) if _lacks(backend) else (eig, eigenvalues):
        try:
            function(spoilt, backend=backend)
        except NonFiniteInput as error:
            holds("index 1" in str(error), f"should name index 1: {error}")
        else:
            raise AssertionError(f"{function.__name__} of inf returned; expected NonFiniteInput.")
    if not _lacks(backend):
        got = host(backend, backend.call(_solved, (_rule(case),), spoilt)[0])
        holds(np.isnan(got[1]).all(), "The row with inf is not NaN everywhere.")
        pair = np.stack((case.lam.real, case.lam.imag), axis=-1)
        agree("the other row", got[0], pair[0], bound(case.d, case.dtype, case.hardness))


@law(ONE, needs=("compiled", "autodiff"))
def compiled_eigenvalues_of_a_matrix_equal_eager_ones(backend, case):
    """The compiler takes eigenvalues and their gradient whole; nothing changes."""
    if _lacks(backend):
        return
    A, w = put(backend, case.A, case.dtype), _weights(case, 2)
    allowed = bound(case.d, case.dtype, 100 * case.hardness)

    def total(a: Any) -> Any:
        return _weighted(backend, a, w, case.dtype)

    compiled = backend.compiled(total)
    agree("the value", host(backend, compiled(A)), host(backend, total(A)), allowed)
    got, eager = (host(backend, backend.gradient(f, A)[0]) for f in (compiled, total))
    agree("the gradient", got, eager, allowed)
