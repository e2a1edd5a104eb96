"""`eigcore certify` and `eigcore verify`: what is proven about a model, and its check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from eigcore.cli import show
from eigcore.cli.options import Json
from eigcore.errors import InvalidInput
from eigcore.guarantees import checker
from eigcore.guarantees.proof import Proof, prove
from eigcore.model import SpectralModel
from eigcore.writing import check_folder

Model = Annotated[Path, typer.Argument(help="Model file.")]


def certify_command(
    model: Model,
    proof: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(help="Proof to write, which `eigcore verify` checks exactly."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what is proven about a model, and write the proof.

    Example: `eigcore certify cars.eig --proof cars.proof.json`
    """
    if proof is not None:
        check_folder(proof)
        if proof.resolve() == model.resolve():
            raise InvalidInput("--proof names the model file itself. Type --proof proof.json")
    loaded = SpectralModel.load(model)
    certificate = loaded.certify()
    found: Proof | None = None
    if proof is not None:
        found = prove(loaded, model.read_bytes())
        found.sentences()
        found.save(proof)
    if as_json:
        record: dict[str, Any] = {"guarantees": certificate.to_dict()}
        if found is not None:
            record["claims"] = list(found.claims)
        typer.echo(json.dumps(record, default=float))
        return
    show.line(str(certificate))
    if found is not None:
        show.line(
            f"Proof of {len(found.claims)} claims: {proof}. Type: eigcore verify {model} {proof}"
        )


def verify_command(
    model: Model,
    proof: Annotated[Path, typer.Argument(help="Proof, written by `eigcore certify --proof`.")],
) -> None:
    """Check a proof in exact arithmetic; exit code 1 if a claim is not proven.

    The check is one short file that imports nothing of eigcore, `eigcore/guarantees/checker.py`.
    Read it, or copy it and type: python checker.py cars.eig cars.proof.json

    Example: `eigcore verify cars.eig cars.proof.json`
    """
    try:
        checker.main(model, proof)
    except SystemExit as exc:
        typer.echo(exc.code, err=True)
        raise typer.Exit(1) from exc
