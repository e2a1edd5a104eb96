"""What goes into a public function and what comes out: one backend, one dtype, loud bad rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule
from eigcore.core.sources import Matrices
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput

COMPUTED = ("float64", "float32")
"""dtypes that are computed as they are."""


def prepared(
    backend: str | Backend | None, *arrays: Any
) -> tuple[Backend, tuple[Array, ...], Callable[[Array], Array]]:
    """Choose the backend and bring the arrays into one computing dtype.

    Returns the backend, the arrays, and the function that restores the dtype of the result.
    """
    chosen = infer(*arrays, backend=backend)
    arrays = _converted(chosen, arrays)
    kinds = {chosen.dtype_name(a) for a in arrays}
    if len(kinds) > 1:
        raise InvalidInput(
            f"The arrays have dtypes {' and '.join(sorted(kinds))}; expected one of them. "
            "Convert one array, eigcore changes no dtype on its own."
        )
    [kind] = kinds
    if kind not in chosen.capabilities.dtypes:
        raise InvalidInput(
            f'dtype {kind} is not among those of backend "{chosen.name}": '
            f"{', '.join(chosen.capabilities.dtypes)}. Convert the arrays first."
        )
    if kind in COMPUTED:
        return chosen, arrays, _same
    return (
        chosen,
        tuple(chosen.asarray(a, dtype="float32") for a in arrays),
        lambda result: chosen.asarray(result, dtype=kind),
    )


def _same(result: Array) -> Array:
    return result


def _converted(backend: Backend, arrays: tuple[Any, ...]) -> tuple[Array, ...]:
    """Return arrays of floats: integers as float64, lists and numbers like the first array."""
    found, loose = [], []
    for place, a in enumerate(arrays):
        if hasattr(a, "dtype"):
            a = backend.asarray(a)
            name = backend.dtype_name(a)
            if "float" not in name:
                if "complex" in name:
                    raise InvalidInput(f"dtype is {name}; expected real numbers.")
                a = backend.asarray(a, dtype="float64")
        else:
            a = backend.asarray(a, dtype="float64")
            loose.append(place)
        found.append(a)
    if 0 < len(loose) < len(found):
        like = next(a for place, a in enumerate(found) if place not in loose)
        for place in loose:
            found[place] = backend.asarray(found[place], like=like)
    return tuple(found)


def applied(backend: Backend, rule: Rule, p: Array, what: str) -> Array:
    """Return the values of matrices p with derivatives attached; `what` names p in errors."""
    values = backend.call(values_of, (rule, Matrices), p)
    check_values(backend, values, what, p, len(rule.layout.core))
    return values


def values_of(backend: Backend, rule: Rule, source: type, *arrays: Array) -> Array:
    """Return the values of a source made of arrays: a function that backends may compile."""
    return backend.evaluate(rule, source(*arrays))


def check_values(backend: Backend, values: Array, what: str, a: Array, core: int = 1) -> None:
    """Raise where an eager result shows that its input was not finite."""
    if backend.all_finite(values) or not backend.is_concrete(values):
        return
    host = backend.to_numpy(values)
    bad = (host != host).reshape(math.prod(a.shape[:-core]), -1).any(-1).nonzero()[0]
    if len(bad):
        raise NonFiniteInput(
            f"{what}: {len(bad)} of {math.prod(a.shape[:-core])} rows are NaN or infinite, the "
            f"first at index {bad[0]} (leading axes flattened). Expected finite numbers. "
            "Encode missing values (eigcore.Encoding) or drop these rows."
        )
