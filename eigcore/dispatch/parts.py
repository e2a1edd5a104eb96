"""Parts of backends: index arrays, a window of eigenpairs, chunks of a batch, arrays of symbols."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from eigcore.core.arrays import Array, Library, Namespace, Places
from eigcore.core.packing import Layout
from eigcore.errors import NotSupported


def window(solution: Any, lo: int, hi: int) -> Any:
    """Cut the result of a full solve, values or (values, vectors), down to lo … hi."""
    values, *vectors = solution if isinstance(solution, tuple) else (solution,)
    if hi - lo + 1 == values.shape[-1]:
        return solution
    cut = [a[..., lo : hi + 1] for a in (values, *vectors)]
    return tuple(cut) if vectors else cut[0]


def join(xp: Namespace, parts: list[Any], batch: tuple[int, ...]) -> Any:
    """Concatenate the results of chunks, arrays or tuples of arrays, under the batch shape."""
    if isinstance(parts[0], tuple):
        return tuple(join(xp, list(column), batch) for column in zip(*parts, strict=True))
    whole = xp.concat(parts, axis=0)
    return xp.reshape(whole, (*batch, *whole.shape[1:]))


@lru_cache(maxsize=512)
def places(backend: Library, lay: Layout, dtype: Any, device: Any) -> Places:
    """Return the index arrays of a layout on a device."""
    gather, gather_factor = lay.gather
    scatter, scatter_factor = lay.scatter
    return Places(
        backend.asarray(gather, device=device),
        backend.asarray(gather_factor, dtype=dtype, device=device),
        backend.asarray(scatter, device=device),
        backend.asarray(scatter_factor, dtype=dtype, device=device),
    )


def concrete(backend: Any, a: Array, what: str) -> None:
    """Raise unless an array holds numbers, for work on the host."""
    if not backend.is_concrete(a):
        raise NotSupported(
            f"{what} holds no numbers yet, inside a compiler or a transformation of the framework; "
            "expected an array. Call this function outside of them."
        )
