"""Arguments of the risks and equivalents: one backend, float64, one clear error each."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NonFiniteInput


def floats(backend: str | Backend | None, *numbers: Any) -> tuple[Backend, tuple[Array, ...]]:
    """Choose the backend by the arrays, and return all numbers as its float64 arrays."""
    chosen = infer(*numbers, backend=backend)
    try:
        found = tuple(chosen.asarray(a, dtype="float64") for a in numbers)
    except (TypeError, ValueError, RuntimeError) as exc:
        raise InvalidInput(
            f"An argument holds no numbers: {exc}. Expected arrays, numbers or nested lists."
        ) from exc
    for a in found:
        if chosen.dtype_name(a) != "float64":
            raise InvalidInput(
                f'Backend "{chosen.name}" made an argument {chosen.dtype_name(a)}; expected '
                f"float64. {chosen.switched_off('float64')}"
            )
    return chosen, found


def at_least(backend: Backend, least: float, **numbers: Array) -> None:
    """Raise InvalidInput unless all entries are finite and at least that large."""
    for name, a in numbers.items():
        finite(backend, **{name: a})
        if not backend.is_concrete(a) or 0 in a.shape:
            continue
        lowest = float(backend.detach(backend.xp.min(a)))
        if lowest < least:
            raise InvalidInput(
                f"{name} has an entry {lowest:.6g}; expected numbers of at least {least:g}. "
                f"Check {name}."
            )


def finite(backend: Backend, **numbers: Array) -> None:
    """Raise NonFiniteInput unless all entries are finite."""
    for name, a in numbers.items():
        if backend.is_concrete(a) and not bool(backend.xp.all(backend.xp.isfinite(a))):
            raise NonFiniteInput(
                f"{name} has NaN or infinite entries; expected finite numbers. Drop or fill them."
            )


def shaped(name: str, a: Array, shape: tuple[int | None, ...]) -> None:
    """Raise InvalidInput unless an array has this shape; None stands for any positive number."""
    found = tuple(a.shape)
    same = len(found) == len(shape) and all(
        have == want or (want is None and have) for have, want in zip(found, shape, strict=True)
    )
    if not same:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InvalidInput(
            f"{name} has shape {found}; expected ({wanted}{',' * (len(shape) == 1)}). "
            f"Reshape {name}."
        )


def identity(backend: Backend, n: int, like: Array) -> Array:
    """Return the identity matrix of order n, an array like another."""
    return backend.asarray(np.eye(n), like=like)
