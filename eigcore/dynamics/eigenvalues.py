"""Eigenvalues of real matrices that are not symmetric, with both vectors and their condition.

A simple eigenvalue with A x = λ x and yᴴ A = λ yᴴ, |x| = |y| = 1, changes by yᴴ dA x / (yᴴ x), so
its condition number is 1/|yᴴ x| (Wilkinson 1965, chapter 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigcore.api import derivatives
from eigcore.api.hosted import checked, concrete, numbers
from eigcore.api.inputs import check_values, following, prepared
from eigcore.core.arrays import Array
from eigcore.core.nonsymmetric import EigenRule, ordered, simple
from eigcore.core.packing import Whole
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend, infer
from eigcore.errors import InvalidInput


@dataclass(frozen=True)
class Eigen:
    """Eigenvalues and eigenvectors: A x = λ x and yᴴ A = λ yᴴ.

    Parameters
    ----------
    values : (..., n) array, complex
        By decreasing modulus, then by decreasing real and imaginary part.
    right, left : (..., n, n) arrays, complex
        Columns x and y of norm 1, with yᴴ x ≥ 0.
    condition : (..., n) array
        1/(yᴴ x) ≥ 1: how far an eigenvalue moves per ‖dA‖₂, to first order. 1 for symmetric
        matrices; huge or infinite for defective ones.
    simple : (..., n) array, boolean
        Whether an eigenvalue is simple to working precision: no other is within 8nε‖A‖_F times the
        smaller of their condition numbers.
    """

    values: Array
    right: Array
    left: Array
    condition: Array
    simple: Array

    def derivative(self, E: Array, backend: str | Backend | None = None) -> Array:
        """Return the change of the values along E (..., n, n): (..., n), NaN where not simple."""
        chosen = infer(self.values, backend=backend)
        xp, E = chosen.xp, following(chosen, E, self.condition)
        if tuple(E.shape[-2:]) != tuple(self.right.shape[-2:]):
            raise InvalidInput(
                f"The direction has shape {tuple(E.shape)}; expected {tuple(self.right.shape)}, "
                "that of A. Type: found.derivative(direction)"
            )
        moved = chosen.asarray(E, like=self.right) @ self.right
        change = xp.sum(xp.conj(self.left) * moved, axis=-2)
        scale = chosen.asarray(xp.where(self.simple, self.condition, 1.0), like=change)
        return xp.where(self.simple, change * scale, math.nan)


def eig(A: Any, backend: str | Backend | None = None) -> Eigen:
    """Return eigenvalues with left and right eigenvectors and condition numbers.

    Parameters
    ----------
    A : (..., n, n) array of any backend, real
    backend : str or Backend, optional
        Library of the result; default that of A.

    Returns
    -------
    Eigen
        Computed with LAPACK's geev in the precision of A (at least float32),
        without derivatives: those are `Eigen.derivative`, and `eigenvalues`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No square matrices, complex or not finite ones.

    Examples
    --------
    >>> eig(np.array([[0.0, 1.0], [-1.0, 0.0]])).values
    array([0.+1.j, 0.-1.j])
    """
    chosen, (like,), _ = prepared(backend, A)
    _sizes(like)
    concrete(chosen, like, "A")
    host, numpy = chosen.to_numpy(chosen.detach(like)), get_backend("numpy")
    check_values(numpy, np.where(np.isfinite(host), 0, math.nan), "A", host, 2)
    lead, n = host.shape[:-2], host.shape[-1]
    kind = np.result_type(host, 1j)
    lam, right, left = np.empty((*lead, n), kind), *np.empty((2, *host.shape), kind)
    condition = np.empty((*lead, n), host.dtype)
    for place in np.ndindex(lead):
        lam[place], left[place], right[place], condition[place] = _one(host[place])
    one = simple(numpy, host, lam, condition)
    device = getattr(like, "device", None)
    parts = (chosen.asarray(a, device=device) for a in (lam, right, left, condition, one))
    return Eigen(*parts)


def eigenvalues(A: Array, backend: str | Backend | None = None) -> Array:
    """Return the eigenvalues of real matrices, differentiable where they are simple.

    Parameters
    ----------
    A : (..., n, n) array, real
    backend : str or Backend, optional
        Its array namespace must have ``linalg.eig``, as NumPy, torch and JAX do.

    Returns
    -------
    (..., n) array, complex
        By decreasing modulus, then by decreasing real and imaginary part. Differentiable once in
        torch and JAX, and with `eigcore.vjp` and `eigcore.jvp` everywhere. The change along a
        direction is NaN for eigenvalues that are not simple to working precision, as in `Eigen`; a
        gradient is NaN if one of them is not. The derivative is exact to ε times the condition of
        the eigenvectors.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `eig`.
    """
    chosen, (A,), _ = prepared(backend, A)
    pair = chosen.call(_pairs, (_rule(chosen, A, {}),), A)
    check_values(chosen, pair, "A", A, 2)
    return derivatives.joined(pair)


def _rule(backend: Backend, A: Array, options: dict[str, Any]) -> EigenRule:
    """Return the rule of `eigenvalues`, which has no options."""
    if options:
        raise InvalidInput(f"eigenvalues takes A only; got {next(iter(options))}. Leave it out.")
    _sizes(A)
    return EigenRule(Whole(A.shape[-1], A.shape[-1]))


derivatives.add(
    eigenvalues, derivatives.Kind("A", _rule, complex=True, name="dynamics.eigenvalues")
)


def square(A: Any, what: str = "A") -> np.ndarray:
    """Return one finite real square matrix as float64 in NumPy."""
    host = numbers(A, what)
    if host.ndim != 2 or host.shape[0] != host.shape[1] or not len(host):
        raise InvalidInput(
            f"{what} has shape {host.shape}; expected one square matrix (n, n). Type: {what}[0] "
            "for the first of a batch"
        )
    return checked(host, what)


def complex_like(a: np.ndarray, like: Any) -> Array:
    """Return complex numbers in the library of an array, single where its are at most that."""
    backend = infer(like)
    like = backend.asarray(like)
    single = backend.dtype_name(like) in ("float32", "float16", "bfloat16")
    kind = np.complex64 if single else np.complex128
    return backend.asarray(a.astype(kind), device=getattr(like, "device", None))


def _sizes(A: Array, what: str = "A") -> None:
    if A.ndim < 2 or A.shape[-1] != A.shape[-2] or A.shape[-1] == 0:
        raise InvalidInput(
            f"{what} has shape {tuple(A.shape)}; expected square matrices (..., n, n). "
            "Type: eigcore.spectral_map for other ones"
        )


def _pairs(backend: Backend, rule: Any, A: Array) -> Array:
    return backend.differentiable(rule)(A)


def _one(A: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return values, left and right vectors and condition of A, scaled by a power of two first."""
    power = np.frexp(abs(A).max())[1]
    found: Any = scipy.linalg.eig(np.ldexp(A, -power), left=True, right=True)
    lam, left, right = found
    lam = np.ldexp(lam.real, power) + 1j * np.ldexp(lam.imag, power)
    order = ordered(np, A, lam)
    lam, left, right = lam[order], left[:, order], right[:, order]
    overlap = (left.conj() * right).sum(axis=0)
    size = abs(overlap)
    turn = np.where(size > 0, overlap / np.where(size > 0, size, 1), 1)
    with np.errstate(divide="ignore", over="ignore"):
        return lam, (left * turn).astype(lam.dtype), right.astype(lam.dtype), 1 / size
