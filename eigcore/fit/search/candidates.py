"""The candidates for settings: numbers of knots, orders and penalties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from eigcore.fit.effort import EFFORTS
from eigcore.fit.members.member import SOME, Settings
from eigcore.fit.options import FitOptions

DEFAULT = Settings(knots=32, dim=5, penalty=4e-3, members=12)
SLOW = DEFAULT._replace(members=4)
"""Without a kernel; on many rows, two members take about half a minute."""
FAST = Settings(knots=64, dim=4, penalty=5e-4, members=12)
"""With a kernel for the pass over the rows, and much information."""
MANY = 8000
"""From so much information on, members are fewer or need a kernel."""
_SMOOTH = 0.02
"""Smoothness of the last candidates; if it pays, there may be more pieces."""
_LINES = tuple(10.0 ** (half / 2.0) for half in range(-10, 3))
"""Penalties of the first candidates, which are linear models with the same constraints.

They cost almost nothing: with squared loss they start at their minimum.
"""
_PATH = ((0.25, 4.0),) * 5 + ((0.5, 2.0),)
"""Factors of the penalty, stage by stage, as long as the last one is the best."""
_EARLY = 4
"""Stages of the path before the grid, where time is short."""
_SMALL = 0.125
"""Factor of the second penalty of the grid: large matrices need a small penalty."""
_LARGE = 16.0
"""Most by which the penalty of the best linear model moves the first one of the grid."""
_PER_NUMBER, _PER_PIECE = 6, 20
"""Least information per number of a matrix, and per piece of a column."""

_TERMS, _TERMS_PER_ROW = 4096, 20
"""Numeric terms of a typical member, at most: they cost memory, and few rows cannot tell more."""

ROUGH = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
"""Smoothness of columns that are named as smooth."""
FIRST_ROUGH, _FINE = 1e-3, 16
"""The one that is judged first, and least number of pieces then, so that no bend is a kink."""

Stage = Callable[[Settings], list[Settings]]


class Scope(NamedTuple):
    """What decides which candidates there are.

    information : see `eigcore.fit.problem.Problem.information`
    fast : whether it is much, and a kernel runs the pass over the rows
    columns : numeric columns
    order : usual order of the matrices
    single : whether the table has one column, so that a curve is all there is
    values : largest number of pieces between neighbouring values of a numeric column
    short : whether a budget leaves little time
    """

    information: float
    fast: bool
    columns: int
    order: int = DEFAULT.dim
    single: bool = False
    values: int = 2**31
    short: bool = False

    @property
    def most(self) -> int:
        """Largest number of pieces per numeric column; see `most_pieces`.

        With a knot at each value more pieces change nothing, so it is the next power of two.
        """
        return min(most_pieces(self.information, self.columns), 2 ** (self.values - 1).bit_length())


def fixed(options: FitOptions) -> dict[str, int | float]:
    """Return the settings that the caller fixed; the others are chosen."""
    values = {name: getattr(options, name) for name in ("knots", "dim", "penalty", "members")}
    if options.members is None:
        values["members"] = EFFORTS[options.preset].members
    return {name: value for name, value in values.items() if value is not None}


def most_pieces(information: float, columns: int) -> int:
    """Largest number of pieces per numeric column of a typical member, unless the caller sets it.

    It is at least 64, so no limit, up to 64 columns and with three rows or more per column.
    """
    return max(1, int(min(_TERMS, _TERMS_PER_ROW * information)) // max(columns, 1))


def is_line(settings: Settings) -> bool:
    """Whether these settings give a linear model."""
    return settings.dim == 1 and not settings.knots


def start_after(best: Settings, line: Settings | None, information: float) -> Settings:
    """Settings to begin the grid with: what is noise for a linear model is so for matrices."""
    if line is None or information >= SOME:
        return best
    return best._replace(penalty=min(max(best.penalty, line.penalty), _LARGE * best.penalty))


def stages(options: FitOptions, scope: Scope) -> Iterator[Stage]:
    """Yield functions from the best settings so far to the candidates of the next stage.

    First come linear models, then additive ones, then a grid of knots, orders and penalties; each
    from small to large, so that something is known whenever time is up. Where that will be soon,
    the usual settings and other penalties come before the grid, instead of additive models. Where a
    kernel makes a grid on some of many rows cheap, nothing comes before it then, and no penalties
    after it: there a single neuron is judged, which needs a larger one than an average. No
    candidate has more than ``scope.most`` pieces per column.
    """
    free = None in (options.knots, options.dim, options.penalty)
    early = scope.short and free and not (scope.single or scope.fast)
    yield from _first(options, scope, early)
    if free and not scope.single:
        yield _grid(options, scope)
    if options.penalty is None and not (scope.fast and scope.short):
        few = 2 if scope.information >= SOME else len(_PATH)
        yield from map(_path, _PATH[: few if scope.information < MANY else 1])
    yield from _last(options, scope)


def _first(options: FitOptions, scope: Scope, early: bool) -> Iterator[Stage]:
    """Yield linear models, and additive ones; early: the usual settings, and others near them."""
    counts = _pieces(options, scope)

    def lines(best: Settings) -> list[Settings]:
        some = _LINES[:: 2 if scope.short else 1]
        return [Settings(0, 1, penalty, best.members) for penalty in some]

    def additive(best: Settings) -> list[Settings]:
        bent = [count for count in (*counts, *((8, 16) if scope.single else ())) if count]
        return [best._replace(knots=count, dim=1) for count in sorted(set(bent))]

    def usual(best: Settings) -> list[Settings]:
        return [
            best if options.knots is not None else best._replace(knots=min(best.knots, max(counts)))
        ]

    def orders(best: Settings) -> list[Settings]:
        others = [dim for dim in _dims(best.knots, scope, options) if dim != best.dim]
        found = [best._replace(dim=dim) for dim in others[:2]]
        coarser = best.knots // 2 if options.knots is None else 0
        return [*found, best._replace(knots=coarser)] if coarser else found

    if options.dim is options.knots is options.penalty is None:
        yield lines
        if scope.information < SOME and not early:
            yield additive
    if early:
        yield usual
        if options.penalty is None:
            yield from map(_path, _PATH[:_EARLY])
        if scope.information < SOME:
            yield orders
            if options.penalty is None:
                yield from map(_path, _PATH[:1])


def _grid(options: FitOptions, scope: Scope) -> Stage:
    """Return the stage of knots, orders and penalties."""
    counts = _pieces(options, scope)

    def grid(best: Settings) -> list[Settings]:
        penalties = (1.0, _SMALL) if options.penalty is None else (1.0,)
        found = [
            best._replace(knots=knots, dim=dim, penalty=best.penalty * factor)
            for factor in penalties
            for knots in (counts if options.knots is None else (best.knots,))
            for dim in _dims(knots, scope, options)
        ]
        # with many rows most of the time goes into the designs, which orders share
        cheapest = scope.fast and scope.short
        return sorted(found, key=lambda each: each.knots if cheapest else each.dim)

    return grid


def _path(factors: tuple[float, ...]) -> Stage:
    """Return the stage of the best penalty times some factors."""
    return lambda best: [best._replace(penalty=best.penalty * each) for each in factors]


def _last(options: FitOptions, scope: Scope) -> Iterator[Stage]:
    """Yield penalties on jumps, with more pieces where they pay."""

    def smooth(best: Settings) -> list[Settings]:
        if options.smooth:
            return [best._replace(smooth=each) for each in ROUGH if best.knots]
        return [best._replace(smooth=_SMOOTH)] if best.knots else []

    def finer(best: Settings) -> list[Settings]:
        return [best._replace(knots=min(4 * best.knots, scope.most))] if best.smooth else []

    bent = options.knots is options.penalty is None and not scope.fast
    if options.smooth or (bent and EFFORTS[options.preset].refined):
        yield smooth
        if not options.smooth:
            yield finer


def _pieces(options: FitOptions, scope: Scope) -> list[int]:
    """Return the numbers of pieces of the grid; smooth columns have many, or none."""
    fine = _FINE if options.smooth else 1
    counts = (min(max(count, fine), scope.most) if count else 0 for count in _counts(scope))
    return list(dict.fromkeys(counts))


def _counts(scope: Scope) -> tuple[int, ...]:
    if scope.fast:
        return (64, 32, 8, 2)
    if scope.information >= MANY:
        return (2, 8, 32)
    most = max(int(scope.information) // _PER_PIECE, 4)
    finest = (64,) if scope.information < SOME else ()
    return tuple(count for count in (0, 2, 4, 8, 16, 32, *finest) if count <= most)


def _dims(knots: int, scope: Scope, options: FitOptions) -> Iterable[int]:
    """Orders of the grid: the usual one and others, as far as the information carries them."""
    information = scope.information
    if options.dim is not None:
        return (options.dim,)
    if not EFFORTS[options.preset].orders:
        more = ()
    elif options.shape is not None:
        more = (3, 8)
    elif scope.fast:
        more = (8,)
    elif information >= MANY:
        more = (9,) if knots <= 4 else ()
    elif information >= SOME:
        more = (9, 13)
    else:
        more = (3, 9, 13) if knots <= 4 else (3, 7)
    least = _PER_NUMBER / 2
    some = [dim for dim in (scope.order, *more) if least * dim * (dim + 1) <= information]
    return dict.fromkeys(some or [min(scope.order, 3)])
