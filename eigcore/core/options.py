"""What people pass: names, numbers, seeds and lists, and what to type instead of wrong ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput

COMPLEX = (
    "dtype is {}; expected real numbers. Type: array.real. Eigenvalues of Hermitian matrices: "
    "eigcore.kth_eigenvalue(M, k) and eigcore.eigenvalues(M, lo, hi)"
)


def one_of(name: str, value: Any, names: Iterable[str]) -> str:
    """Return an option that is one of some names."""
    names = tuple(names)
    if not isinstance(value, str) or value not in names:
        raise InvalidInput(
            f"{name} is {value!r:.80}; expected one of {', '.join(names)}. "
            f'Write {name}="{names[0]}".'
        )
    return value


def number(
    name: str, value: Any, example: float, above: float = -math.inf, least: bool = False
) -> float:
    """Return an option that is a finite number above a limit, or at least that."""
    good = is_real(value) and (above < value < math.inf or (least and value == above))
    if not good:
        limit = "" if above == -math.inf else f" {'of at least' if least else 'above'} {above:g}"
        raise InvalidInput(
            f"{name} is {value!r:.80}; expected a finite number{limit}. Write {name}={example}."
        )
    return float(value)


def generator(seed: Any) -> np.random.Generator:
    """Return the random generator of a seed."""
    if not is_whole(seed) or seed < 0:
        raise InvalidInput(
            f"seed is {seed!r:.80}; expected an integer of at least 0. Write seed=0."
        )
    return np.random.default_rng(seed)


def classes(name: str, value: Any) -> np.ndarray:
    """Return names or numbers of classes as a NumPy array."""
    try:
        return np.asarray(value)
    except ValueError as exc:
        raise InvalidInput(
            f"{name} has lists of different lengths; expected one class per row. "
            f"Type: numpy.concatenate({name})"
        ) from exc


def several(what: str, value: Any, example: str) -> Any:
    """Return an option that is a list, or anything else that can be iterated, but no text."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidInput(
            f"{what} should be a list; got the {type(value).__name__} {value!r:.40}. "
            f"Expected several, as in {example}."
        )
    return value


def given(asarray: Callable[..., Array], a: Any) -> Array:
    """Return an array, or numbers and lists of them, as an array of a library."""
    kind = getattr(getattr(a, "dtype", None), "kind", "")
    if kind in ("U", "S", "M", "m"):
        raise InvalidInput(f"dtype is {a.dtype}; expected numbers. Convert the array first.")
    if kind == "O":
        return asarray(numbers(np.asarray, a, np.float64))
    return asarray(a) if hasattr(a, "dtype") else numbers(asarray, a, "float64")


def numbers(asarray: Callable[..., Array], a: Any, dtype: Any) -> Array:
    """Return what has no dtype of numbers as an array of a library."""
    if is_complex(a):
        raise InvalidInput(COMPLEX.format("complex"))
    try:
        return asarray(a, dtype=dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError) as exc:
        raise InvalidInput(
            f"The {type(a).__name__} is no array of numbers: {exc}. Expected an array, a number or "
            "nested lists of equal length."
        ) from exc


def is_complex(a: Any) -> bool:
    """Whether numbers or nested lists hold a complex number, which libraries would cut."""
    if isinstance(a, (list, tuple)):
        return any(map(is_complex, a))
    return isinstance(a, complex) or "complex" in str(getattr(a, "dtype", ""))
