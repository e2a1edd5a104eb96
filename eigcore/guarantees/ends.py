"""Upper ends of a signed sum of spectral functions over boxes (math.md, section 5).

Two bounds, of which the smaller counts. *Loewner*: A(x) ⪯ T for all x of the box, so φ ≤ φ(T).
*Centre*: inside one piece of every column, A(x) = A(c) + E with E = Σ τ_j T_j, |τ_j| ≤ h_j, and
λ_k(A(c) + E) ≤ λ_k + vᵀEv + q. By Courant–Fischer λ_k is at most the largest eigenvalue of the
compression onto v_0 … v_k, and so of [[a, β], [β, c]] with a = λ_k + vᵀEv, β the norm of Ev along
the others and c ≤ λ_{k−1} + ‖E‖. The linear parts of all summands are added before their maximum
is taken; the rest q = ((D² + 4β²)^½ − D) / 2, D = a − c, is of second order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eigcore.core.functionals import Kth
from eigcore.dispatch.registry import get_backend
from eigcore.guarantees.cells import Cells, directed, weighted_norm
from eigcore.guarantees.interval import reach_of
from eigcore.guarantees.objective import Group, Objective, Projected
from eigcore.guarantees.slopes import EPS, ROUNDING, lengths, value_rounding

ENTRIES = 2**22
"""Largest number of matrix entries in memory at a time."""


class Ends(NamedTuple):
    """Bounds of a batch of boxes.

    Parameters
    ----------
    upper : (boxes,)
        g(x) ≤ upper for every x of the box, rounding included.
    margin : (boxes,)
        The part of it that is rounding.
    measure : (boxes, axes)
        How much each column adds to the distance from g's largest known value; see `Cells`.
    """

    upper: np.ndarray
    margin: np.ndarray
    measure: np.ndarray


class Sides(NamedTuple):
    """The enclosure of A(x) over boxes, and what the centre bound needs.

    Parameters
    ----------
    top, bottom : (boxes, total)
    size, slip : (boxes,)
    slopes : (boxes, axes, total)
        dA/dx_j through all parts; meaningless where `straight` is false.
    straight : (boxes,) bool
        Inside one piece of every part.
    measure : (boxes, axes)
    """

    top: np.ndarray
    bottom: np.ndarray
    size: np.ndarray
    slip: np.ndarray
    slopes: np.ndarray
    straight: np.ndarray
    measure: np.ndarray


def upper_ends(objective: Objective, cells: list[Cells], boxes: np.ndarray) -> Ends:
    """Bound g over boxes (n, axes), each a cell of every column."""
    step = max(1, ENTRIES // (objective.total * (len(cells) + 4) + 1))
    chunks = [
        _chunk(objective, cells, boxes[start : start + step])
        for start in range(0, max(1, len(boxes)), step)
    ]
    return Ends(*(np.concatenate(each) for each in zip(*chunks, strict=True)))


def _chunk(objective: Objective, cells: list[Cells], boxes: np.ndarray) -> Ends:
    sides = _sides(objective, cells, boxes)
    half = np.stack([(c.high[b] - c.low[b]) / 2 for c, b in zip(cells, boxes.T, strict=True)], 1)
    half = np.where(np.isfinite(half), half, 0.0) * (1 + 4 * EPS)
    half[np.stack([c.piece[b] == -2 for c, b in zip(cells, boxes.T, strict=True)], 1)] = 0.0
    constant, size = (a @ objective.mixture for a in (objective.constant, abs(objective.constant)))
    loewner = centre = np.tile(constant, (len(boxes), 1))
    linear, margin = np.zeros((*half.shape, len(constant))), np.zeros(loewner.shape)
    terms = 4 + sum(model.encoding.terms for model, _, _ in objective.terms)
    for group in objective.groups:
        T, B = group.of(sides.top), group.of(sides.bottom)
        above, own = _values(group, np.linalg.eigvalsh(T), B), objective.signed(group)
        unit = 4 * ROUNDING * (group.dim + terms) * EPS
        error = unit * sides.size + sides.slip + value_rounding(group.phi, sides.size)
        error = group.shape.lipschitz * error
        margin = margin + error[:, None] * np.abs(own).sum(0)
        loewner = loewner + above @ own
        slopes = np.moveaxis(group.of(sides.slopes), 1, 2)
        here, slope, rest = _centre(group, (T + B) / 2, slopes, half, above)
        linear = linear + np.einsum("nsj,sg->njg", slope, own)
        centre = centre + here @ own + rest @ np.abs(own)
    centre = centre + (np.abs(linear) * half[..., None]).sum(1)
    upper = np.where(sides.straight[:, None], np.minimum(loewner, centre), loewner)
    sums = 8 * (len(objective.summands) + 2) * EPS
    margin = margin + sums * (size + np.abs(loewner) + np.abs(centre))
    return Ends((upper + margin).min(1), margin.max(1), sides.measure)


def _sides(objective: Objective, cells: list[Cells], boxes: np.ndarray) -> Sides:
    top = bottom = np.broadcast_to(objective.base, (len(boxes), objective.total))
    size = np.full(len(boxes), lengths(objective.base))
    slip, straight = np.zeros(len(boxes)), np.ones(len(boxes), dtype=bool)
    slopes, measure = [], []
    for column, own in zip(cells, boxes.T, strict=True):
        top, bottom = top + column.top[own], bottom + column.bottom[own]
        size, slip = size + column.size[own], slip + column.slip[own]
        piece = column.piece[own]
        straight = straight & (piece != -1)
        slopes.append(column.slopes[np.where(piece < 0, len(column.slopes) - 1, piece)])
        measure.append(column.measure[own])
    sides = Sides(top, bottom, size, slip, np.stack(slopes, 1), straight, np.stack(measure, 1))
    for p in objective.projections:
        sides = _with_projection(objective, cells, boxes, p, sides)
    return sides


class Sums(NamedTuple):
    """The values that a projection takes in each box.

    used : (columns,) int, the axes that it adds up
    center, half, rounding : (boxes,) of the interval of its values
    parts : (columns, boxes), how much of `half` each column gives
    missing, present : (boxes,) bool, whether it may be missing, and may be there
    """

    used: np.ndarray
    center: np.ndarray
    half: np.ndarray
    rounding: np.ndarray
    parts: np.ndarray
    missing: np.ndarray
    present: np.ndarray


def _sums(cells: list[Cells], boxes: np.ndarray, p: Projected) -> Sums:
    used = np.flatnonzero(p.weights)
    own = [(cells[j], boxes[:, j]) for j in used]
    missing = np.any([c.missing[b] > 0 for c, b in own], axis=0)
    present = np.all([c.present[b] > 0 for c, b in own], axis=0)
    low, high = (np.stack([getattr(c, end)[b] for c, b in own]) for end in ("low", "high"))
    low, high = (np.where(present, end, 0.0) for end in (low, high))
    weights, centers = p.weights[used][:, None], p.centers[used][:, None]
    center = (weights * ((low + high) / 2 - centers)).sum(0)
    size = (np.abs(weights) * (np.abs(low) + np.abs(high) + np.abs(centers))).sum(0)
    parts = np.abs(weights) * (high - low) / 2
    half = parts.sum(0) * (1 + 8 * EPS)
    return Sums(used, center, half, 8 * EPS * size, parts, missing, present)


def _with_projection(
    objective: Objective, cells: list[Cells], boxes: np.ndarray, p: Projected, sides: Sides
) -> Sides:
    """Add the enclosure of A_z over the values that the projection takes in each box."""
    z = _sums(cells, boxes, p)
    reach = reach_of(p.encoding, p.part, z.center, z.half)
    gain, loss = directed(objective, p.slopes)
    here, sizes = objective.projection_at(p, z.center)
    top = here + reach.right @ gain - reach.left @ loss
    bottom = here + reach.right @ loss - reach.left @ gain
    both, gone = z.missing & z.present, ~z.present
    top[gone] = bottom[gone] = p.missing
    top[both] += directed(objective, p.missing - top[both])[0]
    bottom[both] += directed(objective, p.missing - bottom[both])[1]
    met = reach.right + reach.left
    through = np.where(z.present[:, None], p.slopes[np.argmax(met, axis=1)], 0.0)
    wide = weighted_norm(objective, top - bottom)
    slopes, measure = sides.slopes.copy(), sides.measure.copy()
    for j, part in zip(z.used, z.parts, strict=True):
        slopes[:, j] += p.weights[j] * through
        share = part / np.where(z.half > 0, z.half, 1.0)
        measure[:, j] += wide * np.where(both, cells[j].missing[boxes[:, j]] > 0, share)
    return Sides(
        sides.top + top,
        sides.bottom + bottom,
        sides.size + sizes + lengths(top, axis=1) + lengths(bottom, axis=1),
        sides.slip + z.rounding * lengths(p.slopes, axis=-1).max(initial=0.0),
        slopes,
        sides.straight & (gone | ((met > 0).sum(1) <= 1)) & ~both,
        measure,
    )


def _values(group: Group, lam: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return the end of φ that the top gives; weights of both signs also need the bottom."""
    numpy = get_backend("numpy")
    if group.shape.monotone:
        return group.phi.value(numpy, lam)
    w, other = np.array(group.phi.parameter), np.linalg.eigvalsh(bottom)
    return lam @ np.maximum(w, 0) - other @ np.maximum(-w, 0)


