"""Read a table and its target: columns of cells, checked, without the rows that were dropped.

Nothing is dropped or imputed silently. Notes tell what was left out, which columns became
categories and which have missing cells. A column that cannot be used raises an error that names
the column, the number of rows, and the option to type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding import Categories, Column
from eigcore.encoding.cells import (
    Cells,
    apart,
    cells_of,
    declared_categories,
    declared_orders,
    missing,
    read_columns,
)
from eigcore.errors import InvalidInput, InvalidOption, InvalidTable
from eigcore.fit.data.beside import Beside, Read, unexposed
from eigcore.fit.data.kinds import check_column, describe, special_codes
from eigcore.fit.data.names import check_names, listed, nearest
from eigcore.fit.data.several import name_of, numbers_of, targets_of
from eigcore.fit.data.together import Together
from eigcore.fit.options import FitOptions


@dataclass(frozen=True, eq=False)
class Table:
    """A table and its target, as read.

    cells : cells (rows,) of each column by name, without the target
    target : cells (rows,) of the target, none of them missing; (rows, targets) of several
    target_name : name of the target, or of all of them; "y" for values without a name
    beside : weights, all positive, exposure and offset of the rows
    together : which of them belong together
    categories : names of columns that hold categories, even if their cells are numbers
    notes : one sentence for each thing that was done
    orders : levels in their order, for the categories among the monotone columns
    codes : special codes of numeric columns, by the name of the column that holds them
    names : of several targets; empty: there is one
    """

    cells: Cells
    target: np.ndarray
    target_name: str
    beside: Read
    together: Together
    categories: frozenset[str]
    notes: tuple[str, ...]
    orders: Mapping[str, tuple[Any, ...]]
    codes: Mapping[str, Categories]
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Any, target: Any, beside: Beside, options: FitOptions) -> Table:
        """Read a mapping, data frame or two-dimensional array, and its target.

        Parameters
        ----------
        table, target : as for `eigcore.fit.fit`
        beside : what stands beside the rows, as given there
        options : drop_columns, categories and drop_rows_without_target are used

        Raises
        ------
        InvalidInput
            A table or target, or what is beside them, that cannot be used.
        """
        cells = read_columns(table)
        declared = [
            key for key, is_one in zip(cells, declared_categories(table), strict=False) if is_one
        ]
        given = options.order or {}
        orders = declared_orders(table) | given
        cells, values, name, several, used = _split(cells, target)
        cells, beside = beside.taken(cells, used, several)
        dropped = options.drop_columns
        _check_named(cells, used, options)
        notes = [f"Left out on request: {', '.join(dropped)}."] if dropped else []
        cells = {key: column for key, column in cells.items() if key not in dropped}
        _check_lengths(cells, values)
        name = name if several else _beside_columns(name, values, cells)
        codes = special_codes(cells, options.codes)
        for each, column in codes.items():
            cells[str(column.of)], cells[each] = apart(cells[str(column.of)], column.levels)
        read = beside.of_targets(several, len(values)).read(len(values), len(several))
        silent = unexposed(read.exposure, values)
        keep, left_out = _with_target(values, name, options, read.exposure)
        if read.weights is not None:
            keep &= read.weights > 0.0
        return cls(
            {key: column[keep] for key, column in cells.items()},
            values[keep],
            name,
            read.part(keep),
            Together.of(beside, values, keep),
            frozenset((*options.categories, *declared, *given)),
            (*notes, *silent, *left_out),
            {n: orders[n] for n in (*options.increasing, *options.decreasing) if n in orders},
            codes,
            several,
        )

    def columns(self, keep_constant: bool) -> list[Column]:
        """Return the simplest encoding of each column: its levels, or a linear column.

        Raises
        ------
        InvalidInput
            A column that cannot be used, or that is constant, unless ``keep_constant``.
        """
        found = []
        for name, cells in self.cells.items():
            if name in self.codes:
                found.append(self.codes[name])
                continue
            column = describe(name, cells, name in self.categories, self.orders.get(name))
            check_column(name, cells, column, keep_constant, name in self.categories)
            found.append(column)
        return found


def _split(
    cells: Cells, target: Any
) -> tuple[Cells, np.ndarray, str, tuple[str, ...], dict[str, str]]:
    """Separate the columns from the target.

    Return the columns, the cells of the target, its name, the names of several, and the use of the
    columns that are targets.
    """
    several, named = targets_of(cells, target)
    if len(several) > 1:
        used = dict.fromkeys(several, "a target") if named else {}
        rest = {name: each for name, each in cells.items() if name not in used}
        return rest, numbers_of(several), ", ".join(several), tuple(several), used
    if several and not named:
        ((name, values),) = several.items()
        return cells, values, name, (), {}
    if named:
        (target,) = several
    cells, values, name = _split_one(cells, target)
    return cells, values, name, (), {name: "the target"} if isinstance(target, str) else {}


def _split_one(cells: Cells, target: Any) -> tuple[Cells, np.ndarray, str]:
    """Separate the columns from one target; return also its cells and its name."""
    is_label = isinstance(target, tuple) and str(target) in cells
    if is_label or np.ndim(target) == 0:
        target = str(target)
    if not isinstance(target, str):
        return cells, cells_of(target), name_of(target)
    if target not in cells:
        near = nearest(target, cells)
        hint = f" (did you mean {near!r}?)" if near else ""
        raise InvalidOption(
            "target",
            target,
            f"one of {listed(cells)}",
            near,
            f"is {target!r}, which is not a column of the table{hint}",
        )
    return {name: each for name, each in cells.items() if name != target}, cells[target], target


def _beside_columns(name: str, values: np.ndarray, cells: Cells) -> str:
    """Return the name of a target of values, "y" if another column has it; refuse that column."""
    if name not in cells:
        return name
    own = cells[name]
    known = ~missing(values)
    if own.shape == values.shape and np.array_equal(own[known], values[known]):
        raise InvalidInput(
            f"The target {name!r} is a column of the table too, where the model would read the "
            f"answer. Expected a table without it. Write fit(table, {name!r}), which takes it out."
        )
    return "y"


def _check_named(cells: Cells, elsewhere: dict[str, str], options: FitOptions) -> None:
    """Check the names of columns in the options of a fit; elsewhere: uses of other columns."""
    check_names("drop_columns", options.drop_columns, cells, elsewhere)
    elsewhere |= dict.fromkeys(options.drop_columns, "left out on request")
    if cells and set(cells) <= set(elsewhere):
        raise InvalidOption(
            "drop_columns",
            options.drop_columns,
            "at least one column to stay",
            list(options.drop_columns[1:]) or None,
            "names all columns beside the target",
        )
    for option in ("categories", "increasing", "decreasing", "additive", "smooth"):
        check_names(option, getattr(options, option), cells, elsewhere)


def _check_lengths(cells: Cells, target: np.ndarray) -> None:
    shapes = {name: column.shape for name, column in cells.items() if column.ndim != 1}
    if shapes or target.ndim > 2 or target.shape[1:] == (1,):
        found = shapes or {"target": target.shape}
        raise InvalidInput(
            f"Columns have the shapes {found}; expected (rows,). Pass one array (rows,) for each."
        )
    lengths = {f"column {name!r}": len(column) for name, column in cells.items()}
    lengths["the target"] = len(target)
    if len(set(lengths.values())) > 1:
        different = {rows: name for name, rows in reversed(lengths.items())}
        found = ", ".join(f"{rows} in {name}" for rows, name in reversed(different.items()))
        raise InvalidInput(
            f"The numbers of rows differ: {found}; expected one cell of each column and of the "
            "target per row. Pass columns and a target of the same rows."
        )
    if not cells or not len(target):
        raise InvalidInput(
            f"The table has {len(cells)} column(s) beside the target and {len(target)} row(s); "
            "expected at least one column and one row. Pass another table."
        )


def _with_target(
    cells: np.ndarray, name: str, options: FitOptions, exposure: np.ndarray | None
) -> tuple[np.ndarray, list[str]]:
    """Return which rows (rows,) bool have a target, or no exposure, and the notes."""
    drop = options.drop_rows_without_target
    absent = np.any(missing(cells).reshape(len(cells), -1), axis=1)
    absent &= True if exposure is None else exposure > 0.0
    count = int(absent.sum())
    if count == len(cells):
        raise InvalidInput(
            f"Target {name!r} is missing in all {count} rows; expected a value in every row. Pass "
            "another target."
        )
    if count and not drop:
        raise missing_target(name, count, len(cells))
    return ~absent, [f"Left out {count} row(s) without a target."] if count else []


def missing_target(name: str, count: int, rows: int) -> InvalidTable:
    """Return the error for rows without a target."""
    return InvalidTable(
        f"Target {name!r} is missing in {count} of {rows} rows; expected a value in every row.",
        "drop_rows_without_target",
        True,
        "to leave those rows out",
    )
