"""Integrated gradients of a model along straight segments (math.md, section 9).

φ_j = ∫₀¹ ⟨G(s), dA_j/ds⟩ ds, with G(s) at the point s of the segment from a baseline to a row
(Sundararajan, Taly & Yan 2017). The segment is cut at all knots. On a piece every dA_j/ds is
constant and the sum of all columns is the difference of the decision between the ends, exactly;
only its split among the columns is a quadrature. A category, or a cell that is missing at one end,
goes from one matrix to the other in a straight line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eigcore.api import evaluate, vjp
from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding, Periodic
from eigcore.guarantees.explanation import by_part
from eigcore.portable.description import Described
from eigcore.portable.predict import combine
from eigcore.portable.tables import overflowing

NODES = np.array([0.5, 0.5 - np.sqrt(0.15), 0.5 + np.sqrt(0.15)])
WEIGHTS = np.array([8.0, 5.0, 5.0]) / 18
"""Gauss's rule with three points, the middle of a piece first."""
TOLERANCE = 1e-6
"""A piece is halved while that moves the split by more, relative to the range of the decision."""
HALVINGS = 14
"""Largest number of times that a piece is halved."""
TERMS = 2**22
"""Number of terms in memory at a time."""


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


class Pieces(NamedTuple):
    """Pieces of segments: the numbers of these, both ends, the decision (pieces, outputs) there."""

    row: np.ndarray
    low: np.ndarray
    high: np.ndarray
    f_low: np.ndarray
    f_high: np.ndarray


