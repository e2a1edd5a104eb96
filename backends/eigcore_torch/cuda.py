"""Eigenpairs on a GPU by ``torch.linalg``, each of them checked."""

from __future__ import annotations

from typing import Any

import torch

from eigcore.plugin import Backend, by_singular_values, window, wrong


def is_checked(M: torch.Tensor) -> bool:
    """Whether the solutions of the device's solver are checked."""
    return not M.is_cpu


def checked(backend: Backend, M: torch.Tensor, solution: Any, lo: int, hi: int) -> Any:
    """Return the window of a full solution, values or (values, vectors); wrong ones are mended.

    Another routine finds them again, and what is wrong then becomes NaN. All of this is in float64,
    since products in float32 may be made of shorter numbers
    (https://docs.pytorch.org/docs/stable/notes/cuda.html#tf32-on-ampere).
    """
    values, *vectors = solution if isinstance(solution, tuple) else (solution,)
    seen, eps = [V[..., lo : hi + 1].double() for V in vectors], torch.finfo(M.dtype).eps
    bad = wrong(backend, M.double(), values.double(), *seen, lo=lo, eps=eps)
    if bad.any():
        exact = M[bad].double()
        again = by_singular_values(backend, backend.svd, exact)  # pyright: ignore
        lost = wrong(backend, exact, *again, eps=eps)
        for a, b in zip((values, *vectors), again, strict=False):
            b[lost] = torch.nan
            a[bad] = b.to(a.dtype)
    return window(solution, lo, hi)
