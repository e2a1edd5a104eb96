"""ONNX graphs written as expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.errors import MissingPackage

OPSET, IR = 17, 8
"""Versions of ONNX: those of its release 1.12, of June 2022."""


def onnx() -> Any:
    """Return the package `onnx`.

    Raises
    ------
    MissingPackage
        If it is not installed.
    """
    try:
        import onnx
    except ImportError as exc:
        raise MissingPackage(
            "ONNX needs the package onnx; expected it to be installed. Type: "
            'pip install "eigcore[onnx]"'
        ) from exc
    return onnx


class Graph:
    """Nodes and constants; every method returns a `Value`."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def _name(self) -> str:
        return f"{self.prefix}v{len(self.nodes) + len(self.constants)}"

    def constant(self, value: Any, dtype: Any = np.float64) -> Value:
        """Return a constant array."""
        name = self._name()
        self.constants.append(onnx().numpy_helper.from_array(np.array(value, dtype), name))
        return Value(self, name)

    def __call__(self, kind: str, *inputs: Any, **attributes: Any) -> Value:
        """Return the first output of a node; numbers and arrays become float64 constants."""
        names = [v.name if isinstance(v, Value) else self.constant(v).name for v in inputs]
        outputs = [self._name()]
        if kind == "TopK":
            outputs.append(f"{outputs[0]}_places")
        self.nodes.append(onnx().helper.make_node(kind, names, outputs, **attributes))
        return Value(self, outputs[0])

    def shape(self, *sizes: int) -> Value:
        """Return a constant of whole numbers."""
        return self.constant(sizes, np.int64)

    def sum(self, value: Value, axis: int, keepdims: bool = False) -> Value:
        """Return the sum over one axis."""
        return self("ReduceSum", value, self.shape(axis), keepdims=int(keepdims))

    def top(self, value: Value) -> Value:
        """Return the largest along the last axis, which stays."""
        return self("TopK", value, self.shape(1), axis=-1, largest=1)

    def cast(self, value: Value, dtype: Any = np.float64) -> Value:
        """Return the value as other numbers."""
        return self("Cast", value, to=onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def name(self, value: Value, name: str) -> None:
        """Give a value another name."""
        self.nodes.append(onnx().helper.make_node("Identity", [value.name], [name]))

    def where(self, condition: Value, yes: Any, no: Any) -> Value:
        """Return yes where the condition holds, and no elsewhere."""
        return self("Where", condition, yes, no)

    def clip(self, value: Value, low: Any, high: Any) -> Value:
        """Return the value, or the nearer end."""
        return self.where(value < low, low, self.where(value < high, value, high))

    def repeat(
        self, times: int, start: Value, step: Callable[[Graph, Value, Value], Value]
    ) -> Value:
        """Return step(graph, i, value), taken `times` times from i = 0."""
        helper, double = onnx().helper, onnx().TensorProto.DOUBLE
        body = Graph(f"{self.prefix}{self._name()}_")
        found = step(body, Value(body, f"{body.prefix}i"), Value(body, f"{body.prefix}in"))
        go_on = body("Identity", Value(body, f"{body.prefix}go"))
        inputs = [
            helper.make_tensor_value_info(f"{body.prefix}i", onnx().TensorProto.INT64, []),
            helper.make_tensor_value_info(f"{body.prefix}go", onnx().TensorProto.BOOL, []),
            helper.make_tensor_value_info(f"{body.prefix}in", double, None),
        ]
        outputs = [
            helper.make_tensor_value_info(go_on.name, onnx().TensorProto.BOOL, []),
            helper.make_tensor_value_info(found.name, double, None),
        ]
        whole = helper.make_graph(body.nodes, "step", inputs, outputs, body.constants)
        count, yes = self.constant(times, np.int64), self.constant(True, np.bool_)
        return self.loop(count, yes, start, whole)

    def loop(self, count: Value, go: Value, start: Value, body: Any) -> Value:
        """Return the node "Loop"."""
        return self("Loop", count, go, start, body=body)


class Value:
    """An array of a graph, with the arithmetic of NumPy."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __add__(self, other: Any) -> Value:
        return self.graph("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.graph("Sub", self, other)

    def __mul__(self, other: Any) -> Value:
        return self.graph("Mul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self.graph("Div", self, other)

    def __matmul__(self, other: Any) -> Value:
        return self.graph("MatMul", self, other)

    def __neg__(self) -> Value:
        return self.graph("Neg", self)

    def __abs__(self) -> Value:
        return self.graph("Abs", self)

    def __lt__(self, other: Any) -> Value:
        return self.graph("Less", self, other)

    def __le__(self, other: Any) -> Value:
        return self.graph("LessOrEqual", self, other)

    def __gt__(self, other: Any) -> Value:
        return self.graph("Greater", self, other)

    def __ge__(self, other: Any) -> Value:
        return self.graph("GreaterOrEqual", self, other)

    def __or__(self, other: Value) -> Value:
        return self.graph("Or", self, other)
