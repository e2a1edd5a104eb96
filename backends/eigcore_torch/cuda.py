"""The choice of a library for eigenpairs on CUDA, and calls to CuPy."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch


def cuda_library(d: int, batch: int) -> str:
    """Name the library with the faster batched routine on CUDA for `batch` matrices of order d.

    torch passes small matrices to cuSOLVER's batched Jacobi routine and solves larger ones one by
    one (https://github.com/pytorch/pytorch/issues/175585); CuPy keeps the batched routine.
    """
    small = d <= 32 or batch == 1
    return "torch" if small or importlib.util.find_spec("cupy") is None else "cupy"


def cupy_solver(routine: str, M: torch.Tensor) -> Any:
    """Call ``cupy.linalg.eigh`` or ``eigvalsh`` on CUDA tensors (..., d, d), without a copy."""
    cupy = importlib.import_module("cupy")
    with (
        cupy.cuda.Device(M.device.index),
        cupy.cuda.ExternalStream(torch.cuda.current_stream(M.device).cuda_stream),
    ):
        result = getattr(cupy.linalg, routine)(cupy.from_dlpack(M.contiguous()))
        many = isinstance(result, tuple)
        return tuple(map(torch.from_dlpack, result)) if many else torch.from_dlpack(result)
