"""Everything that a backend may import from eigcore, besides `eigcore.errors`.

docs/write-a-backend.md explains it. `PLUGIN_API` is the version of this interface.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    # what a plugin is
    "Backend": "dispatch.backend",
    "Capabilities": "dispatch.capabilities",
    "PLUGIN_API": "dispatch.backend",
    "hookimpl": "dispatch.hookspecs",
    "window": "dispatch.parts",
    "Processes": "dispatch.processes",
    "values_of": "dispatch.derivatives",
    # what is differentiated
    "Rule": "core.rules",
    "rule_from_key": "core.keys",
    # solutions that may be wrong
    "wrong": "core.verified",
    "by_singular_values": "core.verified",
    # steps of optimisers
    "clipped": "core.steps",
    "clipped_step": "core.steps",
    "moved_only_if": "core.steps",
    "residual_weights": "core.steps",
    "clip_numbers": "core.steps",
    "sven_numbers": "core.steps",
    "number": "core.options",
    # where numbers stand
    "Layout": "core.packing",
    "Places": "core.arrays",
    # requests to a kernel, and its answers
    "Matrices": "core.sources",
    "Diagonals": "core.sources",
    "Pencil": "core.sources",
    "Encoded": "core.sources",
    "Ensemble": "core.sources",
    "MeanLoss": "core.sources",
    "Source": "core.sources",
    "Want": "core.sources",
    "Answer": "core.sources",
    # parts of the objects of a framework
    "ModelStatic": "portable.predict",
    "forward": "portable.predict",
    "Layer": "layers",
    "layer": "layers",
    "start": "layers",
    "layer_options": "layers",
    "Encoder": "graph",
    # models whose layers become factors
    "Network": "lowrank.network",
    "Replacement": "lowrank.network",
    "Seen": "lowrank.network",
}
__all__ = [*_HOME]  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eigcore.plugin' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"eigcore.{_HOME[name]}"), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from eigcore.core.arrays import Places
    from eigcore.core.keys import rule_from_key
    from eigcore.core.options import number
    from eigcore.core.packing import Layout
    from eigcore.core.rules import Rule
    from eigcore.core.sources import (
        Answer,
        Diagonals,
        Encoded,
        Ensemble,
        Matrices,
        MeanLoss,
        Pencil,
        Source,
        Want,
    )
    from eigcore.core.steps import (
        clip_numbers,
        clipped,
        clipped_step,
        moved_only_if,
        residual_weights,
        sven_numbers,
    )
    from eigcore.core.verified import by_singular_values, wrong
    from eigcore.dispatch.backend import PLUGIN_API, Backend
    from eigcore.dispatch.capabilities import Capabilities
    from eigcore.dispatch.derivatives import values_of
    from eigcore.dispatch.hookspecs import hookimpl
    from eigcore.dispatch.parts import window
    from eigcore.dispatch.processes import Processes
    from eigcore.graph import Encoder
    from eigcore.layers import Layer, layer, layer_options, start
    from eigcore.lowrank.network import Network, Replacement, Seen
    from eigcore.portable.predict import ModelStatic, forward
