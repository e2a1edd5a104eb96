"""Eigenvalues of matrices: the k-th one, its vector, several, and the k-th one smoothed."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from eigcore.api.inputs import check_values, evaluated, hermitian, order, prepared, taken
from eigcore.core import packing, rules
from eigcore.core.arrays import Array
from eigcore.core.functionals import Smooth
from eigcore.core.rules import Rule
from eigcore.core.sources import Diagonals, Matrices
from eigcore.core.spectrum import spectrum
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput


def kth_eigenvalue(
    M: Array,
    k: int,
    backend: str | Backend | None = None,
    nonfinite: str = "raise",
    *,
    lower: bool = False,
) -> Array:
    """Return λ_k of symmetric or Hermitian matrices.

    Parameters
    ----------
    M : (..., d, d) array
        The symmetric part (M + Mᵀ)/2 is used, so that v vᵀ is the gradient with respect to
        all entries. Of complex matrices it is the Hermitian part.
    k : int
        Index in ascending order from zero; negative numbers count from the top.
    backend : str or Backend, optional
    nonfinite : {"raise", "propagate"}
        As for `evaluate`.
    lower : bool
        Read the lower triangle only, as ``numpy.linalg.eigh`` does. The derivative is then with
        respect to that triangle, and zero above it.

    Returns
    -------
    (...) array
        Real. Differentiable in torch and JAX. At a tie of m eigenvalues the gradient is P/m, P the
        projector on their eigenspace.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`, or if k is out of range.
    """
    M = _lower(backend, M) if lower else hermitian(M)
    chosen, (p,), restore = prepared(backend, M, hermitian=True)
    d = order(p)
    if p is not M and (own := getattr(M, "shape", (d,))[-1]) != d:  # complex: p is its real form
        k = _index(k, own)
        return restore(_spectrum(chosen, p, k, k, 2, nonfinite)[..., 0])
    rule = _kth_rule(chosen, p, "square", d, k)
    return restore(evaluated(chosen, rule, Matrices(p), "M", nonfinite, core=2))


def eigenvalues(
    M: Array,
    lo: int = 0,
    hi: int = -1,
    backend: str | Backend | None = None,
    nonfinite: str = "raise",
    *,
    lower: bool = False,
) -> Array:
    """Return λ_lo, …, λ_hi of symmetric or Hermitian matrices, from one eigensolve.

    Parameters
    ----------
    M : (..., d, d) array
        As for `kth_eigenvalue`.
    lo, hi : int
        First and last index, both included, in ascending order from zero; negative numbers count
        from the top. Default: all.
    backend, nonfinite, lower
        As for `kth_eigenvalue`.

    Returns
    -------
    (..., hi - lo + 1) array
        Real and ascending. Differentiable twice in torch and JAX; each value has the derivative of
        `kth_eigenvalue`. If eigenvalues lo … hi are tied with others, the second derivative is NaN.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `evaluate`, or if lo … hi is no range of indices.
    """
    M = _lower(backend, M) if lower else hermitian(M)
    given = getattr(M, "shape", None)
    chosen, (M,), restore = prepared(backend, M, hermitian=True)
    d = order(M)
    copies = 1 if given is None else d // given[-1]
    first, last = _range(lo, hi, d // copies)
    return restore(_spectrum(chosen, M, first, last, copies, nonfinite))


def smooth_kth_eigenvalue(
    M: Array,
    k: int,
    alpha: float,
    backend: str | Backend | None = None,
    nonfinite: str = "raise",
) -> Array:
    """Return the Moreau-smoothed λ_k: the difference of the envelopes of two Ky Fan sums.

    Parameters
    ----------
    M, k, backend, nonfinite
        As for `kth_eigenvalue`.
    alpha : float
        α > 0. The result equals λ_k if its neighbours are at least α away; its gradient is
        (2/α)-Lipschitz.

    Returns
    -------
    (...) array

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `kth_eigenvalue`, or if α is not positive.
    """
    chosen, (M,), restore = prepared(backend, M)
    rule = smooth_rule(chosen, M, {"k": k, "alpha": alpha})
    return restore(evaluated(chosen, rule, Matrices(M), "M", nonfinite, core=2))


def kth_eigenvalue_tridiagonal(
    diag: Array,
    off: Array,
    k: int,
    backend: str | Backend | None = None,
    nonfinite: str = "raise",
) -> Array:
    """Return λ_k of symmetric tridiagonal matrices.

    Parameters
    ----------
    diag : (..., d) array
    off : (..., d - 1) array
        Subdiagonal, with the leading axes of `diag`.
    k, backend, nonfinite
        As for `kth_eigenvalue`.

    Returns
    -------
    (...) array
        Differentiable: ∂λ/∂diag_i = v_i², ∂λ/∂off_i = 2 v_i v_{i+1}.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `kth_eigenvalue`.
    """
    chosen, (diag, off), restore = prepared(backend, diag, off)
    rule = pair_rule(chosen, diag, off, {"k": k})
    return restore(evaluated(chosen, rule, Diagonals(diag, off), "diag, off", nonfinite))


def kth_eigenpair(M: Array, k: int, backend: str | Backend | None = None) -> tuple[Array, Array]:
    """Return λ_k of symmetric matrices and a unit eigenvector.

    Parameters
    ----------
    M, k, backend
        As for `kth_eigenvalue`.

    Returns
    -------
    values : (...) array
    vectors : (..., d) array, of arbitrary sign

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `kth_eigenvalue`.
    NotDifferentiable
        If a derivative is asked for: the sign of a vector is arbitrary. Use `kth_eigenvalue`,
        whose gradient is v vᵀ.
    """
    chosen, (M,), restore = prepared(backend, M)
    rule = _kth_rule(chosen, M, "square", order(M), k)
    values, vectors = chosen.call(_eigenpair, (rule,), M)
    check_values(chosen, values, "M", M, core=2)
    return restore(values), restore(vectors)


def kth_rule(backend: Backend, M: Array, options: dict[str, Any]) -> Rule:
    """Return the rule of `kth_eigenvalue` of real matrices."""
    k = _only(options, "k").get("k")
    return _kth_rule(backend, M, "square", order(M), k)


def spectrum_rule(backend: Backend, M: Array, options: dict[str, Any]) -> Rule:
    """Return the rule of `eigenvalues` of real matrices."""
    found = {"lo": 0, "hi": -1, **_only(options, "lo", "hi")}
    return _spectrum_rule(backend, M, *_range(found["lo"], found["hi"], order(M)), 1)


def smooth_rule(backend: Backend, M: Array, options: dict[str, Any]) -> Rule:
    """Return the rule of `smooth_kth_eigenvalue`."""
    d, found = order(M), _only(options, "k", "alpha")
    alpha = found.get("alpha")
    if not isinstance(alpha, (int, float)) or not 0 < alpha < math.inf:
        raise InvalidInput(
            f"alpha is {alpha!r}; expected a positive finite number. Write alpha=0.1."
        )
    return Rule(packing.square(d), Smooth(d, (_index(found.get("k"), d), float(alpha))))


def pair_rule(backend: Backend, diag: Array, off: Array, options: dict[str, Any]) -> Rule:
    """Return the rule of `kth_eigenvalue_tridiagonal`."""
    d = diag.shape[-1] if diag.ndim else 0
    if d == 0 or tuple(off.shape) != (*diag.shape[:-1], d - 1):
        raise InvalidInput(
            f"diag and off have shapes {tuple(diag.shape)} and {tuple(off.shape)}; expected "
            "(..., d) and (..., d - 1) with equal leading axes and d >= 1."
        )
    return _kth_rule(backend, diag, "pair", d, _only(options, "k").get("k"))


def _only(options: dict[str, Any], *names: str) -> dict[str, Any]:
    if strange := sorted(set(options) - set(names)):
        raise InvalidInput(
            f"The derivative takes {' and '.join(names)}; got {strange[0]}. Leave it out."
        )
    return options


def _eigenpair(backend: Backend, rule: Rule, M: Array) -> tuple[Array, Array]:
    return backend.undifferentiable(lambda M: rule.eigenpair(backend, M))(M)


def _spectrum(backend: Backend, M: Array, lo: int, hi: int, copies: int, nonfinite: str) -> Array:
    rule = _spectrum_rule(backend, M, lo, hi, copies)
    return evaluated(backend, rule, Matrices(M), "M", nonfinite, core=2)


def _spectrum_rule(backend: Backend, M: Array, lo: int, hi: int, copies: int) -> Rule:
    make = spectrum if backend.is_concrete(M) else spectrum.__wrapped__
    return make(M.shape[-1], lo, hi, copies)


def _range(lo: int, hi: int, d: int) -> tuple[int, int]:
    first, last = _index(lo, d, "lo"), _index(hi, d, "hi")
    if first > last:
        raise InvalidInput(
            f"lo is {lo} and hi is {hi}; expected lo <= hi, both in ascending order. Swap them."
        )
    return first, last


def _lower(backend: str | Backend | None, M: Array) -> Array:
    """Return the symmetric or Hermitian matrices with the lower triangles of M."""
    chosen = infer(M, backend=backend)
    M = taken(chosen, M if hasattr(M, "dtype") else np.asarray(M))
    kept = chosen.asarray(np.tril(np.ones((order(M), order(M)), bool)), like=M)
    above = chosen.xp.matrix_transpose(M)
    above = chosen.xp.conj(above) if "complex" in chosen.dtype_name(M) else above
    return chosen.xp.where(kept, M, above)


def _kth_rule(backend: Backend, a: Array, kind: str, d: int, k: Any) -> Rule:
    # under a compiler, bypass the cache: it would add guards on its content
    make = rules.kth_rule if backend.is_concrete(a) else rules.kth_rule.__wrapped__
    return make(kind, d, _index(k, d))


def _index(k: Any, d: int, name: str = "k") -> int:
    try:
        index = operator.index(k)
    except TypeError as exc:
        raise InvalidInput(f"{name} is {k!r}; expected an integer, {-d} <= {name} < {d}.") from exc
    if not -d <= index < d:
        raise InvalidInput(
            f"{name} is {k}; expected {-d} <= {name} < {d}, the order of the matrices."
        )
    return index % d
