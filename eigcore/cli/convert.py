"""`eigcore convert`: a model file as a file of another world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from eigcore.cli import show
from eigcore.cli.options import Json
from eigcore.cli.places import check_apart
from eigcore.convert import FORMATS, convert
from eigcore.errors import InvalidOption
from eigcore.model import SpectralModel


def convert_command(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    to: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option("--to", metavar="|".join(FORMATS), help="Format. Default: by the output."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="File to write. Default: beside the model."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a model as C99, ONNX, a program of torch or JAX, or a reader in NumPy alone.

    Example: `eigcore convert cars.eig --to c`
    """
    if output is None:
        if to not in FORMATS:
            raise InvalidOption("to", to, f"one of {', '.join(FORMATS)}", "c")
        output = model.with_suffix(FORMATS[to][0])
    check_apart(output, "model.c", model=model)
    convert(SpectralModel.load(model), output, to)
    if as_json:
        typer.echo(json.dumps({"output": str(output)}))
    else:
        show.line(f"Saved: {output}")
