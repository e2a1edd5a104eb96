"""The options of a fit: the only place with their defaults, meanings, values and examples.

`eigcore.fit.fit`, the command and the estimators take names, defaults, checks and help from
`FitOptions`. Names that differ by convention are in the tables of `eigcore.cli.options` and
`eigcore.estimators.parameters`.
"""

# ruff: noqa: RUF009 (`option` makes fields of dataclasses)

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from eigcore.core.weights import KINDS
from eigcore.errors import MisplacedOption
from eigcore.fit.checks import Choice, Ends, Fields, Flag, Like, Names, Number, Option, Where, Whole
from eigcore.fit.effort import EFFORTS
from eigcore.fit.losses import LOSSES
from eigcore.fit.needs import check_needs
from eigcore.fit.of_classes import ClassWeights, Values
from eigcore.fit.of_columns import Codes, Orders, Pairs, Words
from eigcore.fit.stopping import EarlyStopping
from eigcore.fit.streaming import STREAM, StreamOptions, option
from eigcore.fit.texts import Text

Shape = Literal["convex", "concave"]
_MOST_DIM, _MOST_MEMBERS = 4096, 100_000
"""No memory holds more."""


@dataclass(frozen=True, kw_only=True)
class FitOptions(StreamOptions):
    """All options of a fit, checked when they are made.

    Raises
    ------
    InvalidOption
        A value of the wrong kind or outside its range.
    """

    increasing: Sequence[str] = option(
        (),
        Names(),
        ["size"],
        "Numeric columns, or ordered categories, in which the model never falls.",
    )
    decreasing: Sequence[str] = option(
        (),
        Names(),
        ["age"],
        "Numeric columns, or ordered categories, in which the model never rises.",
    )
    shape: Any = option(
        None,
        Words(("convex", "concave")),
        "convex",
        "Shape of the model: one word for all numeric columns jointly, or by name for some "
        "columns, each whatever the others are; None: free.",
    )
    additive: Sequence[str] = option(
        (),
        Names(),
        ["size"],
        "Columns that are summands of their own: their effect does not depend on other columns.",
    )
    smooth: Sequence[str] = option(
        (),
        Names(),
        ["size"],
        "Numeric columns whose slopes change little from piece to piece; how little is chosen.",
    )
    dominates: Any = option(
        None,
        Pairs(),
        {"size": "age"},
        "Numeric columns of which a unit raises the decision at least as much as a unit, or as so "
        "many units, of another: their slopes are at least the factor times those in the other.",
    )
    missing: Any = option(
        None,
        Words(("lowest", "highest", "between")),
        "lowest",
        "Where a prediction with a missing cell stands among those with known values, in all "
        "increasing and decreasing columns or by name: lowest, highest, or between, as with a "
        "value that the fitted rows tell; None: anywhere.",
    )
    neuron: dict[str, Any] | None = option(
        None,
        Fields(("index", "structure", "functional", "alpha", "r", "t", "weights", *KINDS)),
        {"structure": "tridiagonal"},
        "Further fields of `eigcore.EigSpec`: index, structure, functional and its parameter. The "
        "functional weighted without weights learns them; nonnegative or ascending keep them so.",
    )
    dim: int | None = option(None, Whole(1, _MOST_DIM), 5, "Order of the matrices; None: chosen.")
    knots: int | None = option(
        None, Whole(0), 16, "Pieces per numeric column, 0 for linear columns; None: chosen."
    )
    members: int | None = option(
        None,
        Whole(1, _MOST_MEMBERS),
        5,
        "How many neurons are averaged; None: as the preset says, twelve by default, or four "
        "without a kernel and for streams, or one where a linear model is as good, or as many as "
        "a budget allows.",
    )
    penalty: float | None = option(
        None,
        Number(),
        0.004,
        "Weight of the squared norms of the matrices, in units of the loss on a standardised "
        "target; None: chosen.",
    )
    preset: str = option(
        "default",
        Choice(tuple(EFFORTS)),
        "quick",
        "How much work goes into settings and members: quick, few candidates and four members; "
        "default; or best, more folds and 24 members. Options that are given come first.",
    )
    selection: float | None = option(
        None,
        Number(),
        0.1,
        "Weight of the columns' spectral norms: those that become zero are left out, exactly; try "
        "0.1. 0 keeps all columns; None: of more than 64 of them, those that show an effect.",
    )
    projections: int | None = option(
        None,
        Whole(0),
        4,
        "How many weighted sums of two numeric columns, neither of them constrained by name, get a "
        "shape function of their own; None: as many as validation keeps, from 2500 rows on and "
        "without selection.",
    )
    loss: str | None = option(
        None,
        Choice(tuple(LOSSES)),
        "squared",
        "What is minimised; None: squared for numbers, logistic for a target of two texts or "
        "booleans, multinomial for more.",
    )
    quantile: float = option(
        0.5, Number(0.0, 1.0, positive=True), 0.9, "Which quantile the loss quantile estimates."
    )
    delta: float = option(
        0.5,
        Number(positive=True),
        0.5,
        "Standard deviations of the target from which the loss huber is linear.",
    )
    variance_power: float = option(
        1.5,
        Number(1.0, 2.0, positive=True),
        1.7,
        "Exponent p of the variance φ μ^p of the loss tweedie: near 1 as for counts, near 2 as for "
        "gamma amounts.",
    )
    class_weight: Any = option(
        None,
        ClassWeights(),
        "balanced",
        "Factors of the weights of rows by their class, or balanced: all classes get the same sum "
        "of weights. Probabilities are those of the weighted rows; None: 1.",
    )
    tails: Any = option(
        None,
        Words(("constant", "linear", "refuse")),
        "linear",
        "Numbers outside the range of the fitted rows, in all numeric columns or by name: "
        "constant, as at the nearer end; linear, the last piece goes on; or refuse, an error. "
        "None: linear with a shape, else constant unless hidden rows outside tell otherwise.",
    )
    clip: Any = option(
        None,
        Ends(),
        (0.0, 100.0),
        "Least and largest prediction, in units of the target, or by name of several targets; None "
        "at either end: no bound there.",
    )
    classes: Sequence[Any] | None = option(
        None,
        Values(),
        ["no", "yes"],
        "All values that a target of classes may take; None: those that occur.",
    )
    categories: Sequence[str] = option(
        (), Names(), ["code"], "Columns whose numbers are categories; text always is."
    )
    codes: Any = option(
        None,
        Codes(),
        {"income": [-9, -8]},
        "Numbers that are special codes in numeric columns, such as refused or unknown: missing "
        "cells, of which each code is a kind with a matrix of its own; None: no codes.",
    )
    order: Any = option(
        None,
        Orders(),
        {"grade": ["C", "B", "A"]},
        "Levels of categories in their order, for increasing and decreasing; None: as data frames "
        "declare it.",
    )
    on_unseen: str = option(
        "neutral",
        Choice(("neutral", "refuse")),
        "refuse",
        "What a level never seen means in predictions: neutral, the average of the levels' "
        "matrices, with a warning; or refuse, an error.",
    )
    on_missing: str = option(
        "refuse",
        Choice(("refuse", "neutral")),
        "neutral",
        "What a missing cell means in a column that had none: refuse, an error; or neutral, the "
        "average of the column's matrices over the fitted rows.",
        "table",
    )
    drop_columns: Sequence[str] = option((), Names(), ["id"], "Columns to leave out.")
    drop_rows_without_target: bool = option(
        False, Flag(), True, "Leave out rows whose target is missing, instead of raising."
    )
    keep_constant: bool = option(
        False,
        Flag(),
        True,
        "Keep columns without information, and a constant target, instead of raising.",
    )
    validation: float = option(
        0.15, Number(0.0, 0.9), 0.2, "Part of the rows that is held out, for the report only."
    )
    calibration: float = option(
        0.0,
        Number(0.0, 0.9),
        0.2,
        "Part of the rows that is kept from the fit to calibrate intervals, "
        "`SpectralModel.interval`, or sets of classes; without row weights.",
        "table",
    )
    seed: int = option(0, Whole(0), 0, "Everything random follows from it.")
    backend: str | None = option(
        None,
        Text(),
        "numpy",
        "Name of the backend that computes values and gradients; None: the default one.",
    )
    verbose: bool = option(
        False, Flag(), True, "Write lines about the progress of the fit to standard error."
    )
    max_iter: int | None = option(
        None,
        Whole(0),
        120,
        "L-BFGS steps per member; None: 100, or 200 up to 2500 rows where a kernel runs them, or "
        "60 with the preset quick.",
    )
    early_stopping: EarlyStopping | None = option(
        None,
        Like(EarlyStopping, "True or EarlyStopping(part, steps, tolerance)"),
        True,
        "Stop each member when rows hidden from it gain no more, and keep its best point; None: go "
        "on.",
        "table",
    )
    budget_seconds: float | None = option(
        None,
        Number(positive=True),
        30,
        "Take about this long. Members are added until the time is up; if `members` is set, they "
        "are cut short instead. The result then depends on the machine; None: no limit.",
        "table",
    )

    def __post_init__(self) -> None:
        for each in OPTIONS.values():
            object.__setattr__(self, each.name, each.check(getattr(self, each.name)))
        check_needs(self, self.changed())

    def changed(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, by name."""
        names = [name for name, each in OPTIONS.items() if getattr(self, name) != each.default]
        return {name: getattr(self, name) for name in names}

    def check_for(self, where: Where) -> None:
        """Raise InvalidOption for an option of a stream beside a table, or the other way round."""
        for name, value in self.changed().items():
            if OPTIONS[name].where not in ("any", where):
                raise MisplacedOption(name, value, where)


def _read(field: dataclasses.Field[Any]) -> Option:
    told = cast(Any, field.metadata)
    return Option(field.name, field.default, **told)


_FIELDS = sorted(dataclasses.fields(FitOptions), key=lambda each: each.name in STREAM)
OPTIONS: dict[str, Option] = {each.name: _read(each) for each in _FIELDS}
"""All options by name, in their order."""
