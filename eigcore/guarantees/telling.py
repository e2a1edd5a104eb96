"""Where long work is: lines for those who wait."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Verbose = bool | Callable[[str], Any]
"""True: lines to standard error now and then; a function: it gets each line."""
_BETWEEN = 0.5
"""Least seconds between two lines."""


@dataclass
class Teller:
    """Tells where some work is, the first time after half a second."""

    verbose: Verbose = False
    began: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    def __call__(self, line: str) -> None:
        """Tell a line."""
        if callable(self.verbose):
            self.verbose(line)
        elif self.verbose and (now := time.monotonic()) - self.last >= _BETWEEN:
            self.last = now
            print(f"[{now - self.began:6.1f} s] {line}", file=sys.stderr, flush=True)
