"""Local certificates: what a model can do inside a box around a row (math.md, sections 2b and 5).

For t to the right of x_j, A_j(t) − A_j(x_j) = Σ_b S_b · (length of interval b between them), so it
is ⪯ U = Σ_b S_b⁺ · length and ⪰ −L = −Σ_b S_b⁻ · length, with S = S⁺ − S⁻ the split into positive
and negative parts; to the left with S⁺ and S⁻ exchanged. φ increases in the Loewner order, hence
φ(A(x) − ΣL) ≤ f ≤ φ(A(x) + ΣU). For a column with S_b ⪰ 0 on the way this is exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Periodic
from eigcore.errors import InvalidInput
from eigcore.guarantees.slopes import EPS, ROUNDING, MemberSlopes, member_slopes, norms
from eigcore.portable.predict import link_inverse

Settled = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(low, high) decisions -> (rows,) or (rows, outputs) bool."""
SIDES = 4
"""Up to this many columns that can push both ways, all combinations of sides are tried."""
CELLS = 2**22
"""Matrix entries held at a time."""


@dataclass(frozen=True)
class LocalCertificate:
    """Guarantees inside a box around each row.

    Parameters
    ----------
    radius : dict, column name -> half width of the box, in column units
    lower, upper : (rows,) or (rows, outputs), bounds of the prediction, target units
    decision_lower, decision_upper : the same before the link
    threshold : float or None, in units of the prediction
    decided : (rows,) bool or None: the prediction stays on one side of the threshold in the box;
        with the link "softmax", the most probable class stays the same
    scale : (rows,) or None: largest found multiple of the box with a proven decision, 0 if none
    """

    radius: dict[str, float]
    lower: np.ndarray
    upper: np.ndarray
    decision_lower: np.ndarray
    decision_upper: np.ndarray
    threshold: float | None = None
    decided: np.ndarray | None = None
    scale: np.ndarray | None = None


