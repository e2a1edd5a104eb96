"""Neurons of other programs: arrays in a named layout become a member of a model."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.numpy

from eigcore.convert.layouts import LAYOUTS, checked
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.portable.description import checked_params


def read_neuron(
    arrays: Mapping[str, Any],
    layout: str,
    index: Literal["middle", "convex", "concave"] | int | None = None,
    **spec: Any,
) -> tuple[EigSpec, np.ndarray]:
    """Return a neuron that another program stored, as a member of a `SpectralModel`.

    ``SpectralModel(None, [read_neuron(arrays, "square-lower", index=2)])`` predicts what the other
    program predicts, up to rounding. docs/convert.md lists the layouts.

    Parameters
    ----------
    arrays : mapping of names to arrays of any library, such as a ``state_dict``
    layout : str
        A key of `eigcore.convert.layouts.LAYOUTS`; never guessed.
    index : {"middle", "convex", "concave"} or int
        Which eigenvalue, ascending from zero, as in `EigSpec`. It may be left out where the layout
        or the functional says it.
    **spec
        More fields of `EigSpec`: functional and its parameter, monotone.

    Returns
    -------
    spec : EigSpec
        Hermitian matrices become real ones of twice the order (each eigenvalue twice).
    params : (1, features + 1, K) float64 array

    Raises
    ------
    InvalidOption
        An unknown layout, or a missing index.
    InvalidInput, InvalidSpec
        Arrays that do not have the names, shapes and numbers of the layout; numbers that are not
        finite; fields that contradict each other.
    """
    if layout not in LAYOUTS:
        raise InvalidOption("layout", layout, f"one of {', '.join(LAYOUTS)}", "square-lower")
    chosen = LAYOUTS[layout]
    ordered, n, d = checked(layout, {name: _numpy(value) for name, value in arrays.items()})
    given = {} if index is None else {"index": index}
    options: dict[str, Any] = {**chosen.spec(n), **spec, **given}
    functional = options.get("functional", "kth")
    if "index" not in options and functional in ("kth", "smooth"):
        expected = "the place of the eigenvalue, ascending from 0; the arrays do not say it"
        raise InvalidOption("index", None, expected, "middle", "is left out")
    if chosen.hermitian:
        if functional != "kth":
            expected = f"'kth' for the complex matrices of the layout {layout!r}"
            raise InvalidOption("functional", functional, expected, "kth")
        k = EigSpec(n, d, index=options["index"]).k
        options["index"], d = 2 * k, 2 * d
    made = EigSpec(n, d, structure=chosen.structure, **options)
    wide = [np.asarray(a, np.complex128 if a.dtype.kind == "c" else np.float64) for a in ordered]
    return made, checked_params(made, chosen.params(*wide)[None])


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the named arrays of a ``.npz`` or ``.safetensors`` file. Nothing in it is run.

    Raises
    ------
    InvalidInput
        Another ending, a damaged file, or one that holds Python objects.
    OSError
        A file that cannot be opened.
    """
    path = Path(path)
    expected = "expected arrays in a .npz or .safetensors file"
    if path.suffix not in (".npz", ".safetensors"):
        raise InvalidInput(
            f"{path.name!r} has another ending; {expected}. For a module of torch, write them with "
            "safetensors.torch.save_file(module.state_dict(), 'module.safetensors')."
        )
    try:
        if path.suffix == ".safetensors":
            return safetensors.numpy.load(path.read_bytes())
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, safetensors.SafetensorError) as exc:
        raise InvalidInput(
            f"{path.name!r} cannot be read ({exc}); {expected}, without Python objects. Write it "
            "again, with numpy.savez or safetensors."
        ) from exc


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(infer(value).to_numpy(value))
