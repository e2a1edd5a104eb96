"""Laws of values and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

import eigcore
from eigcore.dispatch.backend import Backend
from eigcore.testing.cases import BATCHES, EMPTY, POINTS, Matrices
from eigcore.testing.hard import HARD, TRIDIAGONAL
from eigcore.testing.kit import host, law, put
from eigcore.testing.tolerance import agree, bound, holds


@law(POINTS, BATCHES)
def counts_from_the_smallest(backend, case):
    """kth_eigenvalue(M, k) is λ_k with λ_0 ≤ λ_1 ≤ …; a negative k counts from the top."""
    M = put(backend, case.M, case.dtype)
    allowed = bound(case.d, case.dtype, case.norm)
    for k in case.ks:
        got = host(backend, eigcore.kth_eigenvalue(M, k, backend=backend))
        agree(f"λ_{k}", got, case.lam[..., k], allowed)
    last = host(backend, eigcore.kth_eigenvalue(M, -1, backend=backend))
    agree("λ_k at k = -1", last, case.lam[..., -1], allowed)


@law(POINTS[:2], POINTS[4:6], BATCHES[::3], EMPTY)
def keeps_batch_shape_and_dtype(backend, case):
    """(..., d, d) gives values (...) and vectors (..., d), in the dtype of the input."""
    M = put(backend, case.M, case.dtype)
    k = case.d // 2
    value, vector = eigcore.kth_eigenpair(M, k, backend=backend)
    results = {
        "kth_eigenvalue": (eigcore.kth_eigenvalue(M, k, backend=backend), ()),
        "smooth_kth_eigenvalue": (eigcore.smooth_kth_eigenvalue(M, k, 0.5, backend=backend), ()),
        "the value of kth_eigenpair": (value, ()),
        "the vector of kth_eigenpair": (vector, (case.d,)),
    }
    if "tridiagonal" in backend.capabilities.structures:
        bands = (M[..., 0, :], M[..., 0, 1:])
        tri = eigcore.kth_eigenvalue_tridiagonal(*bands, k, backend=backend)
        results["kth_eigenvalue_tridiagonal"] = (tri, ())
    for what, (array, core) in results.items():
        _check_form(backend, what, array, (*case.batch, *core), case.dtype)


def _check_form(
    backend: Backend, what: str, array: Any, shape: tuple[int, ...], dtype: str
) -> None:
    got = tuple(array.shape)
    holds(got == shape, f"{what} has shape {got}, but should have {shape}.")
    holds(
        backend.dtype_name(array) == dtype,
        f"{what} has dtype {backend.dtype_name(array)}, but should have {dtype}.",
    )


@law(POINTS, BATCHES, HARD)
def vector_solves_the_eigenproblem_and_has_unit_length(backend, case):
    """|M v − λ_k v| ≤ C·d·ε·‖M‖ and ||v| − 1| ≤ C·d·ε."""
    k = case.d // 2
    M = put(backend, case.M, case.dtype)
    value, vector = eigcore.kth_eigenpair(M, k, backend=backend)
    value, vector = host(backend, value), host(backend, vector)
    unit = np.maximum(case.norm, np.finfo(np.float64).tiny)
    residual = ((case.M - value[..., None, None] * np.eye(case.d)) / unit[..., None, None]) @ (
        vector[..., None]
    )
    length = np.sqrt((vector**2).sum(-1))
    agree("|v|", length, np.ones(case.batch), bound(case.d, case.dtype))
    residual = np.sqrt((residual[..., 0] ** 2).sum(-1))
    agree("|M v − λ v| / ‖M‖", residual, 0 * case.norm, bound(case.d, case.dtype))


@law(HARD, POINTS[-2:])
def hard_matrices_meet_the_residual_bound(backend, case):
    """All eigenpairs: |λ̂ − λ| and ‖M V − V Λ‖ within C·d·ε·‖M‖, ‖VᵀV − I‖ within C·d·ε."""
    M = put(backend, case.M, case.dtype)
    _check_all_pairs(backend, case, backend.eigenpairs(M, 0, case.d - 1))
    agree(
        "λ without vectors",
        host(backend, backend.eigenvalues(M, 0, case.d - 1)),
        case.lam,
        bound(case.d, case.dtype, case.norm[..., None]),
    )


@law(TRIDIAGONAL)
def hard_tridiagonal_matrices_meet_the_residual_bound(backend, case):
    """The same holds for the solver of tridiagonal matrices."""
    bands = (
        put(backend, np.diagonal(case.M), case.dtype),
        put(backend, np.diagonal(case.M, -1), case.dtype),
    )
    _check_all_pairs(backend, case, backend.eigenpairs_tridiagonal(*bands, 0, case.d - 1))
    agree(
        "λ without vectors",
        host(backend, backend.eigenvalues_tridiagonal(*bands, 0, case.d - 1)),
        case.lam,
        bound(case.d, case.dtype, case.norm[..., None]),
    )


def _check_all_pairs(backend: Backend, case: Matrices, pairs: Any) -> None:
    lam, V = (host(backend, a) for a in pairs)
    allowed = bound(case.d, case.dtype)
    unit = np.maximum(case.norm, np.finfo(np.float64).tiny)[..., None]
    agree("λ / ‖M‖", lam / unit, case.lam / unit, allowed)
    residual = (case.M / unit[..., None]) @ V - V * (lam / unit)[..., None, :]
    agree("|M V − V Λ| / ‖M‖", np.sqrt((residual**2).sum(-2)), 0 * case.lam, allowed)
    agree("VᵀV", V.mT @ V, 0 * case.M + np.eye(case.d), allowed)


@law(POINTS[:10], BATCHES)
def a_window_of_eigenpairs_is_a_part_of_all(backend, case):
    """eigenpairs(M, lo, hi) gives hi − lo + 1 ascending values and orthonormal vectors."""
    M = put(backend, case.M, case.dtype)
    allowed = bound(case.d, case.dtype, case.norm[..., None])
    for lo, hi in {(0, 0), (case.d // 2, case.d - 1), (case.d // 3, case.d // 2)}:
        lam, V = backend.eigenpairs(M, lo, hi)
        _check_form(backend, "the window's values", lam, (*case.batch, hi - lo + 1), case.dtype)
        _check_form(
            backend, "the window's vectors", V, (*case.batch, case.d, hi - lo + 1), case.dtype
        )
        lam, V = host(backend, lam), host(backend, V)
        agree(f"λ_{lo} … λ_{hi}", lam, case.lam[..., lo : hi + 1], allowed)
        agree("VᵀV", V.mT @ V, 0 * V.mT @ V + np.eye(hi - lo + 1), bound(case.d, case.dtype))
        residual = np.sqrt(((case.M @ V - V * lam[..., None, :]) ** 2).sum(-2))
        agree("|M V − V Λ|", residual, 0 * lam, allowed)


@law(BATCHES)
def batch_equals_loop(backend, case):
    """A batch gives the same results as its matrices one by one."""
    k = case.d // 2
    values = host(
        backend, eigcore.kth_eigenvalue(put(backend, case.M, case.dtype), k, backend=backend)
    )
    for place in np.ndindex(case.batch):
        one = put(backend, case.M[place], case.dtype)
        alone = host(backend, eigcore.kth_eigenvalue(one, k, backend=backend))
        agree(
            f"λ_{k} of matrix {place}",
            values[place],
            alone,
            bound(case.d, case.dtype, case.norm[place]),
        )


@law(BATCHES[-1:])
def batches_of_other_sizes_leave_nothing_behind(backend, case):
    """Batches of 5, 2, 9, 1, 9 and 5 matrices, one after the other: each has its own pairs."""
    rng = np.random.default_rng(case.d)
    for size in (5, 2, 9, 1, 9, 5):
        A = rng.standard_normal((size, case.d, case.d))
        A = np.asarray(A + A.mT, case.dtype).astype("float64")
        pairs = backend.eigenpairs(put(backend, A, case.dtype), 0, case.d - 1)
        lam, V = (host(backend, a) for a in pairs)
        residual = np.sqrt(((A @ V - V * lam[..., None, :]) ** 2).sum(-2))
        norm = np.linalg.norm(A, 2, axis=(-2, -1))
        allowed = bound(case.d, case.dtype, norm[..., None])
        agree(f"|M V − V Λ| of a batch of {size}", residual, 0 * residual, allowed)
