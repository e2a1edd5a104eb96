"""How the command reads a table of the columns of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eigcore.cli.places import table_file
from eigcore.encoding import Categories
from eigcore.encoding.csv import Reading
from eigcore.encoding.files import read_table
from eigcore.errors import InvalidOption
from eigcore.fit import FitOptions
from eigcore.model import SpectralModel

READING = ("sep", "decimal", "encoding")
"""Options of a fit that say how a table is read."""


def reading_for(
    options: FitOptions,
    model: SpectralModel,
    targets: Sequence[str] = (),
    classes: Sequence[Any] = (),
) -> Reading:
    """Return how to read a table of the columns of a model: levels that are text stay text.

    options : `READING` is used
    targets, classes : columns with true values, and the classes if they are such
    """
    encoding = model.encoding
    kinds = zip(encoding.names, encoding.columns, strict=True)
    given = {name: each for name, each in kinds if not getattr(each, "of", None)}
    levels = {name: each.levels for name, each in given.items() if isinstance(each, Categories)}
    if classes:
        levels |= dict.fromkeys(targets, tuple(classes))
    text = tuple(name for name, known in levels.items() if isinstance(known[0], str))
    codes = tuple(name for name, known in levels.items() if not isinstance(known[0], (str, bool)))
    numbers = tuple(name for name in (*given, *targets) if name not in text)
    told = {name: getattr(options, name) for name in READING}
    return Reading(**told, codes=codes, text=text, numbers=numbers)


def table_for(
    options: FitOptions, model: SpectralModel, path: Path, targets: Sequence[str] = ()
) -> Any:
    """Read a table of the columns of a model, from a file or standard input.

    targets : columns with true values; by default those that the model was fitted to
    """
    names = targets or model.static.targets or (model.static.target_name,)
    with table_file(path) as file:
        return read_table(file, reading_for(options, model, names, model.static.classes))


def output_named(model: SpectralModel, of: str | None) -> int | None:
    """Return the number of an output from its class, target or number; None for none.

    Raises
    ------
    InvalidOption
        If the model has no such output, or only one.
    """
    count, labels = model.outputs, model.static.labels
    if of is None:
        return None
    if count == 1:
        raise InvalidOption("of", of, "nothing: the model has one output")
    names = [str(each) for each in labels]
    if of not in names:
        raise InvalidOption("of", of, f"one of {', '.join(names)}", names[0])
    return names.index(of)
