"""eigcore: eigenvalues as models. One spec, any framework, every guarantee proven."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "EigSpec": "core.spec",
    "Encoding": "encoding",
    "SpectralModel": "model",
    "Backend": "dispatch.backend",
    "Capabilities": "dispatch.capabilities",
    "PLUGIN_API": "dispatch.backend",
    "backends": "dispatch.registry",
    "get_backend": "dispatch.registry",
    "use_backend": "dispatch.registry",
    "trace": "dispatch.tracing",
    "evaluate": "api",
    "vjp": "api",
    "jvp": "api",
    "eigenvalues": "api",
    "kth_eigenvalue": "api",
    "kth_eigenpair": "api",
    "kth_eigenvalue_tridiagonal": "api",
    "smooth_kth_eigenvalue": "api",
    "spectral_map": "api",
    "matrix_function": "api",
    "spectral_value": "api",
    "newton_schulz": "api",
}
_ROOMS = (
    "dynamics",
    "errors",
    "estimators",
    "fit",
    "graph",
    "guarantees",
    "layers",
    "lowrank",
    "operators",
    "plots",
    "plugin",
    "report",
    "rmt",
    "spectra",
    "testing",
)
"""Modules that are imported when they are first named, such as `eigcore.fit`."""
__all__ = [*_HOME]  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"eigcore.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'eigcore' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"eigcore.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "fit"})


if TYPE_CHECKING:
    from eigcore import (
        dynamics,
        errors,
        estimators,
        fit,
        graph,
        guarantees,
        layers,
        lowrank,
        operators,
        plots,
        plugin,
        report,
        rmt,
        spectra,
        testing,
    )
    from eigcore.api import (
        eigenvalues,
        evaluate,
        jvp,
        kth_eigenpair,
        kth_eigenvalue,
        kth_eigenvalue_tridiagonal,
        matrix_function,
        newton_schulz,
        smooth_kth_eigenvalue,
        spectral_map,
        spectral_value,
        vjp,
    )
    from eigcore.core.spec import EigSpec
    from eigcore.dispatch.backend import PLUGIN_API, Backend
    from eigcore.dispatch.capabilities import Capabilities
    from eigcore.dispatch.registry import backends, get_backend, use_backend
    from eigcore.dispatch.tracing import trace
    from eigcore.encoding import Encoding
    from eigcore.model import SpectralModel