def _centre(
    group: Group, A: np.ndarray, slopes: np.ndarray, half: np.ndarray, above: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return φ at the centre, its slopes, and the rest: (n, s), (n, s, axes), (n, s)."""
    numpy, up = get_backend("numpy"), group.weights[0] > 0
    lam, V = np.linalg.eigh(A)
    here, w = group.phi.value(numpy, lam), group.phi.raw_weights(numpy, lam)
    if not isinstance(group.phi, Kth):
        G = (V * w[..., None, :]) @ V.mT
        slope = np.einsum("nsjab,nsab->nsj", slopes, G)
        moved = np.einsum("nsj,nj->ns", np.abs(slope), half)
        rest = np.maximum((above - here if up else here - above) + moved, 0.0)
        flat = group.shape.concave if up else group.shape.convex
        return here, slope, np.where(flat, 0.0, rest)
    k = group.phi.parameter
    along = np.einsum("nsab,nsjac,nsc->nsjb", V, slopes, V[..., k])
    slope = along[..., k]
    moved = np.einsum("nsj,nj->ns", np.abs(slope), half)
    rest = np.maximum((above - here if up else here - above) + moved, 0.0)
    others, neighbour = (along[..., :k], k - 1) if up else (along[..., k + 1 :], k + 1)
    if not others.shape[-1]:
        return here, slope, np.zeros_like(rest)
    beta = np.einsum("nsj,nj->ns", lengths(others, axis=-1), half)
    norm = np.einsum("nsj,nj->ns", lengths(slopes, axis=(-2, -1)), half)
    gap = np.abs(lam[..., k] - lam[..., neighbour]) - moved - norm
    root = np.hypot(gap, 2 * beta)
    second = np.where(
        gap > 0, 2 * beta * (beta / np.where(gap > 0, root + gap, 1.0)), (root - gap) / 2
    )
    return here, slope, np.minimum(rest, second)
