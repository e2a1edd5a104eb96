"""Work that NumPy and the kernels do on the memory of CPU tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import eigcore_kernels
import torch
from eigcore_numpy import NumpyArrays

from eigcore.plugin import Answer, Rule, Source, Want
from eigcore_torch.tensors import on_host, shared, viewed


@final
class HostArrays(NumpyArrays):
    """NumPy arrays that are views of tensors: `trace` tells the backend that was asked, torch."""

    name = "torch"


HOST = HostArrays()


def kernel(rule: Rule, source: Source, want: Want) -> Answer | None:
    """Return `Backend.kernel` of a source of tensors; its answer holds NumPy arrays."""
    arrays = source.arrays
    if not all(map(on_host, arrays)):
        return None
    on_numpy = source.with_arrays(*map(viewed, arrays))
    return eigcore_kernels.kernel(HOST, rule, on_numpy, want, torch.get_num_threads())


def serves(rule: Rule, source: Source) -> bool:
    """Tell whether `kernel` has an answer."""
    return all(map(on_host, source.arrays)) and eigcore_kernels.serves(rule, source)


def call(function: Callable[..., Any], static: tuple[Any, ...], *arrays: torch.Tensor) -> Any:
    """Call a function of the core with NumPy in torch's place: short calls start sooner."""
    result = HOST.call(function, static, *map(viewed, arrays))
    return tuple(map(shared, result)) if type(result) is tuple else shared(result)
