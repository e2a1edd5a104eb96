"""Branch and bound: the maximum of a signed sum of spectral functions over a domain.

Best first, a batch of boxes at a time. A box splits at the column that adds most to the distance
between its upper end and a point of it; a monotone column adds nothing, since its best end attains
its top, and levels are halves of a tree, so that all are tried. Values come from the models
themselves, at the points that the bounds suggest and from a search along the columns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.cells import Cells
from eigcore.guarantees.domain import Axis
from eigcore.guarantees.ends import upper_ends
from eigcore.guarantees.objective import Objective
from eigcore.guarantees.telling import Teller
from eigcore.guarantees.units import floats

BATCH, SAMPLES, STARTS, SWEEPS = 256, 256, 3, 8
"""Boxes per step; points tried first; those improved column by column, and how often."""


@dataclass(frozen=True)
class Limits:
    """When to stop.

    Parameters
    ----------
    tol : float
        Distance between the ends, relative to the spread of the values that were met.
    budget_seconds : float
    max_boxes : int
    tell : Teller
        Is told after each step where the search is.
    """

    tol: float = 1e-6
    budget_seconds: float = 10.0
    max_boxes: int = 200_000
    tell: Teller = field(default_factory=Teller, compare=False)

    def __post_init__(self) -> None:
        if not (floats([self.tol, self.budget_seconds, self.max_boxes]) >= [0, 0, 1]).all():
            raise InvalidInput(
                f"tol is {self.tol!r}, budget_seconds {self.budget_seconds!r} and max_boxes "
                f"{self.max_boxes!r}. Expected numbers of at least 0, and a box. Leave them out "
                "for the default ones."
            )


@dataclass
class Search:
    """A running search.

    Attributes
    ----------
    best : float
        The largest value met, at `point`.
    closed : float
        The largest upper end of boxes that are done.
    boxes, upper, measure : arrays of the open boxes
    margin : float
        Rounding of the bounds.
    """

    objective: Objective
    limits: Limits
    best: float = -np.inf
    worst: float = np.inf
    closed: float = -np.inf
    tried: int = 0
    margin: float = 0.0
    stopped: str = "tolerance"
    point: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.cells = [Cells(self.objective, j) for j in range(len(self.objective.axes))]
        root = np.array([[c.root for c in self.cells]], dtype=int)
        self.boxes, (self.upper, margin, self.measure) = root, self._ends(root)
        self.margin = float(margin.max())

    def run(self) -> Search:
        """Search until a limit is reached, or Ctrl-C; what was proven until then stays valid."""
        start = time.monotonic()
        try:
            self._sample()
            while self.gap > self.target and len(self.boxes):
                if self.tried >= self.limits.max_boxes:
                    self.stopped = "boxes"
                elif time.monotonic() - start > self.limits.budget_seconds:
                    self.stopped = "seconds"
                else:
                    self._step()
                    self.limits.tell(
                        f"{self.tried} boxes, within {self.gap:.3g} of the optimum of the decision"
                    )
                    continue
                break
        except KeyboardInterrupt:
            self.stopped = "interrupted"
            if not len(self.point):
                self._meet(self._points(self.boxes, "point"))
        return self

    @property
    def bound(self) -> float:
        """No value of the domain exceeds it."""
        return float(max(self.upper.max(initial=-np.inf), self.closed, self.best))

    @property
    def gap(self) -> float:
        """How far the best value may be from the maximum."""
        return self.bound - self.best

    @property
    def target(self) -> float:
        """The gap that is small enough."""
        return max(self.limits.tol * (self.best - self.worst), 4 * self.margin)

    def _ends(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.tried += len(boxes)
        return upper_ends(self.objective, self.cells, boxes)

    def _step(self) -> None:
        """Split the most promising boxes, bound the halves, keep those that may hold more."""
        chosen = np.argsort(-self.upper, kind="stable")[:BATCH]
        parents, above, measure = self.boxes[chosen], self.upper[chosen], self.measure[chosen]
        whole = np.stack([c.divisible(b) for c, b in zip(self.cells, parents.T, strict=True)], 1)
        measure = np.where(whole, measure, 0.0)
        axis = measure.argmax(1)
        done = measure.max(1) <= 0
        halves = []
        for i in np.flatnonzero(~done):
            two = np.repeat(parents[i : i + 1], 2, axis=0)
            two[:, axis[i]] = self.cells[axis[i]].split(int(parents[i, axis[i]]))
            halves.append(two)
        children = np.concatenate(halves) if halves else parents[:0]
        closed = max(self.closed, float(above[done].max(initial=-np.inf)))
        upper, extra = np.zeros(0), measure[:0]
        if len(children):
            upper, margin, extra = self._ends(children)
            upper = np.minimum(upper, np.repeat(above[~done], 2))
            self.margin = max(self.margin, float(margin.max()))
            self._meet(np.concatenate([self._points(children, "point"), self._middles(children)]))
        # nothing is dropped before its halves are known: Ctrl-C leaves valid ends
        keep = np.ones(len(self.boxes), dtype=bool)
        keep[chosen] = False
        boxes = np.concatenate([self.boxes[keep], children])
        measure = np.concatenate([self.measure[keep], extra])
        upper = np.concatenate([self.upper[keep], upper])
        open_ = upper > self.best + self.target
        self.closed = max(closed, float(upper[~open_].max(initial=-np.inf)))
        self.boxes, self.upper, self.measure = boxes[open_], upper[open_], measure[open_]

    def _points(self, boxes: np.ndarray, what: str) -> np.ndarray:
        return np.stack([getattr(c, what)[b] for c, b in zip(self.cells, boxes.T, strict=True)], 1)

    def _middles(self, boxes: np.ndarray) -> np.ndarray:
        """Return the middle of every interval, the point of any other cell."""
        found = self._points(boxes, "point")
        for j, (axis, cells) in enumerate(zip(self.objective.axes, self.cells, strict=True)):
            if not axis.categorical:
                own = boxes[:, j]
                middle = (cells.low[own] + cells.high[own]) / 2
                found[:, j] = np.where(cells.present[own] > 0, middle, np.nan)
        return found

    def _meet(self, points: np.ndarray) -> np.ndarray:
        """Evaluate points, and keep the best."""
        values = self.objective.values(points)
        i = int(np.argmax(values))
        if values[i] > self.best:
            self.best, self.point = float(values[i]), points[i].copy()
        self.worst = min(self.worst, float(values.min()))
        return values

    def _sample(self) -> None:
        """Try random points of the domain, then improve the best along one column at a time."""
        rng, columns = np.random.default_rng(0), []
        for axis in self.objective.axes:
            grid = candidates(axis)
            column = rng.choice(grid, SAMPLES)
            if len(axis.cuts) > 1:
                inside = rng.uniform(axis.cuts[0], axis.cuts[-1], SAMPLES)
                column = np.where(rng.random(SAMPLES) < 0.5, column, inside)
            columns.append(column)
        points = np.stack(columns, axis=1)
        points[0] = self._points(self.boxes, "point")[0]
        values = self._meet(points)
        for i in np.argsort(-values, kind="stable")[:STARTS]:
            self._climb(points[i], float(values[i]))

    def _climb(self, point: np.ndarray, value: float) -> None:
        for _ in range(SWEEPS):
            before = value
            for j, axis in enumerate(self.objective.axes):
                grid = candidates(axis)
                if len(grid) > 1:
                    points = np.repeat(point[None], len(grid), axis=0)
                    points[:, j] = grid
                    values = self._meet(points)
                    if values.max() > value:
                        point, value = points[int(np.argmax(values))], float(values.max())
            if value <= before:
                return


def candidates(axis: Axis) -> np.ndarray:
    """Return the values of an axis that a search tries: cuts, middles of pieces, single values."""
    middles = (axis.cuts[1:] + axis.cuts[:-1]) / 2
    places = [np.nan if atom is None else float(i) for i, atom in enumerate(axis.atoms)]
    return np.concatenate([axis.cuts, middles, places])
