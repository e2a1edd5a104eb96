"""The context of one fit: its backend, callback, time budget and random numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from eigcore.dispatch.processes import Processes
from eigcore.dispatch.registry import get_backend
from eigcore.errors import BackendUnavailable, InvalidOption, UnusableBackend
from eigcore.fit.verbose import Lines

Stage = Literal["choosing", "fitting", "streaming"]
Purpose = Literal[
    "held out",
    "folds",
    "start",
    "member",
    "ensemble",
    "projections",
    "selection",
    "sample",
    "calibration",
    "tails",
]
"""Purposes of random numbers; their order is part of what a seed means."""
_FLOAT32_FROM = 500_000
_PLENTY = 20.0
"""Seconds of a budget that are plenty, as long as nothing tells how fast the fit is."""
_DESCENT = 0.9
"""Part of a budget after which every descent stops; the rest is for the report."""

_SILENCE = 1.0
"""Seconds after which a callback is told again where the fit is."""


class Progress(NamedTuple):
    """What a callback receives: when the fit begins, after every step, and in every silent second.

    stage : "choosing", "fitting" or "streaming"
    fraction : the part of the stage that is done, 0 … 1
    member, members : number of the current member, and of all members
    iteration, value : step of the descent, and the objective after it; NaN before the first one
    """

    stage: Stage
    fraction: float
    member: int
    members: int
    iteration: int
    value: float


Callback = Callable[[Progress], bool | None]


@dataclass
class Context:
    """One call of `eigcore.fit.fit`; all parts of its problem share it.

    backend : name of the backend
    seed : determines all random numbers
    callback : called after every step; True ends the fit
    budget : seconds; None: no limit
    interrupted : Ctrl-C was pressed
    stopped : the callback ended the fit
    verbose : write lines about the steps to standard error
    hurried : the budget is too short for the race and the descents of a fit without one
    processes : that share the fit; number 0 alone tells what happens
    clock : seconds since any time
    """

    backend: str
    seed: int = 0
    callback: Callback | None = None
    budget: float | None = None
    interrupted: bool = False
    stopped: bool = False
    verbose: bool = False
    processes: Processes = field(default_factory=Processes)
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    hurried: bool = field(init=False)
    last: tuple[float, tuple[Stage | float, ...]] = field(default=(-np.inf, ()), init=False)
    lines: Lines = field(default_factory=Lines, init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.hurried = self.budget is not None and self.budget < _PLENTY
        if self.callback is not None and not callable(self.callback):
            raise InvalidOption(
                "callback", self.callback, "a function of a Progress", optional=True
            )

    def tell(self, *progress: Stage | float) -> None:
        """Pass the fields of a Progress to the callback, and remember its answer."""
        self.last = self.seconds, progress
        if self.processes.rank:
            return
        step: Any = Progress(*progress)  # pyright: ignore
        if self.verbose:
            self.lines(step)
        if self.callback is not None:
            self.stopped |= bool(self.callback(step))

    def is_over(self, part: float = 1.0) -> bool:
        """Whether this part of the time for descents has passed, or the callback ended the fit.

        Callers ask this once per step. If the callback has heard nothing for a second, it hears the
        last progress again.
        """
        told, progress = self.last
        if progress and self.seconds - told > _SILENCE:
            self.tell(*progress)
        return self.stopped or self.left(part) < 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the fit began."""
        return self.clock() - self.began

    def left(self, part: float = 1.0) -> float:
        """Seconds left of this part of the time for descents; infinity without a budget."""
        if self.budget is None:
            return np.inf
        return part * _DESCENT * self.budget - self.seconds

    @property
    def used(self) -> float:
        """Part of the time for descents that has passed, 0 … 1."""
        return 0.0 if self.budget is None else min(self.seconds / (_DESCENT * self.budget), 1.0)

    def dtype(self, size: float) -> str:
        """Type of a design with ``size`` numbers: noise in data far exceeds rounding in float32."""
        known = get_backend(self.backend).capabilities.dtypes
        wanted = "float32" if size >= _FLOAT32_FROM else "float64"
        return wanted if wanted in known else known[0]

    def rng(self, purpose: Purpose, *numbers: int) -> np.random.Generator:
        """Return the generator for a purpose, independent of those for all others."""
        key = (get_args(Purpose).index(purpose), *numbers)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def backend_named(name: str | None) -> str:
    """Return the name of the backend that computes; None: of the default one.

    Raises
    ------
    UnusableBackend
        A backend of this name that is not there, or cannot be loaded.
    """
    try:
        return get_backend(name).name
    except BackendUnavailable as exc:
        if name is None:
            raise
        raise UnusableBackend(name, str(exc)) from exc
