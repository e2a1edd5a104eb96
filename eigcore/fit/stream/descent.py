"""The loop over epochs, blocks and batches, and where it stands."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from eigcore.encoding.rows import Rows
from eigcore.fit import FitResult, Solution
from eigcore.fit.losses import Goals
from eigcore.fit.member import Run
from eigcore.fit.solvers.adam import Adam, rate
from eigcore.fit.solvers.objective import Objective
from eigcore.fit.stream.blocks import blocks, bounds
from eigcore.fit.stream.checkpoint import Checkpoint
from eigcore.fit.stream.plan import Plan
from eigcore.fit.stream.source import Source

_ENOUGH, _MOST = 10_000_000, 100
"""Rows seen by default, in at most so many epochs."""
_LEVEL = 0.05
"""Weight of a new batch in the running mean of the objective."""


@dataclass
class Position:
    """The next batch to be read, and steps made.

    level : running mean of the objective, per member; empty before the first step
    history : its value after each block, one list per member
    """

    epoch: int = 0
    block: int = 0
    batch: int = 0
    count: int = 0
    level: list[float] = field(default_factory=list)
    history: list[list[float]] = field(default_factory=list)


@dataclass
class State:
    """Everything that changes from step to step: a vector per member, and the position."""

    members: list[Adam]
    at: Position

    def record(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return JSON values and arrays; `from_record` is the inverse."""
        arrays = {
            f"member.{number}.{name}": array
            for number, member in enumerate(self.members)
            for name, array in vars(member).items()
        }
        return {"at": asdict(self.at)}, arrays

    @classmethod
    def from_record(cls, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> State:
        """Inverse of `record`."""
        at = Position(**values["at"])
        members = [
            Adam(*(arrays[f"member.{number}.{name}"] for name in Adam.__dataclass_fields__))
            for number in range(len(at.history))
        ]
        return cls(members, at)


class Descent:
    """All members, descending batch by batch.

    Parameters
    ----------
    run : who computes, who listens
    data, plan : the rows, and what the first pass decided about them
    sizes : epochs, learning_rate, batch_rows, block_rows: see `fit_stream`
    file : where to write checkpoints
    state : where to go on; None: from the first model
    """

    def __init__(
        self,
        run: Run,
        data: Source,
        plan: Plan,
        sizes: dict[str, Any],
        file: Checkpoint | None,
        state: State | None,
    ):
        self.run, self.data, self.plan, self.file = run, data, plan, file
        self.members = plan.members()
        self.peak, self.batch_rows = sizes["learning_rate"], sizes["batch_rows"]
        self.epochs = sizes["epochs"] or min(math.ceil(_ENOUGH / plan.rows), _MOST)
        self.ends = bounds(plan, sizes["block_rows"])
        self.dtype = run.dtype(plan.rows * plan.start.encoding.terms)
        self.state = state or self._first()

    def _first(self) -> State:
        pairs = zip(self.members, self.plan.start.params, strict=True)
        vectors = [design.vector(place, params) for (design, place), params in pairs]
        return State([Adam.at(x) for x in vectors], Position(history=[[] for _ in vectors]))

    def finish(self) -> None:
        """Go on to the end, to Ctrl-C, or to where the callback wants it."""
        run, at = self.run, self.state.at
        try:
            while at.epoch < self.epochs and not (run.interrupted or run.stopped):
                shuffle = (run.seed, at.epoch)
                for rows in blocks(self.data, self.plan, self.ends, shuffle, at.block):
                    self._block(rows)
                    if run.stopped:
                        return
                at.epoch, at.block = at.epoch + 1, 0
                if self.file and at.epoch == self.epochs:
                    self._save(self.file)
        except KeyboardInterrupt:
            # nothing is saved in the middle of a step: the file keeps the last whole one
            run.interrupted = True

    def result(self) -> FitResult:
        """Return the model of the averaged iterates, the report, and one Solution per member."""
        vectors, at = [member.average for member in self.state.members], self.state.at
        reason = "interrupted" if self.run.interrupted else "iterations"
        reason = "stopped" if self.run.stopped else reason
        levels = at.level or [math.nan] * len(vectors)
        solutions = [
            Solution(x, level, at.count, at.count, reason, tuple(values))
            for x, level, values in zip(vectors, levels, at.history, strict=True)
        ]
        model = self.plan.model(self.members, vectors)
        return FitResult(model, self.plan.report(self.run, model), tuple(solutions))

    def _block(self, rows: np.ndarray) -> None:
        run, at = self.run, self.state.at
        parts = max(1, round(len(rows) / self.batch_rows)) if len(rows) else 0
        batches = np.array_split(rows, parts) if parts else []
        for batch in batches[at.batch :]:
            done = self._progress(len(batches))
            self._step(batch, done)
            value = float(np.mean(at.level))
            run.tell("streaming", done, 0, len(self.members), at.count, value)
            if run.stopped:
                return
            if self.file and self.file.due:
                self._save(self.file)
        at.block, at.batch = at.block + 1, 0
        if at.level:
            for values, level in zip(at.history, at.level, strict=True):
                values.append(level)

    def _progress(self, batches: int) -> float:
        """Return the part of the way that will be behind us after the next batch."""
        at = self.state.at
        begin, end = self.ends[at.block], self.ends[at.block + 1]
        inside = begin + (end - begin) * (at.batch + 1) / batches
        return (at.epoch + float(inside / self.ends[-1])) / self.epochs

    def _step(self, batch: np.ndarray, done: float) -> None:
        numbers, goals = np.ascontiguousarray(batch[:, :-1]), Goals(batch[:, -1])
        at, levels = self.state.at, []
        at.count, at.batch = at.count + 1, at.batch + 1
        for (design, coordinates), member in zip(self.members, self.state.members, strict=True):
            objective = Objective(
                Rows(design.coarse, numbers, self.run.backend, self.dtype),
                goals,
                loss=self.plan.loss,
                penalty=self.plan.penalty,
                parametrisation=coordinates,
            )
            value, gradient = objective(member.x)
            member.step(gradient, rate(self.peak, done), at.count)
            levels.append(value)
        before = at.level or levels
        at.level = [a + _LEVEL * (b - a) for a, b in zip(before, levels, strict=True)]

    def _save(self, file: Checkpoint) -> None:
        plan, fixed = self.plan.record()
        position, vectors = self.state.record()
        file.save(plan | position, fixed | vectors)
