"""The subcommands: fit, predict, backends, demo."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer

import eigcore
from eigcore.cli import backends, demo, show
from eigcore.cli.options import has_flags, numbers
from eigcore.encoding.files import ENDINGS, check_output, read_table, write_table
from eigcore.errors import InvalidOption
from eigcore.fit import FitOptions, FitResult
from eigcore.fit.context import backend_named
from eigcore.fit.data.names import check_names
from eigcore.fit.train import fit_with
from eigcore.model import SpectralModel
from eigcore.writing import check_folder

app = typer.Typer(
    name="eigcore",
    help="Eigenvalue models with proven guarantees: fit a table, certify, save, predict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, nothing else.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")]
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
@has_flags
def fit_command(
    table: Annotated[Path, typer.Argument(help="Table: .csv, .csv.gz or .parquet.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Column to predict.")],
    output: Output = Path("model.eig"),
    weights: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(metavar="F", help="Column of row weights; it is not an input of the model."),
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
    _check_apart(output, "model.eig", table=table, checkpoint=checkpoint)
    _check_model_file(output)
    chosen.check_for("stream" if stream else "table")
    rows: Any = table
    own: Any = weights
    if not stream:
        rows = read_table(table)
        if weights is not None:
            _check_weights(weights, rows.columns, target, chosen)
            own, rows = rows[weights], rows.drop(columns=weights)
    with show.progress() as callback:
        result = fit_with(rows, target, own, chosen, callback)
    _finish(result, output, as_json)


def _check_model_file(output: Path) -> None:
    """Raise where a model cannot be written, or would replace a table."""
    if output.name.lower().endswith(ENDINGS):
        raise InvalidOption(
            "output",
            str(output),
            "the name of a model file",
            "model.eig",
            f"is {str(output)!r}, the name of a table",
        )
    check_folder(output)


def _check_weights(weights: str, columns: Any, target: str, options: FitOptions) -> None:
    """Raise unless the weights are a column, and one that nothing else names."""
    elsewhere = {target: "the target"}
    check_names("weights", [weights], columns, elsewhere)
    elsewhere |= {weights: "the weights"}
    for option in ("increasing", "decreasing", "categories", "drop_columns"):
        given = [name for name in getattr(options, option) if name == weights]
        check_names(option, given, columns, elsewhere)


def _check_apart(output: Path, example: str, **others: Path | None) -> None:
    """Raise InvalidOption if the output is one of the input files."""
    for name, path in others.items():
        if path is not None and path.resolve() == output.resolve():
            raise InvalidOption(
                "output",
                str(output),
                "another file",
                example,
                f"is {str(output)!r}, the {name} itself",
            )


def _finish(result: FitResult, output: Path, as_json: bool, named: bool = True) -> None:
    """Save the model and print the results."""
    result.model.save(output)
    certificate = result.model.certify()
    if as_json:
        record = {
            "output": str(output),
            "report": result.report.to_dict(),
            "feature_norms": result.model.feature_norms,
            "guarantees": certificate.to_dict(),
        }
        typer.echo(json.dumps(record, default=float))
    else:
        show.fitted(result, certificate)
        show.line(f"Saved: {output}" if named else "Saved to a temporary file.")


@app.command("predict")
def predict_command(
    model: Annotated[Path, typer.Argument(help="Model file written by `eigcore fit`.")],
    table: Annotated[Path, typer.Argument(help="Table with the model's columns, in any order.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write: .csv, .csv.gz or .parquet.")
    ],
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Predict every row of a table; the output has one row per input row, in the same order.

    Columns: `prediction` in units of the target; for two classes, `prediction` and `probability` of
    the second; for more, `prediction` and `probability of CLASS` for each class.

    Example: `eigcore predict cars.eig new_cars.csv -o predictions.csv`
    """
    import pandas as pd

    _check_apart(output, "predictions.csv", table=table, model=model)
    check_output(output)
    loaded = SpectralModel.load(model)
    chosen = backend_named(backend)
    values = np.asarray(loaded.predict(read_table(table), backend=chosen))
    write_table(pd.DataFrame(_answers(values, loaded.static.classes)), output)
    if as_json:
        record = {"output": str(output), "rows": len(values), "backend": chosen}
        typer.echo(json.dumps(record))
    else:
        show.line(f"{len(values)} predictions by {chosen}, saved: {output}")


def _answers(values: np.ndarray, classes: tuple) -> dict[str, Any]:
    """Columns of the table of predictions."""
    if not classes:
        return {"prediction": values}
    if values.ndim == 1:
        return {"prediction": [classes[int(p > 0.5)] for p in values], "probability": values}
    named = zip(classes, values.T, strict=True)
    best = {"prediction": [classes[place] for place in values.argmax(-1)]}
    return best | {f"probability of {label}": column for label, column in named}


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
        _check_model_file(path)
        with show.progress() as callback:
            cars, result = demo.fit_cars(backend, callback)
        _finish(result, path, as_json, named=output is not None)
        predictions = demo.check(result, path, cars)
    if not as_json:
        rows = [0, len(cars) // 2, len(cars) - 1]
        show.line("Read back from the file, the model predicts the same. Three cars:")
        show.cars(cars, predictions, rows)
