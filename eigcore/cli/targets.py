"""Several targets on the command line: their names, and a certificate for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from eigcore.guarantees.certificate import Certificate
from eigcore.model import SpectralModel


def targets_in(typed: str, columns: Collection[str]) -> str | list[str]:
    """Read the value of --target: a column, or several with commas between them."""
    names = typed.split(",")
    return typed if typed in columns or len(names) == 1 else names


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
