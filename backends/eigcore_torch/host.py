"""Work of NumPy and the kernels on the memory of CPU tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import eigcore_kernels
import numpy as np
import torch
from eigcore_numpy import NumpyArrays

from eigcore.plugin import Answer, Rule, Source, Want
from eigcore_torch.tensors import is_followed, on_host, shared, viewed


@final
class HostArrays(NumpyArrays):
    """NumPy arrays that are views of tensors; `trace` reports the backend of the call, torch."""

    name = "torch"


HOST = HostArrays()
FEW = 2**16
"""Up to this many numbers, NumPy computes functions of singular values sooner than torch."""


def kernel(rule: Rule, source: Source, want: Want) -> Answer | None:
    """Return `Backend.kernel` of a source of tensors; its answer holds NumPy arrays."""
    arrays, on_numpy = source.arrays, source
    if not isinstance(arrays[0], np.ndarray):
        if not all(map(on_host, arrays)):
            return None
        on_numpy = source.with_arrays(*map(viewed, arrays))
    if not isinstance(rule, Rule):
        return _composed(rule, on_numpy.arrays[0])
    return eigcore_kernels.kernel(HOST, rule, on_numpy, want, torch.get_num_threads())


def serves(rule: Rule, source: Source) -> bool:
    """Whether `kernel` has an answer."""
    if not all(map(on_host, source.arrays)):
        return False
    if isinstance(rule, Rule):
        return eigcore_kernels.serves(rule, source)
    return rule.portable and source.arrays[0].numel() <= FEW


def _composed(rule: Any, X: np.ndarray) -> Answer:
    """Return values and pullback of a rule of singular values, by NumPy."""
    values, gradient = HOST.call(_solved, (rule,), X)
    return Answer(values, pullback=lambda g, *_: (rule.cotangent(HOST, gradient, g),))


def _solved(library: HostArrays, rule: Any, X: np.ndarray) -> Any:
    return rule.value_and_gradient(library, X)


def eigenpairs(M: torch.Tensor, lo: int, hi: int, vectors: bool) -> Any:
    """Return the eigenpairs lo … hi of matrices, values and vectors or None, or None for both."""
    if not on_host(M):
        return None
    threads = torch.get_num_threads()
    found = eigcore_kernels.eigenpairs(HOST, viewed(M), lo, hi, vectors, threads)
    return found and tuple(map(shared, found))


def eigenpairs_tridiagonal(
    diag: torch.Tensor, off: torch.Tensor, lo: int, hi: int, vectors: bool
) -> Any:
    """Return `eigenpairs` of tridiagonal matrices."""
    if not on_host(diag) or not on_host(off):
        return None
    given = HOST, viewed(diag), viewed(off), lo, hi, vectors, torch.get_num_threads()
    found = eigcore_kernels.eigenpairs_tridiagonal(*given)
    return found and tuple(map(shared, found))


def svd(X: torch.Tensor) -> Any:
    """Return thin singular value decompositions, or None, as where torch differentiates them."""
    if not on_host(X) or is_followed(X):
        return None
    found = eigcore_kernels.svd(HOST, viewed(X), torch.get_num_threads())
    return found and tuple(map(shared, found))


def evaluate(rule: Rule, source: Source) -> torch.Tensor:
    """Return `Backend.evaluate` for few numbers: NumPy starts sooner than torch."""
    found = HOST.evaluate(rule, source.with_arrays(*map(viewed, source.arrays)))
    return shared(found)  # pyright: ignore


def call(function: Callable[..., Any], static: tuple[Any, ...], *arrays: torch.Tensor) -> Any:
    """Call a function of the core with NumPy instead of torch: short calls start sooner."""
    result = HOST.call(function, static, *map(viewed, arrays))
    return tuple(map(shared, result)) if type(result) is tuple else shared(result)
