"""Layouts in which other programs keep the matrices of a neuron. See docs/convert.md.

Equal names and shapes may mean different matrices, so a layout is always named. Each one turns its
arrays into parameters in the convention of eigcore (`eigcore.core.spec.CONVENTION`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from eigcore.core.packing import SQRT_HALF, packed
from eigcore.errors import InvalidInput

Array = np.ndarray


class Layout(NamedTuple):
    """Named arrays, and the parameters that they mean.

    axes : the axes of each array, with n features, order d and K = d (d + 1) / 2
    params : the arrays, in this order -> parameters (n + 1, entries), A_0 first
    structure : of the matrices
    spec : what is known of the spec besides, from the number of features
    unused : arrays that a file may hold and that say nothing
    hermitian : whether the matrices are complex; the parameters are then of order 2 d
    """

    axes: Mapping[str, str]
    params: Callable[..., Array]
    structure: str = "dense"
    spec: Callable[[int], Mapping[str, Any]] = lambda n: {}
    unused: tuple[str, ...] = ()
    hermitian: bool = False

    def sizes(self, arrays: Mapping[str, Array]) -> tuple[int, int] | None:
        """Return n and d, or None where an array has other axes."""
        found: dict[str, int] = {"": 0}
        for name, axes in self.axes.items():
            shape, expected = arrays[name].shape, _terms(axes)
            if len(shape) != len(expected):
                return None
            for (symbol, more), size in zip(expected, shape, strict=True):
                if found.setdefault(symbol, size - more) != size - more:
                    return None
        if "K" in found:
            d = _order(found["K"])
            if d * (d + 1) // 2 != found["K"] or found.setdefault("d", d) != d:
                return None
        n = found.get("n", len(self.axes) - 1)  # without n: one array for each feature, and A_0
        return (n, found["d"]) if found["d"] >= 1 and n >= 0 else None


def _terms(axes: str) -> list[tuple[str, int]]:
    """Return "n + 1, d, 1" as [("n", 1), ("d", 0), ("", 1)]."""
    split = [(axis[0], axis[1:]) if axis[0].isalpha() else ("", axis) for axis in axes.split(", ")]
    return [(symbol, int(more.replace(" ", "") or 0)) for symbol, more in split]


def _order(entries: int) -> int:
    """Return d for K = d (d + 1) / 2 entries."""
    return (isqrt(8 * entries + 1) - 1) // 2


def _lower(M: Array) -> Array:
    """Parameters of matrices (..., d, d) whose upper triangles mean nothing."""
    entries = packed(M.shape[-1], M.shape[-1] - 1)
    return M[..., entries.rows, entries.cols] / entries.scale


def _symmetrised(M: Array) -> Array:
    return _lower((M + M.mT) / 2)


def _plain(p: Array) -> Array:
    """Parameters of lower triangles (..., K), row by row, whose entries have no factor."""
    d = _order(p.shape[-1])
    return p / packed(d, d - 1).scale


def _tridiagonal(diagonals: Array, subdiagonals: Array) -> Array:
    rows, d = diagonals.shape
    out = np.empty((rows, 2 * d - 1))
    out[:, ::2], out[:, 1::2] = diagonals, subdiagonals / SQRT_HALF
    return out


def _linear(bias: Array, weight: Array) -> Array:
    """Rows for A_0, A_1, … of a linear map with weight (entries, n) and bias (entries)."""
    return np.vstack([bias, weight.T])


def _mu(mu: Array, params: Array) -> Array:
    return np.vstack([_lower(np.diag(mu)), params])


def _ascending(start: Array, increments: Array) -> Array:
    """μ, whose steps are softplus(increments)."""
    return np.cumsum(np.concatenate([start, np.logaddexp(0.0, increments)]))


def _last_monotone(base: Array, features: Array, last: Array) -> Array:
    """The matrix of the last feature is diag((x + √(1 + x²)) / 2)."""
    return np.vstack([base, features, _lower(np.diag((last + np.hypot(1.0, last)) / 2))])


def _hermitian(M: Array) -> Array:
    """H = B + iC with eigenvalues λ becomes [[B, −C], [C, B]], where each λ stands twice."""
    H = (M + M.mT.conj()) / 2
    return _lower(np.block([[H.real, -H.imag], [H.imag, H.real]]))


_LINEAR = {"lin.bias": "K", "lin.weight": "K, n"}
_ASCENDING = {"mu.start": "1", "mu.increments": "d - 1"}

LAYOUTS: dict[str, Layout] = {
    "square-lower": Layout({"matrices": "n + 1, d, d"}, _lower),
    "square-symmetrised": Layout({"matrices": "n + 1, d, d"}, _symmetrised),
    "packed-sqrt2": Layout({"matrices": "n + 1, K"}, lambda p: p),
    "packed-plain": Layout({"matrices": "n + 1, K"}, _plain),
    "tridiagonal": Layout(
        {"diagonals": "n + 1, d", "subdiagonals": "n + 1, d - 1"}, _tridiagonal, "tridiagonal"
    ),
    "mu-square-lower": Layout({"mu": "d", "matrices": "n, d, d"}, lambda mu, M: _mu(mu, _lower(M))),
    "mu-square-symmetrised": Layout(
        {"mu": "d", "matrices": "n, d, d"}, lambda mu, M: _mu(mu, _symmetrised(M))
    ),
    "KthEigval": Layout(_LINEAR, _linear),
    "KthEigval-plain": Layout(
        _LINEAR, lambda bias, weight: _plain(_linear(bias, weight)), unused=("tril_emb.map",)
    ),
    "KthEigvalLastMonotone": Layout(
        {"base_tril": "K", "feature_tril": "n - 1, K", "last_diag": "d"},
        _last_monotone,
        spec=lambda n: {"monotone": (0,) * (n - 1) + (1,)},
    ),
    "SparseMiddleEigval": Layout(
        {"base_tril": "K", "feature_tril.weight": "n, K"},
        lambda base, features: np.vstack([base, features]),
        spec=lambda n: {"index": "middle"},
    ),
    "BivariateSpectral": Layout(dict.fromkeys("ABC", "d, d"), lambda *M: _lower(np.stack(M))),
    "MultivariateSpectral": Layout(
        _ASCENDING | {"A": "n, d, d"}, lambda s, i, A: _mu(_ascending(s, i), _lower(A))
    ),
    "MultivariateSpectral-last-axis": Layout(
        _ASCENDING | {"A": "d, d, 1, n"},
        lambda s, i, A: _mu(_ascending(s, i), _lower(np.moveaxis(A[:, :, 0], -1, 0))),
    ),
    "TridiagSpectral": Layout(
        {
            "diag.bias": "d",
            "diag.weight": "d, n",
            "off_diag.bias": "d - 1",
            "off_diag.weight": "d - 1, n",
        },
        lambda a, A, b, B: _tridiagonal(_linear(a, A), _linear(b, B)),
        "tridiagonal",
    ),
    "AffineEigenvaluePMM": Layout({"Ms": "n + 1, d, d"}, _hermitian, hermitian=True),
}
"""The layouts by name; those in capitals are named after the class whose parameters they are."""


def checked(layout: str, arrays: Mapping[str, Array]) -> tuple[list[Array], int, int]:
    """Return the arrays of a layout in its order, n and d.

    Raises
    ------
    InvalidInput
        If names, shapes or kinds of numbers are others than those of the layout.
    """
    chosen = LAYOUTS[layout]
    kinds = "iufc" if chosen.hermitian else "iuf"
    named = set(arrays) - set(chosen.unused) == set(chosen.axes)
    if named and all(arrays[name].dtype.kind in kinds for name in chosen.axes):
        sizes = chosen.sizes(arrays)
        if sizes is not None:
            return [arrays[name] for name in chosen.axes], *sizes
    expected = ", ".join(f"{name} ({axes})" for name, axes in chosen.axes.items())
    given = ", ".join(f"{name} {each.shape} of {each.dtype}" for name, each in arrays.items())
    kind = "numbers" if chosen.hermitian else "real numbers"
    raise InvalidInput(
        f"The arrays are {given or 'none'}; the layout {layout!r} expects {kind} in {expected}, "
        "with n features, order d and K = d (d + 1) / 2. Rename or reshape them, or name the "
        "layout that they have."
    )
