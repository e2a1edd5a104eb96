"""The largest ball around a row in which a decision keeps its side (math.md, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.asked import local_table
from eigcore.guarantees.box import certified_scale, largest, settled_by
from eigcore.guarantees.interval import Ends, decision_interval, reach_of
from eigcore.guarantees.margins import proof_of
from eigcore.guarantees.slopes import EPS, MemberSlopes, member_slopes, norms, power_of
from eigcore.guarantees.text import below
from eigcore.guarantees.units import floats
from eigcore.portable.description import Described

STEPS = 30
"""Bisections of the radius."""


@dataclass(frozen=True)
class Ball:
    """The certified radius around each row.

    Parameters
    ----------
    norm : {2, inf}
    units : dict
        Column name -> the change that counts as 1; columns left out do not move.
    radius : (rows,) float64
        Proven: the prediction stays on its side of the threshold (the most probable class stays the
        same) while ‖(x′ − x) / units‖ ≤ radius. 0 where nothing is proven.
    threshold : float or None
        In units of the prediction.
    """

    norm: float
    units: dict[str, float]
    radius: np.ndarray
    threshold: float | None

    def __str__(self) -> str:
        kept = "the most probable class stays the same"
        if self.threshold is not None:
            kept = f"the prediction stays on its side of {self.threshold:g}"
        shape = "√Σ(change/unit)²" if self.norm == 2 else "each |change|/unit"
        units = ", ".join(f"{name} {unit:g}" for name, unit in self.units.items())
        rows = [below(r) for r in self.radius.tolist()]
        far = f"{rows[0]}" if len(rows) == 1 else f"its radius: {', '.join(rows)}"
        return f"Proven: {kept} while {shape} is at most {far}. Units: {units}; no others move."


def ball(
    model: Described,
    x: Any,
    *,
    norm: float = 2,
    units: float | Mapping[str, float] = 1.0,
    threshold: float | None = None,
) -> Ball:
    """Certify the largest ball around each row.

    For ℓ_∞ it is a box. For ℓ₂ it is the larger of that box's inscribed ball and the radius ρ at
    which ρ · L(ρ) reaches the distance from the threshold, L(ρ) being the ℓ₂ constant of the pieces
    that a box of half-width ρ meets. With the link "softmax" both are found for the scores of all
    classes and for the margins between two (`eigcore.guarantees.margins`), and the larger counts.

    Parameters
    ----------
    model : SpectralModel
    x : table or (columns,) array
        See `Encoding.table`.
    norm : {2, inf}
    units : float or mapping of column names
        The change of each numeric column that counts as 1. A mapping leaves other columns fixed.
    threshold : float, optional
        As for `eigcore.guarantees.certificate.certify`: 0.5 with the link "logistic"; none with
        "softmax"; otherwise needed.

    Raises
    ------
    InvalidInput
        If the norm is another one, units are negative or unknown, or there is no threshold.
    """
    if norm not in (2, np.inf):
        raise InvalidInput(f"norm is {norm!r}. Expected 2 or inf. Write norm=2.")
    link, table = model.static.link, local_table(model, x)
    threshold = 0.5 if threshold is None and link == "logistic" else threshold
    settled = settled_by(link, threshold)
    if settled is None or (model.outputs > 1 and link != "softmax"):
        raise InvalidInput(
            f"The link is {link!r} with {model.outputs} output(s), without a decision between two "
            "sides. Expected one output and a threshold. Write threshold=..., in units of the "
            "prediction."
        )
    widths = _widths(model, units)
    spread = np.broadcast_to(widths, table.shape)
    found = certified_scale(model, table, spread, spread, settled)
    if norm == 2 and widths.any():
        found = np.maximum(found, _round(model, table, widths, settled))
    named = {n: float(w) for n, w in zip(model.encoding.names, widths, strict=True) if w}
    return Ball(float(norm), named, found, threshold)


def _widths(model: Described, units: float | Mapping[str, float]) -> np.ndarray:
    encoding = model.encoding
    numeric = [n for n, c in zip(encoding.names, encoding.columns, strict=True) if c.numeric]
    given = units if isinstance(units, Mapping) else dict.fromkeys(numeric, units)
    sizes = floats(list(given.values()))
    if not set(given) <= set(numeric) or not ((sizes >= 0) & (sizes < np.inf)).all():
        raise InvalidInput(
            f"units is {units!r}. Expected non-negative numbers for columns among "
            f"{', '.join(numeric)}. Write units={{{(numeric or ['x0'])[0]!r}: 1.0}}."
        )
    return np.array([float(given.get(name, 0.0)) for name in encoding.names])


def _round(model: Described, table: np.ndarray, widths: np.ndarray, settled: Any) -> np.ndarray:
    """Return radii proven by the ℓ₂ constants of the pieces that are met: (rows,)."""
    proven, still = proof_of(model, table, settled), np.zeros(table.shape)

    @cache
    def known(each: Described) -> tuple[list[MemberSlopes], Ends]:
        return member_slopes(each), decision_interval(each, table, still, still)

    def safe(radius: np.ndarray) -> np.ndarray:
        def ends(each: Described, rows: np.ndarray) -> Ends:
            members, (low, high) = known(each)
            far = radius[rows]
            change = _constants(each, members, table[rows], widths, far) * far[:, None]
            change = change * (1 + 8 * EPS)
            return low[rows] - change, high[rows] + change

        return proven(ends)

    return largest(safe, len(table), STEPS, close=1.0, least=0.0)


def _constants(
    model: Described,
    members: list[MemberSlopes],
    table: np.ndarray,
    widths: np.ndarray,
    radius: np.ndarray,
) -> np.ndarray:
    """Return the ℓ₂ constants of the decision near each row, per unit: (rows, outputs).

    A column that stays in one piece and in no projection enters as S², another as the square of its
    largest norm times I (math.md, section 5).
    """
    encoding = model.encoding
    parts = encoding.extended(table)
    wide = np.concatenate([widths, np.abs(encoding.mixing) @ widths])
    met = []
    for p, part in enumerate(parts.T):
        here = np.where(np.isnan(part), 0.0, part)
        far = radius * wide[p] * (1 + 8 * EPS) + 16 * EPS * (np.abs(here) + radius * wide[p])
        reach = reach_of(encoding, p, here, far)
        met.append(((reach.right + reach.left) > 0) & ~np.isnan(part)[:, None])
    total = np.zeros((len(table), model.outputs))
    unit = power_of(widths)
    for m in members:
        power = power_of(*m.slopes)
        squares = np.zeros((len(table), m.spec.outputs, m.spec.dim, m.spec.dim))
        sizes = [
            np.where(hit[..., None], norms(S), 0.0).max(1, initial=0.0) / power
            for hit, S in zip(met, m.slopes, strict=True)
        ]
        for j in np.flatnonzero(widths):
            weights = encoding.mixing[:, j]
            through = sum(
                (abs(w) * sizes[len(encoding.columns) + p] for p, w in enumerate(weights)), 0.0
            )
            plain = (met[j].sum(1) <= 1) & ~weights.any()
            S = np.einsum("nb,boij->noij", met[j].astype(float), m.slopes[j] / power)
            size = (sizes[j] + through)[..., None, None] ** 2 * np.eye(m.spec.dim)
            one = plain[:, None, None, None]
            squares = squares + (widths[j] / unit) ** 2 * np.where(one, S @ S, size)
        largest = power * unit * np.sqrt(norms(squares))
        total = total + m.lipschitz * largest * (1 + 16 * EPS)
    return total
