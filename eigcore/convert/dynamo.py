"""The operator of eigcore in graphs that torch's exporter writes."""

from __future__ import annotations

import importlib
import math
from itertools import count as counted
from typing import Any

import numpy as np

from eigcore.convert.graph import Graph, Value, onnx
from eigcore.convert.jacobi import eigenvalues, phi
from eigcore.core.keys import rule_from_key
from eigcore.core.rules import Rule
from eigcore.core.spectrum import Several
from eigcore.errors import MissingPackage, NotSupported

_COUNT = counted()


class _Traced(Graph):
    """A graph whose nodes go to the exporter as they are written; names are its tensors."""

    def __init__(self, opset: Any) -> None:
        super().__init__(f"eigcore_{next(_COUNT)}_")
        self.opset = opset

    def constant(self, value: Any, dtype: Any = np.float64) -> Value:
        """See `Graph.constant`."""
        tensor = onnx().numpy_helper.from_array(np.array(value, dtype))
        return Value(self, self.opset.Constant(value=tensor))

    def __call__(self, kind: str, *inputs: Any, **attributes: Any) -> Value:
        """See `Graph.__call__`."""
        tensors = [(v if isinstance(v, Value) else self.constant(v)).name for v in inputs]
        found = getattr(self.opset, kind)(*tensors, **attributes)
        return Value(self, found[0] if kind == "TopK" else found)

    def loop(self, count: Value, go: Value, start: Value, body: Any) -> Value:
        """See `Graph.loop`. By name: of positional inputs torch 2.13 gives all to the last one.

        https://github.com/pytorch/pytorch/blob/v2.13.0/torch/onnx/_internal/exporter/_building.py
        """
        initial = (start.name,)
        found = self.opset["Loop"](M=count.name, cond=go.name, v_initial=initial, body=body)
        return Value(self, found)


def onnx_value(p: Any, rule: str) -> Any:
    """Write ``torch.ops.eigcore.value`` in ONNX: the translation for torch's exporter.

    Pass ``custom_translation_table={torch.ops.eigcore.value.default: onnx_value}`` to
    ``torch.onnx.export(..., dynamo=True)``. Eigenvalues come from a fixed number of Jacobi sweeps
    in float64, whatever the dtype of the module (`eigcore.convert.jacobi`).

    Parameters
    ----------
    p : tensor of the exporter, (..., K) or (..., d, d)
    rule : str
        `eigcore.core.rules.Rule.key`.

    Returns
    -------
    tensor of the exporter (...), or (..., m) for m eigenvalues, of the dtype of p

    Raises
    ------
    NotSupported
        For what is no function of eigenvalues: singular values, eigenvectors.
    MissingPackage
        If onnx or onnxscript are not installed.
    """
    made = rule_from_key(rule)
    if not isinstance(made, Rule):
        raise NotSupported(
            f"The module computes {rule}; in ONNX eigcore says functions of the eigenvalues of "
            "symmetric matrices. Export a module without singular values and eigenvectors."
        )
    graph, lay = _Traced(_opset()), made.layout
    tensor = Value(graph, p)
    shape = graph("Shape", tensor, end=-len(lay.core))
    flat = graph.cast(graph("Reshape", tensor, graph.shape(-1, math.prod(lay.core))))
    if lay.kind not in ("square", "full"):
        entry, factor = lay.gather
        flat = graph("Gather", flat, graph.shape(*entry.tolist()), axis=1) * factor
    a = graph("Reshape", flat, graph.shape(-1, 1, lay.dim, lay.dim))
    lam = eigenvalues(graph, (a + graph("Transpose", a, perm=[0, 1, 3, 2])) * 0.5, lay.dim)
    if isinstance(made.phi, Several):
        lo, hi, copies = made.phi.parameter
        mean = np.kron(np.eye(lay.dim // copies)[:, lo : hi + 1], np.full((copies, 1), 1 / copies))
        found, shape = lam @ mean, graph("Concat", shape, graph.shape(made.phi.size), axis=0)
    else:
        found = phi(graph, [made.phi], lam)
    return graph("CastLike", graph("Reshape", found, shape), tensor).name


def _opset() -> Any:
    try:
        return importlib.import_module("onnxscript.onnx_opset").opset18
    except ImportError as exc:
        raise MissingPackage(
            "torch's exporter needs the package onnxscript; expected it to be installed. Type: "
            "pip install onnxscript"
        ) from exc
