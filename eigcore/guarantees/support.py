"""What a change of one part does to the decision, wherever the others are (math.md, section 5).

For a functional with ascending weights w and A → A + E, φ changes by at most Σ_i w_i λ_i(E), λ
ascending, and at least by Σ_i w_i λ_{d−1−i}(E): along A + sE its derivative is ⟨G, E⟩, G with the
eigenvalues w (von Neumann's trace inequality). For λ_k these are λ_max(E) and λ_min(E).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.core.spec import EigSpec
from eigcore.encoding import Periodic
from eigcore.errors import InvalidInput
from eigcore.guarantees.interval import reach_of
from eigcore.guarantees.objective import part_terms
from eigcore.guarantees.slopes import (
    EPS,
    ROUNDING,
    SMALLEST,
    MemberSlopes,
    lengths,
    member_slopes,
    norms,
)
from eigcore.guarantees.units import Ends
from eigcore.portable.description import Described


def support(spec: EigSpec, E: np.ndarray) -> Ends:
    """Return the ends of φ(λ(A + E)) − φ(λ(A)) over all A, rounding included.

    E : (..., d, d) -> two (...) arrays
    """
    lam = np.linalg.eigvalsh(E) if E.size else np.zeros(E.shape[:-1])
    w = sorted_weights(spec)
    top = np.abs(lam).max(-1, initial=0.0)
    tiny = spec.dim * SMALLEST * (top > 0)
    margin = ROUNDING * spec.dim * (EPS * top + tiny) * np.abs(w).sum()
    return lam[..., ::-1] @ w - margin, lam @ w + margin


def sorted_weights(spec: EigSpec) -> np.ndarray:
    """Return the ascending weights of φ; a vertex of their simplex for "smooth" and "softmax"."""
    if spec.functional == "weighted":
        return np.sort(np.array(spec.weights))
    count = spec.r if spec.functional in ("top_sum", "bottom_sum") else 1
    return (np.arange(spec.dim) >= spec.dim - (count or 1)) * 1.0


def part_change(
    model: Described, j: int, start: np.ndarray, end: np.ndarray, slip: float = 0.0
) -> Ends:
    """Return the ends of the change by part j alone, between pairs of values: (pairs, outputs).

    `slip` is the rounding of the values, in units of the part.
    """
    return parts_change(model, {j: (start, end)}, slip)


def parts_change(
    model: Described, moves: Mapping[int, tuple[np.ndarray, np.ndarray]], slip: float = 0.0
) -> Ends:
    """Return the ends of the change when some parts change together: (pairs, outputs).

    Parameters
    ----------
    model : SpectralModel
    moves : part -> values before and after, (pairs,) each
    slip : rounding of the values, in units of the part
    """
    encoding = model.encoding

    def of(m: MemberSlopes) -> tuple[np.ndarray, np.ndarray]:
        E, error = np.zeros(()), np.zeros(())
        for j, (start, end) in moves.items():
            a, b = part_terms(encoding, j, start), part_terms(encoding, j, end)
            moved = np.full((len(start), 1), slip)
            if isinstance(encoding.parts[j], Periodic):
                size = np.abs(np.nan_to_num(start)) + np.abs(np.nan_to_num(end))
                moved = 8 * EPS * size[:, None]
            packed = m.packed[1:][encoding.slices[j]]
            size = np.einsum("nt,to->no", np.abs(a) + np.abs(b), lengths(packed, axis=-1))
            error = error + (ROUNDING + packed.shape[0]) * EPS * size
            error = error + moved * norms(m.slopes[j]).max(initial=0.0)
            E = E + matrices(m.spec, np.einsum("nt,tok->nok", b - a, packed))
        return E, error

    return added(model, of)


def step_change(model: Described, p: int, z: np.ndarray, step: float, slip: float) -> Ends:
    """Return the ends of the change when a projection goes from z to z + step: (z, outputs)."""
    reach = reach_of(model.encoding, p, z, np.full(len(z), abs(step)))
    lengths = reach.right if step > 0 else -reach.left
    moved = slip + (16 * np.abs(z) + ROUNDING * (2 + lengths.shape[1]) * abs(step))[:, None] * EPS

    def of(m: MemberSlopes) -> tuple[np.ndarray, np.ndarray]:
        steepest = norms(m.slopes[p]).max(0, initial=0.0)
        return np.einsum("nb,boij->noij", lengths, m.slopes[p]), moved * steepest

    return added(model, of)


def slope_ends(model: Described, j: int) -> Ends:
    """Return Σ_m of the ends of ⟨G, S_b⟩ on each piece of a part: (pieces, outputs)."""
    return added(model, lambda m: (m.slopes[j], 4 * EPS * norms(m.slopes[j])))


def added(model: Described, of: Callable[[MemberSlopes], tuple[np.ndarray, np.ndarray]]) -> Ends:
    """Add up the ends of `support` over the members: `of` gives E and a bound of its rounding."""
    members, low, high, size = member_slopes(model), 0.0, 0.0, 0.0
    for m in members:
        E, error = of(m)
        least, most = support(m.spec, E)
        error = m.shape.lipschitz * error
        low, high = low + m.scale * (least - error), high + m.scale * (most + error)
        size = size + m.scale * (np.abs(least) + np.abs(most) + error)
    slip = 2 * (len(members) + 1) * EPS * size
    return np.asarray(low - slip), np.asarray(high + slip)


def rounded_sum(low: Any, high: Any) -> Ends:
    """Round the sums over members and parts outward."""
    low, high = np.asarray(low), np.asarray(high)
    slip = 64 * EPS * np.maximum(np.abs(low), np.abs(high))
    return low - slip, high + slip


def column_index(model: Described, column: str, numeric: bool = False) -> int:
    """Return the place of a column; raise InvalidInput for names that are unknown or no numbers."""
    names = model.encoding.names
    if column not in names or (numeric and not model.encoding.columns[names.index(column)].numeric):
        kinds = [
            n
            for n, c in zip(names, model.encoding.columns, strict=True)
            if c.numeric or not numeric
        ]
        raise InvalidInput(
            f"The column is {column!r}. Expected one of {', '.join(kinds)}. Write its name as the "
            "table has it."
        )
    return names.index(column)
