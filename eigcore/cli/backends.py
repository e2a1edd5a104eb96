"""`eigcore backends`: list all backends, check one against the laws, or begin a new one."""

from __future__ import annotations

import collections
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import eigcore
from eigcore.cli import show
from eigcore.cli.new import new_command
from eigcore.cli.options import Json
from eigcore.errors import EigcoreError

if TYPE_CHECKING:
    from eigcore.testing import Check

app = typer.Typer(rich_markup_mode="markdown")
app.command("new")(new_command)


@app.callback(invoke_without_command=True)
def backends_command(context: typer.Context, as_json: Json = False) -> None:
    """List all backends with their state, versions, devices and capabilities.

    Example: `eigcore backends`
    """
    if context.invoked_subcommand is not None:
        return
    found = eigcore.backends(load=True)
    if as_json:
        typer.echo(json.dumps({name: show.plain(record) for name, record in found.items()}))
    else:
        show.backends(found)


@app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(help="Backend, as `eigcore backends` lists it.")],
    as_json: Json = False,
) -> None:
    """Check a backend against the laws: first a preflight of about a second, then every law.

    The exit code is 0 if all checks that run hold, else 1. Laws about capabilities that the backend
    does not declare are skipped.

    Example: `eigcore backends check numpy`
    """
    # the laws take a second to import
    from eigcore.testing import checks
    from eigcore.testing.preflight import preflight

    began = time.perf_counter()
    backend = eigcore.get_backend(name)
    faults = preflight(backend)
    laws = [] if faults else checks(backend)[1:]  # the first is the preflight
    record = {"backend": backend.name, "preflight": faults, **_run(laws, quiet=as_json)}
    record["seconds"] = round(time.perf_counter() - began, 1)
    good = not faults and not record["failed"]
    if as_json:
        typer.echo(json.dumps(record))
    else:
        _summarise(record)
    if not good:
        raise typer.Exit(1)


def _run(checks: list[Check], quiet: bool) -> dict[str, Any]:
    """Run the checks; count those that hold, and record failures and reasons for skipping."""
    skipped = collections.Counter(check.skip for check in checks if check.skip)
    running = [check for check in checks if not check.skip]
    failed: dict[str, str] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    screen = Console(stderr=True)
    silent = quiet or not screen.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=screen, transient=True, disable=silent
    ) as bar:
        task = bar.add_task("", total=len(running))
        for check in running:
            bar.update(task, description=check.law.__name__)
            try:
                check()
            except AssertionError as error:
                failed[check.__name__] = str(error)
            except Exception as error:  # a broken backend may raise anything
                failed[check.__name__] = f"{type(error).__name__}: {error}"
            bar.advance(task)
    return {"hold": len(running) - len(failed), "failed": failed, "skipped": dict(skipped)}


def _summarise(record: dict[str, Any]) -> None:
    name = record["backend"]
    for fault in record["preflight"]:
        show.line(f"{name}: {fault}")
    if record["preflight"]:
        raise EigcoreError(
            f"The preflight of {name} failed, so no law was tried. Expected no findings. Correct "
            f"those above and type: eigcore backends check {name}"
        )
    failed = record["failed"]
    laws = collections.Counter(check.split("[")[0] for check in failed)
    for law, number in laws.items():
        first = next(check for check in failed if check.split("[")[0] == law)
        more = f" ({number - 1} more cases fail)" if number > 1 else ""
        show.line(f"{first}: {' '.join(failed[first].split())}{more}")
    for reason, number in record["skipped"].items():
        show.line(f"{number} skipped: {reason}")
    show.line(
        f"{name}: {record['hold']} checks hold, {len(failed)} fail, "
        f"{sum(record['skipped'].values())} skipped; {record['seconds']} s."
    )
