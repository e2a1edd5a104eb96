"""The loop over epochs, blocks and batches, and its state."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.fit.balance import (
    UNBALANCED,
    Sums,
    balance_notes,
    balanced,
    balancing,
    decisions,
    shift_of,
    shifted,
)
from eigcore.fit.problem import Problem
from eigcore.fit.report import FitResult
from eigcore.fit.solvers.adam import Adam, rate
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.fit.stream.blocks import blocks, bounds
from eigcore.fit.stream.checkpoint import Checkpoint
from eigcore.fit.stream.sampled import Record, Sampled
from eigcore.fit.stream.shares import Shares, shares
from eigcore.fit.stream.source import Source
from eigcore.model import SpectralModel

_ENOUGH, _MOST = 10_000_000, 100
"""Rows to read by default, and the largest number of epochs for that."""
_PASSES = 4
"""Most passes over all rows to balance predictions."""
_LEVEL = 0.05
"""Weight of a new batch in the running mean of the objective."""


@dataclass
class Position:
    """The next batch to read, and the steps taken.

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

    def record(self) -> Record:
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
    problem : the sampled rows, with the options and context of the fit
    data, sampled : the source, and the results of the first pass
    file : where to write checkpoints
    state : state to resume from; None: the first model
    """

    def __init__(
        self,
        problem: Problem,
        data: Source,
        sampled: Sampled,
        file: Checkpoint | None,
        state: State | None,
    ):
        self.problem, self.data, self.sampled, self.file = problem, data, sampled, file
        self.options, self.context = problem.options, problem.context
        self.members = sampled.members(problem)
        self.epochs = self.options.epochs or min(math.ceil(_ENOUGH / sampled.rows), _MOST)
        self.ends = bounds(sampled, self.options.block_rows)
        self.state = state or self._first()
        self.unwritten: tuple[str, ...] = ()

    def _first(self) -> State:
        pairs = zip(self.members, self.sampled.start.params, strict=True)
        vectors = [design.vector(coordinates, p) for (design, coordinates), p in pairs]
        return State([Adam.at(x) for x in vectors], Position(history=[[] for _ in vectors]))

    def finish(self) -> None:
        """Descend until the end, Ctrl-C, or a callback that returns True."""
        context, at = self.context, self.state.at
        try:
            while at.epoch < self.epochs and not (context.interrupted or context.stopped):
                shuffle = (context.seed, at.epoch)
                for batches in self._read(shuffle, at.block):
                    self._block(batches)
                    context.stopped = any(context.processes.gathered(context.stopped))
                    if context.stopped:
                        return
                at.epoch, at.block = at.epoch + 1, 0
                if self.file and at.epoch == self.epochs:
                    self._save(self.file)
        except KeyboardInterrupt:
            # never save in the middle of a step: the file keeps the last complete one
            context.interrupted = True

    def _read(self, shuffle: tuple[int, int], start: int) -> Iterator[Shares]:
        """Yield the own rows of the batches of each block, from a block on."""
        processes = self.context.processes
        own = self._own_blocks(shuffle, start)
        return shares(own, len(self.ends) - 1 - start, self.options.batch_rows, processes)

    def _own_blocks(self, shuffle: tuple[int, int], start: int = 0) -> Iterator[np.ndarray]:
        rank, size = self.context.processes.rank, self.context.processes.size
        return blocks(self.data, self.sampled, self.ends, shuffle, start + rank, size)

    def result(self) -> FitResult:
        """Return the model of the averaged iterates, the report, and one Solution per member."""
        vectors, at = [member.average for member in self.state.members], self.state.at
        reason = "interrupted" if self.context.interrupted else "iterations"
        reason = "stopped" if self.context.stopped else reason
        levels = at.level or [math.nan] * len(vectors)
        solutions = [
            Solution(x, level, at.count, at.count, reason, tuple(values))
            for x, level, values in zip(vectors, levels, at.history, strict=True)
        ]
        model, lacks = self._balanced(self.sampled.model(self.members, vectors))
        report = self.sampled.report(self.problem, model)
        notes = [note for note in report.notes if UNBALANCED not in note]  # of the sample
        report = replace(report, notes=(*notes, *lacks, *self.unwritten))
        return FitResult(model, report, tuple(solutions))

    def _balanced(self, model: SpectralModel) -> tuple[SpectralModel, list[str]]:
        """Balance the model on the sample, then on all rows if there are more and there is time."""
        link, processes = model.static.link, self.context.processes
        found, notes = balanced(model, self.problem.part(~self.sampled.held))
        whole = self.sampled.rows == int((~self.sampled.held).sum())
        if link == "identity" or whole or self.context.interrupted or self.context.stopped:
            return found, notes

        def at(shift: np.ndarray) -> Sums:
            each = self._own_blocks((self.context.seed, self.epochs))
            found = processes.together(lambda: [self._sums(model, rows, shift) for rows in each])
            return reduce(Sums.plus, chain.from_iterable(found))

        try:
            shift, sums = balancing(link, at, shift_of(found), _PASSES)
        except KeyboardInterrupt:
            self.context.interrupted = True
            return found, notes
        return shifted(model, shift), balance_notes(model, sums)

    def _sums(self, model: SpectralModel, rows: np.ndarray, shift: np.ndarray) -> Sums:
        problem = self.sampled.batch(self.problem, rows)
        value = decisions(model, problem).reshape(len(rows), -1) + shift
        return Sums.of(model.static.link, model.static.ends, value, problem.target)

    def _block(self, batches: Shares) -> None:
        context, at = self.context, self.state.at
        for batch in batches[at.batch :]:
            done = self._progress(len(batches))
            self._step(batch, done)
            if context.stopped:
                return
            value = float(np.mean(at.level))
            context.tell("streaming", done, 0, len(self.members), at.count, value)
            if self.file and self.file.due:
                self._save(self.file)
        at.block, at.batch = at.block + 1, 0
        if at.level:
            for values, level in zip(at.history, at.level, strict=True):
                values.append(level)

    def _progress(self, batches: int) -> float:
        """Return the part of all steps that is done after the next batch."""
        at = self.state.at
        begin, end = self.ends[at.block], self.ends[at.block + 1]
        inside = begin + (end - begin) * (at.batch + 1) / batches
        return (at.epoch + float(inside / self.ends[-1])) / self.epochs

    def _step(self, batch: np.ndarray, done: float) -> None:
        """Take a step, if no process wants to stop."""
        at, levels = self.state.at, []
        found = self.context.processes.gathered((self.context.stopped, *self._slopes(batch)))
        self.context.stopped = any(stopped for stopped, *_ in found)
        if self.context.stopped:
            return
        at.count, at.batch = at.count + 1, at.batch + 1
        length = rate(self.options.learning_rate, done)
        weights = np.array([weight for _, weight, _ in found])
        # The mean over rows is that of the processes' means; it adds up in the order of ranks.
        shares = weights / weights.sum()
        for number, member in enumerate(self.state.members):
            values, slopes = zip(*(own[number] for _, _, own in found), strict=True)
            levels.append(float((shares * values).sum()))
            member.step((shares[:, None] * slopes).sum(0), length, at.count)
        before = at.level or levels
        at.level = [a + _LEVEL * (b - a) for a, b in zip(before, levels, strict=True)]

    def _slopes(self, batch: np.ndarray) -> tuple[float, list[tuple[float, np.ndarray]]]:
        """Weight of the rows of a batch; value and gradient of each member on them."""
        if not len(batch):
            return 0.0, [(0.0, np.zeros_like(member.x)) for member in self.state.members]
        rows, found = self.sampled.batch(self.problem, batch), []
        for (design, coordinates), member in zip(self.members, self.state.members, strict=True):
            objective = design.objective(coordinates, self.sampled.penalty, on=rows)
            found.append(objective(member.x))
        return float(batch[:, self.sampled.numbers.shape[1]].sum()), found

    def _save(self, file: Checkpoint) -> None:
        sampled, fixed = self.sampled.record()
        position, vectors = self.state.record()
        try:
            file.save(sampled | position, fixed | vectors)
            self.unwritten = ()
        except (OSError, InvalidInput) as exc:
            what = f"The checkpoint {str(file.path)!r} could not be written: {exc}"
            self.unwritten = (f"{what.rstrip('.')}. The fit went on without it.",)
