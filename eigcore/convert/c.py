"""A model as one file of C99."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from eigcore.core.functionals import Functional, Linear, Smooth, Softmax
from eigcore.encoding import Categories
from eigcore.errors import InvalidOption
from eigcore.model import SpectralModel

TEMPLATE = Path(__file__).with_name("model.c")
FORMS = "RAMP", "LEVEL", "HAT"
LINKS = {
    "identity": "",
    "log": "for (int i = 0; i < OUTPUTS; ++i) out[i] = exp(out[i]);",
    "logistic": "for (int i = 0; i < OUTPUTS; ++i) out[i] = out[i] < 0 ? "
    "exp(out[i]) / (1 + exp(out[i])) : 1 / (1 + exp(-out[i]));",
    "softmax": "double most = out[0], sum = 0;\n"
    "  for (int i = 0; i < OUTPUTS; ++i) most = out[i] > most ? out[i] : most;\n"
    "  for (int i = 0; i < OUTPUTS; ++i) sum += out[i] = exp(out[i] - most);\n"
    "  for (int i = 0; i < OUTPUTS; ++i) out[i] /= sum;",
}


def source(model: SpectralModel, name: str, about: str) -> str:
    """Return the C99 source of a model.

    Parameters
    ----------
    model : SpectralModel
    name : str
        What the names of all functions begin with: name_predict, name_decision, name_code.
    about : str
        What the first line says.

    Raises
    ------
    InvalidOption
        If name is no name of C.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        wanted = "letters, digits and _, a letter first: functions of C are named after it"
        raise InvalidOption("output", name, wanted, "model.c", f"has the name {name!r}")
    encoding, static = model.encoding, model.static
    columns = enumerate(zip(encoding.names, encoding.columns, strict=True))
    link = LINKS[static.link]
    if static.clip is not None:
        ends = np.broadcast_to(np.transpose(static.ends), (model.outputs, 2)).tolist()
        for i, (low, high) in enumerate(ends):
            link += f"\n  out[{i}] = clip(out[{i}], {number(low)}, {number(high)});"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        about=_comment(about),
        name=name,
        NAME=name.upper(),
        columns="\n".join(
            f"     {j}  {_comment(label)}{', a code' * isinstance(column, Categories)}"
            for j, (label, column) in columns
        ),
        columns_count=len(encoding.columns),
        parts=len(encoding.parts),
        terms=encoding.terms,
        outputs=model.outputs,
        members=len(static.specs),
        order=max(spec.dim for spec in static.specs),
        term_rows=_rows(_terms(model), "RAMP"),
        part_rows=_rows(_parts(model), "0"),
        entry_rows=_rows(_entries(model), "-1, 0, 0, 0"),
        level_rows=_rows(_levels(model), "-1, 0"),
        arrays="\n".join(_arrays(model)),
        member_rows=_rows(_members(model)),
        offset=number(static.offset),
        scale=number(static.scale),
        link="  " + link,
    )


def number(value: float) -> str:
    """Return a double as C reads it back, to the last bit."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(float(value))


def _comment(text: str) -> str:
    """Return text that ends no comment."""
    return " ".join(text.replace("*/", "* /").replace("/*", "/ *").split())


def _rows(rows: Iterable[Iterable[str]], last: str | None = None) -> str:
    told = [f"    {{{', '.join(row)}}}," for row in rows]
    return "\n".join([*told, *([f"    {{{last}}},"] if last else [])]) + "\n"


def _terms(model: SpectralModel) -> Iterable[list[str]]:
    for form, *rest in np.transpose(model.encoding.constants)[:, :8]:
        yield [FORMS[int(form)], *map(number, rest)]


def _parts(model: SpectralModel) -> Iterable[list[str]]:
    for column, terms in zip(model.encoding.parts, model.encoding.slices, strict=True):
        refuses = getattr(column, "unseen", None) == "refuse"
        ends = column.range if column.outside else None
        yield [
            str(terms.start),
            str(terms.stop),
            str(int(refuses)),
            *map(number, ends or (-math.inf, math.inf)),
        ]


def _entries(model: SpectralModel) -> Iterable[list[str]]:
    names = model.encoding.names
    for part, each in enumerate(model.encoding.projections, len(names)):
        for label, weight, center in zip(each.names, each.weights, each.centers, strict=True):
            yield [str(part), str(names.index(label)), number(weight), number(center)]


def _levels(model: SpectralModel) -> Iterable[list[str]]:
    for j, column in enumerate(model.encoding.columns):
        if isinstance(column, Categories):
            for level in column.levels:
                text = level if isinstance(level, str) else json.dumps(level)
                yield [str(j), _text(text)]


def _text(text: str) -> str:
    """Return text as a literal of C, in UTF-8: what is no plain character in octal."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._,:;+=()-"
    told = (chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode())
    return '"' + "".join(told) + '"'


def _arrays(model: SpectralModel) -> Iterable[str]:
    for i, (spec, params) in enumerate(model.members):
        yield _array(f"matrices_{i}", params)
        yield _array(f"eigen_weights_{i}", _constants(spec.phi))


def _array(name: str, values: Any) -> str:
    flat = list(map(number, np.ravel(values)))
    lines = (", ".join(flat[i : i + 5]) for i in range(0, len(flat), 5))
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(lines) + "};"


def _constants(phi: Functional) -> np.ndarray:
    """Return the weights of the eigenvalues, zeros where they depend on the eigenvalues."""
    return phi.constants() if isinstance(phi, Linear) else np.zeros(1)


def _members(model: SpectralModel) -> Iterable[list[str]]:
    for i, (spec, weight) in enumerate(zip(model.static.specs, model.static.weights, strict=True)):
        kind = {Softmax: "SOFTMAX", Smooth: "SMOOTH"}.get(type(spec.phi), "WEIGHTED")
        parameter = {"SOFTMAX": spec.t, "SMOOTH": spec.alpha}.get(kind)
        yield [
            *map(str, (spec.dim, spec.bandwidth, spec.packed_size, spec.k)),
            kind,
            number(weight),
            number(parameter or 0.0),
            f"eigen_weights_{i}",
            f"matrices_{i}",
        ]
