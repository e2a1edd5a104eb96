"""What `eigcore spectrum` reads: matrices in files, and what a function returns."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eigcore.dispatch.registry import infer
from eigcore.encoding.files import ENDINGS, read_table
from eigcore.errors import EigcoreError, InvalidInput
from eigcore.operators import Operator, hessian

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
LARGEST = 1e60
"""Of an entry."""
_KINDS = {
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    **{f"I{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    "BOOL": "?",
}
"""Of tensors in .safetensors files, as NumPy names them."""
_ALL = (".npy", ".safetensors", *ENDINGS)


def is_function(source: str) -> bool:
    """Whether the source is ``module:function`` and no file."""
    return bool(_FUNCTION.fullmatch(source)) and not Path(source).exists()


def read_matrix(path: Path, tensor: str | None) -> np.ndarray:
    """Read a matrix (n, p), whose rows are samples.

    tensor : its name in a .safetensors file with several

    Raises
    ------
    InvalidInput
        A missing file, an unknown ending, or no matrix of finite numbers.
    """
    name = path.name.lower()
    if not name.endswith(_ALL):
        raise InvalidInput(
            f"{str(path)!r} has an unknown ending; expected one of {', '.join(_ALL)}, or "
            "module:function. Convert the file: numpy.save('matrix.npy', matrix)"
        )
    if not path.is_file():
        raise InvalidInput(f"There is no file {str(path)!r}. Expected a matrix. Check the path.")
    if name.endswith(".npy"):
        try:
            found = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as exc:
            raise InvalidInput(
                f"{str(path)!r} cannot be read as npy ({exc}). Expected an array of numbers. "
                "Save it again: numpy.save('matrix.npy', matrix)"
            ) from exc
        if found.ndim > 2:
            raise InvalidInput(
                f"{str(path)!r} has {found.ndim} axes, {found.shape}; expected samples and "
                "columns. Save it as a matrix: numpy.save('matrix.npy', a.reshape(len(a), -1))"
            )
        return checked(found, str(path))
    if name.endswith(".safetensors"):
        return checked(_tensor(path, tensor), str(path))
    return _table(path)


def _table(path: Path) -> np.ndarray:
    """Return the columns of numbers of a table."""
    table = read_table(path)
    columns = {}
    for column in table.column_names:
        kind = str(table.schema.field(column).type)
        if kind.startswith(("int", "uint", "float", "double", "halffloat")):
            columns[column] = table[column].to_numpy().astype(np.float64)
    if not columns:
        raise InvalidInput(
            f"{str(path)!r} has no column of numbers; expected a matrix below the names. Check the "
            "separator and the first line."
        )
    return checked(np.stack(list(columns.values()), axis=1), str(path))


def _tensor(path: Path, name: str | None) -> Any:
    tensors = _tensors(path)
    matrices = [key for key, each in tensors.items() if each.ndim >= 2]
    chosen = matrices[0] if name is None and len(matrices) == 1 else name
    if chosen not in tensors:
        raise InvalidInput(
            f"{str(path)!r} has the matrices {', '.join(sorted(matrices)) or 'none'}; expected the "
            f"name of one of them, not {name!r}. Type --tensor {sorted(matrices or ['NAME'])[0]}"
        )
    return tensors[chosen]


def read_weights(path: Path) -> dict[str, np.ndarray] | None:
    """Return the matrices of a .safetensors file with several, by name; None for other files."""
    if not path.name.lower().endswith(".safetensors") or not path.is_file():
        return None
    matrices = {key: each for key, each in _tensors(path).items() if _is_matrix(each)}
    if len(matrices) < 2:
        return None
    return {key: checked(each, key) for key, each in sorted(matrices.items(), key=_in_order)}


def _in_order(pair: tuple[str, Any]) -> list[tuple[int, str]]:
    """Sort names by the numbers in them: layer 10 comes after layer 2."""
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", pair[0])
    ]


def _tensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, deserialize

    try:
        parts = dict(deserialize(path.read_bytes()))
        return {name: _array(part) for name, part in parts.items()}
    except (SafetensorError, KeyError, ValueError) as exc:
        raise InvalidInput(
            f"{str(path)!r} cannot be read ({exc}). Expected a .safetensors file of floats or "
            "integers. Save it again, in float32."
        ) from exc


def _array(part: Mapping[str, Any]) -> np.ndarray:
    """Return a tensor of a file as an array of NumPy, which has no bfloat16."""
    kind, data = part["dtype"], part["data"]
    if kind == "BF16":  # the upper half of a float32
        found = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    else:
        found = np.frombuffer(data, _KINDS[kind])
    return found.reshape(part["shape"])


def _is_matrix(a: np.ndarray) -> bool:
    return a.ndim >= 2 and a.dtype.kind in "fiub" and min(a.shape) > 1


def checked(a: Any, place: str) -> np.ndarray:
    """Return a matrix as float64; more than two axes become two."""
    a = np.asarray(a)
    if a.dtype.kind not in "fiub" or a.ndim < 2 or min(a.shape) < 1 or a.size < 4:
        raise InvalidInput(
            f"{place} holds {a.dtype} of shape {a.shape}; expected a matrix of numbers, with "
            "samples as rows. Convert it first."
        )
    a = a.reshape(a.shape[0], -1).astype(np.float64)
    if np.isfinite(a).all() and (largest := np.abs(a).max()) > LARGEST:
        raise InvalidInput(
            f"{place} holds {largest:.3g}; expected numbers up to {LARGEST:.0e}, whose powers are "
            "finite. Divide the matrix by its largest entry."
        )
    bad = int((~np.isfinite(a)).any(1).sum())
    if bad:
        raise InvalidInput(
            f"{place} has {bad} row(s) with missing or infinite cells; expected finite numbers. "
            "Drop or fill these rows."
        )
    return a


def called(source: str) -> Any:
    """Call ``module:function`` and return what it returns.

    Raises
    ------
    InvalidInput
        If there is no such module or function, or it returns nothing of use.
    """
    module, name = source.split(":")
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as exc:
        raise InvalidInput(
            f"There is no module {exc.name!r}; expected one in this folder or installed. Check the "
            f"name, or type: cd folder-of-{module}"
        ) from exc
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise InvalidInput(
            f"{module!r} has no function {name!r}; expected one without parameters. Check the name."
        )
    try:
        return found()
    except EigcoreError:
        raise
    except Exception as exc:
        raise InvalidInput(
            f"{source} raised {type(exc).__name__}: {exc}. Expected a function without parameters "
            f"that returns a matrix or a model. Try it: python -c 'import {module}; "
            f"{module}.{name}()'"
        ) from exc


def operator_of(returned: Any) -> Operator | None:
    """Return an operator, or that of a pair (loss, parameters); None for anything else."""
    if isinstance(returned, Operator):
        return returned
    if isinstance(returned, tuple) and len(returned) in (2, 3) and callable(returned[0]):
        return hessian(*returned)
    return None


def weights_of(returned: Any) -> dict[str, np.ndarray]:
    """Return the weight matrices of a model or of nested parameters, by name.

    Raises
    ------
    InvalidInput
        If there are none.
    """
    named = getattr(returned, "named_parameters", None)
    leaves = dict(named()) if named else dict(_leaves("", returned))
    found = {}
    for name, leaf in leaves.items():
        backend = infer(leaf)
        a = backend.to_numpy(backend.asarray(leaf))
        if _is_matrix(a):
            found[name or "matrix"] = checked(a, name or "The matrix")
    if not found:
        raise InvalidInput(
            f"The function returned a {type(returned).__name__} without a matrix; expected an "
            "operator, a pair (loss, parameters), a model, or arrays. Return one of them."
        )
    return found


def _leaves(name: str, tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        pairs = tree.items()
    elif isinstance(tree, (list, tuple)):
        pairs = enumerate(tree)
    else:
        if hasattr(tree, "dtype") and hasattr(tree, "shape"):
            yield name, tree
        return
    for key, each in pairs:
        yield from _leaves(f"{name}.{key}" if name else str(key), each)
