"""Laws without a reference: eigenvalues of shifted, rotated and rewritten matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import eigcore
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.testing import exact
from eigcore.testing.cases import BATCHES, SMALL, Case, Matrices, both
from eigcore.testing.kit import host, kth_gradient, law, put
from eigcore.testing.tolerance import agree, bound


def _kth(backend: Backend, M: np.ndarray, k: int, dtype: str) -> np.ndarray:
    return host(backend, eigcore.kth_eigenvalue(put(backend, M, dtype), k, backend=backend))


@law(SMALL, BATCHES)
def shift_sign_and_scale(backend, case):
    """λ_k(M + s I) = λ_k(M) + s, λ_k(−M) = −λ_{d−1−k}(M), λ_k(c M) = c λ_k(M) for c > 0."""
    d, M = case.d, case.M
    k = d // 2
    value = _kth(backend, M, k, case.dtype)
    allowed = bound(d, case.dtype, 4 * case.norm + 2)
    agree("λ(M + 2 I)", _kth(backend, M + 2 * np.eye(d), k, case.dtype), value + 2, allowed)
    agree("λ(4 M)", _kth(backend, 4 * M, k, case.dtype), 4 * value, allowed)
    agree("λ(−M)", _kth(backend, -M, d - 1 - k, case.dtype), -value, allowed)


@law(SMALL, BATCHES)
def turning_the_matrix_leaves_the_value_and_turns_the_gradient(backend, case):
    """Gauge: λ_k(Q M Qᵀ) = λ_k(M) and ∂λ_k(Q M Qᵀ) = Q ∂λ_k(M) Qᵀ for orthogonal Q."""
    k = case.d // 2
    Q, _ = np.linalg.qr(case.rng(1).normal(size=(case.d, case.d)))
    turned = replace(case, name=f"{case.name}, turned", build=lambda rng: Q @ case.M @ Q.T)
    allowed = bound(case.d, case.dtype, case.norm)
    values = [_kth(backend, a.M, k, case.dtype) for a in (turned, case)]
    agree("λ_k(Q M Qᵀ)", values[0], values[1], allowed)
    gradients = [kth_gradient(backend, a, k) for a in (turned, case)]
    allowed = bound(case.d, case.dtype, case.norm / _smallest_gap(case))[..., None, None]
    agree("∂λ_k(Q M Qᵀ)", gradients[0], Q @ gradients[1] @ Q.T, allowed)


def _smallest_gap(case: Matrices) -> Any:
    return np.diff(case.lam, axis=-1).min(-1) if case.d > 1 else 1.0


@law(SMALL[2:], BATCHES[:4])
def a_matrix_means_its_symmetric_part(backend, case):
    """λ_k of any square matrix is λ_k of (M + Mᵀ)/2, not that of one triangle."""
    k, skew = case.d // 2, np.triu(case.rng(1).normal(size=case.M.shape), 1)
    skew = case.rounded(skew.round(1))
    got = _kth(backend, case.M + skew - skew.mT, k, case.dtype)
    agree("λ_k(M + K), K skew", got, case.lam[..., k], bound(case.d, case.dtype, case.norm + 10))


def _structured(name: str, structure: str) -> tuple[Case, ...]:
    return both([Case(name, structure=structure.split(":")[0])])


def _agree_with_dense(backend: Backend, case: Case, structure: str, d: int) -> None:
    """Compare values and pullbacks of a structured spec with those of the dense one."""
    rng = case.rng()
    spec, dense = EigSpec(2, d, structure=structure), EigSpec(2, d)
    params = case.rounded(rng.normal(size=spec.params_shape))
    x = case.rounded(rng.normal(size=(4, 2)))
    wide = np.array([[exact.pack(dense, np.array(exact.unpack(spec, row))) for row in params[0]]])
    x_there, g = put(backend, x, case.dtype), put(backend, np.arange(1.0, 5.0), case.dtype)
    results = []
    for one, p in ((spec, params), (dense, wide)):
        values, pullback = eigcore.vjp(one, put(backend, p, case.dtype), x_there, backend=backend)
        d_params, d_x = pullback(g)
        results.append([host(backend, a) for a in (values, d_params, d_x)])
    lam = np.array([exact.spectrum(spec, params, row) for row in x])
    norm, gap = abs(lam).max(), np.diff(lam, axis=-1).min()
    allowed = bound(d, case.dtype, norm)
    agree("f", results[0][0], results[1][0], allowed)
    places = [exact.entries(dense).index(place) for place in exact.entries(spec)]
    size = 4 * abs(x).max() * norm / gap
    agree("∂f/∂params", results[0][1], results[1][1][..., places], size * bound(d, case.dtype))
    agree("∂f/∂x", results[0][2], results[1][2], allowed * 4 * norm / gap)


@law(_structured("d=2, 7, 40", "tridiagonal"))
def tridiagonal_equals_dense(backend, case):
    """A tridiagonal spec is the dense one with zeros outside; so is kth_eigenvalue_tridiagonal."""
    for d in (2, 7, 40):
        _agree_with_dense(backend, case, "tridiagonal", d)
    diag = case.rounded(case.rng(1).normal(size=(2, 3, 7)))
    off = case.rounded(case.rng(2).normal(size=(2, 3, 6)))
    M = np.zeros((2, 3, 7, 7))
    i = np.arange(7)
    M[..., i, i] = diag
    M[..., i[1:], i[:-1]] = M[..., i[:-1], i[1:]] = off
    a, b = put(backend, diag, case.dtype), put(backend, off, case.dtype)
    got = host(backend, eigcore.kth_eigenvalue_tridiagonal(a, b, 3, backend=backend))
    agree("λ_3", got, np.linalg.eigvalsh(M)[..., 3], bound(7, case.dtype, 10.0))


@law(_structured("d=6, b=0, 1, 2, 5", "banded"))
def banded_equals_dense(backend, case):
    """A banded spec is the dense one with zeros outside the band."""
    for b in (0, 1, 2, 5):
        _agree_with_dense(backend, case, f"banded:{b}", 6)


@law(_structured("d=6", "diagonal"))
def diagonal_equals_sorted(backend, case):
    """λ_k of a diagonal pencil is the k-th smallest of its diagonal."""
    rng = case.rng()
    a, x = case.rounded(rng.normal(size=(1, 3, 6))), case.rounded(rng.normal(size=(4, 2)))
    p, x_there = put(backend, a, case.dtype), put(backend, x, case.dtype)
    expected = np.sort(a[0, 0] + x @ a[0, 1:], axis=-1)
    for k in (0, 3, 5):
        spec = EigSpec(2, 6, structure="diagonal", index=k)
        got = host(backend, eigcore.evaluate(spec, p, x_there, backend=backend))
        agree(f"λ_{k}", got, expected[:, k], bound(6, case.dtype, abs(expected).max()))
    _agree_with_dense(backend, case, "diagonal", 6)
