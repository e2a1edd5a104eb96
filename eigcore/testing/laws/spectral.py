"""Laws of functions of singular values: spectral maps, norms and ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import eigcore
from eigcore.core.maps import SoftClip
from eigcore.core.packing import Whole
from eigcore.core.singular import MapRule
from eigcore.dispatch.backend import Backend
from eigcore.errors import NonFiniteInput, NotDifferentiable
from eigcore.testing.kit import host, law, put
from eigcore.testing.rectangles import (
    EVERYWHERE,
    GRADED,
    NORMS,
    PLAIN,
    RECTANGLES,
    TALL,
    WIDE,
    Rectangle,
    mapped,
    measured,
)
from eigcore.testing.tolerance import DIFFERENCE, STEP, agree, bound, holds

RATE = {"c": 1.5}


def _value(backend: Backend, case: Rectangle, name: str, options: Any, X: Any = None) -> np.ndarray:
    """Return a map or a norm by its name, in NumPy."""
    X = put(backend, case.X if X is None else X, case.dtype)
    function = eigcore.spectral_value if name in NORMS else eigcore.spectral_map
    return host(backend, function(X, name, backend=backend, **options))


def _pulled(backend: Backend, case: Rectangle, name: str, options: Any, g: Any) -> np.ndarray:
    """Return the pullback of a cotangent by the rule, in NumPy."""
    function = eigcore.spectral_value if name in NORMS else eigcore.spectral_map
    X = put(backend, case.X, case.dtype)
    _, pullback = eigcore.vjp(function, X, name, backend=backend, **options)
    return host(backend, pullback(put(backend, g, case.dtype)))


@law(PLAIN)
def a_spectral_map_agrees_with_the_definition(backend, case):
    """F(X) is a block of the odd map of [[0, X], [Xᵀ, 0]]; eigcore.trace() tells of a solve."""
    allowed = bound(case.d, case.dtype, 20.0)
    with eigcore.trace() as calls:
        got = _value(backend, case, "truncate", {"rank": 2})
    holds(calls, "eigcore.trace() saw no solve of spectral_map.")
    agree("F", got, mapped("truncate", case.X, {"rank": 2}), allowed)
    got = _value(backend, case, "schatten", {"p": 3.0})
    agree("φ", got, measured("schatten", case.X, {"p": 3.0}), allowed)


@law((TALL, WIDE))
def turning_a_matrix_turns_its_spectral_map(backend, case):
    """F(QXR) = Q F(X) R, with equal and zero singular values too."""
    (m, n), rng = case.size, case.rng(5)
    Q, R = (np.linalg.qr(rng.normal(size=(k, k)))[0] for k in (m, n))
    there = _value(backend, case, "soft_clip", RATE, Q @ case.X @ R)
    allowed = bound(case.d, case.dtype, 10.0)
    agree("F(QXR)", there, Q @ _value(backend, case, "soft_clip", RATE) @ R, allowed)


@law(GRADED)
def small_singular_values_are_as_accurate_as_large_ones(backend, case):
    """The error of σ is of order ε‖X‖, not ε‖X‖²/σ as from the Gram matrix XᵀX."""
    smallest = case.spectra[0][-1]
    exact = np.linalg.svd(case.X, compute_uv=False)
    got = _value(backend, case, "log_det", {})
    agree("Σ log σ", got, np.log(exact).sum(-1), bound(case.d, case.dtype, 3 / smallest))
    product = _value(backend, case, "pinv", {"rtol": smallest / 10}).mT @ case.X
    agree("X⁺X", product, np.eye(case.size[1])[None], bound(case.d, case.dtype, 3 / smallest))


@law(RECTANGLES)
def a_spectral_map_changes_as_its_finite_differences(backend, case):
    """Also at equal singular values, at rank deficiency, for m < n and m ≫ n; vjp = jvp."""
    E, G = case.direction(), case.direction(1)
    allowed = 40 * (DIFFERENCE + bound(case.d, case.dtype))
    X, d_X = put(backend, case.X, case.dtype), put(backend, E, case.dtype)
    found = eigcore.jvp(eigcore.spectral_map, X, "soft_clip", d_X, backend=backend, **RATE)
    tangent = host(backend, found[1])
    there, back = (mapped("soft_clip", case.X + s * STEP * E, RATE) for s in (1, -1))
    agree("dF", tangent, (there - back) / (2 * STEP), allowed)
    pulled = _pulled(backend, case, "soft_clip", RATE, G)
    sums = ((a * b).sum((-2, -1)) for a, b in ((pulled, E), (G, tangent)))
    agree("⟨F′(X)*G, E⟩", *sums, allowed=bound(case.d, case.dtype, 100.0))


@law(EVERYWHERE)
def at_a_kink_a_norm_has_the_gradient_of_least_norm(backend, case):
    """The spectral norm shares its weight among equal σ; the nuclear norm has 0 for σ = 0."""
    ones, X = np.ones(len(case.X)), case.X
    polar, eps = mapped("polar", X, {}), bound(case.d, case.dtype, 10.0)
    agree("∂ Σσ", _pulled(backend, case, "nuclear", {}, ones), polar, eps)
    top, s = mapped("truncate", X, {"rank": 1}), np.asarray(case.spectra)
    count = (s == s[:, :1]).sum(-1)[:, None, None] * np.maximum(s[:, :1], 1e-300)[:, None]
    agree("∂ σ₁", _pulled(backend, case, "spectral", {}, ones), top / count, eps)


@law(EVERYWHERE, needs=("autodiff",))
def autodiff_of_a_spectral_map_agrees_with_the_rule(backend, case):
    """The framework's gradient of ⟨G, F(X)⟩ and of norms, at ties and at rank deficiency too."""
    G, X = case.direction(1), put(backend, case.X, case.dtype)
    allowed = bound(case.d, case.dtype, 100.0)

    def total(X: Any) -> Any:
        F = eigcore.spectral_map(X, "soft_clip", backend=backend, **RATE)
        return backend.xp.sum(F * put(backend, G, case.dtype))

    got = host(backend, backend.gradient(total, X)[0])
    agree("∂⟨G, F⟩", got, _pulled(backend, case, "soft_clip", RATE, G), allowed)
    got = host(backend, backend.gradient(_nuclear(backend), X)[0])
    agree("∂ Σσ", got, _pulled(backend, case, "nuclear", {}, np.ones(len(case.X))), allowed)


