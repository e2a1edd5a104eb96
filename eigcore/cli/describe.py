"""`eigcore show`: what a model file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from eigcore.cli import show
from eigcore.cli.options import Json
from eigcore.cli.targets import as_json_values, certificates
from eigcore.model import SpectralModel
from eigcore.report.describe import describe


def show_command(
    model: Annotated[Path, typer.Argument(help="Model file.")], as_json: Json = False
) -> None:
    """Print what a model file holds: columns, settings, guarantees and provenance.

    With `--json`, print the same and the description that the file contains.

    Example: `eigcore show cars.eig`
    """
    loaded = SpectralModel.load(model)
    proven = certificates(loaded)
    if as_json:
        record = loaded.to_dict()
        record["feature_norms"] = loaded.feature_norms
        record["guarantees"] = as_json_values(proven)
        typer.echo(json.dumps(record, default=float))
    else:
        show.model(describe(loaded), proven)
