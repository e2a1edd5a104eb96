"""`eigcore predict`: predict every row of a table."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer

from eigcore.cli import show
from eigcore.cli.options import Json, has_flags, numbers
from eigcore.cli.places import STANDARD, check_apart, check_standard, table_file, written_file
from eigcore.cli.reading import READING, reading_for
from eigcore.cli.targets import offset_in
from eigcore.encoding.files import as_written, read_table
from eigcore.encoding.levels import unseen_message
from eigcore.encoding.read import outside_message
from eigcore.encoding.write import check_output, write_table
from eigcore.errors import InvalidInput, InvalidOption, UnseenLevels
from eigcore.fit import FitOptions
from eigcore.fit.context import backend_named
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.names import check_names
from eigcore.model import SpectralModel


@has_flags("backend", *READING)
def predict_command(
    model: Annotated[Path, typer.Argument(help="Model file written by `eigcore fit`.")],
    table: Annotated[
        Path,
        typer.Argument(help="Table with the model's columns, in any order; -: standard input."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Table to write: .csv, .csv.gz, .parquet, .arrow or .feather; -: CSV on standard "
            "output.",
        ),
    ],
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse a table with levels that no fitted row has."),
    ] = False,
    keep: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(metavar="COLUMN ...", help="Columns of the table to write as well, first."),
    ] = None,
    exposure: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COLUMN", help="Predict totals over it, not per unit of exposure."),
    ] = None,
    offset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="COLUMN|TARGET=COLUMN,...",
            help="Column that is added to decisions, before the link.",
        ),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Predict every row of a table; the output has one row per input row, in the same order.

    Columns: `prediction` in units of the target; for two classes, `prediction` and `probability` of
    the second; for more, `prediction` and `probability of CLASS` for each class. For several
    targets, `prediction of TARGET` for each.

    Example: `eigcore predict cars.eig new_cars.csv -o predictions.csv`
    """
    chosen = FitOptions(**numbers(options))
    check_apart(output, "predictions.csv", table=table, model=model)
    check_standard(output, "predictions.csv", as_json)
    if output != STANDARD:
        check_output(output)
    loaded = SpectralModel.load(model)
    backend = backend_named(chosen.backend)
    with table_file(table) as file:
        reading = reading_for(chosen, loaded)
        rows = read_table(file, reading)
        _check_kept(keep or (), rows, loaded)
        given = _beside(rows, exposure, offset)
        kept = as_written(file, list(dict.fromkeys(keep or ())), rows, reading)
    unseen, outside = loaded.encoding.unseen(rows), loaded.encoding.outside(rows)
    if unseen and strict:
        raise InvalidInput(
            f"{unseen_message(unseen)} Expected levels of the fitted rows. Correct the table, or "
            "leave --strict out."
        )
    with warnings.catch_warnings(action="ignore", category=UnseenLevels):
        values = np.asarray(loaded.predict(rows, backend=backend, **given))
    with written_file(output, "predictions.csv") as place:
        write_table(kept | answers(values, loaded), place)
        record: dict[str, Any] = {"output": str(output), "rows": len(values), "backend": backend}
        if exposure is None and "exposure" in loaded.provenance:
            record["per"] = loaded.provenance["exposure"]
        record["unseen"] = {
            name: {str(level): count for level, count in levels.items()}
            for name, levels in unseen.items()
        }
        record["outside"] = outside
        if outside and not as_json:
            show.line(outside_message(loaded.encoding, outside))
        _report(record, as_json)


def _report(record: dict[str, Any], as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        typer.echo(json.dumps(record))
    else:
        place = "standard output" if record["output"] == str(STANDARD) else record["output"]
        show.line(f"{record['rows']} predictions by {record['backend']}, saved: {place}")
        if "per" in record:
            show.line(
                "Predictions are per unit of exposure, as the model was fitted. For totals, type "
                "--exposure COLUMN."
            )
        if record["unseen"]:
            show.line(unseen_message(record["unseen"]))


def _beside(rows: Any, exposure: str | None, offset: str | None) -> dict[str, Any]:
    """Return the numbers of both options, of each target where there is a column for each."""
    moved = offset_in(offset, rows.column_names)
    if isinstance(moved, dict):
        each: Any = {target: _numbers("offset", own, rows) for target, own in moved.items()}
    else:
        each = _numbers("offset", moved, rows)
    return {"exposure": _numbers("exposure", exposure, rows), "offset": each}


def _numbers(option: str, column: str | None, rows: Any) -> np.ndarray | None:
    """Cells (rows,) of the column for an option; None: no column."""
    if column is None:
        return None
    check_names(option, [column], rows.column_names)
    return getattr(Beside(**{option: rows.column(column)}).read(rows.num_rows), option)


def _check_kept(keep: Sequence[str], rows: Any, model: SpectralModel) -> None:
    """Raise InvalidOption for names that are no columns of the table, or those of answers."""
    check_names("keep", keep, rows.column_names)
    own = answers(np.zeros((1, model.outputs)[: 1 + (model.outputs > 1)]), model)
    for name in keep:
        if name in own:
            problem = f"names {name!r}, which is a column of the answers"
            raise InvalidOption("keep", list(keep), "other columns", None, problem)


def answers(values: np.ndarray, model: SpectralModel) -> dict[str, Any]:
    """Columns (rows,) of the table of predictions."""
    classes, targets = model.static.classes, model.static.targets
    if targets:
        named = zip(targets, values.T, strict=True)
        return {f"prediction of {name}": column for name, column in named}
    if not classes:
        return {"prediction": values}
    if values.ndim == 1:
        return {"prediction": [classes[int(p > 0.5)] for p in values], "probability": values}
    named = zip(classes, values.T, strict=True)
    best = {"prediction": [classes[place] for place in values.argmax(-1)]}
    return best | {f"probability of {label}": column for label, column in named}
