"""The capabilities that a backend declares."""

from __future__ import annotations

from dataclasses import dataclass

DTYPES = ("float64", "float32", "float16", "bfloat16")
STRUCTURES = ("dense", "tridiagonal", "banded", "diagonal")


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
        Whether it can differentiate gradients too; otherwise it must raise. Needs autodiff.
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


def fault_of(own: Capabilities) -> str:
    """Say what is wrong, what is expected and what to write; empty if nothing is wrong."""
    for name in ("arrays", "dtypes", "devices", "structures"):
        value = getattr(own, name)
        if isinstance(value, str):
            return (
                f"declares {name}={value!r}, a text. Expected a tuple of texts. "
                f"Write {name}=({value!r},) in its Capabilities."
            )
        if not isinstance(value, (tuple, list)) or not all(isinstance(v, str) for v in value):
            return (
                f"declares {name}={value!r:.80}. Expected a tuple of texts. "
                f"Write {name}=('...',) in its Capabilities."
            )
    for name, known in (("dtypes", DTYPES), ("structures", STRUCTURES)):
        if strange := [value for value in getattr(own, name) if value not in known]:
            return (
                f"declares {strange[0]!r} among its {name}. Expected some of {', '.join(known)}. "
                f"Write {name}=({known[0]!r},) in its Capabilities."
            )
    return _fault_of_flags(own)


def _fault_of_flags(own: Capabilities) -> str:
    for name in ("autodiff", "second_order", "compiled"):
        if not isinstance(value := getattr(own, name), bool):
            return (
                f"declares {name}={value!r:.80}. Expected True or False. "
                f"Write {name}=False in its Capabilities."
            )
    if own.second_order and not own.autodiff:
        return (
            "declares second_order=True without autodiff=True. Expected both or neither. "
            "Write autodiff=True too, or leave out second_order."
        )
    return ""
