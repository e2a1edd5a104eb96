"""A trained model as a file of another world: C, ONNX, programs of frameworks, NumPy alone.

And neurons that other programs stored, as members of a model. See docs/convert.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from eigcore.convert.c import source
from eigcore.convert.dynamo import onnx_value
from eigcore.convert.neuron import read_arrays, read_neuron
from eigcore.convert.onnx import serialised
from eigcore.convert.pipelines import register_estimators
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidOption
from eigcore.model import SpectralModel
from eigcore.writing import check_folder, write_whole

__all__ = ["FORMATS", "convert", "onnx_value", "read_arrays", "read_neuron", "register_estimators"]

Writer = Callable[[SpectralModel, str, str], bytes]
"""The bytes of a model, with the stem of the file and what to say about it."""


def _c(model: SpectralModel, stem: str, about: str) -> bytes:
    return source(model, re.sub(r"\W", "_", stem, flags=re.ASCII), about).encode()


def _numpy(model: SpectralModel, stem: str, about: str) -> bytes:
    return Path(__file__).with_name("reader.py").read_bytes()


FORMATS: dict[str, tuple[str, Writer]] = {
    "eig": (".eig", lambda model, *_: model.to_bytes()),
    "c": (".c", _c),
    "onnx": (".onnx", lambda model, _, about: serialised(model, about)),
    "torch": (".pt2", lambda model, *_: get_backend("torch").program(model)),
    "jax": (".stablehlo", lambda model, *_: get_backend("jax").program(model)),
    "numpy": (".py", _numpy),
}
"""The ending of each format, and what writes it."""


def convert(model: SpectralModel, path: str | os.PathLike[str], to: str | None = None) -> None:
    """Write a model in another format. Arrays hold codes for categories.

    Parameters
    ----------
    model : SpectralModel
    path : path of the file to write
    to : {"eig", "c", "onnx", "torch", "jax", "numpy"}, optional
        The format: a model file; one file of C99, float64; ONNX, float64; what
        `torch.export.save` writes, float64; what `jax.export` serialises, float64 where x64 is
        enabled and else float32; a reader of model files that needs NumPy alone. Default: by the
        ending of the path, .eig, .c, .onnx, .pt2, .stablehlo or .py.

    Raises
    ------
    InvalidOption
        An unknown format, or a name that is none in C.
    MissingPackage, BackendUnavailable
        A format whose package is not installed.
    InvalidInput, OSError
        A path that cannot be written.
    """
    path = Path(path)
    if to is None:
        to = next((name for name, (end, _) in FORMATS.items() if end == path.suffix.lower()), None)
        problem: str | None = f"is left out, and {path.name!r} has the ending of no format"
    else:
        problem = None
    if to not in FORMATS:
        endings = ", ".join(f"{name} ({ending})" for name, (ending, _) in FORMATS.items())
        raise InvalidOption("to", to, f"one of {endings}", "c", problem)
    check_folder(path)
    about = f"The model {model.static.target_name or path.stem}, written by eigcore."
    write_whole(path, FORMATS[to][1](model, path.stem, about))
