"""Early stopping: when a descent ends because hidden rows gain no more."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from eigcore.fit.checks import Number, Option, Whole

_STOPPING = {"part": Number(0.0, 1.0, positive=True), "steps": Whole(1), "tolerance": Number()}


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a descent when its loss on validation rows no longer falls, and keep the best point.

    part : part of the rows used for validation, at least one row
    steps : number of steps without a gain after which the descent stops
    tolerance : least gain that counts, relative to the loss
    """

    part: float = 0.1
    steps: int = 10
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            option = Option(
                each.name, each.default, _STOPPING[each.name], each.default, "", "table"
            )
            object.__setattr__(self, each.name, option.check(getattr(self, each.name)))
