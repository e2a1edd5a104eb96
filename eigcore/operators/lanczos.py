"""Lanczos: the tridiagonal matrices that an operator becomes on the Krylov spaces of its probes.

All probes run at once; the recurrence coefficients are kept in float64. Golub and Meurant,
"Matrices, Moments and Quadrature" (2010), chapter 4; selective reorthogonalisation by the estimates
of H. D. Simon, "The Lanczos algorithm with partial reorthogonalization", Math. Comp. 42 (1984).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.options import one_of
from eigcore.core.scalars import is_whole
from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.operators.operator import Operator
from eigcore.operators.operator import operator as operator_of
from eigcore.operators.rows import dots, scaled, subtracted

WAYS = ("full", "selective", "none")
_BLOCK = 16


@dataclass(frozen=True)
class Lanczos:
    """Tridiagonal matrices T = QᵀHQ of m steps, one per probe.

    Parameters
    ----------
    diag : (probes, m) array
        NumPy, float64.
    off : (probes, m) array
        ``off[:, -1]`` is β_m, the norm of the remainder; T has the others beside its diagonal.
    basis : list of (probes, P) arrays
        The columns of Q; empty with ``orthogonal="none"``.
    """

    diag: np.ndarray
    off: np.ndarray
    basis: list[Array]


def lanczos(
    operator: Any, start: Any, steps: int, orthogonal: str = "full", locked: Any = None
) -> Lanczos:
    """Run Lanczos from every row of `start`.

    Parameters
    ----------
    operator : Operator, or what `eigcore.operators.operator` takes without a size
    start : (probes, P) array
        Normalised here.
    steps : int
        m ≥ 1. Fewer are made where every Krylov space is exhausted.
    orthogonal : {"full", "selective", "none"}
        Orthogonalise each new vector against all before, or when an estimate says that √ε is
        exceeded, or never. Without it eigenvalues come several times, but quadrature stays right.
    locked : (k, P) array, optional
        Orthonormal rows that all vectors are kept orthogonal to.

    Returns
    -------
    Lanczos

    Raises
    ------
    InvalidInput, NonFiniteInput
        An unknown way, no steps, vectors of other length, or products that are not finite.
    """
    one_of("orthogonal", orthogonal, WAYS)
    if not is_whole(steps) or steps < 1:
        raise InvalidInput(f"steps is {steps!r}; expected an integer above 0. Write steps=80.")
    operator = operator_of(operator)
    begin = _rows(operator, start, "start") * 1.0  # a copy, since rows are overwritten
    locked = None if locked is None else _rows(operator, locked, "locked")
    return _Run(operator, begin, orthogonal, locked).made(min(steps, operator.size))


def _rows(operator: Operator, a: Any, name: str) -> Array:
    rows = operator.array(a)
    if rows.ndim != 2 or rows.shape[1] != operator.size:
        raise InvalidInput(
            f"{name} has shape {tuple(rows.shape)}; expected (k, {operator.size}), one vector per "
            f"row. Type: {name}.reshape(1, -1)"
        )
    return rows


@dataclass
class _Run:
    """The state of all probes between two steps."""

    operator: Operator
    vectors: Array
    orthogonal: str
    locked: Array | None
    diag: list[np.ndarray] = field(default_factory=list)
    off: list[np.ndarray] = field(default_factory=list)
    basis: list[Array] = field(default_factory=list)
    blocks: list[Array] = field(default_factory=list)
    loss: _Orthogonality | None = None
    again: bool = False

    def made(self, steps: int) -> Lanczos:
        """Make the steps."""
        operator, eps = self.operator, float(np.finfo(self.operator.dtype).eps)
        q, norm = self._unit(self._free(self.vectors, self.locked))
        before, beta, scale = q, np.zeros_like(norm), np.zeros_like(norm)
        for step in range(steps):
            if self.orthogonal != "none":
                self.basis.append(q)
            w = operator.products(q)
            if step:
                w = subtracted(operator, w, beta, before)
            alpha = dots(operator, q, w)
            w = self._free(subtracted(operator, w, alpha, q), self.locked)
            self.diag.append(alpha)
            scale = np.maximum(scale, np.abs(alpha) + beta)
            before = q
            q, beta = self._unit(*self._cleaned(w, eps), 10 * eps * np.sqrt(step + 1) * scale)
            self._check(beta)
            self.off.append(beta)
            if not beta.any():
                break
        return self._cut()

    def _cleaned(self, w: Array, eps: float) -> tuple[Array, np.ndarray | None]:
        """Return w orthogonal to the basis where asked for, and its norms where known."""
        if self.orthogonal == "full":
            return self._reorthogonal(self._reorthogonal(w)), None
        size = np.sqrt(dots(self.operator, w, w))
        if self.orthogonal == "none":
            return w, size
        self.loss = self.loss or _Orthogonality(eps, len(size))
        exceeded, again = self.loss.next(self.diag, self.off, size), self.again
        self.again = exceeded and not again
        if not (exceeded or again):
            return w, size
        self.loss.restored()
        return self._reorthogonal(w), None

    def _cut(self) -> Lanczos:
        diag, off = np.stack(self.diag, -1), np.stack(self.off, -1)
        # behind a zero of off the vectors are zero, and T falls apart: no weight on what follows
        ended = np.cumsum(off == 0, axis=-1) - (off == 0) > 0
        return Lanczos(np.where(ended, diag[:, :1], diag), np.where(ended, 0.0, off), self.basis)

    def _check(self, beta: np.ndarray) -> None:
        if not np.isfinite(beta).all():
            raise NonFiniteInput(
                f"Product {len(self.diag)} with the operator is not finite; expected finite "
                "numbers. Check the loss, or the matrix, for NaN and infinity."
            )

    def _unit(
        self, w: Array, norm: np.ndarray | None = None, negligible: Any = 0.0
    ) -> tuple[Array, np.ndarray]:
        """Return normalised rows and their norms; zero where negligible."""
        norm = np.sqrt(dots(self.operator, w, w)) if norm is None else norm
        norm = np.where(norm <= negligible, 0.0, norm)
        inverse = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
        return scaled(self.operator, w, inverse), norm

    def _free(self, w: Array, rows: Array | None) -> Array:
        """Return w without its parts along orthonormal rows (k, P), the same for all probes."""
        return w if rows is None else w - (w @ self.operator.backend.xp.moveaxis(rows, 0, 1)) @ rows

    def _reorthogonal(self, w: Array) -> Array:
        """Return w without its parts along the basis, block by block."""
        xp, basis = self.operator.backend.xp, self.basis
        while len(basis) - _BLOCK * len(self.blocks) >= _BLOCK:
            begin = _BLOCK * len(self.blocks)
            self.blocks.append(_stacked(xp, basis[begin : begin + _BLOCK]))
            basis[begin : begin + _BLOCK] = [self.blocks[-1][:, i, :] for i in range(_BLOCK)]
        tail = basis[_BLOCK * len(self.blocks) :]
        for block in [*self.blocks, *([_stacked(xp, tail)] if tail else [])]:
            parts = block @ w[:, :, None]
            w = w - (xp.moveaxis(parts, 1, 2) @ block)[:, 0, :]
        return w


def _stacked(xp: Any, vectors: list[Array]) -> Array:
    """Stack (probes, P) arrays to (probes, j, P)."""
    return xp.concat([v[:, None, :] for v in vectors], axis=1)


class _Orthogonality:
    """Simon's estimates ω_jk of qⱼᵀqₖ, by the recurrence that rounding errors follow."""

    def __init__(self, eps: float, probes: int):
        self.eps = eps
        self.old, self.now = np.zeros((probes, 0)), np.ones((probes, 1))

    def next(self, diag: list[np.ndarray], off: list[np.ndarray], size: np.ndarray) -> bool:
        """Advance to the next vector; whether any estimate exceeds √ε."""
        alpha, beta = np.stack(diag, -1), np.stack([*off, size], -1)
        j = alpha.shape[-1] - 1
        new = np.full((len(size), j + 2), self.eps)
        new[:, -1] = 1.0
        if j > 0:
            now, scale = self.now, np.where(size > 0, size, 1.0)[:, None]
            grown = beta[:, :j] * now[:, 1 : j + 1] + (alpha[:, :j] - alpha[:, j:]) * now[:, :j]
            grown[:, 1:] += beta[:, : j - 1] * now[:, : j - 1]
            grown -= beta[:, j - 1 : j] * self.old[:, :j]
            noise = self.eps * (beta[:, :j] + beta[:, j:])
            new[:, :j] = (grown + np.copysign(noise, grown)) / scale
        self.old, self.now = self.now, new
        return bool((np.abs(new[:, :-1]) > np.sqrt(self.eps)).any())

    def restored(self) -> None:
        """Record that the newest vector is orthogonal to all before."""
        self.now[:, :-1] = self.eps
