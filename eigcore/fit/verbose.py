"""Lines about where a fit is, for ``verbose=True``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eigcore.fit.context import Progress

_BETWEEN = 0.5
"""Least seconds between two lines about the same thing."""


class Lines:
    """Writes a line to standard error when something new begins, and now and then."""

    def __init__(self) -> None:
        self.about: tuple[str, int] | None = None
        self.began = self.told = time.monotonic()

    def __call__(self, step: Progress) -> None:
        """Write a line about a step, unless there was one a moment ago."""
        now, about = time.monotonic(), (step.stage, step.member)
        if about == self.about and now - self.told < _BETWEEN:
            return
        self.about, self.told = about, now
        value = "" if step.value != step.value else f", {step.value:.6g}"
        if step.stage == "choosing":
            text = f"choosing settings: {step.fraction:.0%}{value and ', least loss' + value[1:]}"
        else:
            member = f"member {step.member + 1} of {step.members}, step {step.iteration}"
            text = (
                f"{step.stage}: {step.fraction:.0%}, {member}{value and ', objective' + value[1:]}"
            )
        print(f"[{now - self.began:6.1f} s] {text}", file=sys.stderr, flush=True)