def decision_interval(model: Any, table: np.ndarray, radius: np.ndarray) -> Any:
    """Certified (lower, upper) decision over the box |x'_j − x_j| ≤ radius_j around each row.

    table, radius : (rows, columns) float64; categories and missing cells stay as they are
    -> two arrays (rows, outputs)
    """
    members = member_slopes(model)
    worst = max(m.spec.dim**2 * 2**SIDES for m in members)
    step = max(1, CELLS // worst)
    parts = [
        _rows(model, members, table[start : start + step], radius[start : start + step])
        for start in range(0, max(1, len(table)), step)
    ]
    lower, upper = (np.concatenate(side) for side in zip(*parts, strict=True))
    return lower, upper


def _rows(model: Any, members: list[MemberSlopes], table: np.ndarray, radius: np.ndarray) -> Any:
    terms = model.encoding(table, get_backend("numpy"))
    slip = 4 * EPS * (np.abs(np.where(np.isnan(table), 0.0, table)) + radius)
    table, radius, slip = _with_projections(model.encoding, table, radius, slip)
    x = np.where(np.isnan(table), 0.0, table)
    right, left = [], []
    for j in range(table.shape[1]):
        reach = np.where(np.isnan(table[:, j]), 0.0, radius[:, j] + slip[:, j] * (radius[:, j] > 0))
        a, b = reaches(model.encoding, j, x[:, j], reach)
        right.append(a)
        left.append(b)
    offset = model.static.offset
    lower = upper = np.full((len(table), model.outputs), offset)
    for m in members:
        low, high = _member(m, terms, right, left, slip)
        lower, upper = lower + m.share * low, upper + m.share * high
    margin = 4 * (len(members) + 1) * EPS * (abs(offset) + np.abs(lower) + np.abs(upper))
    return lower - margin, upper + margin


def _with_projections(
    encoding: Any, table: np.ndarray, radius: np.ndarray, slip: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Boxes in which the projections are columns too: wider ones, so that bounds stay bounds."""
    mixing = np.abs(encoding.mixing).T
    moved = np.array([sum(map(abs, each.centers)) for each in encoding.projections])
    size = mixing.max(0, initial=0.0) * moved
    rounding = 4 * EPS * (size + np.abs(encoding.extended(table)[:, table.shape[1] :]))
    return (
        encoding.extended(table),
        np.concatenate([radius, radius @ mixing], axis=1),
        np.concatenate([slip, slip @ mixing + np.nan_to_num(rounding)], axis=1),
    )


def reaches(encoding: Any, j: int, x: np.ndarray, radius: np.ndarray) -> Any:
    """Length of each interval of part j within `radius` to the right and to the left of x.

    x, radius : (rows,) -> two arrays (rows, intervals), in column units
    """
    column = encoding.parts[j]
    edges = column.pieces(np.zeros(column.terms)).edges
    if len(edges) < 2:
        return np.zeros((len(x), 0)), np.zeros((len(x), 0))
    if isinstance(column, Periodic):
        radius = np.minimum(radius, column.period)
        here, above, below = (_travelled(edges, t) for t in (x, x + radius, x - radius))
        return np.maximum(above - here, 0), np.maximum(here - below, 0)
    x, radius = x[:, None], radius[:, None]
    start, end = edges[:-1], edges[1:]
    right = np.minimum(x + radius, end) - np.maximum(x, start)
    left = np.minimum(x, end) - np.maximum(x - radius, start)
    return np.maximum(right, 0), np.maximum(left, 0)


def _travelled(edges: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Length of each interval passed on the way from edges[0] to t, over all turns: (rows, I)."""
    turns, rest = np.divmod(t - edges[0], edges[-1] - edges[0])
    gaps = np.diff(edges)
    inside = np.clip(rest[:, None] - (edges[:-1] - edges[0]), 0, gaps)
    return turns[:, None] * gaps + inside


def _member(m: MemberSlopes, terms: np.ndarray, right: Any, left: Any, slip: np.ndarray) -> Any:
    lows, highs = [], []
    for o in range(m.spec.outputs):
        A = matrices(m.spec, m.terms[0, o] + terms @ m.terms[1:, o])
        ups, downs, extra = [], [], np.zeros(len(terms))
        for j, slopes in enumerate(m.slopes):
            S = slopes[:, o]
            if not len(S):
                continue
            extra = extra + slip[:, j] * norms(S).max()
            values, vectors = np.linalg.eigh(S)
            plus = (vectors * np.maximum(values, 0)[:, None, :]) @ vectors.mT
            minus = (vectors * np.maximum(-values, 0)[:, None, :]) @ vectors.mT
            ups.append((_along(right[j], plus), _along(left[j], minus)))
            downs.append((_along(right[j], minus), _along(left[j], plus)))
        size = np.abs(terms) @ np.linalg.norm(m.terms[1:, o], axis=-1)
        size = size + np.linalg.norm(m.terms[0, o]) + _size(ups) + _size(downs)
        margin = ROUNDING * (m.spec.dim + len(m.terms)) * EPS * size + extra
        low, high = _values(m, A, ups, downs)
        lows.append(low - m.shape.weight * margin)
        highs.append(high + m.shape.weight * margin)
    return np.stack(lows, -1), np.stack(highs, -1)


def _along(lengths: np.ndarray, S: np.ndarray) -> np.ndarray:
    return np.einsum("ni,iab->nab", lengths, S)


def _size(sides: list[tuple[np.ndarray, np.ndarray]]) -> Any:
    return sum(np.linalg.norm(a, axis=(1, 2)) + np.linalg.norm(b, axis=(1, 2)) for a, b in sides)


def _values(m: MemberSlopes, A: np.ndarray, ups: Any, downs: Any) -> Any:
    numpy = get_backend("numpy")
    if m.shape.monotone:
        above = np.linalg.eigvalsh(A + _patterns(ups, A))
        below = np.linalg.eigvalsh(A - _patterns(downs, A))
        high = m.spec.phi.value(numpy, above).max(0)
        return m.spec.phi.value(numpy, below).min(0), high
    # weights of both signs: Σ w⁺λ rises and Σ w⁻λ falls in the Loewner order
    w = np.array(m.spec.weights)
    plus, minus = np.maximum(w, 0), np.maximum(-w, 0)
    above = np.linalg.eigvalsh(A + sum((a + b for a, b in ups), np.zeros_like(A)))
    below = np.linalg.eigvalsh(A - sum((a + b for a, b in downs), np.zeros_like(A)))
    return below @ plus - above @ minus, above @ plus - below @ minus


def _patterns(sides: list[tuple[np.ndarray, np.ndarray]], A: np.ndarray) -> np.ndarray:
    """Σ_j over columns, one slice per combination of sides: (patterns, rows, d, d), all ⪰ 0.

    A column whose one side is zero needs no choice, as the other side is ⪰ 0. With more than SIDES
    undecided columns the sum of both sides, which is ⪰ each, is taken for them.
    """
    fixed, open_ = np.zeros_like(A), []
    for a, b in sides:
        if a.any() and b.any():
            open_.append((a, b))
        else:
            fixed = fixed + a + b
    if len(open_) > SIDES:
        return (fixed + sum(a + b for a, b in open_))[None]
    return np.stack([fixed + sum(choice) for choice in itertools.product(*open_)])


def local(model: Any, x: Any, radii: Any, threshold: float | None = None) -> LocalCertificate:
    """Intervals of the prediction in boxes of half widths `radii` (columns,) around rows x."""
    table = np.atleast_2d(model.encoding.table(x))
    table = table.reshape(-1, table.shape[-1])
    low, high = (_squeeze(a) for a in decision_interval(model, table, _spread(radii, table)))
    link = model.static.link
    lower, upper = _through_link(link, low, high)
    if threshold is None and link == "logistic":
        threshold = 0.5
    settled = _settled(link, threshold)
    decided = scale = None
    if settled is not None:
        decided = settled(low, high)
        if decided.ndim == 1:
            scale = certified_scale(model, table, radii, settled)
    named = dict(zip(model.encoding.names, radii.tolist(), strict=True))
    return LocalCertificate(named, lower, upper, low, high, threshold, decided, scale)


def _settled(link: str, threshold: float | None) -> Settled | None:
    """What tells from decision intervals whether the answer cannot change; None: no question."""
    if link == "softmax":
        if threshold is not None:
            raise InvalidInput(
                f"threshold is {threshold} with link 'softmax'. Expected none: decided means that "
                "the most probable class stays the same. Write model.certify(x=..., radius=...)."
            )
        return _same_class
    if threshold is None:
        return None
    level = _to_decision(link, threshold)
    return lambda low, high: (low > level) | (high < level)


def _same_class(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether one class's lowest score is above the others' highest: (rows, classes) -> (rows,)."""
    top = low.argmax(-1)[:, None]
    others = high.copy()
    np.put_along_axis(others, top, -np.inf, axis=-1)
    return np.take_along_axis(low, top, axis=-1)[:, 0] > others.max(-1)


def certified_scale(
    model: Any, table: np.ndarray, radii: np.ndarray, settled: Settled, doublings: int = 20
) -> np.ndarray:
    """Multiple of the box inside which the answer provably stays `settled`: (rows,).

    Bisection on a scalar; proven at the value returned, at most 1 % below the largest provable.
    """

    def safe(scale: np.ndarray) -> np.ndarray:
        radius = _spread(radii, table) * scale[:, None]
        return settled(*(_squeeze(a) for a in decision_interval(model, table, radius)))

    good, bad = np.zeros(len(table)), np.ones(len(table))
    for _ in range(doublings):
        grows = safe(bad) & (bad > good)
        good, bad = np.where(grows, bad, good), np.where(grows, 2 * bad, bad)
        if not grows.any():
            break
    for _ in range(20):
        middle = np.where(good > 0, (good + bad) / 2, bad / 16)
        proven = safe(middle)
        good, bad = np.where(proven, middle, good), np.where(proven, bad, middle)
        if ((bad <= 1.01 * good) | (bad < 1e-12)).all():
            break
    return good


def _spread(radii: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.broadcast_to(radii, table.shape)


def _squeeze(values: np.ndarray) -> np.ndarray:
    return values[:, 0] if values.shape[1] == 1 else values


def _through_link(link: str, low: np.ndarray, high: np.ndarray) -> Any:
    """Bounds of the prediction from bounds of the decision."""
    if link == "identity":
        return low, high
    numpy = get_backend("numpy")
    if link == "softmax":
        # p_c falls in every other score: smallest at its own lowest and the others' highest
        lower, upper = np.empty_like(low), np.empty_like(high)
        for c in range(low.shape[-1]):
            own = np.arange(low.shape[-1]) == c
            lower[:, c] = link_inverse(link, np.where(own, low, high), numpy)[:, c]
            upper[:, c] = link_inverse(link, np.where(own, high, low), numpy)[:, c]
    else:
        with np.errstate(over="ignore"):
            lower, upper = (link_inverse(link, side, numpy) for side in (low, high))
    slip = 8 * EPS * (1 if link != "softmax" else low.shape[-1])
    lower, upper = lower * (1 - slip), upper * (1 + slip)
    return lower, upper if link == "log" else np.minimum(upper, 1.0)


def _to_decision(link: str, threshold: float) -> float:
    legal = {"identity": True, "log": threshold > 0, "logistic": 0 < threshold < 1}[link]
    if not legal:
        raise InvalidInput(
            f"threshold is {threshold} with link {link!r}. Expected a value the prediction can "
            "take: between 0 and 1 for logistic, positive for log."
        )
    if link == "log":
        return float(np.log(threshold))
    return float(np.log(threshold / (1 - threshold))) if link == "logistic" else float(threshold)
