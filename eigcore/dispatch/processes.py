"""Processes that work on one task: how they tell each other what they found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any


class Processes(AbstractContextManager):
    """A process alone; a backend whose framework connects several has a subclass.

    All processes call the same methods in the same order. What they tell each other can be pickled;
    where one of them has ended, the others raise `eigcore.errors.LostProcess`.

    rank, size : number of this process, 0 … size − 1, and how many there are
    """

    rank: int = 0
    size: int = 1

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        return [value]

    def dealt(self, values: Sequence[Any] | None, source: int) -> Any:
        """Return entry number `rank` of the values that process ``source`` has."""
        assert values is not None
        return values[self.rank]

    def first(self) -> bool:
        """Whether this process asks this as the first of all; it need not wait for the others."""
        return True

    def together(self, function: Callable[[], Any]) -> list[Any]:
        """Return what a function returns in each process; all raise the error of one of them."""
        try:
            own = function(), None
        except Exception as exc:
            own = None, exc
        each = self.gathered(own)
        for _, error in each:
            if error is not None:
                raise error
        return [value for value, _ in each]

    def __exit__(self, *_: object) -> None:
        """Take leave of the others."""
