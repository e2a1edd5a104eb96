"""Questions about tensors, and their memory as NumPy arrays."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.autograd.forward_ad as forward_ad
from torch._C._functorch import (  # pyright: ignore
    is_functorch_wrapped_tensor,
    is_legacy_batchedtensor,
)

PLAIN = (torch.Tensor, torch.nn.Parameter)
NUMPY_FLOATS = (torch.float64, torch.float32)
NAMES = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
}
_AUTOCAST = set(filter(torch.amp.is_autocast_available, ("cpu", "cuda", "xpu", "mps")))
_watchers = torch._C._len_torch_dispatch_stack  # pyright: ignore
_is_tracing = torch._C._is_tracing  # pyright: ignore
SMALL = 1024
"""Up to this many numbers, a call of NumPy costs less than a call of torch."""


def is_concrete(a: torch.Tensor) -> bool:
    """Whether a tensor holds numbers, not symbols of a compiler, tracer or transform."""
    return (
        not torch.compiler.is_compiling()
        and type(a) in PLAIN
        and not a.is_meta
        and not is_functorch_wrapped_tensor(a)
        and not _is_tracing()
        and not _watchers()
    )


def is_watched() -> bool:
    """Whether a dispatch mode sees every operator: a tracer, or a counter of operations."""
    return _watchers() > 0


def autocasts(a: torch.Tensor) -> bool:
    """Whether ``torch.autocast`` chooses the dtypes of products on the device of a tensor."""
    kind = a.device.type
    return kind in _AUTOCAST and torch.is_autocast_enabled(kind)


def is_followed(p: torch.Tensor) -> bool:
    """Whether autograd needs a derivative with respect to p, in reverse or forward mode."""
    if torch.is_grad_enabled() and p.requires_grad:
        return True
    if forward_ad._current_level < 0:
        return False
    return is_functorch_wrapped_tensor(p) or forward_ad.unpack_dual(p).tangent is not None


def builds_graph(*arrays: torch.Tensor) -> bool:
    """Whether autograd records one of the arrays; reverse mode only."""
    reverse = torch.is_grad_enabled() and forward_ad._current_level < 0
    return reverse and True in [a.requires_grad for a in arrays]


def on_host(a: torch.Tensor) -> bool:
    """Whether NumPy can work on the memory of a tensor."""
    return a.is_cpu and a.dtype in NUMPY_FLOATS and is_concrete(a)


def is_finite(a: torch.Tensor) -> bool:
    """Whether all numbers of a tensor are finite."""
    number = a if a.numel() == 1 else a.sum()
    return math.isfinite(number.item()) or bool(torch.isfinite(a).all())


def is_batched(a: torch.Tensor) -> bool:
    """Whether `a` represents many tensors, in a vmap over the backward pass."""
    return not is_concrete(a) or is_legacy_batchedtensor(a)


def shared(a: np.ndarray | float | None) -> torch.Tensor | None:
    """Return a NumPy array or number as a tensor on the same memory."""
    if a is None:
        return None
    return torch.from_numpy(a) if isinstance(a, np.ndarray) else torch.as_tensor(a)


def is_small(a: torch.Tensor) -> bool:
    """Whether NumPy should do the work on the same memory: for short calls without derivatives."""
    # on_host first: a comparison of sizes would be a guard in compiled code
    return on_host(a) and a.numel() <= SMALL and not is_followed(a)


def viewed(a: torch.Tensor) -> np.ndarray:
    """Return a tensor as a NumPy array on the same memory."""
    return a.detach().numpy() if a.requires_grad else a.numpy()
