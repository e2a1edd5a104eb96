"""The public function `fit`: it takes a table and returns a model and a report."""

from __future__ import annotations

from typing import Any

from eigcore.dispatch.processes import Processes
from eigcore.fit.context import Callback, Context, backend_named
from eigcore.fit.data.beside import Beside
from eigcore.fit.memory import fit_table
from eigcore.fit.options import FitOptions
from eigcore.fit.report import FitResult
from eigcore.fit.signature import make_options, takes_options
from eigcore.fit.stream.source import is_source
from eigcore.fit.stream.train import fit_source


@takes_options("any", "table", "stream")
def fit(
    table: Any,
    target: Any,
    *,
    weights: Any = None,
    exposure: Any = None,
    offset: Any = None,
    groups: Any = None,
    time: Any = None,
    cv: Any = None,
    callback: Callback | None = None,
    **options: Any,
) -> FitResult:
    """Fit an average of eigenvalue neurons to a table, in memory or larger than that.

    Minimises mean loss + penalty · Σ‖A_{j,b}‖_F² for terms of unit variance (math.md, sections 2b
    and 7). L-BFGS fits a table in memory on all rows; Adam fits a table that is read in batches,
    from a first model of a sample of its rows. Every point that the solver visits satisfies the
    constraints. Options left at None are chosen on the fitted rows.

    Parameters
    ----------
    table : mapping or data frame of columns (rows,), or array (rows, columns) named x0, x1, ...
        Text columns and those that a frame declares to be categories become categories; missing
        cells (NaN, None, empty text) get a matrix of their own. A table that is read in batches is
        a path, a folder or a list of paths of .parquet, .arrow, .feather, .csv, .csv.gz files; a
        list of batches (record batches, data frames or mappings of columns); or a function that
        returns an iterator of batches, the same ones whenever it is called.
    target : name of a column, or values (rows,) where the table is in memory; the same holds for
        weights, exposure, offset, groups and time. A series names its target; other values are "y".
        Several targets of numbers are a list of names, or values (rows, targets): one pencil for
        each, with the same encoding and settings
    weights : (rows,) non-negative row weights, or the name of a column; None: all equal
    exposure : (rows,) positive, such as years or numbers of trials, or the name of a column. The
        target is a total over it: the model predicts the target per unit of exposure, and the row
        weighs as much as its exposure. None: no exposure
    offset : (rows,) added to the decision of each row, before the link, or the name of a column;
        for several targets also (rows, targets), or a mapping of some of them to such;
        None: zeros
    groups : (rows,) the unit that each row belongs to, or the name of a column, which is then no
        input. Rows of a group are fitted or hidden together where settings are chosen, descents
        stop early, rows are held out or calibrate intervals: errors are those on new groups
    time : (rows,) numbers or dates, or the name of a column, which is then no input. The rows that
        are hidden are newer than those that are fitted
    cv : splitter of scikit-learn (it sees target and ``groups``), or pairs of row numbers: those
        to fit, those to hide. The last pair is that of the report, unless ``validation=0``; the
        others choose settings and stop descents
    callback : called with a `Progress` when the fit begins, and after every step; returning True
        ends the fit
    {options}

    Returns
    -------
    FitResult. After Ctrl-C it holds the members finished so far; they satisfy every constraint.

    Raises
    ------
    InvalidInput
        A table, column, option or checkpoint that cannot be used.
    TypeError
        An option that does not exist.
    """
    beside = Beside(weights, exposure, offset, groups, time, cv)
    return fit_with(table, target, beside, make_options("fit", options), callback)


def fit_with(
    table: Any,
    target: Any,
    beside: Beside,
    options: FitOptions,
    callback: Callback | None,
    processes: Processes | None = None,
) -> FitResult:
    """Fit with options that are already checked; see `fit`, and `fit_stream` for processes."""
    context = Context(
        backend_named(options.backend),
        options.seed,
        callback,
        options.budget_seconds,
        verbose=options.verbose,
        processes=processes or Processes(),
    )
    if not is_source(table):
        options.check_for("table")
        return fit_table(table, target, beside, options, context)
    options.check_for("stream")
    return fit_source(table, target, beside, options, context)
