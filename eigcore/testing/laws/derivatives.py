"""Laws of the derivatives of rules, which eigcore.vjp and eigcore.jvp give every backend."""

from __future__ import annotations

from typing import Any

import numpy as np

import eigcore
from eigcore.core import rules
from eigcore.core.rules import Rule
from eigcore.core.sources import Matrices, MeanLoss, Pencil, Source
from eigcore.dispatch.backend import Backend
from eigcore.encoding import Encoding, Linear, PiecewiseLinear
from eigcore.encoding.bins import bins, ensemble
from eigcore.testing import exact
from eigcore.testing.cases import FORMS, MODELS, NO_ROWS, SMALL, Model
from eigcore.testing.hard import TIES
from eigcore.testing.kit import gap_of, host, kth_gradient, law, put
from eigcore.testing.tolerance import DIFFERENCE, STEP, agree, bound, holds


def pulled_back(
    backend: Backend, case: Model, params: Any = None, x: Any = None
) -> list[np.ndarray]:
    """Return f, d_params and d_x for the cotangent of the case, also at other arrays."""
    params = case.params if params is None else params
    x = case.x if x is None else x
    arrays = put(backend, params, case.dtype), put(backend, x, case.dtype)
    values, pullback = eigcore.vjp(case.spec, *arrays, backend=backend)
    d_params, d_x = pullback(put(backend, case.cotangent, case.dtype))
    return [host(backend, a) for a in (values, d_params, d_x)]


@law(MODELS)
def a_kernel_equals_the_composition(backend, case):
    """The answer of a kernel, if any, equals the composition from eigenpairs."""
    rule, pencil = rules.rule_of(case.spec), Pencil(*_arrays(backend, case))
    p = pencil.assembled(backend)
    for source in (Matrices(p), pencil):
        _check_answers(backend, case, rule, source, p)


@law(SMALL)
def a_kernel_of_whole_matrices_equals_the_composition(backend, case):
    """The same for matrices (..., d, d) and their vectors."""
    M = put(backend, case.M, case.dtype)
    for k in case.ks:
        rule, allowed = rules.kth_rule("square", case.d, k), bound(case.d, case.dtype, case.norm)
        found = backend.kernel(rule, Matrices(M), "vectors")
        if found is None:
            continue
        expected = rule.composed(backend, M, "vectors")
        agree("the value", host(backend, found.values), host(backend, expected.values), allowed)
        v, w = (host(backend, a.vectors)[..., None] for a in (found, expected))
        size = allowed / np.minimum(gap_of(case, k), 1.0)
        agree("v vᵀ", v @ v.mT, w @ w.mT, 3 * size[..., None, None])


@law(MODELS)
def one_pass_equals_the_members(backend, case):
    """The kernel of a whole model, if any, gives the weighted sum of its members."""
    if case.spec.features < 3:
        return
    encoding = _encoding(case.spec.features)
    rule, params = rules.rule_of(case.spec), np.asarray(case.params, np.float64)
    told = ensemble(encoding, (rule, rule), (params, -params), (0.75, 0.25))
    one_pass = told and backend.one_pass(told)
    if one_pass is None:
        return
    cells = case.rng(9).normal(size=(33, case.spec.features - 1))
    terms = encoding(cells, eigcore.get_backend("numpy"))
    members = [exact.values(case.spec, own, terms) for own in (params, -params)]
    expected = np.reshape(0.75 * members[0] + 0.25 * members[1], (33, -1))
    allowed = bound(case.spec.dim, "float64", 9 * case.norm)
    agree("the weighted sum", one_pass(cells), expected, allowed)


@law(MODELS)
def mean_loss_equals_the_composition(backend, case):
    """The kernel of a mean loss, if any, gives the value and the slope of the definition."""
    spec, rng = case.spec, case.rng(10)
    if spec.features < 3 or spec.outputs > 1:
        return
    encoding = _encoding(spec.features)
    cells = rng.normal(size=(9, spec.features - 1))
    share, offset, target = rng.dirichlet(np.ones(9)), rng.normal(size=9), rng.random(9)
    mean, deviation = rng.normal(size=spec.features), rng.uniform(0.5, 2.0, spec.features)
    jumps = rng.normal(size=(2, spec.features - 1))
    W, toward = rng.normal(size=(2, spec.features + 1, spec.packed_size))
    terms, found = encoding(cells, eigcore.get_backend("numpy")), bins(encoding, cells)
    assert found is not None

    def defined(W: np.ndarray) -> float:
        A = W[1:] / deviation[:, None]
        params = np.concatenate([(W[0] - mean @ A)[None], A])
        f = exact.values(spec, params[None], terms) + offset
        loss = (f - target) ** 2 if name == "squared" else np.logaddexp(0.0, f) - target * f
        left, right = jumps[..., None]
        bends = right * W[2:] - left * W[1:-1]
        return float(share @ loss + 0.1 * ((W[1:] ** 2).sum() + (bends**2).sum()))

    for name in ("squared", "binomial"):
        given = name, target, share, offset, mean, deviation, 0.1, *jumps
        kernel = backend.mean_loss(MeanLoss(rules.rule_of(spec), found, *given))
        if kernel is None:
            return
        slope = np.full_like(W, np.nan)
        value = kernel(W, slope)
        agree("the value", value, defined(W), 1e-12 * value)
        along = (defined(W + STEP * toward) - defined(W - STEP * toward)) / (2.0 * STEP)
        agree("the slope", (slope * toward).sum(), along, 1e-5 * np.linalg.norm(slope))


