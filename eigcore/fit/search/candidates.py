"""The candidates for settings: numbers of knots, orders and penalties."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from eigcore.fit.members.member import SOME, Settings
from eigcore.fit.options import FitOptions

DEFAULT = Settings(knots=32, dim=5, penalty=4e-3, members=12)
SLOW = DEFAULT._replace(members=4)
"""Without a kernel; on many rows, two members take about half a minute."""
FAST = Settings(knots=64, dim=4, penalty=5e-4, members=12)
"""With a kernel for the pass over the rows, and many rows."""
MANY = 8000
"""From this many rows on, members are fewer or need a kernel."""
_SMOOTH = 0.02
"""Smoothness of the candidates of the last stage but one, which may have more pieces."""
_LINEAR = tuple(10.0 ** (half / 2.0) for half in range(-10, 1))
"""Penalties of the last candidates, which are linear models with the same constraints.

They cost almost nothing: with squared loss they start at their minimum.
"""
_PATH = ((0.25, 4.0),) * 4 + ((0.5, 2.0),)
"""Factors of the penalty, stage by stage, as long as the last one is the best."""
_SMALL = 0.125
"""Factor of the second penalty of the first stage: large matrices need a small penalty."""

_TERMS, _TERMS_PER_ROW = 4096, 20
"""Numeric terms of a typical member, at most: they cost memory, and few rows cannot tell more."""

Stage = Callable[[Settings], list[Settings]]


def fixed(options: FitOptions) -> dict[str, int | float]:
    """Return the settings that the caller fixed; the others are chosen."""
    values = {name: getattr(options, name) for name in ("knots", "dim", "penalty", "members")}
    return {name: value for name, value in values.items() if value is not None}


def most_pieces(rows: int, columns: int) -> int:
    """Largest number of pieces per numeric column of a typical member, unless the caller sets it.

    It is at least 64, so no limit, up to 64 columns and with three rows or more per column.
    """
    return max(1, min(_TERMS, _TERMS_PER_ROW * rows) // max(columns, 1))


def stages(options: FitOptions, rows: int, fast: bool, most: int = _TERMS) -> Iterator[Stage]:
    """Yield functions from the best settings so far to the candidates of the next stage.

    The first stage is a grid of knots, orders and, from SOME rows on, penalties. No candidate has
    more than ``most`` pieces per column.
    """
    grid_counts = list(dict.fromkeys(min(count, most) for count in _counts(rows, fast)))

    def grid(best: Settings) -> list[Settings]:
        both = options.penalty is None and rows >= SOME
        return [
            best._replace(knots=knots, dim=dim, penalty=best.penalty * factor)
            for factor in ((1.0, _SMALL) if both else (1.0,))
            for knots in (grid_counts if options.knots is None else (best.knots,))
            for dim in (
                best.dim,
                *(
                    _dims(knots, rows, options.shape is not None, fast)
                    if options.dim is None
                    else ()
                ),
            )
        ]

    def path(factors: tuple[float, ...]) -> Stage:
        return lambda best: [best._replace(penalty=best.penalty * each) for each in factors]

    def smooth(best: Settings) -> list[Settings]:
        counts = {best.knots, min(4 * best.knots, most)} - {0}
        return [best._replace(knots=knots, smooth=_SMOOTH) for knots in sorted(counts)]

    if None in (options.knots, options.dim, options.penalty):
        yield grid
    if options.penalty is None:
        yield from map(path, _PATH if rows < SOME else _PATH[:2] if rows < MANY else _PATH[:1])
    if options.knots is options.penalty is None and not fast:
        yield smooth
    if options.dim is options.knots is options.penalty is None:
        yield lambda best: [Settings(0, 1, penalty, best.members) for penalty in _LINEAR]


def _counts(rows: int, fast: bool) -> tuple[int, ...]:
    if fast:
        return (64, 32, 8, 2)
    if rows >= MANY:
        return (2, 8, 32)
    return tuple(count for count in (0, 2, 4, 8, 16, 32) if count <= max(rows // 20, 4))


def _dims(knots: int, rows: int, shaped: bool, fast: bool) -> tuple[int, ...]:
    if shaped:
        return (3, 8)
    if fast:
        return (8,)
    if rows >= MANY:
        return (9,) if knots <= 4 else ()
    if rows >= SOME:
        return (9, 13)
    return (3, 9, 13) if knots <= 4 else (3, 7)
