"""Inputs and results of the public functions: one backend, one dtype, errors for bad rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.options import COMPLEX, is_complex, numbers
from eigcore.core.rules import Rule
from eigcore.core.sources import Source
from eigcore.core.spectrum import embedded
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput

COMPUTED = ("float64", "float32")
"""dtypes that are computed without conversion."""
FLOATS = (*COMPUTED, "float16", "bfloat16")
_UNKNOWN = f"dtype is {{}}; expected one of {', '.join(FLOATS)}. Convert the arrays first."
Prepared = tuple[Backend, tuple[Array, ...], Callable[[Array], Array]]


def prepared(backend: str | Backend | None, *arrays: Any, hermitian: bool = False) -> Prepared:
    """Choose the backend, and convert the arrays to one dtype for computing.

    Returns the backend, the arrays, and the function that restores the dtype of the result. Where
    complex matrices may be Hermitian, they become their real form, of twice the order.
    """
    chosen = infer(*arrays, backend=backend)
    if len(arrays) == 1 and hasattr(arrays[0], "dtype"):  # a short call: no detour
        a = taken(chosen, arrays[0])
        kind = chosen.dtype_name(a)
        if kind in COMPUTED and kind in chosen.capabilities.dtypes:
            return chosen, (a,), _same
    found = [taken(chosen, a) for a in arrays if hasattr(a, "dtype")]
    kinds = set(map(chosen.dtype_name, found))
    if len(found) < len(arrays) or not all(kind in FLOATS for kind in kinds):
        return _widened(chosen, arrays, hermitian)
    return _computing(chosen, found, kinds)


def _widened(backend: Backend, arrays: tuple[Any, ...], hermitian: bool) -> Prepared:
    """Return floating arrays: integers become float64, lists and numbers follow the first array."""
    found, loose = [], []
    for number, a in enumerate(arrays):
        if not hasattr(a, "dtype") and hasattr(a, "__array__"):
            a = np.asarray(a)  # a data frame
        if not hasattr(a, "dtype"):
            loose.append(number)
            found.append(numbers(backend.asarray, a, "float64"))
            continue
        a = taken(backend, a)
        name = backend.dtype_name(a)
        if "complex" in name:
            if not hermitian:
                raise InvalidInput(COMPLEX.format(name))
            order(a)
            a = embedded(backend, a)
            name = backend.dtype_name(a)
        if "float" in name and name not in FLOATS:
            raise InvalidInput(_UNKNOWN.format(name))
        found.append(a if name in FLOATS else backend.asarray(a, dtype="float64"))
    if 0 < len(loose) < len(found):
        like = next(a for number, a in enumerate(found) if number not in loose)
        for number in loose:
            found[number] = following(backend, found[number], like)
    return _computing(backend, found, {backend.dtype_name(a) for a in found})


def taken(backend: Backend, a: Any) -> Array:
    """Return an array in the library of a backend, in its own dtype; integers of NumPy as floats.

    Raises
    ------
    InvalidInput
        If it holds no numbers, or numbers that this library would shorten.
    """
    if isinstance(a, np.ndarray):
        a = _readable(a)
        if a.dtype.kind in "iub":  # at once: the integers of a library can be shorter
            return backend.asarray(a, dtype="float64")
    made = backend.asarray(a)
    if made is not a and str(a.dtype).lower() == "float64":
        name = backend.dtype_name(made)
        if name != "float64":
            raise InvalidInput(
                f'A float64 array came to backend "{backend.name}", which would make it {name}; '
                "expected a dtype that it computes, since eigcore converts none. "
                f"{backend.switched_off('float64')} Or convert it: array.astype({name!r})"
            )
    return made


def hermitian(M: Any) -> Any:
    """Return matrices, those in lists of complex numbers as an array of NumPy."""
    return np.asarray(M) if not hasattr(M, "dtype") and is_complex(M) else M


def order(M: Array) -> int:
    """Return the order d of matrices (..., d, d), or raise InvalidInput."""
    shape = M.shape
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] == 0:
        raise InvalidInput(f"M should have shape (..., d, d) with d >= 1; got {tuple(shape)}.")
    return shape[-1]


def following(backend: Backend, a: Any, like: Array) -> Array:
    """Return an array, or lists and numbers, with the dtype and the device of another array."""
    if not hasattr(a, "dtype"):
        a = numbers(backend.asarray, a, "float64")
    return backend.asarray(a, like=like)


def _readable(a: Any) -> Any:
    """Return a NumPy array of numbers as every library can read it; other arrays as they are."""
    if (
        type(a) is np.ndarray
        and a.dtype.char in "dfe"
        and a.dtype.isnative
        and a.flags.c_contiguous
    ):
        return a
    if isinstance(a, np.ma.MaskedArray):
        raise InvalidInput("The array is masked; expected all its numbers. Type: a.filled(value)")
    if a.dtype.kind not in "fciubO" and a.dtype.name not in FLOATS:
        raise InvalidInput(f"dtype is {a.dtype}; expected numbers. Convert the array first.")
    if a.dtype.kind == "f" and a.dtype.name not in FLOATS:
        raise InvalidInput(_UNKNOWN.format(a.dtype.name))
    if a.dtype.kind == "O":
        a = numbers(np.asarray, a, np.float64)
    return np.array(a, a.dtype.newbyteorder("="), order="C")


def _computing(backend: Backend, arrays: list[Array], kinds: set[str]) -> Prepared:
    """Check the dtypes, and convert those of 16 bits to float32."""
    if len(kinds) > 1 and backend.autocasts(arrays[0]):
        arrays = [backend.asarray(a, like=arrays[0]) for a in arrays]
        kinds = {backend.dtype_name(arrays[0])}
    if len(kinds) > 1:
        raise InvalidInput(
            f"The arrays have dtypes {' and '.join(sorted(kinds))}; expected one dtype, since "
            "eigcore converts none. Convert one array."
        )
    [kind] = kinds
    if kind not in backend.capabilities.dtypes:
        raise InvalidInput(
            f'dtype {kind} is not among those of backend "{backend.name}": '
            f"{', '.join(backend.capabilities.dtypes)}. Convert the arrays first."
        )
    if kind in COMPUTED:
        return backend, tuple(arrays), _same
    wide = tuple(backend.asarray(a, dtype="float32") for a in arrays)
    return backend, wide, lambda result: backend.asarray(result, dtype=kind)


def _same(result: Array) -> Array:
    return result


def evaluated(
    backend: Backend, rule: Rule, source: Source, what: str, nonfinite: str, core: int = 1
) -> Array:
    """Return the values of a source, with derivatives attached.

    `what` names the source in errors; the last `core` axes of its last array form one matrix.
    """
    raises = nonfinite == "raise" or raising(nonfinite)
    values = backend.evaluate(rule, source)
    if raises and not backend.all_finite(values):
        way = ', or let them through as NaN: nonfinite="propagate"'
        check_values(backend, values, what, source.arrays[-1], core, way)
    return values


def raising(nonfinite: str) -> bool:
    """Whether rows that are not finite are an error, as the option of this name says."""
    if nonfinite not in ("raise", "propagate"):
        raise InvalidInput(
            f'nonfinite is {nonfinite!r}; expected "raise", or "propagate" for NaN in the rows '
            "that are not finite. Leave nonfinite out to raise."
        )
    return nonfinite == "raise"


def check_values(
    backend: Backend, values: Array, what: str, a: Array, core: int = 1, way: str = ""
) -> None:
    """Raise NonFiniteInput if an eager result shows that its input was not finite.

    `way` is another way out than to drop the rows, for callers that have one.
    """
    if backend.all_finite(values) or not backend.is_concrete(values):
        return
    bad = bad_rows(backend, values, a, core)
    if bad and a.ndim == core == 2:
        raise NonFiniteInput(
            f"{what} holds NaN or infinity. Expected finite numbers. Replace them first{way}"
        )
    if bad:
        cells = "Encode missing cells (eigcore.Encoding), drop" if what.startswith("x") else "Drop"
        raise NonFiniteInput(f"{what}: {bad}. Expected finite numbers. {cells} these rows{way}")


def bad_rows(backend: Backend, values: Array, a: Array, core: int = 1) -> str:
    """Say which rows of `a`, of `core` axes each, have NaN among the values; empty if none has."""
    host, count = backend.to_numpy(values), math.prod(a.shape[:-core])
    bad = (host != host).reshape(count, -1).any(-1).nonzero()[0]
    if not len(bad):
        return ""
    return (
        f"{len(bad)} of {count} rows are NaN or infinite, the first at index {bad[0]} (leading "
        "axes flattened)"
    )
