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
    expand_dims,
    finfo,
    linalg,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    reshape,
    sort,
    sum,
    take_along_axis,
    where,
)
from torch import (
    abs,
    acos,
    asin,
    atan2,
    conj,
    cos,
    cosh,
    exp,
    expm1,
    imag,
    isfinite,
    log,
    log1p,
    ones_like,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    stack,
    tanh,
    zeros_like,
)

__all__ = [
    "abs",
    "acos",
    "all",
    "argsort",
    "asin",
    "astype",
    "atan2",
    "broadcast_to",
    "clip",
    "concat",
    "conj",
    "cos",
    "cosh",
    "cumulative_sum",
    "exp",
    "expand_dims",
    "expm1",
    "finfo",
    "imag",
    "isfinite",
    "linalg",
    "log",
    "log1p",
    "matmul",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moveaxis",
    "ones_like",
    "real",
    "reshape",
    "sign",
    "sin",
    "sinh",
    "sort",
    "sqrt",
    "square",
    "stack",
    "sum",
    "take",
    "take_along_axis",
    "tanh",
    "where",
    "zeros_like",
]


def real(x: torch.Tensor, /) -> torch.Tensor:
    """Return the real part."""
    return x.real


def matrix_transpose(x: torch.Tensor, /) -> torch.Tensor:
    """Return x with its last two axes exchanged."""
    # torch.swapaxes does the same, but has no rule for gradients with is_grads_batched
    return torch.transpose(x, -1, -2)


def moveaxis(x: torch.Tensor, source: int, destination: int, /) -> torch.Tensor:
    """Move one axis to another position."""
    # torch.moveaxis does the same, but has no rule for torch.func.vmap
    return torch.movedim(x, source, destination)


def take(x: torch.Tensor, indices: torch.Tensor, /, *, axis: int) -> torch.Tensor:
    """Return the entries at non-negative indices along an axis."""
    # the version of torch also accepts negative indices, at the cost of three operations
    return torch.index_select(x, axis, indices)