def _encoding(terms: int) -> Encoding:
    """Encoding of one column fewer than terms: the first one bends."""
    bent = PiecewiseLinear((-0.5, 0.0, 0.5), "clamped")
    return Encoding((bent, *(Linear() for _ in range(terms - 2))))


def _arrays(backend: Backend, case: Model) -> tuple[Any, Any]:
    return put(backend, case.params, case.dtype), put(backend, case.x, case.dtype)


def _check_answers(backend: Backend, case: Model, rule: Rule, source: Source, p: Any) -> None:
    """Compare the values, gradients and pullbacks of kernels with those composed from p."""
    composed = rule.composed(backend, p, "gradient")
    wants = ("values", "pullback") + (("gradient",) if isinstance(source, Matrices) else ())
    for want in wants:
        found = backend.kernel(rule, source, want)
        if found is None:
            continue
        what = f"{want} of {type(source).__name__}"
        allowed = bound(case.spec.dim, case.dtype, case.norm)
        agree(f"the {what}", host(backend, found.values), host(backend, composed.values), allowed)
        allowed = bound(case.spec.dim, case.dtype, case.hardness)
        if want == "gradient":
            gradients = host(backend, found.gradient), host(backend, composed.gradient)
            agree(f"the {what}", *gradients, allowed=allowed)
        if want == "pullback":
            g = put(backend, case.cotangent, case.dtype)
            d_p = rule.cotangent(backend, composed.gradient, g)
            expected = source.pulled_back(backend, d_p)
            size = max(abs(a).max(initial=1) for a in (case.params, case.x))
            allowed = allowed * size * case.cotangent.sum()
            pulled = () if found.pullback is None else found.pullback(g)
            holds(len(pulled) == len(expected), f"The kernel's {what} gives {len(pulled)} arrays.")
            for a, b in zip(pulled, expected, strict=True):
                agree(f"the {what}", host(backend, a), host(backend, b), allowed)


@law(SMALL)
def gradient_matches_finite_differences_along_symmetric_directions(backend, case):
    """⟨∂λ_k/∂M, Δ⟩ is the slope of λ_k along symmetric Δ."""
    for k in case.ks:
        gradient = kth_gradient(backend, case, k)
        for salt in range(3):
            delta = case.rng(salt + 1).normal(size=(case.d, case.d))
            delta = (delta + delta.T) / np.linalg.norm(delta + delta.T)
            there, back = (np.linalg.eigvalsh(case.M + s * STEP * delta)[k] for s in (1, -1))
            allowed = DIFFERENCE + bound(case.d, case.dtype, case.norm / gap_of(case, k))
            agree(f"⟨∂λ_{k}, Δ⟩", (gradient * delta).sum(), (there - back) / (2 * STEP), allowed)


@law(MODELS)
def vjp_matches_finite_differences_of_the_definition(backend, case):
    """⟨g, f(θ + hΔ) − f(θ − hΔ)⟩/2h is ⟨pullback(g), Δ⟩, θ the parameters and the inputs."""
    _, *gradients = pulled_back(backend, case)
    allowed = case.hardness * (DIFFERENCE + bound(case.spec.dim, case.dtype))
    for salt in range(2):
        step = case.direction(salt)
        there, back = (
            exact.values(
                case.spec,
                *(a + s * STEP * d for a, d in zip((case.params, case.x), step, strict=True)),
            )
            for s in (1, -1)
        )
        slope = (case.cotangent * (there - back)).sum() / (2 * STEP)
        got = sum((a * b).sum() for a, b in zip(gradients, step, strict=True))
        agree("⟨pullback(g), Δ⟩", got, slope, allowed * case.cotangent.sum())


