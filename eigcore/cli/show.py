"""Output of the command: progress goes to stderr, results go to stdout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from eigcore.cli.signals import stopped
from eigcore.fit import FitResult
from eigcore.fit import Progress as Step
from eigcore.guarantees import text as words
from eigcore.guarantees.certificate import Certificate

CHOOSING = 0.15
"""Part of the progress bar for choosing knots, penalty and order of the matrices."""


def console() -> Console:
    """Return a new console for results, so that a redirected stdout is respected."""
    return Console(highlight=False)


def line(text: str) -> None:
    """Print one line without markup or wrapping."""
    console().print(text, markup=False, soft_wrap=True)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[Step], bool]]:
    """Show a progress bar on stderr; yield a callback for `eigcore.fit.fit`, which ends it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    shown = Console(stderr=True, quiet=quiet)
    bar = Progress(*columns, TimeElapsedColumn(), console=shown, transient=True)
    with bar:
        task = bar.add_task("reading", total=1.0)

        def callback(step: Step) -> bool:
            if step.stage == "choosing":
                done, text = CHOOSING * step.fraction, "choosing knots, penalty, order"
            else:
                done = CHOOSING + (1.0 - CHOOSING) * step.fraction
                text = f"member {step.member + 1} of {step.members}, objective {step.value:.4g}"
            bar.update(task, completed=done, description=text)
            return stopped()

        yield callback


@contextmanager
def working(quiet: bool = False) -> Iterator[Callable[[str], Any]]:
    """Show what is going on and for how long, if stderr is a terminal; yield what takes a line."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    shown = Console(stderr=True)
    shown.quiet = quiet or not shown.is_terminal
    with Progress(*columns, console=shown, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda text: bar.update(task, description=text)


def fitted(result: FitResult, certificates: Mapping[str, Certificate]) -> None:
    """Print notes, errors beside those of the linear model, and the guarantees."""
    report, out = result.report, console()
    for note in report.notes:
        line(f"Note: {note}")
    if report.interrupted or stopped():
        line("Stopped by Ctrl-C: this is the best model so far.")
    out.print(_errors(report))
    line(f"{result.chosen}; {report.seconds:.1f} s.")
    guaranteed(certificates)


def guaranteed(certificates: Mapping[str, Certificate]) -> None:
    """Print the guarantees of each target."""
    for name, certificate in certificates.items():
        console().print(_guarantees(certificate, name if len(certificates) > 1 else ""))
        if proven := words.joint(certificate):
            line(f"Proven: {proven}.")
        for pair in certificate.dominances:
            line(f"Proven: {words.dominance(pair)}.")
        for place in words.everywhere(certificate):
            line(f"{place[0].upper()}{place[1:]}.")


def _errors(report: Any) -> Table:
    table = Table(title=f"Error of {report.target}", title_justify="left")
    table.add_column(report.metric)
    table.add_column(f"train ({report.rows} rows)", justify="right")
    table.add_column(f"held out ({report.rows_held_out} rows)", justify="right")
    for name, model in (("eigcore", report.model), ("linear model", report.linear)):
        table.add_row(name, _number(model.train), _number(model.held_out))
        if model.train_accuracy is not None:
            held = model.held_out_accuracy
            table.add_row(f"{name}, accuracy", _percent(model.train_accuracy), _percent(held))
        for metric, pair in model.metrics.items():
            table.add_row(f"{name}, {metric}", *map(_number, pair))
    return table


def _guarantees(certificate: Certificate, target: str = "") -> Table:
    of = f" for {target}" if target else ""
    table = Table(title=f"Guarantees{of}, proven from the matrices", title_justify="left")
    table.add_column("column")
    table.add_column(f"largest slope ({words.scale(certificate)} per unit)", justify="right")
    table.add_column("/ reached", justify="right")
    table.add_column("guarantee")
    for column, bound, tightness, proven in words.guarantees(certificate):
        table.add_row(column, _number(float(words.above(bound, 4))), tightness, proven)
    return table


def backends(found: dict[str, Any]) -> None:
    """Print a table of the backends, and below it why some cannot be used."""
    table = Table()
    for name in ("backend", "state", "from", "dtypes", "devices", "can"):
        table.add_column(name)
    for name, record in found.items():
        can = record.capabilities
        table.add_row(
            name,
            record.state,
            f"{record.distribution} {record.version}",
            ", ".join(can.dtypes) if can else "",
            ", ".join(can.devices) if can else "",
            ", ".join(
                w for w in ("autodiff", "second_order", "compiled") if getattr(can, w, False)
            ),
        )
    console().print(table)
    for name, record in found.items():
        if record.error or record.note:
            line(f"{name}: {record.error or record.note}")


def model(described: dict[str, Any], certificates: Mapping[str, Certificate]) -> None:
    """Print what a model file holds: columns, settings, guarantees, provenance."""
    line(f"Predicts {described['target']}: {described['prediction']}.")
    columns = Table(title="Columns", title_justify="left")
    for name in ("column", "holds", "range or levels", "missing", "new levels"):
        columns.add_column(name)
    for each in described["columns"]:
        columns.add_row(
            *(each[field] for field in ("name", "holds", "values", "missing", "unseen"))
        )
    console().print(columns)
    if any("neutral" in (each["missing"], each["unseen"]) for each in described["columns"]):
        line("Neutral: such a cell counts as the average of the fitted rows, or of the levels.")
    for each in described["members"]:
        line(f"Neurons: {each}.")
    guaranteed(certificates)
    for name, value in described["provenance"].items():
        line(f"{name}: {value}")


def plain(record: Any) -> dict[str, Any]:
    """Return the record of a backend as JSON values."""
    return asdict(record)


def cars(table: Any, predictions: Any, rows: list[int]) -> None:
    """Print a few rows of the demonstration."""
    shown = Table()
    for name in ("weight", "horsepower", "origin", "mpg", "predicted"):
        shown.add_column(name, justify="right")
    for row in rows:
        cells = [str(table.column(name)[row]) for name in ("weight", "horsepower", "origin", "mpg")]
        shown.add_row(*cells, f"{predictions[row]:.1f}")
    console().print(shown)


def _number(value: float) -> str:
    """Format with four significant digits, without an exponent where that stays readable."""
    if math.isnan(value):
        return "–"
    if value == 0.0 or not 1e-4 <= abs(value) < 1e9:
        return f"{value:.4g}"
    return f"{value:.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"
