"""One of several outputs: its number, and what a model has of it if it is a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.portable.description import ModelStatic

_BESIDE = ("exposure", "offset")
"""Keys of the provenance that may hold one entry for each target."""


def output_of(static: ModelStatic, output: Any, option: str = "output") -> int:
    """Return the number of an output that is given by its number or name; by default the only one.

    Parameters
    ----------
    static : ModelStatic
    output : int, name of a class or target, or None
    option : str
        What the caller calls it.

    Raises
    ------
    InvalidInput
        If there is no such output, or none is given and there are several.
    """
    count = static.specs[0].outputs
    names = static.targets or (static.classes if count > 1 else ())
    if output is None and count == 1:
        return 0
    if isinstance(output, str) and output in names:
        return names.index(output)
    if isinstance(output, (int, np.integer)) and 0 <= output < count:
        return int(output)
    named = f", or its name, one of {', '.join(map(str, names))}" if names else ""
    example = names[0] if names and isinstance(names[0], str) else 0
    raise InvalidInput(
        f"{option} is {output!r} for {count} output(s). Expected its number, from 0 to "
        f"{count - 1}{named}. Write {option}={example!r}."
    )


def target_of(static: ModelStatic, name: str) -> int:
    """Return the number of the output that is a target.

    Raises
    ------
    InvalidInput
        A name that is not that of a target.
    """
    names = static.targets
    if name not in names:
        known = ", ".join(names) or f"none: the model has one, {static.target_name!r}"
        raise InvalidInput(
            f"The target is {name!r}. Expected one of several: {known}. Write its name as "
            "model.static.targets has it."
        )
    return names.index(name)


def static_of(static: ModelStatic, place: int) -> ModelStatic:
    """Return the description of the model of one of several targets."""
    specs = tuple(replace(spec, outputs=1) for spec in static.specs)
    ends: Any = static.clip and static.clip[place]
    return replace(static, specs=specs, clip=ends, target_name=static.targets[place], targets=())


def provenance_of(told: Mapping[str, Any], static: ModelStatic, place: int) -> dict[str, Any]:
    """Return what the provenance of several targets says of one.

    The fit, its rows and its settings were those of all. A shift that balanced the target stays in
    its pencil, and is no more told.
    """
    found = {key: value for key, value in told.items() if key != "balance"}
    if "loss_parameters" in told:
        own = told["loss_parameters"].items()
        found["loss_parameters"] = {key: value for key, value in own if key != "several"}
    if "units" in told:
        found["units"] = {key: each[place] for key, each in told["units"].items()}
    for key in _BESIDE:
        if isinstance(told.get(key), Mapping):
            given = told[key].get(static.targets[place])
            found |= {key: given}
            if given is None:
                del found[key]
    return found
