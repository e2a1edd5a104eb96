"""Several targets on the command line: their names, and a certificate for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from eigcore.cli.reading import output_named
from eigcore.errors import InvalidOption
from eigcore.guarantees.certificate import Certificate
from eigcore.model import SpectralModel


def targets_in(typed: str, columns: Collection[str]) -> str | list[str]:
    """Read the value of --target: a column, or several with commas between them."""
    names = typed.split(",")
    return typed if typed in columns or len(names) == 1 else names


def offset_in(typed: str | None, columns: Collection[str]) -> str | dict[str, str] | None:
    """Read the value of --offset: a column, or TARGET=COLUMN,... for several targets."""
    if typed is None or typed in columns or "=" not in typed:
        return typed
    pairs = (each.partition("=") for each in typed.split(","))
    return {target: column for target, _, column in pairs}


def one_target(model: SpectralModel, of: str | None) -> tuple[SpectralModel, int | None]:
    """Return the model of the target that --of names, or the model and the number of the output.

    Raises
    ------
    InvalidOption
        If the model has no such output; or several targets, and none is named.
    """
    output, names = output_named(model, of), model.static.targets
    if not names:
        return model, output
    if output is None:
        raise InvalidOption("of", None, f"one of the targets, {', '.join(names)}", names[0])
    return model.target(names[output]), None


def target_columns(model: SpectralModel, typed: str | None) -> list[str] | None:
    """Read the value of --target for a model: a column, or one for each of several targets."""
    if typed is None:
        return None
    return typed.split(",") if model.static.targets else [typed]


def certificates(model: SpectralModel, **around: Any) -> dict[str, Certificate]:
    """Return the certificate of each of several targets, or that of the model."""
    names = model.static.targets
    if not names:
        return {model.static.target_name: model.certify(**around)}
    return {name: model.target(name).certify(**around) for name in names}


def as_json_values(proven: Mapping[str, Certificate]) -> dict[str, Any]:
    """Return JSON values: the certificate of one target, or those of several by name."""
    each = {name: certificate.to_dict() for name, certificate in proven.items()}
    return each if len(each) > 1 else next(iter(each.values()))
