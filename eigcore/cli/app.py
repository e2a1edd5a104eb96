"""What the command offers: fit, predict, backends, demo."""

from __future__ import annotations

import importlib.resources
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer

import eigcore
from eigcore.cli import backends, show
from eigcore.encoding.files import STREAMED, check_folder, check_output, read_table, write_table
from eigcore.errors import EigcoreError
from eigcore.fit import FitResult, fit
from eigcore.fit.losses import LOSSES
from eigcore.fit.stream import fit_stream
from eigcore.fit.validation import InvalidOption, check_known
from eigcore.model import SpectralModel

app = typer.Typer(
    name="eigcore",
    help="Eigenvalue models with proven guarantees: fit a table, certify, save, predict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
Names = Optional[list[str]]  # noqa: UP045 (typer reads the annotation at run time)
Text = Optional[str]  # noqa: UP045
Whole = Optional[int]  # noqa: UP045
Number = Optional[float]  # noqa: UP045
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, nothing else.")]
BackendName = Annotated[
    Text, typer.Option("--backend", metavar="NAME", help="Who computes; see `eigcore backends`.")
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
def fit_command(
    table: Annotated[Path, typer.Argument(help="Table: .csv, .csv.gz or .parquet.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Column to predict.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")] = Path(
        "model.eig"
    ),
    increasing: Annotated[
        Names, typer.Option(help="Columns in which the model must never fall (F ...).")
    ] = None,
    decreasing: Annotated[
        Names, typer.Option(help="Columns in which the model must never rise (F ...).")
    ] = None,
    shape: Annotated[
        Text, typer.Option(metavar="convex|concave", help="Joint shape in the numeric columns.")
    ] = None,
    loss: Annotated[
        Text,
        typer.Option(
            metavar="|".join(LOSSES),
            help="Default: squared; for a target in words logistic (two classes) or multinomial.",
        ),
    ] = None,
    quantile: Annotated[float, typer.Option(help="Which one the loss quantile estimates.")] = 0.5,
    delta: Annotated[
        float, typer.Option(help="Standard deviations from which the loss huber is linear.")
    ] = 0.5,
    weights: Annotated[
        Text, typer.Option(metavar="F", help="Column of the rows' weights, no input.")
    ] = None,
    dim: Annotated[Whole, typer.Option(help="Order of the matrices. Default: chosen.")] = None,
    knots: Annotated[
        Whole, typer.Option(help="Pieces per numeric column, 0 for linear. Default: chosen.")
    ] = None,
    penalty: Annotated[
        Number, typer.Option(help="Weight of the squared norms. Default: chosen.")
    ] = None,
    selection: Annotated[
        float, typer.Option(help="Leave out columns that matter less; try 0.1. Default: none.")
    ] = 0.0,
    projections: Annotated[
        Whole, typer.Option(help="Sums of two columns with a shape function. Default: chosen.")
    ] = None,
    members: Annotated[
        Whole, typer.Option(help="Neurons averaged. Default: 5 or 12, or by budget.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    backend: BackendName = None,
    holdout: Annotated[
        float, typer.Option(help="Part of the rows held out for the report only.")
    ] = 0.2,
    budget: Annotated[
        Number,
        typer.Option(
            metavar="SECONDS", help="Use about this time, adding members. Default: no limit."
        ),
    ] = None,
    drop_columns: Annotated[Names, typer.Option(help="Columns to leave out (F ...).")] = None,
    drop_rows_without_target: Annotated[
        bool, typer.Option("--drop-rows-without-target", help="Leave out rows with no target.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="For a file or folder larger than memory.")
    ] = False,
    epochs: Annotated[
        Whole, typer.Option(help="How often a stream reads all rows. Default: by their number.")
    ] = None,
    checkpoint: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File from which a stream that was cut off goes on."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit a model to a table, print its errors and guarantees, and save it.

    Hyper-parameters are chosen inside the rows that are fitted; the held-out rows are only
    reported on. Ctrl-C keeps the best model so far and saves it.

    Example: `eigcore fit cars.csv --target mpg --decreasing weight horsepower -o cars.eig`
    """
    _apart(output, "-o model.eig", table=table, checkpoint=checkpoint)
    if output.name.lower().endswith(STREAMED):
        raise InvalidOption(
            f"The output {str(output)!r} has the name of a table; expected that of a model file. "
            "Type -o model.eig."
        )
    check_folder(output)
    options = {
        "increasing": increasing or (),
        "decreasing": decreasing or (),
        "shape": shape,
        "dim": dim,
        "knots": knots,
        "penalty": penalty,
        "members": members,
        "loss": loss,
        "quantile": quantile,
        "delta": delta,
        "seed": seed,
        "backend": backend,
        "validation": holdout,
        "drop_columns": drop_columns or (),
        "drop_rows_without_target": drop_rows_without_target,
    }
    if stream:
        table_only = {"--selection": selection, "--projections": projections, "--budget": budget}
        _refuse("--stream", {"--weights": weights, **table_only})
        given = {name: value for name, value in options.items() if value is not None}
        with show.progress() as callback:
            parts = {"epochs": epochs, "checkpoint": checkpoint}
            result = fit_stream(table, target, callback=callback, **parts, **given)
    else:
        _refuse("a table in memory", {"--epochs": epochs, "--checkpoint": checkpoint})
        frame = read_table(table)
        if weights is not None:
            check_known([weights], dict.fromkeys(frame.columns), "weights")
            options["weights"] = frame[weights]
            frame = frame.drop(columns=weights)
        with show.progress() as callback:
            given = {"selection": selection, "projections": projections}
            given |= {"budget_seconds": budget, "callback": callback}
            result = fit(frame, target, **given, **options)
    _finish(result, output, as_json)


def _apart(output: Path, example: str, **others: Path | None) -> None:
    """Raise where the output is one of the files read."""
    for name, path in others.items():
        if path is not None and path.resolve() == output.resolve():
            raise InvalidOption(
                f"The output {str(output)!r} is the {name} itself; expected another file. "
                f"Type {example}."
            )


def _refuse(what: str, options: dict[str, Any]) -> None:
    """Raise where an option was given that does not go with the rest."""
    for name, value in options.items():
        if value:
            raise InvalidOption(
                f"{name} is {value}; expected nothing, since it does not go with {what}. "
                f"Take {name} out{', or add --stream' if what != '--stream' else ''}."
            )


def _finish(result: FitResult, output: Path, as_json: bool, named: bool = True) -> Any:
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
    return certificate


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

    Columns: `prediction` in the target's units; for two classes `prediction` and `probability` of
    the second; for more, `prediction` and a column `probability of CLASS` for each.

    Example: `eigcore predict cars.eig new_cars.csv -o predictions.csv`
    """
    import pandas as pd

    _apart(output, "-o predictions.csv", table=table, model=model)
    check_output(output)
    loaded = SpectralModel.load(model)
    chosen = eigcore.get_backend(backend)
    values = np.asarray(loaded.predict(read_table(table), backend=chosen.name))
    write_table(pd.DataFrame(_answers(values, loaded.static.classes)), output)
    if as_json:
        record = {"output": str(output), "rows": len(values), "backend": chosen.name}
        typer.echo(json.dumps(record))
    else:
        show.line(f"{len(values)} predictions by {chosen.name}, saved: {output}")


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
    resource = importlib.resources.files("eigcore") / "data" / "auto_mpg.csv"
    with tempfile.TemporaryDirectory() as folder, importlib.resources.as_file(resource) as path:
        place = output or Path(folder) / "cars.eig"
        check_folder(place)
        cars = read_table(path)
        with show.progress() as callback:
            result = fit(
                cars,
                "mpg",
                decreasing=("weight", "horsepower", "displacement"),
                validation=0.2,
                backend=backend,
                callback=callback,
            )
        certificate = _finish(result, place, as_json, named=output is not None)
        _prove(result, place, cars, certificate, as_json)


def _prove(result: FitResult, place: Path, cars: Any, certificate: Any, as_json: bool) -> None:
    """Check that the file predicts what the model did, and that every promise was proven."""
    again = SpectralModel.load(place).predict(cars)
    if not np.array_equal(again, result.model.predict(cars)):
        raise EigcoreError(
            "The saved model predicts other numbers than the fitted one; expected the same. "
            "Type eigcore demo --debug and report it."
        )
    promised = {"weight", "horsepower", "displacement"}
    proven = {column.name for column in certificate.columns if column.decreasing}
    if not promised <= proven:
        raise EigcoreError(
            f"Not proven decreasing: {', '.join(sorted(promised - proven))}; expected all three. "
            "Type eigcore demo --debug and report it."
        )
    if not as_json:
        rows = [0, len(cars) // 2, len(cars) - 1]
        show.line("Read back from the file, the model predicts the same. Three cars:")
        show.cars(cars, again, rows)
