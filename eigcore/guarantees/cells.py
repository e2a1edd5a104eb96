"""The tree of cells of one column: sets of values with Loewner ends (math.md, section 5).

The root holds all values that the domain allows. It splits into the interval and the single values,
at the middle knot, then at the middle of a piece. Boxes share the cells of their columns. For each
cell, `top` and `bottom` enclose A_j(t) in the Loewner order for all its t:
σ·bottom ⪯ σ·A_j(t) ⪯ σ·top, σ the sign of the summand. In a piece, A_j(t) = A_j(s) + (t − s) S with
S = S⁺ − S⁻ gives A_j(s) − w S⁻ and A_j(s) + w S⁺; two cells with tops T, T′ have the common top
T + (T′ − T)⁺.
"""

from __future__ import annotations

import numpy as np

from eigcore.guarantees.objective import Objective
from eigcore.guarantees.slopes import EPS, lengths

SMALL = 256 * EPS
"""Ends closer than this, relative to the matrices, are not split further."""


class Store:
    """Rows that can be appended; `rows` holds all of them."""

    def __init__(self, *shape: int, dtype: type = float) -> None:
        self._data, self.count = np.zeros((8, *shape), dtype), 0

    def append(self, row: object) -> None:
        """Add one row."""
        if self.count == len(self._data):
            self._data = np.concatenate([self._data, np.zeros_like(self._data)])
        self._data[self.count] = row
        self.count += 1

    @property
    def rows(self) -> np.ndarray:
        """All rows so far."""
        return self._data[: self.count]


