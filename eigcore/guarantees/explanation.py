"""Explanations: parts of a prediction that add up to it exactly (math.md, section 6).

At x with A(x)v = λ_k v: f(x) = vᵀA_0v + Σ_j vᵀA_j(x_j)v. With weights w of any functional, and at
ties the weights averaged over the cluster, v vᵀ becomes G = V diag(w) Vᵀ.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.guarantees.slopes import part_norms
from eigcore.portable.predict import link_inverse

CELLS = 2**22
"""Matrix entries held at a time."""


@dataclass(frozen=True)
class Explanation:
    """Contributions, slopes and gaps of each row; [outputs] axes only where outputs > 1.

    Parameters
    ----------
    names : tuple of str, the columns, then the labels of the encoding's projections
    prediction : (rows, [outputs]) in target units
    decision : (rows, [outputs]), the prediction before the link
    intercept : (rows, [outputs]), offset + what the matrix A_0 gives
    contributions : (rows, [outputs], names), what each of them gives. Without a link:
        intercept + remainder + contributions.sum(-1) == decision, up to rounding
    remainder : (rows, [outputs]), the part of φ that is not Σ w_j λ_j: 0 for the k-th eigenvalue
        and for sums, the entropy term for "softmax", the envelope's for "smooth"
    slopes : (rows, [outputs], names), ∂decision/∂column per column unit, through projections too,
        from the right at knots; of a projection, per its unit; NaN for categories and missing cells
    gaps : (rows, members, [outputs], 2), distance of λ_k to the eigenvalue below and above, in
        target units, inf where there is none: how far the row is from a kink
    norms : dict, name -> worst-case slope (`SpectralModel.feature_norms`; of a projection, its own)
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
        """Column -> worst-case slope, and mean |slope| and mean |contribution| over the rows.

        The contribution is taken relative to its mean, so that a constant one counts for nothing.
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
        """Return JSON values: arrays as lists, NaN and infinity as None."""
        plain = {
            key: _lists(value) if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }
        return plain | {"names": list(self.names), "importance": self.importance}


def explain(model: Any, X: Any) -> Explanation:
    """Explain the prediction of each row.

    Parameters
    ----------
    model : SpectralModel
    X : table, see `Encoding.table`; leading axes of an array are flattened into rows

    Returns
    -------
    Explanation

    Raises
    ------
    InvalidInput, NonFiniteInput
        See `Encoding.table`.
    """
    encoding, static, numpy = model.encoding, model.static, get_backend("numpy")
    table = np.atleast_2d(encoding.table(X))
    table = table.reshape(-1, table.shape[-1])
    terms, derivative = encoding(table, numpy), encoding.derivative(table)
    parts = [_member(spec, params, terms) for spec, params in model.members]
    shares = [weight * static.scale for weight in static.weights]
    pull, intercept, remainder = (
        np.sum([share * part[place] for share, part in zip(shares, parts, strict=True)], axis=0)
        for place in range(3)
    )
    intercept = static.offset + intercept
    contributions = _by_column(encoding, terms[:, None] * pull)
    slopes = _by_column(encoding, derivative[:, None] * pull)
    count = len(encoding.columns)
    slopes[..., :count] += slopes[..., count:] @ encoding.mixing
    missing = np.isnan(encoding.extended(table))
    fixed = missing | np.array([not part.numeric for part in encoding.parts])
    slopes = np.where(fixed[:, None], np.nan, slopes)
    decision = intercept + remainder + contributions.sum(-1)
    gaps = np.stack([s * part[3] for s, part in zip(shares, parts, strict=True)], axis=1)
    one = 0 if model.outputs == 1 else slice(None)
    return Explanation(
        encoding.labels,
        link_inverse(static.link, decision, numpy)[:, one],
        decision[:, one],
        intercept[:, one],
        contributions[:, one],
        remainder[:, one],
        slopes[:, one],
        gaps[:, :, one],
        part_norms(model),
    )


def _by_column(encoding: Any, values: np.ndarray) -> np.ndarray:
    """(..., terms) -> (..., parts): sum over the terms of each part."""
    return np.stack([values[..., terms].sum(-1) for terms in encoding.slices], axis=-1)


def _member(spec: EigSpec, params: np.ndarray, terms: np.ndarray) -> list[np.ndarray]:
    step = max(1, CELLS // spec.dim**2)
    blocks = [
        [_output(spec, p, terms[start : start + step]) for p in params]
        for start in range(0, max(1, len(terms)), step)
    ]
    outputs = [
        [np.concatenate(part) for part in zip(*one, strict=True)]
        for one in zip(*blocks, strict=True)
    ]
    return [np.stack(part, axis=1) for part in zip(*outputs, strict=True)]


def _output(spec: EigSpec, params: np.ndarray, terms: np.ndarray) -> tuple[np.ndarray, ...]:
    """One output of one member: ⟨G, A_i⟩ (rows, n), ⟨G, A_0⟩, φ − Σ w λ, gaps (rows, 2)."""
    numpy = get_backend("numpy")
    values, V = np.linalg.eigh(matrices(spec, params[0] + terms @ params[1:]))
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
