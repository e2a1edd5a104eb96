"""`eigcore report`: one page about a model and a table."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from eigcore.cli import show
from eigcore.cli.options import Json, has_flags, numbers
from eigcore.cli.places import STANDARD, check_apart, check_standard, written_file
from eigcore.cli.reading import READING, table_for
from eigcore.cli.targets import target_columns
from eigcore.fit import FitOptions
from eigcore.model import SpectralModel
from eigcore.report import report
from eigcore.writing import check_folder, write_whole


@has_flags(*READING)
def report_command(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    table: Annotated[
        Path,
        typer.Argument(
            help="Table with the model's columns, best with the target; -: standard input."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="HTML file to write; -: standard output.")
    ] = Path("report.html"),
    target: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(
            "--target",
            "-t",
            help="Column with the true values, or several, as t1,t2. Default: the model's.",
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Add sliders: the page computes predictions itself.")
    ] = False,
    show_rows: Annotated[
        bool, typer.Option("--show-rows", help="Show the cells of the rows that are explained.")
    ] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Write a page with errors, guarantees, pictures and predictions explained.

    The page needs no network and no server, and holds no row of the table unless `--show-rows`.

    Example: `eigcore report cars.eig cars.csv -o report.html --live`
    """
    chosen = FitOptions(**numbers(options))
    check_apart(output, "report.html", table=table, model=model)
    check_standard(output, "report.html", as_json)
    if output != STANDARD:
        check_folder(output)
    loaded = SpectralModel.load(model)
    names = target_columns(loaded, target)
    rows = table_for(chosen, loaded, table, names or ())
    source = (
        {} if table == STANDARD else {"table": table.name, "SHA-256 of the table": _hash(table)}
    )
    page = report(
        loaded, rows, names, live=live, show_rows=show_rows, file=model.name, source=source
    ).encode()
    with written_file(output, "report.html") as place:
        write_whole(place, page)
        if as_json:
            typer.echo(json.dumps({"output": str(output), "rows": len(rows), "bytes": len(page)}))
        else:
            where = "standard output" if output == STANDARD else str(output)
            show.line(f"A page of {len(page) / 1000:.0f} KB about {len(rows)} rows, saved: {where}")


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
