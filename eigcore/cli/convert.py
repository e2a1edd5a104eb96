"""`eigcore convert`: models as files of other worlds, and neurons of other worlds as models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from eigcore.cli import show
from eigcore.cli.options import Json
from eigcore.cli.places import check_apart
from eigcore.convert import FORMATS, convert, read_arrays, read_neuron
from eigcore.encoding import Encoding, Linear
from eigcore.errors import InvalidOption
from eigcore.model import SpectralModel


def convert_command(
    model: Annotated[
        Path, typer.Argument(help="Model file; with --layout arrays, .npz or .safetensors.")
    ],
    to: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option("--to", metavar="|".join(FORMATS), help="Format. Default: by the output."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="File to write. Default: beside the model."),
    ] = None,
    layout: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--layout", metavar="NAME", help="What the arrays mean: docs/convert.md."),
    ] = None,
    index: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--index", metavar="K|middle|convex|concave", help="Their eigenvalue."),
    ] = None,
    alpha: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option("--alpha", help="Smoothing of their eigenvalue. Default: none."),
    ] = None,
    columns: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--columns", help="Names of their features. Default: x0 x1 …"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a model as C99, ONNX, a program of torch or JAX, or a reader in NumPy alone.

    With --layout, read a neuron that another program stored, and write a model file.

    Example: `eigcore convert cars.eig --to c`
    """
    if output is None:
        to = "eig" if to is None and layout is not None else to
        if to not in FORMATS:
            raise InvalidOption("to", to, f"one of {', '.join(FORMATS)}", "c")
        output = model.with_suffix(FORMATS[to][0])
    check_apart(output, "model.c", model=model)
    own = {"index": index, "alpha": alpha, "columns": columns}
    if layout is None:
        for name, value in own.items():
            if value is not None:
                raise InvalidOption(name, value, "--layout beside it", None, "is given")
        if model.suffix == ".npz":
            problem = f"is left out, and {model.name!r} holds arrays"
            raise InvalidOption("layout", None, "what they mean", "square-lower", problem)
        loaded = SpectralModel.load(model)
    else:
        loaded = _neuron(model, layout, **own)
    convert(loaded, output, to)
    if as_json:
        typer.echo(json.dumps({"output": str(output)}))
    else:
        show.line(f"Saved: {output}")


def _neuron(
    path: Path, layout: str, index: str | None, alpha: float | None, columns: list[str] | None
) -> SpectralModel:
    """Return the model of one neuron."""
    options: dict[str, Any] = {} if alpha is None else {"functional": "smooth", "alpha": alpha}
    whole = index is not None and index.removeprefix("-").isdecimal()
    which: Any = int(index or 0) if whole else index
    spec, params = read_neuron(read_arrays(path), layout, which, **options)
    encoding = None
    if columns is not None:
        if len(columns) != spec.features:
            expected = f"{spec.features} names, one for each feature of the neuron"
            raise InvalidOption("columns", " ".join(columns), expected)
        encoding = Encoding(tuple(Linear() for _ in columns), tuple(columns))
    about = {"layout": layout, "read_from": path.name}
    return SpectralModel(encoding, [(spec, params)], provenance=about)
