"""Checks of the arguments of risks and equivalents, and the identity matrix."""

from __future__ import annotations

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput, NonFiniteInput


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
