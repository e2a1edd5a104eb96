"""Integrated gradients of a model along straight segments (math.md, section 6).

φ_j = ∫₀¹ ⟨G(s), dA_j/ds⟩ ds, with G(s) at the point s of the segment from a baseline to a row
(Sundararajan, Taly & Yan 2017). The segment is cut at all knots. On a piece every dA_j/ds is
constant and the sum of all columns is the difference of the decision between the ends, exactly;
only its split among the columns is a quadrature. A category, or a cell that is missing at one end,
goes from one matrix to the other in a straight line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule, rule_of
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding, Periodic
from eigcore.guarantees.codes import code_columns
from eigcore.portable.description import Described
from eigcore.portable.tables import overflowing

NODES = np.array([0.5, 0.5 - np.sqrt(0.15), 0.5 + np.sqrt(0.15)])
WEIGHTS = np.array([8.0, 5.0, 5.0]) / 18
"""Gauss's rule with three points, the middle of a piece first."""
TOLERANCE = 1e-6
"""A piece is halved while that moves the split by more, relative to the range of the decision."""
HALVINGS = 14
"""Largest number of times that a piece is halved."""
NUMBERS = 2**22
"""About so many numbers of one member are in memory at a time."""
TINY = float(np.finfo(np.float64).tiny)


class Segments(NamedTuple):
    """Straight segments between pairs of rows.

    start, end : (N, columns) float64, 0 at both ends where the column does not move by itself
    moves : (N, columns, parts) float64, what an increase of s by 1 adds to each numeric part
    soft : (N, parts) bool, the parts that go from one matrix to the other in a straight line
    first, last : (N, terms) float64, the terms at both ends
    shares : (N, columns, parts) float64, the shares of the columns in what the soft parts do
    """

    start: np.ndarray
    end: np.ndarray
    moves: np.ndarray
    soft: np.ndarray
    first: np.ndarray
    last: np.ndarray
    shares: np.ndarray


class Line(NamedTuple):
    """The matrices of one output of a member on the pieces of segments, packed.

    rule : Rule;  scale : float, units of the target per unit of its value;  output : int
    low, high : (pieces, K) float64, at both ends of a piece
    moves : (pieces, columns, K) float64, what each column adds from one end to the other
    """

    rule: Rule
    scale: float
    output: int
    low: np.ndarray
    high: np.ndarray
    moves: np.ndarray


class Parts(NamedTuple):
    """Parts of pieces: the piece, both ends in [0, 1], the decision (parts, outputs) there."""

    piece: np.ndarray
    low: np.ndarray
    high: np.ndarray
    f_low: np.ndarray
    f_high: np.ndarray


