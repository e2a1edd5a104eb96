"""torch with the names and meanings of the array API standard."""

import torch
from array_api_compat.torch import (
    all,
    argsort,
    astype,
    broadcast_to,
    clip,
    concat,
    cumulative_sum,
    finfo,
    linalg,
    max,
    maximum,
    min,
    reshape,
    sum,
    where,
)
from torch import abs, exp, isfinite, log

__all__ = [
    "abs",
    "all",
    "argsort",
    "astype",
    "broadcast_to",
    "clip",
    "concat",
    "cumulative_sum",
    "exp",
    "finfo",
    "isfinite",
    "linalg",
    "log",
    "max",
    "maximum",
    "min",
    "moveaxis",
    "reshape",
    "sum",
    "take",
    "where",
]


def moveaxis(x: torch.Tensor, source: int, destination: int, /) -> torch.Tensor:
    """Move one axis to another position."""
    # torch.moveaxis does the same, but has no rule for torch.func.vmap
    return torch.movedim(x, source, destination)


def take(x: torch.Tensor, indices: torch.Tensor, /, *, axis: int) -> torch.Tensor:
    """Return the entries at non-negative indices along an axis."""
    # the version of torch also accepts negative indices, at the cost of three operations
    return torch.index_select(x, axis, indices)