def integrated(
    model: Described, table: np.ndarray, baselines: np.ndarray, backend: Backend
) -> np.ndarray:
    """Return contributions and errors (2, rows, outputs, columns), the mean over the baselines.

    The error of each contribution is what the last halving of every piece changed.

    Parameters
    ----------
    model : SpectralModel
    table, baselines : (rows, columns), (baselines, columns) float64
        With codes for levels.
    backend : Backend
    """
    count = len(baselines)
    base, x = np.tile(baselines, (len(table), 1)), np.repeat(table, count, axis=0)
    step = max(1, TERMS // (256 * max(1, model.encoding.terms)))
    found = [
        _of_segments(model, _segments(model.encoding, base[some], x[some]), backend)
        for some in (slice(start, start + step) for start in range(0, max(1, len(x)), step))
    ]
    whole = np.concatenate(found, axis=1)
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
    pieces = _pieces(model, segments, backend)
    found = np.zeros((2, len(segments.start), model.outputs, segments.start.shape[1]))
    if not len(pieces.row):
        return found
    size = np.zeros((len(segments.start), model.outputs))
    for f in (pieces.f_low, pieces.f_high):
        np.maximum.at(size, pieces.row, np.abs(f - _means(pieces, f, len(size))))
    split, middle = _split(model, segments, pieces, backend)
    for halvings in range(HALVINGS):
        halves = _halved(pieces, middle)
        each, middle = _split(model, segments, halves, backend)
        both = each.reshape(-1, 2, *each.shape[1:]).sum(1)
        moved = np.abs(both - split)
        open_ = (moved > TOLERANCE * size[pieces.row][:, :, None]).any((1, 2))
        open_ &= halvings + 1 < HALVINGS
        done = ~open_
        np.add.at(found, (slice(None), pieces.row[done]), np.stack([both[done], moved[done]]))
        again = np.repeat(open_, 2)
        pieces = Pieces(*(each_[again] for each_ in halves))
        split, middle = each[again], middle[again]
        if not len(pieces.row):
            break
    return found


def _means(pieces: Pieces, f: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of f over the pieces of each piece's segment: (pieces, outputs)."""
    total, number = np.zeros((count, f.shape[1])), np.zeros(count)
    np.add.at(total, pieces.row, f)
    np.add.at(number, pieces.row, 1.0)
    return (total / np.maximum(number, 1)[:, None])[pieces.row]


def _pieces(model: Described, segments: Segments, backend: Backend) -> Pieces:
    """Cut every segment at its knots."""
    cuts = [np.zeros((len(segments.start), 1)), np.ones((len(segments.start), 1))]
    start, end = (model.encoding.extended(ends) for ends in (segments.start, segments.end))
    for j, column in enumerate(model.encoding.parts):
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
    low, high = points[row, place], points[row, place + 1]
    f_low, f_high = (_at(model, segments, row, s, backend, slopes=False)[0] for s in (low, high))
    return Pieces(row, low, high, f_low, f_high)


def _halved(pieces: Pieces, middle: np.ndarray) -> Pieces:
    """Return the left and the right half of each piece in turn."""
    s = (pieces.low + pieces.high) / 2
    pairs = (
        (pieces.row, pieces.row),
        (pieces.low, s),
        (s, pieces.high),
        (pieces.f_low, middle),
        (middle, pieces.f_high),
    )
    return Pieces(*(np.stack(pair, 1).reshape(-1, *pair[0].shape[1:]) for pair in pairs))


def _split(
    model: Described, segments: Segments, pieces: Pieces, backend: Backend
) -> tuple[np.ndarray, np.ndarray]:
    """Return the split (pieces, outputs, columns), with exact sums, and f in the middle."""
    length = (pieces.high - pieces.low)[:, None, None]
    middle, total, size = np.zeros(0), 0.0, 0.0
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        s = pieces.low + node * (pieces.high - pieces.low)
        f, rates = _at(model, segments, pieces.row, s, backend)
        middle = middle if len(middle) else f
        total, size = total + weight * length * rates, size + weight * length * np.abs(rates)
    # what the quadrature misses goes to each column in proportion to what it does on the piece
    missed = (pieces.f_high - pieces.f_low)[..., None] - total.sum(-1, keepdims=True)
    whole = size.sum(-1, keepdims=True)
    moving = (segments.moves != 0).any(2) | (segments.soft[:, None] & (segments.shares > 0)).any(2)
    even = moving[pieces.row][:, None] / np.maximum(moving.sum(1), 1)[pieces.row][:, None, None]
    return total + missed * np.where(whole > 0, size / np.where(whole > 0, whole, 1.0), even), middle


def _at(
    model: Described,
    segments: Segments,
    row: np.ndarray,
    s: np.ndarray,
    backend: Backend,
    slopes: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Return f (M, outputs) and df/ds by column (M, outputs, columns) at points of segments."""
    step = max(1, TERMS // max(1, model.encoding.terms))
    parts = [
        _some(model, segments, row[some], s[some, None], backend, slopes)
        for some in (slice(start, start + step) for start in range(0, max(1, len(row)), step))
    ]
    f, rates = (np.concatenate(each) for each in zip(*parts, strict=True))
    return f, rates


def _some(
    model: Described,
    segments: Segments,
    row: np.ndarray,
    s: np.ndarray,
    backend: Backend,
    slopes: bool,
) -> tuple[np.ndarray, np.ndarray]:
    encoding = model.encoding
    each = Segments(*(a[row] for a in segments))
    cells = (1 - s) * each.start + s * each.end
    straight = (1 - s) * each.first + s * each.last
    widths = [terms.stop - terms.start for terms in encoding.slices]
    soft = np.repeat(each.soft, widths, axis=1)
    terms = np.where(soft, straight, encoding(cells, get_backend("numpy"), codes=True))
    f, pull = _gradients(model, terms, backend, slopes)
    if not slopes:
        return f, np.zeros((len(row), 0, 0))
    hard = by_part(encoding, pull * np.where(soft, 0.0, encoding.derivative(cells))[:, None])
    change = by_part(encoding, pull * np.where(soft, each.last - each.first, 0.0)[:, None])
    rates = np.einsum("nop,njp->noj", hard, each.moves)
    return f, rates + np.einsum("nop,njp->noj", change, each.shares)


def _gradients(
    model: Described, terms: np.ndarray, backend: Backend, slopes: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the decision (M, outputs) and its derivatives (M, outputs, terms)."""
    values, pulls = [], []
    for (spec, params), weight in zip(model.members, model.static.weights, strict=True):
        if not slopes:
            values.append(_host(backend, evaluate(spec, params, terms, backend)))
            continue
        found, pullback = vjp(spec, params, terms, backend)
        values.append(_host(backend, found))
        units = np.eye(model.outputs).reshape(-1, 1, *found.shape[1:]).repeat(len(terms), 1)
        each = [_host(backend, pullback(unit)[1]) for unit in units]
        pulls.append(weight * model.static.scale * np.stack(each, 1))
    f = combine(model.static, values)
    if not np.isfinite(f).all():
        raise overflowing()
    f = f.reshape(len(terms), -1)
    return f, np.sum(pulls, axis=0) if slopes else f[..., None]


def _host(backend: Backend, values: Array) -> np.ndarray:
    return np.float64(backend.to_numpy(values))