def integrated(
    model: Described, table: np.ndarray, baselines: np.ndarray, backend: Backend
) -> np.ndarray:
    """Return contributions and errors (2, rows, outputs, columns), the mean over the baselines.

    The error of each contribution is what the last halving of every piece changed, and what the
    quadrature missed of the exact sums.

    Parameters
    ----------
    model : SpectralModel
    table, baselines : (rows, columns), (baselines, columns) float64
        With codes for levels.
    backend : Backend
    """
    count = len(baselines)
    base, x = np.tile(baselines, (len(table), 1)), np.repeat(table, count, axis=0)
    entries = max(own.shape[-1] for _, own in model.members) * len(model.encoding.columns)
    step = max(1, NUMBERS // (model.encoding.terms + 1) // max(entries, model.encoding.terms))
    found = [
        _of_segments(model, _segments(model.encoding, base[some], x[some]), backend)
        for some in (slice(start, start + step) for start in range(0, max(1, len(x)), step))
    ]
    whole = np.concatenate(found, axis=1)
    for place, source in code_columns(model.encoding).items():  # they change together
        whole[..., source] += whole[..., place]
        whole[..., place] = 0.0
    return whole.reshape(2, len(table), count, *whole.shape[2:]).mean(2)


def _segments(encoding: Encoding, start: np.ndarray, end: np.ndarray) -> Segments:
    numpy = get_backend("numpy")
    first, last = (encoding(ends, numpy, codes=True) for ends in (start, end))
    mixing = encoding.mixing
    unknown = np.isnan(start), np.isnan(end)
    soft = unknown[0] | unknown[1] | np.array([not column.numeric for column in encoding.columns])
    among = np.concatenate([np.eye(len(mixing.T), dtype=bool), (mixing != 0).T], axis=1)
    soft_parts = (soft.astype(float) @ among) > 0
    start, end = (_around(encoding, np.where(soft, 0.0, ends)) for ends in (start, end))
    weights = np.concatenate([np.eye(len(mixing.T)), mixing.T], axis=1)
    moves = (end - start)[:, :, None] * weights * ~soft_parts[:, None]
    lost = (unknown[0] ^ unknown[1])[:, :, None] & among
    lost[:, :, : len(mixing.T)] = np.eye(len(mixing.T), dtype=bool)
    shares = lost / np.maximum(lost.sum(1, keepdims=True), 1)
    return Segments(start, end, moves, soft_parts, first, last, shares)


def _around(encoding: Encoding, ends: np.ndarray) -> np.ndarray:
    """Take periodic columns that no projection sums into one period."""
    for j, column in enumerate(encoding.columns):
        if isinstance(column, Periodic) and not encoding.mixing[:, j].any():
            ends[:, j] %= column.period
    return ends


def _of_segments(model: Described, segments: Segments, backend: Backend) -> np.ndarray:
    """Contributions and errors (2, N, outputs, columns)."""
    row, low, high = _cuts(model.encoding, segments)
    lines = _lines(model, segments, row, low, high)
    f_low, f_high = (_decision(model, lines, row, end, backend) for end in (0.0, 1.0))
    parts = Parts(np.arange(len(row)), np.zeros(len(row)), np.ones(len(row)), f_low, f_high)
    count = len(segments.start)
    found = np.zeros((2, count, model.outputs, segments.start.shape[1]))
    tolerance = TOLERANCE * _range(row, np.stack([f_low, f_high], 1), count)[row]
    split, _, middle = _split(model, lines, parts, backend)
    for halvings in range(HALVINGS):
        halves = _halved(parts, middle)
        each, missed, middle = _split(model, lines, halves, backend)
        both, missed = (a.reshape(-1, 2, *a.shape[1:]).sum(1) for a in (each, np.abs(missed)))
        moved = np.abs(both - split) + missed
        rough = (moved > tolerance[parts.piece][..., None]).any((1, 2)) & (halvings + 1 < HALVINGS)
        for total, each_part in zip(found, (both, moved), strict=True):
            np.add.at(total, row[parts.piece[~rough]], each_part[~rough])
        again = np.repeat(rough, 2)
        parts = Parts(*(field[again] for field in halves))
        split, middle = each[again], middle[again]
        if not len(again) or not again.any():
            break
    return found


def _range(row: np.ndarray, f: np.ndarray, count: int) -> np.ndarray:
    """Return the range of f (pieces, 2, outputs) on each segment: (count, outputs)."""
    most, least = np.full((2, count, f.shape[-1]), -np.inf)
    np.maximum.at(most, row, f.max(1))
    np.maximum.at(least, row, -f.min(1))
    return most + least


def _cuts(encoding: Encoding, segments: Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut every segment at its knots: the numbers of the segments, and both ends of each piece."""
    cuts = [np.zeros((len(segments.start), 1)), np.ones((len(segments.start), 1))]
    start, end = (encoding.extended(ends) for ends in (segments.start, segments.end))
    for j, column in enumerate(encoding.parts):
        edges = column.pieces(np.zeros(column.terms)).edges
        edges = edges[np.isfinite(edges)]
        if isinstance(column, Periodic) and len(start):
            ends = np.concatenate([start[:, j], end[:, j]]) - edges[0]
            turns = np.arange(ends.min() // column.period, ends.max() // column.period + 1)
            edges = np.unique(edges[:-1] + turns[:, None] * column.period)
        length = np.where(segments.soft[:, j], 0.0, end[:, j] - start[:, j])[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = (edges - start[:, j, None]) / length
        cuts.append(np.where((at > 0) & (at < 1), at, 1.0))
    points = np.sort(np.concatenate(cuts, axis=1), axis=1)
    row, place = np.nonzero(np.diff(points) > 0)
    return row, points[row, place], points[row, place + 1]


def _lines(
    model: Described, segments: Segments, row: np.ndarray, low: np.ndarray, high: np.ndarray
) -> list[Line]:
    encoding, each = model.encoding, Segments(*(a[row] for a in segments))
    widths = [terms.stop - terms.start for terms in encoding.slices]
    soft = np.repeat(each.soft, widths, axis=1)

    def terms_at(s: np.ndarray) -> np.ndarray:
        cells = (1 - s) * each.start + s * each.end
        straight = (1 - s) * each.first + s * each.last
        return np.where(soft, straight, encoding(cells, get_backend("numpy"), codes=True))

    first, last, middle = terms_at(low[:, None]), terms_at(high[:, None]), (low + high)[:, None] / 2
    rates = encoding.derivative((1 - middle) * each.start + middle * each.end)
    rates = np.where(soft, each.last - each.first, rates) * (high - low)[:, None]
    given = np.where(each.soft[:, None], each.shares, each.moves)
    found = []
    for (spec, params), weight in zip(model.members, model.static.weights, strict=True):
        for output, own in enumerate(params):
            ends = own[0] + first @ own[1:], own[0] + last @ own[1:]
            by_part = np.stack([rates[:, t] @ own[1:][t] for t in encoding.slices], axis=1)
            scale = weight * model.static.scale
            found.append(Line(rule_of(spec), scale, output, *ends, given @ by_part))
    return found


def _decision(
    model: Described, lines: list[Line], row: np.ndarray, end: float, backend: Backend
) -> np.ndarray:
    """Return the decision at one end of every piece: (pieces, outputs)."""
    f = np.full((len(row), model.outputs), model.static.offset)
    for line in lines:
        p = line.high if end else line.low
        f[:, line.output] += line.scale * _host(
            backend, backend.call(_value, (line.rule,), _array(backend, p))
        )
    if not np.isfinite(f).all():
        raise overflowing()
    return f


def _halved(parts: Parts, middle: np.ndarray) -> Parts:
    """Return the left and the right half of each part in turn."""
    at = (parts.low + parts.high) / 2
    ends = (
        (parts.piece, parts.piece),
        (parts.low, at),
        (at, parts.high),
        (parts.f_low, middle),
        (middle, parts.f_high),
    )
    return Parts(*(np.stack(pair, 1).reshape(-1, *pair[0].shape[1:]) for pair in ends))


def _split(
    model: Described, lines: list[Line], parts: Parts, backend: Backend
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the split, with exact sums, what the quadrature missed of it, and f in the middle.

    (parts, outputs, columns) twice, (parts, outputs)
    """
    length = parts.high - parts.low
    at = (parts.low + NODES[:, None] * length).ravel()
    piece = np.tile(parts.piece, len(NODES))
    columns = lines[0].moves.shape[1]
    middle = np.full((len(length), model.outputs), model.static.offset)
    rates = np.zeros((len(NODES), len(length), model.outputs, columns))
    for line in lines:
        p = (1 - at)[:, None] * line.low[piece] + at[:, None] * line.high[piece]
        f, gradient = backend.call(_value_and_gradient, (line.rule,), _array(backend, p))
        middle[:, line.output] += line.scale * _host(backend, f)[: len(length)]
        G = _host(backend, gradient).reshape(len(NODES), len(length), p.shape[1], 1)
        rates[:, :, line.output] += line.scale * (line.moves[parts.piece] @ G)[..., 0]
    rates = rates * length[:, None, None]
    total, size = (np.tensordot(WEIGHTS, a, 1) for a in (rates, np.abs(rates)))
    # what the quadrature misses goes to each column in proportion to what it does on the part
    missed = (parts.f_high - parts.f_low)[..., None] - total.sum(-1, keepdims=True)
    idle = size.sum(-1, keepdims=True) == 0
    size = np.where(idle, (lines[0].moves != 0).any(-1)[parts.piece, None], size)
    missed = missed * size / np.maximum(size.sum(-1, keepdims=True), TINY)
    return total + missed, missed, middle


def _value(backend: Backend, rule: Rule, p: Array) -> Array:
    return rule.value(backend, p)


def _value_and_gradient(backend: Backend, rule: Rule, p: Array) -> tuple[Array, Array]:
    return rule.value_and_gradient(backend, p)


def _array(backend: Backend, p: np.ndarray) -> Array:
    return backend.detach(backend.asarray(p, dtype="float64"))


def _host(backend: Backend, values: Array) -> np.ndarray:
    return np.asarray(backend.to_numpy(values), np.float64)
