"""`eigcore plot`: one picture of a model, into a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from eigcore import plots
from eigcore.cli import show
from eigcore.cli.options import Json, has_flags, numbers
from eigcore.cli.places import PICTURES, check_apart, check_picture
from eigcore.cli.reading import READING, table_for
from eigcore.cli.targets import one_target
from eigcore.encoding.cells import read_columns
from eigcore.errors import InvalidOption
from eigcore.fit import FitOptions
from eigcore.fit.data.names import check_names
from eigcore.model import SpectralModel

COLUMNS = {"shape": 1, "spectrum": 1, "levels": 2}
"""Kinds of pictures that are of columns, and of how many."""
ACCURACY = ("calibration", "residuals")
"""Kinds of pictures that need the target."""
WHOLE = ("importance", "residuals")
"""Kinds of pictures that are of all outputs."""
KINDS: dict[str, Callable[..., Any]] = {
    "importance": plots.ImportanceDisplay.from_model,
    "shape": plots.ShapeDisplay.from_model,
    "levels": plots.LevelsDisplay.from_model,
    "spectrum": plots.SpectrumDisplay.from_model,
    "waterfall": plots.WaterfallDisplay.from_model,
    "calibration": plots.CalibrationDisplay.from_model,
    "residuals": plots.ResidualsDisplay.from_model,
}


@has_flags(*READING)
def plot_command(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    table: Annotated[
        Path, typer.Argument(help="Table with the model's columns; -: standard input.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=f"File to write: {', '.join(PICTURES)}.")
    ],
    kind: Annotated[
        str, typer.Option("--kind", metavar="|".join(KINDS), help="What to draw.")
    ] = "importance",
    column: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option("--column", "-c", metavar="F", help="Column to draw; twice for levels."),
    ] = None,
    row: Annotated[int, typer.Option("--row", "-r", help="Row of a waterfall, from 0.")] = 0,
    of: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="CLASS", help="Class, or target, to draw. Default: the first class."),
    ] = None,
    target: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--target", "-t", help="Column with the true values. Default: the model's."),
    ] = None,
    weights: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="F", help="Column of row weights, for calibration."),
    ] = None,
    exposure: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="F", help="Column of exposures, for calibration. Default: that of the fit."
        ),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Draw what a column does, which columns matter, one prediction, or how good predictions are.

    Example: `eigcore plot cars.eig cars.csv --kind shape --column weight -o weight.svg`
    """
    chosen = FitOptions(**numbers(options))
    check_apart(output, "picture.svg", table=table, model=model)
    check_picture("output", output)
    loaded, number = one_target(SpectralModel.load(model), of)
    columns = _checked(kind, list(column or []), loaded)
    given: dict[str, Any] = {} if kind in WHOLE else {"output": number or 0}
    rows = table_for(chosen, loaded, table, () if target is None else (target,))
    usual = loaded.provenance.get("exposure")
    if exposure is None and kind == "calibration" and usual in rows.column_names:
        exposure = usual
    given |= _beside(kind, rows.column_names, weights=weights, exposure=exposure)
    if kind in COLUMNS:
        wanted = tuple(columns) if COLUMNS[kind] > 1 else columns[0]
        made = KINDS[kind](loaded, wanted, rows, **given)
    elif kind == "waterfall":
        if not 0 <= row < len(rows):
            raise InvalidOption("row", row, f"a number from 0 to {len(rows) - 1}", 0)
        made = KINDS[kind](loaded, rows.slice(row, 1), sample=rows, **given)
    elif kind in ACCURACY:
        name = loaded.static.target_name if target is None else target
        check_names("target", [name], rows.column_names)
        made = KINDS[kind](loaded, rows, read_columns(rows)[name], **given)
    else:
        made = KINDS[kind](loaded, rows)
    made.figure_.savefig(output)
    if as_json:
        typer.echo(json.dumps({"output": str(output), "kind": kind, "columns": columns}))
    else:
        show.line(f"Saved: {output}")


def _beside(kind: str, known: list[str], **columns: str | None) -> dict[str, str]:
    """Return the columns beside the target, by option; raise InvalidOption where none can be."""
    given = {option: name for option, name in columns.items() if name is not None}
    for option, name in given.items():
        if kind != "calibration":
            raise InvalidOption(option, name, "none beside this kind; only calibration has it")
        check_names(option, [name], known)
    return given


def _checked(kind: str, columns: list[str], model: SpectralModel) -> list[str]:
    """Return the columns of a picture; raise InvalidOption if they, or the kind, are wrong."""
    if kind not in KINDS:
        raise InvalidOption("kind", kind, f"one of {', '.join(KINDS)}", "shape")
    check_names("column", columns, model.encoding.names)
    wanted = COLUMNS.get(kind, 0)
    if len(columns) != wanted:
        others = [name for name in model.encoding.names if name not in columns]
        expected = f"{wanted} for --kind {kind}" if wanted else f"none for --kind {kind}"
        expected += ", each after a --column of its own" * (wanted > 1)
        raise InvalidOption("column", columns, expected, others[0] if wanted and others else None)
    return columns
