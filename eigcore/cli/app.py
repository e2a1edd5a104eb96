"""The subcommands: fit and demo here, and those of the other modules."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

import eigcore
from eigcore.cli import backends, demo, show
from eigcore.cli.convert import convert_command
from eigcore.cli.describe import show_command
from eigcore.cli.explain import explain_command
from eigcore.cli.options import FLAGS, Json, has_flags, numbers
from eigcore.cli.places import (
    STANDARD,
    check_apart,
    check_model_file,
    check_standard,
    save_model,
    table_file,
    written_file,
)
from eigcore.cli.plot import plot_command
from eigcore.cli.predict import predict_command
from eigcore.cli.prove import certify_command, verify_command
from eigcore.cli.ranks import sharing
from eigcore.cli.reading import READING
from eigcore.cli.report import report_command
from eigcore.cli.spectrum import spectrum_command
from eigcore.cli.targets import as_json_values, certificates, offset_in, targets_in
from eigcore.encoding.csv import Reading
from eigcore.encoding.files import read_table
from eigcore.fit import FitOptions, FitResult
from eigcore.fit.data.beside import Beside
from eigcore.fit.options import OPTIONS
from eigcore.fit.stream.source import columns_of, reading_of
from eigcore.fit.train import fit_with

app = typer.Typer(
    name="eigcore",
    help="Eigenvalue models with proven guarantees: fit a table, certify, save, predict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Model file to write; -: standard output.")
]
BackendName = Annotated[
    Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
    typer.Option("--backend", metavar="NAME", help="Backend to use; see `eigcore backends`."),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eigcore {eigcore.__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks. Allowed anywhere on the line.")
    ] = False,
) -> None:
    """Eigenvalue models with proven guarantees: fit a table, certify, save, predict."""


@app.command("fit")
@has_flags(*(option.name for option in FLAGS))
def fit_command(
    table: Annotated[
        Path,
        typer.Argument(
            help="Table: .csv, .csv.gz, .parquet, .arrow or .feather; -: standard input."
        ),
    ],
    target: Annotated[
        str,
        typer.Option("--target", "-t", metavar="F[,F...]", help="Column to predict, or several."),
    ],
    output: Output = Path("model.eig"),
    weights: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(metavar="F", help="Column of row weights; it is not an input of the model."),
    ] = None,
    exposure: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="F", help="Column that the target is a total over; predictions are per unit."
        ),
    ] = None,
    offset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="F|TARGET=F,...", help="Column that is added to decisions, before the link."
        ),
    ] = None,
    groups: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="F", help="Column of units, whose rows are fitted or hidden together; no input."
        ),
    ] = None,
    time: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="F", help="Column of times: hidden rows are the newest; no input."),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Read a file or folder larger than memory.")
    ] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Fit a model to a table, print its errors and guarantees, and save it.

    Hyper-parameters are chosen on the fitted rows; held-out rows are only reported on. Ctrl-C
    saves the best model so far.

    Example: `eigcore fit cars.csv --target mpg --decreasing weight horsepower -o cars.eig`
    """
    chosen = FitOptions(**numbers(options))
    checkpoint = Path(chosen.checkpoint) if chosen.checkpoint else None
    check_apart(output, "model.eig", table=table, checkpoint=checkpoint)
    check_standard(output, "model.eig", as_json)
    check_model_file(output)
    reading, chosen = _reading(chosen, stream)
    chosen.check_for("stream" if stream else "table")
    with table_file(table) as file, sharing(stream) as processes:
        rows: Any = file if stream else read_table(file, reading)
        columns = columns_of(file, reading_of(chosen)) if stream else rows.column_names
        named = targets_in(target, columns)
        beside = Beside(weights, exposure, offset_in(offset, columns), groups, time)
        with show.progress(quiet=processes.rank > 0) as callback:
            result = fit_with(rows, named, beside, chosen, callback, processes)
    if processes.rank:
        return
    with written_file(output, "model.eig") as place:
        _finish(result, place, as_json, "standard output" if output == STANDARD else str(output))


def _reading(options: FitOptions, stream: bool) -> tuple[Reading, FitOptions]:
    """Return how to read the table, and the options without what is done by then."""
    if stream:
        return Reading(), options
    usual = {name: OPTIONS[name].default for name in READING}
    return reading_of(options), replace(options, **usual)


def _finish(result: FitResult, output: Path, as_json: bool, place: str) -> None:
    """Save the model and print the results; place: what to call the output."""
    save_model(result.model, output)
    proven = certificates(result.model)
    if as_json:
        record = {
            "output": str(output),
            "report": result.report.to_dict(),
            "feature_norms": result.model.feature_norms,
            "guarantees": as_json_values(proven),
        }
        typer.echo(json.dumps(record, default=float))
    else:
        show.fitted(result, proven)
        show.line(f"Saved: {place}")


app.command("predict")(predict_command)
app.command("show")(show_command)
app.command("certify")(certify_command)
app.command("verify")(verify_command)
app.command("explain")(explain_command)
app.command("plot")(plot_command)
app.command("report")(report_command)
app.command("convert")(convert_command)
app.command("spectrum")(spectrum_command)
app.add_typer(backends.app, name="backends")


@app.command("demo")
def demo_command(
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Keep the model here. Default: a temporary file."),
    ] = None,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Fit 392 cars, certify, save, load again and predict. Needs no network.

    Miles per gallon must never rise with weight, horsepower or displacement.

    Example: `eigcore demo`
    """
    with tempfile.TemporaryDirectory() as folder:
        path = output or Path(folder) / "cars.eig"
        check_model_file(path)
        with show.progress() as callback:
            cars, result = demo.fit_cars(backend, callback)
        _finish(result, path, as_json, str(output or "a temporary file"))
        predictions = demo.check(result, path, cars)
    if not as_json:
        rows = [0, len(cars) // 2, len(cars) - 1]
        show.line("Read back from the file, the model predicts the same. Three cars:")
        show.cars(cars, predictions, rows)