class Cells:
    """The cells of one column.

    Attributes
    ----------
    top, bottom : (cells, total) flat rows
    size, slip : (cells,)
        The largest size of the matrices, and the change by the rounding of a cell of the table.
    low, high, point : (cells,)
        The interval, and the value whose matrix is nearest to the top; places of `Axis.atoms`
        for levels, NaN for a missing cell.
    piece : (cells,) int
        The piece that holds the cell; −1 for several pieces or values, −2 for a single value.
    missing, present : (cells,) bool
        Whether the cell of the table may be missing, and may be there.
    measure : (cells,)
        How far the top is from the matrix at `point`; 0 where a split would not help.
    """

    def __init__(self, objective: Objective, j: int) -> None:
        self.objective, self.j, axis = objective, j, objective.axes[j]
        total = objective.total
        self.cuts = axis.cuts
        self.at_cuts, sizes = objective.at(j, self.cuts)
        self.slopes, steepest = np.zeros((0, total)), 0.0
        if len(self.cuts):
            middles = (self.cuts[:-1] + self.cuts[1:]) / 2
            self.slopes, steepest = objective.slopes(j, middles)
        self.gain, self.loss = directed(objective, self.slopes)
        # the last piece is flat: that of a single value
        self.slopes = np.concatenate([self.slopes, np.zeros((1, total))])
        reach = np.abs(self.cuts).max(initial=0.0)
        self._slip, self._size = 8 * EPS * reach * float(steepest), sizes.max(initial=0.0)
        self._stores = {name: Store(total) for name in ("top", "bottom", "at")}
        for name in ("size", "slip", "low", "high", "point", "measure"):
            self._stores[name] = Store()
        for name in ("piece", "missing", "present"):
            self._stores[name] = Store(dtype=int)
        self.children: list[tuple[int, int] | None] = []
        self._kinds: list[tuple] = []
        self._atoms()
        self.root = self._build()

    def __getattr__(self, name: str) -> np.ndarray:
        return self.__dict__["_stores"][name].rows

    def _atoms(self) -> None:
        axis = self.objective.axes[self.j]
        places = np.array([np.nan if a is None else i for i, a in enumerate(axis.atoms)])
        rows, sizes = self.objective.at(self.j, places)
        trace = np.zeros(len(places))
        for group in self.objective.groups:
            diagonal = np.trace(group.of(rows), axis1=-2, axis2=-1)
            trace = trace + diagonal @ group.weights
        self._ordered = np.argsort(trace, kind="stable")
        self._places, self._rows, self._sizes = places, rows, sizes

    def _build(self) -> int:
        """Return the cell of all values."""
        span = self._span(0, len(self.cuts) - 1) if len(self.cuts) else None
        single = self._levels(self._ordered.tolist()) if len(self._ordered) else None
        if span is not None and single is not None:
            return self._join(span, single)
        return span if span is not None else single  # pyright: ignore[reportReturnType]

    def _levels(self, order: list[int]) -> int:
        if len(order) > 1:
            half = len(order) // 2
            return self._join(self._levels(order[:half]), self._levels(order[half:]))
        i = order[0]
        value, row = self._places[i], self._rows[i]
        gone = bool(np.isnan(value))
        return self._add(
            row, row, row, self._sizes[i], 0.0, value, value, value, 0.0, -2, gone, not gone
        )

    def _span(self, a: int, b: int) -> int:
        """Return the cell from cut a to cut b."""
        if b - a > 1:
            middle = (a + b) // 2
            return self._join(self._span(a, middle), self._span(middle, b))
        return self._inside(a if b > a else -2, self.cuts[a], self.cuts[b])

    def _inside(self, piece: int, low: float, high: float) -> int:
        """Return the cell of an interval inside one piece, or of one number."""
        if piece < 0:
            row = self.at_cuts[0]
            return self._add(row, row, row, self._size, self._slip, low, high, low, 0.0, -2, 0, 1)
        start, width = self.cuts[piece], high - low
        here = self.at_cuts[piece] + self.slopes[piece] * (low - start)
        top, bottom = here + self.gain[piece] * width, here + self.loss[piece] * width
        ends = np.stack([here, here + self.slopes[piece] * width])
        far = self._distance(top, ends)
        i = int(np.argmin(far))
        middle = (low + high) / 2
        measure = far[i] if low < middle < high else 0.0
        size = self._size + np.abs(self.slopes[piece]).max() * width
        return self._add(
            top, bottom, ends[i], size, self._slip, low, high, (low, high)[i], measure, piece, 0, 1
        )

    def _join(self, a: int, b: int) -> int:
        """Return the cell of two cells together."""
        T, B = self.top[[a, b]], self.bottom[[a, b]]
        top = T[0] + directed(self.objective, T[1] - T[0])[0]
        bottom = B[0] + directed(self.objective, B[1] - B[0])[1]
        far = self._distance(top, self.at[[a, b]])
        i = int(np.argmin(far))
        two = np.array([a, b])
        new = self._add(
            top,
            bottom,
            self.at[two[i]],
            self.size[two].max() + self._norm(top) + self._norm(bottom),
            self.slip[two].max(),
            self.low[two].min(),
            self.high[two].max(),
            self.point[two[i]],
            far[i],
            -1,
            self.missing[two].max(),
            self.present[two].max(),
        )
        if self.missing[a] != self.missing[b]:  # the ends are those of the numbers
            there = a if self.present[a] else b
            self._stores["low"].rows[new] = self.low[there]
            self._stores["high"].rows[new] = self.high[there]
        self.children[new] = (a, b)
        return new

    def _add(self, *values: object) -> int:
        names = ("top", "bottom", "at", "size", "slip", "low", "high", "point", "measure")
        for name, value in zip((*names, "piece", "missing", "present"), values, strict=True):
            self._stores[name].append(value)
        self.children.append(None)
        new = len(self.children) - 1
        if self.measure[new] <= SMALL * (self.size[new] + self._norm(self.at[new])):
            self._stores["measure"].rows[new] = 0.0
        return new

    def split(self, cell: int) -> tuple[int, int]:
        """Return the two halves of a cell."""
        halves = self.children[cell]
        if halves is None:
            low, high, piece = self.low[cell], self.high[cell], int(self.piece[cell])
            middle = (low + high) / 2
            halves = self._inside(piece, low, middle), self._inside(piece, middle, high)
            self.children[cell] = halves
        return halves

    def divisible(self, cells: np.ndarray) -> np.ndarray:
        """Whether cells have halves: (n,) bool."""
        low, high = self.low[cells], self.high[cells]
        middle = (low + high) / 2
        return (self.piece[cells] == -1) | ((low < middle) & (middle < high))

    def _distance(self, top: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return Σ_s |σ_s| · L_s · ‖top − A‖_F for rows (n, total): (n,)."""
        return weighted_norm(self.objective, top - rows)

    def _norm(self, row: np.ndarray) -> float:
        return float(lengths(row))


def directed(objective: Objective, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return σ·(σS)⁺ and −σ·(−σS)⁺, σ the sign of each summand: flat rows -> two flat rows."""
    gain, loss = np.zeros_like(rows), np.zeros_like(rows)
    for group in objective.groups:
        S = group.of(rows)
        values, vectors = np.linalg.eigh(S)
        plus = (vectors * np.maximum(values, 0)[..., None, :]) @ vectors.mT
        minus = (vectors * np.minimum(values, 0)[..., None, :]) @ vectors.mT
        up, down = (plus, minus) if group.weights[0] > 0 else (minus, plus)
        gain[..., group.flat] = up.reshape(gain[..., group.flat].shape)
        loss[..., group.flat] = down.reshape(gain[..., group.flat].shape)
    return gain, loss


def weighted_norm(objective: Objective, rows: np.ndarray) -> np.ndarray:
    """Return Σ_s |σ_s| · L_s · ‖M_s‖_F for flat rows (..., total): (...)."""
    total = np.zeros(rows.shape[:-1])
    for group in objective.groups:
        each = lengths(group.of(rows), axis=(-2, -1))
        total = total + group.shape.lipschitz * each @ np.abs(group.weights)
    return total
