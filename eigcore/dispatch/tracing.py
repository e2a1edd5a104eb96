"""`trace`: a record of every eigensolve that really ran."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eigcore.dispatch.backend import Backend


@dataclass(frozen=True)
class Solve:
    """One call of an eigensolver.

    Parameters
    ----------
    backend, driver : str
        Name of the backend, and the routine that really ran.
    device, dtype : str
        Device and element type of the matrices.
    shape : tuple of int
        Shape (..., d, d) of the batch, or (..., d) for a tridiagonal solve.
    seconds : float or None
        Wall time including the wait for the device; None while a compiler was tracing.
    """

    backend: str
    driver: str
    device: str
    dtype: str
    shape: tuple[int, ...]
    seconds: float | None


_calls: ContextVar[list[Solve] | None] = ContextVar("eigcore_trace", default=None)


@contextlib.contextmanager
def trace() -> Iterator[list[Solve]]:
    """Collect a `Solve` for every eigensolve inside the ``with`` block.

    Nested blocks each record the solves inside them. While traced, JAX functions of eigcore run one
    operation at a time, so that each solve has its own time.

    Examples
    --------
    >>> import numpy as np, eigcore
    >>> with eigcore.trace() as calls:
    ...     _ = eigcore.kth_eigenvalue(np.eye(3), 1)
    >>> calls[0].driver
    'scipy.linalg.lapack.syevd'
    """
    calls: list[Solve] = []
    outer = _calls.get()
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)
        if outer is not None:
            outer.extend(calls)


def active() -> bool:
    """Whether `trace` is active."""
    return _calls.get() is not None


def record(
    backend: Backend,
    driver: str,
    wait: Callable[[Any], bool],
    routine: Callable[..., Any],
    a: Any,
    *rest: Any,
    shape: tuple[int, ...] | None = None,
) -> Any:
    """Call ``routine(a, *rest)`` and record it; for calls while `active`.

    `shape` is the shape of the matrices, if `a` is not one.
    ``wait(result)`` returns when the device is done. It returns False if a compiler is tracing, so
    that there is nothing to wait for.
    """
    calls = _calls.get()
    assert calls is not None
    start = time.perf_counter()
    result = routine(a, *rest)
    seconds = time.perf_counter() - start if wait(result) else None
    device = str(getattr(a, "device", "cpu")) if seconds is not None else "compiled"
    dtype, shape = backend.dtype_name(a), tuple(shape or a.shape)
    calls.append(Solve(backend.name, driver, device, dtype, shape, seconds))
    return result
