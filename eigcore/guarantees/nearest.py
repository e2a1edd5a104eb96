"""Branch and bound for the nearest point of a domain where a function exceeds a level.

Boxes are taken in the order of their distance from the row. One whose upper end is at most the
level holds no such point; one whose nearest point exceeds the level is done, at that distance. Any
other is halved where the function may vary most. The distance of the first box that is open is thus
a lower bound of all (the cells and ends are those of `eigcore.guarantees.search`). Where a
column moves in whole numbers, the nearest whole number of a cell counts, if it has one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from eigcore.guarantees.cells import Cells
from eigcore.guarantees.ends import Ends, upper_ends
from eigcore.guarantees.objective import Objective
from eigcore.guarantees.search import Limits
from eigcore.guarantees.slopes import EPS

BATCH, HALVINGS = 128, 40
"""Boxes per step; steps of the search along a segment."""


@dataclass
class Nearest:
    """A running search for the least change of a row.

    Attributes
    ----------
    objective : Objective
        g, which shall exceed `level`.
    start : (axes,)
        The row: numbers, places of `Axis.atoms`, NaN for a missing cell.
    units, steep : (axes,)
        The change that counts as 1, and how much it can change g, for the choice of splits.
    norm : {1, 2, inf}
    whole : (axes,) bool
        Which columns move in whole numbers; the row holds one there.
    best, point : float, (axes,)
        The least distance met, and where; infinite and empty if there is none.
    bound : float
        Proven: g exceeds the level nowhere nearer.
    closed : float
        The least distance of boxes that cannot be halved, and of which nothing else is known.
    """

    objective: Objective
    level: float
    start: np.ndarray
    units: np.ndarray
    steep: np.ndarray
    norm: float
    whole: np.ndarray
    limits: Limits
    best: float = np.inf
    bound: float = 0.0
    closed: float = np.inf
    tried: int = 0
    stopped: str = "tolerance"
    point: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.cells = [Cells(self.objective, j) for j in range(len(self.start))]
        self._known: list[dict[int, tuple[float, float]]] = [{} for _ in self.cells]
        self.boxes = np.array([[c.root for c in self.cells]], dtype=int)
        self.near = np.zeros(1)
        # so that every backend, whose rounding differs, sees the point beyond the level
        self.beyond = self.level + 2 * float(self._upper(self.boxes).margin.max())

    def run(self) -> Nearest:
        """Search until the distance is known to the tolerance, a limit, or Ctrl-C."""
        begin = time.monotonic()
        try:
            while len(self.boxes) and self.bound < self.best * (1 - self.limits.tol):
                if self.tried >= self.limits.max_boxes:
                    self.stopped = "boxes"
                elif time.monotonic() - begin > self.limits.budget_seconds:
                    self.stopped = "seconds"
                else:
                    self._step()
                    self.limits.tell(
                        f"{self.tried} boxes, the least change is from {self.bound:.3g} to "
                        f"{self.best:.3g}"
                    )
                    continue
                break
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        return self

    def _step(self) -> None:
        order = np.argsort(self.near, kind="stable")
        chosen, rest = order[:BATCH], order[BATCH:]
        boxes = self.boxes[chosen]
        self.tried += len(boxes)
        alive = self._upper(boxes).upper > self.level
        boxes, near = boxes[alive], self.near[chosen][alive]
        points = self._nearest(boxes)
        done = self.objective.values(points) > self.beyond
        for i in np.flatnonzero(done)[:1]:  # the first is the nearest
            self._meet(points[i])
        if len(boxes) and not done.any():
            self._try(boxes)
        children, lost = self._halves(boxes[~done])
        self.closed = min(self.closed, float(near[~done][lost].min(initial=np.inf)))
        boxes = np.concatenate([self.boxes[rest], children])
        near = np.concatenate([self.near[rest], self._distances(children)])
        keep = near < self.best
        self.boxes, self.near = boxes[keep], near[keep]
        least = min(float(self.near.min(initial=np.inf)), self.closed, self.best)
        self.bound = max(self.bound, least)

    def _upper(self, boxes: np.ndarray) -> Ends:
        return upper_ends(self.objective, self.cells, boxes)

    def _halves(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the halves of boxes, and which boxes have none."""
        wide = np.zeros(boxes.shape)
        for j, (cells, own) in enumerate(zip(self.cells, boxes.T, strict=True)):
            width = (cells.high[own] - cells.low[own]) / self.units[j]
            width = np.where(cells.piece[own] == -1, np.maximum(np.nan_to_num(width), 1.0), width)
            wide[:, j] = np.where(cells.divisible(own), self.steep[j] * width, 0.0)
        lost = wide.max(1, initial=0.0) <= 0
        found = []
        for box, axis in zip(boxes[~lost], wide[~lost].argmax(1), strict=True):
            two = np.repeat(box[None], 2, axis=0)
            two[:, axis] = self.cells[axis].split(int(box[axis]))
            found.append(two)
        return np.concatenate(found) if found else boxes[:0], lost

    def _try(self, boxes: np.ndarray) -> None:
        """Look for better points where the boxes are highest."""
        pairs = zip(self.cells, boxes.T, strict=True)
        points = np.stack([cells.point[own] for cells, own in pairs], axis=1)
        points = self._inward(points)
        points = points[self.objective.values(points) > self.beyond]
        if len(points):
            self._meet(points[self.size(points).argmin()])

    def _meet(self, point: np.ndarray) -> None:
        """Move a point that exceeds the level towards the row while it does, and keep it."""
        costs = [float(self._cost(j, point[j : j + 1])[0]) for j in range(len(point))]
        for j in np.argsort(costs)[::-1]:
            back = point.copy()
            back[j] = self.start[j]
            if self.objective.values(back[None])[0] > self.beyond:
                point = back
        number = np.array([not axis.categorical for axis in self.objective.axes])
        moves = number & np.isfinite(point) & np.isfinite(self.start)
        near, far = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            tried = np.where(moves, self.start + middle * (point - self.start), point)
            if self.objective.values(tried[None])[0] > self.beyond:
                far = middle
            else:
                near = middle
        if far < 1.0:
            moved = np.where(moves, self.start + far * (point - self.start), point)
            point = self._kept(moved, point)
        size = float(self.size(point[None])[0])
        if size < self.best:
            self.best, self.point = size, point

    def _inward(self, points: np.ndarray) -> np.ndarray:
        """Return points (n, axes) with whole numbers where they must be, rounded to the row."""
        steps = np.trunc(points - self.start)
        return np.where(self.whole & np.isfinite(steps), self.start + steps, points)

    def _kept(self, moved: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Return `moved`, rounded away from the row, if that exceeds the level; else `point`."""
        steps = moved - self.start
        away = np.sign(steps) * np.ceil(np.abs(steps))
        moved = np.where(self.whole & np.isfinite(steps), self.start + away, moved)
        return moved if self.objective.values(moved[None])[0] > self.beyond else point

    def size(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of points from the row: (n, axes) -> (n,)."""
        return self._norm(np.stack([self._cost(j, t) for j, t in enumerate(points.T)], axis=1))

    def moved(self, point: np.ndarray) -> np.ndarray:
        """Whether a point differs from the row: (axes,) bool."""
        return (point != self.start) & ~(np.isnan(point) & np.isnan(self.start))

    def _norm(self, costs: np.ndarray) -> np.ndarray:
        return np.linalg.norm(costs, self.norm, axis=1) if costs.shape[1] else np.zeros(len(costs))

    def _cost(self, j: int, values: np.ndarray) -> np.ndarray:
        """Return the cost of values of one column; another level, or a cell gone or come, is 1."""
        same = (values == self.start[j]) | (np.isnan(values) & np.isnan(self.start[j]))
        if self.objective.axes[j].categorical:
            return np.where(same, 0.0, 1.0)
        far = np.abs(values - self.start[j]) / self.units[j]
        return np.where(same, 0.0, np.where(np.isnan(far), 1.0, far))

    def _distances(self, boxes: np.ndarray) -> np.ndarray:
        return self._norm(self._ends(boxes, 0))

    def _nearest(self, boxes: np.ndarray) -> np.ndarray:
        return self._ends(boxes, 1)

    def _ends(self, boxes: np.ndarray, which: int) -> np.ndarray:
        found = np.zeros(boxes.shape)
        for j, own in enumerate(boxes.T):
            found[:, j] = [self._near(j, int(cell))[which] for cell in own]
        return found

    def _near(self, j: int, cell: int) -> tuple[float, float]:
        """Return the least cost in a cell, and the value that has it."""
        known, cells = self._known[j], self.cells[j]
        if cell not in known:
            if cells.piece[cell] == -1:
                known[cell] = min(self._near(j, half) for half in cells.split(cell))
            else:
                value = float(cells.point[cell])
                low, high = float(cells.low[cell]), float(cells.high[cell])
                if self.whole[j]:
                    low, high = float(np.ceil(low)), float(np.floor(high))
                if low > high:
                    known[cell] = np.inf, value
                    return known[cell]
                if cells.piece[cell] >= 0 and np.isfinite(self.start[j]):
                    value = float(np.clip(self.start[j], low, high))
                cost = float(self._cost(j, np.array([value]))[0])
                # the rounding of a distance between numbers; others are 0 or 1
                number = not self.objective.axes[j].categorical and np.isfinite(self.start[j])
                known[cell] = cost * (1 - 16 * EPS) if number else cost, value
        return known[cell]