@law(MODELS)
def vjp_is_the_adjoint_of_jvp(backend, case):
    """⟨g, jvp(Δ)⟩ = ⟨vjp(g), Δ⟩, and both give the values of evaluate."""
    step = case.direction()
    values, *gradients = pulled_back(backend, case)
    arrays = [put(backend, a, case.dtype) for a in (case.params, case.x, *step)]
    forward, tangent = (host(backend, a) for a in eigcore.jvp(case.spec, *arrays, backend=backend))
    plain = host(backend, eigcore.evaluate(case.spec, *arrays[:2], backend=backend))
    allowed = bound(case.spec.dim, case.dtype, case.norm)
    agree("the value of vjp", values, plain, allowed)
    agree("the value of jvp", forward, plain, allowed)
    left = (case.cotangent * tangent).sum()
    right = sum((a * b).sum() for a, b in zip(gradients, step, strict=True))
    allowed = bound(case.spec.dim, case.dtype, case.hardness * case.cotangent.sum())
    agree("⟨g, jvp⟩", left, right, allowed)


@law(tuple(c for c in MODELS if c.spec.functional in ("kth", "top_sum", "bottom_sum", "weighted")))
def euler_recovers_the_value(backend, case):
    """⟨∂f/∂M, M⟩ = f where φ(cλ) = c φ(λ); in parameters ⟨g, f⟩ = ⟨d_params, params⟩."""
    values, d_params, _ = pulled_back(backend, case)
    allowed = bound(case.spec.dim, case.dtype, case.hardness * case.cotangent.sum())
    agree(
        "⟨d_params, params⟩",
        (d_params * case.params).sum(),
        (case.cotangent * values).sum(),
        allowed,
    )


@law(TIES)
def at_a_tie_the_gradient_is_the_projector_over_m(backend, case):
    """G = P/m: symmetric, positive semidefinite, trace 1, (M − λ_k I) G = 0; m = 1 included."""
    for k in range(case.d):
        check_tie(case, k, kth_gradient(backend, case, k))


def check_tie(case: Any, k: int, G: np.ndarray) -> None:
    """Check the gradient (..., d, d) of λ_k against P/m."""
    lam, V = np.linalg.eigh(case.M)
    near = abs(lam - lam[..., k : k + 1]) < 1e-4
    P = (V * (near / near.sum(-1, keepdims=True))[..., None, :]) @ V.mT
    gap = np.where(near, np.inf, abs(lam - lam[..., k : k + 1])).min(-1)
    rest = np.where(np.isfinite(gap), case.norm / gap, 1.0)[..., None, None]
    allowed = bound(case.d, case.dtype, np.maximum(rest, 1))
    agree("G − Gᵀ", G - G.mT, 0 * G, allowed)
    agree("tr G", np.trace(G, axis1=-2, axis2=-1), np.ones(case.batch), allowed[..., 0, 0])
    smallest = np.linalg.eigvalsh((G + G.mT) / 2).min()
    holds(smallest >= -allowed.max(), f"G has the eigenvalue {smallest:.3g}; should be ⪰ 0.")
    shifted = case.M - lam[..., k, None, None] * np.eye(case.d)
    agree("(M − λ_k I) G", shifted @ G, 0 * G, allowed * np.maximum(1, case.norm)[..., None, None])
    agree(f"∂λ_{k}", G, P, allowed)


@law(NO_ROWS)
def a_batch_without_rows_has_a_zero_gradient(backend, case):
    """x (2, 0, n): values (2, 0, m), d_params zero and of full shape, d_x of the shape of x."""
    values, d_params, d_x = pulled_back(backend, case)
    agree("f", values, np.zeros((2, 0, case.spec.outputs)), 0.0)
    agree("d_params", d_params, np.zeros(case.spec.params_shape), 0.0)
    agree("d_x", d_x, np.zeros(case.x.shape), 0.0)


@law(tuple(c for c in MODELS if c in FORMS or c.dtype == "float32"))
def derivatives_keep_shape_and_dtype(backend, case):
    """d_params and d_x have shape and dtype of params and x, values and tangents those of g."""
    arrays = put(backend, case.params, case.dtype), put(backend, case.x, case.dtype)
    values, pullback = eigcore.vjp(case.spec, *arrays, backend=backend)
    cotangents = pullback(put(backend, case.cotangent, case.dtype))
    forward = eigcore.jvp(case.spec, *arrays, *arrays, backend=backend)
    shape = case.cotangent.shape
    expected = [("values", values, shape), ("values of jvp", forward[0], shape)]
    expected += [("tangents", forward[1], shape), ("d_params", cotangents[0], case.params.shape)]
    expected += [("d_x", cotangents[1], case.x.shape)]
    for what, array, shape in expected:
        got = tuple(array.shape), backend.dtype_name(array)
        holds(got == (shape, case.dtype), f"{what}: {got}, but should be {(shape, case.dtype)}.")
