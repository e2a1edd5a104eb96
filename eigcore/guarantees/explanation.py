"""The local split: terms that add up to the decision exactly (math.md, section 6).

At x with A(x)v = λ_k v, f(x) = vᵀA_0v + Σ_j vᵀA_j(x_j)v. For any functional with weights w, v vᵀ
becomes G = V diag(w) Vᵀ; at ties w is averaged over the cluster. The terms depend on the origin
of each column; contributions relative to a baseline do not (`eigcore.guarantees.contributions`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding
from eigcore.guarantees.slopes import part_norms
from eigcore.portable.description import Described
from eigcore.portable.predict import answer
from eigcore.portable.tables import overflowing

ENTRIES = 2**22
"""Largest number of matrix entries in memory at a time."""


@dataclass(frozen=True)
class Explanation:
    """The local split, slopes and gaps of each row. The axis [outputs] exists only if outputs > 1.

    Parameters
    ----------
    names : tuple of str
        The columns, then the labels of the projections.
    prediction : (rows, [outputs]) float64
        In units of the target.
    decision : (rows, [outputs]) float64
        The prediction before the link.
    intercept : (rows, [outputs]) float64
        The offset, and what the matrix A_0 supplies.
    local : (rows, [outputs], names) float64
        intercept + remainder + local.sum(-1) == decision, up to rounding. A term is what a column
        supplies at the eigenvectors of the row, counted from where its own terms are zero. It may
        fall while a column rises that is certified to raise the decision; `contributions` relative
        to a baseline do not.
    remainder : (rows, [outputs]) float64
        φ − Σ w_j λ_j: 0 for the k-th eigenvalue and for sums, the entropy for "softmax", the term
        of the Moreau envelopes for "smooth".
    slopes : (rows, [outputs], names) float64
        ∂decision/∂column per unit of the column, through projections too, from the right at knots;
        for a projection, per its own unit. NaN for categories and missing cells.
    gaps : (rows, members, [outputs], 2) float64
        Least difference of two neighbouring eigenvalues at whose tie the slope would jump up, and
        down, in units of the target; inf where there are none. For λ_k they are its distances to
        the eigenvalues below and above; for a sum of the r largest or smallest, the first or
        the second is the distance across the cut; "smooth" and "softmax" have no kinks.
    norms : dict
        Name -> bound of the slope (`SpectralModel.feature_norms`), for projections too.
    projections : tuple of str
        Those of the names that are projections.
    """

    names: tuple[str, ...]
    prediction: np.ndarray
    decision: np.ndarray
    intercept: np.ndarray
    local: np.ndarray
    remainder: np.ndarray
    slopes: np.ndarray
    gaps: np.ndarray
    norms: dict[str, float]
    projections: tuple[str, ...] = ()

    @property
    def contributions(self) -> np.ndarray:
        """The array `local`, by its earlier name."""
        return self.local

    @property
    def kink(self) -> np.ndarray:
        """Least gap over the members, how far a row is from a kink: (rows, [outputs]) float64."""
        return self.gaps.min(axis=(1, -1))

    def active_subspace(self, units: Any = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return in which directions of the columns the decision changes most, over the rows.

        These are the eigenpairs of the mean of ∇f ∇fᵀ over rows and outputs (Constantine 2015).

        Parameters
        ----------
        units : float, or (columns,) array
            One step in each column, such as its standard deviation.

        Returns
        -------
        values : (columns,) float64
            Mean squared slopes in these directions, largest first.
        directions : (columns, columns) float64
            One per column of the array, in steps; categories and missing cells have slope 0.
        """
        columns = sum(name not in self.projections for name in self.names)
        slopes = np.nan_to_num(self.slopes[..., :columns]).reshape(-1, columns)
        slopes = slopes * np.asarray(units, dtype=np.float64)
        values, vectors = np.linalg.eigh(slopes.T @ slopes / max(1, len(slopes)))
        return np.maximum(values[::-1], 0.0), vectors[:, ::-1]

    @property
    def importance(self) -> dict[str, dict[str, float]]:
        """Name -> bound of the slope, mean |slope| and mean |local term| over the rows.

        Terms are centred first, so that a constant one counts as 0.
        """
        axes = tuple(range(self.slopes.ndim - 1))
        centred = np.abs(self.local - self.local.mean(0, keepdims=True)).mean(axes)
        known = ~np.isnan(self.slopes)
        total = np.where(known, np.abs(self.slopes), 0.0).sum(axes)
        slope = total / np.maximum(known.sum(axes), 1)
        return {
            name: {"worst_slope": self.norms[name], "mean_slope": float(s), "mean_effect": float(c)}
            for name, s, c in zip(self.names, slope, centred, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: arrays become lists, NaN and infinity None."""
        plain = {
            key: _lists(value) if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }
        plain |= {"contributions": plain["local"], "names": list(self.names)}
        return plain | {"importance": self.importance}


def explain(model: Described, X: Any) -> Explanation:
    """Split the decision of each row exactly, where it is.

    Parameters
    ----------
    model : SpectralModel
    X : table
        See `Encoding.table`. Leading axes of an array are flattened into rows.

    Returns
    -------
    Explanation

    Raises
    ------
    InvalidInput, NonFiniteInput
        See `Encoding.table`.
    """
    encoding, static = model.encoding, model.static
    table = np.atleast_2d(encoding.table(X))
    table = table.reshape(-1, table.shape[-1])
    terms = encoding(table, get_backend("numpy"), codes=True)
    derivative = encoding.derivative(table)
    scales = [weight * static.scale for weight in static.weights]
    found = [_member(spec, params, terms) for spec, params in model.members]
    pull, intercept, remainder = (_summed(scales, found, k) for k in range(3))
    intercept = static.offset + intercept
    local = by_part(encoding, terms[:, None] * pull)
    slopes = _slopes(encoding, table, derivative[:, None] * pull)
    decision = intercept + remainder + local.sum(-1)
    if not np.isfinite(decision).all():
        raise overflowing()
    gaps = np.stack([s * each[3] for s, each in zip(scales, found, strict=True)], axis=1)
    one = 0 if model.outputs == 1 else slice(None)
    return Explanation(
        encoding.labels,
        answer(static, decision, get_backend("numpy"))[:, one],
        decision[:, one],
        intercept[:, one],
        local[:, one],
        remainder[:, one],
        slopes[:, one],
        gaps[:, :, one],
        part_norms(model),
        tuple(each.label for each in encoding.projections),
    )


def pulls(model: Described, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ∂decision/∂term at encoded rows (rows, terms), and their gaps, as in `Explanation`.

    Returns
    -------
    (rows, outputs, terms), (rows, members, outputs, 2)
    """
    static = model.static
    scales = [weight * static.scale for weight in static.weights]
    found = [_member(spec, params, terms) for spec, params in model.members]
    gaps = np.stack([s * each[3] for s, each in zip(scales, found, strict=True)], axis=1)
    return _summed(scales, found, 0), gaps


def _summed(scales: list[float], found: list[list[np.ndarray]], k: int) -> np.ndarray:
    """Sum the k-th array of each member, times its scale."""
    total = scales[0] * found[0][k]
    for scale, each in zip(scales[1:], found[1:], strict=True):
        total += scale * each[k]
    return total


def _slopes(encoding: Encoding, table: np.ndarray, by_term: np.ndarray) -> np.ndarray:
    """Slopes of the parts, for columns also through projections: by_term (rows, outputs, terms)."""
    slopes, count = by_part(encoding, by_term), len(encoding.columns)
    slopes[..., :count] += slopes[..., count:] @ encoding.mixing
    missing = np.isnan(encoding.extended(table))
    flat = missing | np.array([not part.numeric for part in encoding.parts])
    return np.where(flat[:, None], np.nan, slopes)


def by_part(encoding: Encoding, values: np.ndarray) -> np.ndarray:
    """Sum over the terms of each part: (..., terms) -> (..., parts)."""
    return np.stack([values[..., terms].sum(-1) for terms in encoding.slices], axis=-1)


def _member(spec: EigSpec, params: np.ndarray, terms: np.ndarray) -> list[np.ndarray]:
    """Return what `_output` does, with an axis of outputs after the rows, in chunks of rows."""
    step = max(1, ENTRIES // spec.dim**2)
    chunks = [
        [_output(spec, p, terms[start : start + step]) for p in params]
        for start in range(0, max(1, len(terms)), step)
    ]
    outputs = [
        [np.concatenate(each) for each in zip(*one, strict=True)]
        for one in zip(*chunks, strict=True)
    ]
    return [np.stack(each, axis=1) for each in zip(*outputs, strict=True)]


def _output(spec: EigSpec, params: np.ndarray, terms: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return ⟨G, A_i⟩ (rows, n), ⟨G, A_0⟩, φ − Σ w λ and the gaps (rows, 2) of one output."""
    numpy = get_backend("numpy")
    M = matrices(spec, params[0] + terms @ params[1:])
    values, V = numpy.eigenpairs(M, 0, spec.dim - 1)
    weights = spec.phi.weights(numpy, values)
    # packing is isometric, so ⟨G, A⟩ is the dot product of packed vectors
    G = pack(spec, (V * weights[:, None, :]) @ V.mT)
    remainder = spec.phi.value(numpy, values) - (weights * values).sum(-1)
    if spec.functional not in ("softmax", "smooth"):
        remainder = np.zeros_like(remainder)
    return G @ params[1:].T, G @ params[0], remainder, gaps_of(spec, values)


def gaps_of(spec: EigSpec, values: np.ndarray) -> np.ndarray:
    """Return the least gaps at which the weights rise, and fall: (rows, d) -> (rows, 2)."""
    if spec.functional in ("softmax", "smooth"):
        return np.full((len(values), 2), np.inf)
    jumps = np.diff(spec.phi.raw_weights(get_backend("numpy"), np.zeros((1, spec.dim))))
    sides = [np.where(side, np.diff(values), np.inf) for side in (jumps > 0, jumps < 0)]
    return np.stack([gaps.min(-1, initial=np.inf) for gaps in sides], axis=-1)


def _lists(array: np.ndarray) -> Any:
    plain = array.astype(object)
    plain[~np.isfinite(array)] = None
    return plain.tolist()