def _nuclear(backend: Backend) -> Callable[[Any], Any]:
    return lambda X: backend.xp.sum(eigcore.spectral_value(X, "nuclear", backend=backend))


@law(PLAIN[:1], needs=("autodiff",))
def second_order_of_singular_values_is_right_or_raises(backend, case):
    """The gradient of |∂φ/∂X|² for the Schatten norm; that of |∂⟨G, F⟩/∂X|² for a map."""
    X, G = put(backend, case.X, case.dtype), put(backend, case.direction(1), case.dtype)

    def norm(X: Any) -> Any:
        value = eigcore.spectral_value(X, "schatten", p=3.0, backend=backend)
        return backend.xp.sum(value**2)

    def total(X: Any) -> Any:
        F = eigcore.spectral_map(X, "soft_clip", backend=backend, **RATE)
        return backend.xp.sum(F * G)

    E = case.direction()
    for what, function in (("Schatten norm", norm), ("map", total)):

        def slope(X: Any, function: Any = function) -> Any:
            return backend.xp.sum(backend.gradient(function, X)[0] ** 2)

        try:
            got = host(backend, backend.gradient(slope, X)[0])
        except NotDifferentiable:
            continue
        there, back = (
            float(slope(put(backend, case.X + s * STEP * E, case.dtype))) for s in (1, -1)
        )
        name = f"the second derivative of a {what}"
        agree(name, (got * E).sum(), (there - back) / (2 * STEP), 1000 * DIFFERENCE)


@law(PLAIN[:1])
def a_spectral_map_of_a_bad_row_is_refused_and_leaves_others_alone(backend, case):
    """Eager calls raise NonFiniteInput; the rule gives NaN on bad rows only."""
    X = case.X.copy()
    X[1, 0, 2] = np.nan
    for name, options in (("soft_clip", RATE), ("nuclear", {})):
        try:
            _value(backend, case, name, options, X)
        except NonFiniteInput as error:
            holds("index 1" in str(error), f"{name}: should name index 1: {error}")
        else:
            raise AssertionError(f"{name} of NaN returned; should raise NonFiniteInput.")
    good = _value(backend, case, "soft_clip", RATE)[0]
    rule = MapRule(Whole(*case.size), SoftClip((RATE["c"],)))
    got = host(backend, rule.value(backend, put(backend, X, case.dtype)))
    holds(np.isnan(got[1]).all(), "The row with NaN is not NaN everywhere.")
    agree("the other row", got[0], good, bound(case.d, case.dtype, 10.0))


@law(PLAIN[:1], needs=("compiled", "autodiff"))
def compiled_spectral_maps_equal_eager_ones(backend, case):
    """The compiler takes spectral_map and its gradient whole; nothing changes."""
    X, allowed = put(backend, case.X, case.dtype), bound(case.d, case.dtype, 100.0)

    def squares(X: Any) -> Any:
        return backend.xp.sum(
            eigcore.spectral_map(X, "soft_clip", backend=backend, **RATE) ** 2
        ) + backend.xp.sum(eigcore.spectral_value(X, "nuclear", backend=backend))

    compiled = backend.compiled(squares)
    agree("the value", host(backend, compiled(X)), host(backend, squares(X)), allowed)
    got, eager = (host(backend, backend.gradient(f, X)[0]) for f in (compiled, squares))
    agree("the gradient", got, eager, allowed)
