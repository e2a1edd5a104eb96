"""`eigcore explain`: why the prediction of a row is what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer

from eigcore.cli import show
from eigcore.cli.options import Json, has_flags, numbers
from eigcore.cli.reading import READING, table_for
from eigcore.cli.targets import one_target
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit import FitOptions
from eigcore.fit.context import backend_named
from eigcore.guarantees.baselines import CASES
from eigcore.guarantees.contributions import METHODS, contributions
from eigcore.model import SpectralModel


@has_flags("backend", *READING)
def explain_command(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    table: Annotated[
        Path, typer.Argument(help="Table with the model's columns; -: standard input.")
    ],
    row: Annotated[int, typer.Option("--row", "-r", help="Row to explain; the first is 0.")],
    baseline: Annotated[
        str,
        typer.Option(
            metavar=f"{'|'.join(CASES)}|ROW",
            help="What to compare with: a case made of the table, or the number of a row of it.",
        ),
    ] = CASES[0],
    method: Annotated[
        str, typer.Option(metavar="|".join(METHODS), help="How contributions are found.")
    ] = METHODS[0],
    reasons: Annotated[
        int, typer.Option("--reasons", "-k", help="Largest number for each side.")
    ] = 4,
    of: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(metavar="CLASS", help="Class, or target, to explain. Default: the likeliest."),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Tell what each column adds to the prediction of a row, and what is proven of it.

    Example: `eigcore explain cars.eig cars.csv --row 3 --baseline highest`
    """
    chosen = FitOptions(**numbers(options))
    loaded = SpectralModel.load(model)
    backend = backend_named(chosen.backend)
    rows = table_for(chosen, loaded, table)
    _check_row("row", row, len(rows))
    if reasons < 1:
        raise InvalidOption("reasons", reasons, "a number of at least 1", 4)
    other: Any = baseline
    if baseline in CASES and len(rows) == 1:
        raise InvalidInput(
            f"The table has one row, which would be its own {baseline!r}, and nothing is left to "
            "explain. Expected rows to compare it with. Type: eigcore explain model.eig table.csv "
            "--row 0, with a table of more rows."
        )
    if baseline not in CASES:
        other = rows.slice(_number(baseline, len(rows)), 1)
    own = rows.slice(row, 1)
    loaded, output = one_target(loaded, of)
    found = contributions(loaded, own, other, method, sample=rows, backend=backend)
    if output is None and loaded.outputs > 1:
        output = int(np.argmax(found.prediction[0]))
    if as_json:
        record = found.to_dict() | {"row": row, "output": output}
        record["reasons"] = [each._asdict() for each in found.reasons(reasons, None, output)[0]]
        typer.echo(json.dumps(record))
    else:
        show.line(found.text(0, reasons, output))


def _check_row(option: str, row: int, count: int) -> None:
    if not 0 <= row < count:
        raise InvalidOption(option, row, f"a number from 0 to {count - 1}", 0)


def _number(baseline: str, count: int) -> int:
    try:
        row = int(baseline)
    except ValueError as exc:
        expected = f"one of {', '.join(CASES)}, or the number of a row"
        raise InvalidOption("baseline", baseline, expected, CASES[0]) from exc
    _check_row("baseline", row, count)
    return row
