"""Explanations: contributions that add up to the decision exactly (math.md, section 6).

At x with A(x)v = λ_k v, f(x) = vᵀA_0v + Σ_j vᵀA_j(x_j)v. For any functional with weights w, v vᵀ
becomes G = V diag(w) Vᵀ; at ties w is averaged over the cluster.
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
from eigcore.portable.predict import link_inverse
from eigcore.portable.tables import overflowing

ENTRIES = 2**22
"""Largest number of matrix entries in memory at a time."""


@dataclass(frozen=True)
class Explanation:
    """Contributions, slopes and gaps of each row. The axis [outputs] exists only where outputs > 1.

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
    contributions : (rows, [outputs], names) float64
        intercept + remainder + contributions.sum(-1) == decision, up to rounding.
    remainder : (rows, [outputs]) float64
        φ − Σ w_j λ_j: 0 for the k-th eigenvalue and for sums, the entropy for "softmax", the term
        of the Moreau envelopes for "smooth".
    slopes : (rows, [outputs], names) float64
        ∂decision/∂column per unit of the column, through projections too, from the right at knots;
        for a projection, per its own unit. NaN for categories and missing cells.
    gaps : (rows, members, [outputs], 2) float64
        Distance of λ_k to the eigenvalue below and above, in units of the target; inf where there
        is none. They tell how far the row is from a kink.
    norms : dict
        Name -> bound of the slope (`SpectralModel.feature_norms`), for projections too.
    """

    names: tuple[str, ...]
    prediction: np.ndarray
    decision: np.ndarray
    intercept: np.ndarray
    contributions: np.ndarray
    remainder: np.ndarray
    slopes: np.ndarray
    gaps: np.ndarray
    norms: dict[str, float]

    @property
    def importance(self) -> dict[str, dict[str, float]]:
        """Name -> bound of the slope, mean |slope| and mean |contribution| over the rows.

        Contributions are centred first, so that a constant one counts as 0.
        """
        axes = tuple(range(self.slopes.ndim - 1))
        centred = np.abs(self.contributions - self.contributions.mean(0, keepdims=True)).mean(axes)
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
        return plain | {"names": list(self.names), "importance": self.importance}


def explain(model: Described, X: Any) -> Explanation:
    """Explain the prediction of each row.

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
    contributions = by_part(encoding, terms[:, None] * pull)
    slopes = _slopes(encoding, table, derivative[:, None] * pull)
    decision = intercept + remainder + contributions.sum(-1)
    if not np.isfinite(decision).all():
        raise overflowing()
    gaps = np.stack([s * each[3] for s, each in zip(scales, found, strict=True)], axis=1)
    one = 0 if model.outputs == 1 else slice(None)
    return Explanation(
        encoding.labels,
        link_inverse(static.link, decision, get_backend("numpy"))[:, one],
        decision[:, one],
        intercept[:, one],
        contributions[:, one],
        remainder[:, one],
        slopes[:, one],
        gaps[:, :, one],
        part_norms(model),
    )


def pulls(model: Described, terms: np.ndarray) -> np.ndarray:
    """Return ∂decision/∂term at encoded rows: (rows, terms) -> (rows, outputs, terms)."""
    static = model.static
    scales = [weight * static.scale for weight in static.weights]
    found = [_member(spec, params, terms)[:1] for spec, params in model.members]
    return _summed(scales, found, 0)


def _summed(scales: list[float], found: list[list[np.ndarray]], k: int) -> np.ndarray:
    """Sum the k-th array of each member, times its scale."""
    return np.sum([scale * each[k] for scale, each in zip(scales, found, strict=True)], axis=0)


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
    k = spec.k
    edge = np.full((len(values), 1), np.inf)
    below = values[:, k : k + 1] - values[:, k - 1 : k] if k else edge
    above = values[:, k + 1 : k + 2] - values[:, k : k + 1] if k + 1 < spec.dim else edge
    return G @ params[1:].T, G @ params[0], remainder, np.concatenate([below, above], axis=-1)


def _lists(array: np.ndarray) -> Any:
    plain = array.astype(object)
    plain[~np.isfinite(array)] = None
    return plain.tolist()
