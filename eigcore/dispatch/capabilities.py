"""What a backend declares about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """What a backend declares; what it does not declare is skipped by the laws, with this reason.

    Parameters
    ----------
    arrays : tuple of str
        Top-level modules that define its array types, for choosing a backend by its arrays.
    dtypes : tuple of str
        Element types accepted, among float64, float32, float16, bfloat16.
    devices : tuple of str
        Kinds of device it can use, such as cpu, cuda, tpu.
    autodiff : bool
        Values are differentiable by the framework itself.
    second_order : bool
        So are gradients; otherwise the framework must raise.
    compiled : bool
        Works inside the framework's own compiler.
    structures : tuple of str
        Structures of `EigSpec` that it supports.
    """

    arrays: tuple[str, ...]
    dtypes: tuple[str, ...] = ("float64", "float32")
    devices: tuple[str, ...] = ("cpu",)
    autodiff: bool = False
    second_order: bool = False
    compiled: bool = False
    structures: tuple[str, ...] = ("dense", "tridiagonal", "banded", "diagonal")
