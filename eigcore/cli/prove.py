"""`eigcore certify` and `eigcore verify`: what is proven about a model, and its check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from eigcore.cli import show
from eigcore.cli.boxes import EXAMPLE, WRITTEN, box_around
from eigcore.cli.options import Json, has_flags, numbers
from eigcore.cli.reading import READING
from eigcore.cli.targets import as_json_values, certificates
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit import FitOptions
from eigcore.fit.data.names import check_names
from eigcore.guarantees import checker
from eigcore.guarantees.proof import Proof, prove
from eigcore.guarantees.text import above, below
from eigcore.model import SpectralModel
from eigcore.writing import check_folder

LARGEST = 2**28
"""Bytes of the largest file that is verified."""
Model = Annotated[Path, typer.Argument(help="Model file.")]


@has_flags("dominates", *READING)
def certify_command(
    model: Model,
    table: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Argument(help="Table with a row to certify a box around; -: standard input."),
    ] = None,
    row: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--row", "-r", help="Row of the table; the first is 0."),
    ] = None,
    box: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="BOX ...", help=f"How far columns move: {WRITTEN}, as {EXAMPLE}."),
    ] = None,
    proof: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Proof to write, which `eigcore verify` checks exactly."),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Print what is proven about a model, or inside a box around a row, and write the proof.

    Example: `eigcore certify cars.eig --proof cars.proof.json`

    Example: `eigcore certify cars.eig cars.csv --row 3 --box weight=±10% horsepower=90..120`
    """
    chosen = FitOptions(**numbers(options))
    if chosen.dominates and proof is None:
        raise InvalidOption("proof", None, "a file for the claims of --dominates", "proof.json")
    if proof is not None:
        check_folder(proof)
        if proof.resolve() == model.resolve():
            raise InvalidInput("--proof names the model file itself. Type --proof proof.json")
    loaded = SpectralModel.load(model)
    around = box_around(chosen, loaded, table, row, box or [])
    check_names("dominates", _named(chosen.dominates or {}), loaded.encoding.names)
    found: Proof | None = None
    with show.working(as_json) as tell:
        tell("bounding slopes")
        proven = certificates(loaded, **around)
        if proof is not None:
            pairs = chosen.dominates
            found = prove(loaded, model.read_bytes(), **around, dominates=pairs, verbose=tell)
            found.save(proof)
    if as_json:
        record: dict[str, Any] = {"guarantees": as_json_values(proven)}
        if found is not None:
            record["claims"] = list(found.claims)
        typer.echo(json.dumps(record, default=float))
        return
    show.line("\n\n".join(map(str, proven.values())))
    for name, low in around.get("lower", {}).items():
        ends = f"{above(low)} and {below(around['upper'][name])}"  # inward: of a smaller box
        show.line(f"  {name} between {ends} around row {row}")
    if found is not None:
        show.line(
            f"Proof of {len(found.claims)} claims: {proof}. Type: eigcore verify {model} {proof}"
        )


def _named(pairs: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the columns that --dominates names."""
    return [name for a, others in pairs.items() for name in (a, *others)]


def verify_command(
    model: Model,
    proof: Annotated[Path, typer.Argument(help="Proof, written by `eigcore certify --proof`.")],
) -> None:
    """Check a proof, every rounding bounded; exit code 1 if a claim is not proven.

    The check is one short file that imports nothing of eigcore, `eigcore/guarantees/checker.py`.
    Read it, or copy it and type: python checker.py cars.eig cars.proof.json

    Example: `eigcore verify cars.eig cars.proof.json`
    """
    try:
        with show.working() as tell:
            tell("checking the proof exactly")
            claims = checker.check(_read(model), _read(proof))
    except checker.Rejected as exc:
        typer.echo(f"REJECTED: {exc}", err=True)
        raise typer.Exit(1) from exc
    for claim in claims:
        typer.echo(f"proven: {claim}")
    typer.echo(f"{len(claims)} claims are proven.")


def _read(path: Path) -> bytes:
    """Return the bytes of a file; raise InvalidInput for an endless one."""
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise InvalidInput(
            f"{str(path)!r} has more than {LARGEST} bytes. Expected a model file and its proof. "
            "Type: eigcore verify model.eig proof.json"
        )
    return data
