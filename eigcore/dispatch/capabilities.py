"""The capabilities that a backend declares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """The declarations of a backend; laws about anything else are skipped with this reason.

    Parameters
    ----------
    arrays : tuple of str
        Top-level modules that define its array types, for choosing a backend by its arrays.
    dtypes : tuple of str
        Element types accepted, among float64, float32, float16, bfloat16.
    devices : tuple of str
        Kinds of device it can use, such as cpu, cuda, tpu.
    autodiff : bool
        Whether the framework itself can differentiate values.
    second_order : bool
        Whether it can differentiate gradients; otherwise it must raise.
    compiled : bool
        Whether it works inside the compiler of the framework.
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
