"""Estimators inside scikit-learn's pipelines as ONNX: converters for skl2onnx."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from eigcore.convert.graph import Graph, Value
from eigcore.convert.onnx import answer, decision
from eigcore.encoding import Categories
from eigcore.errors import MissingPackage, NotSupported

LEAST = 13
"""The oldest opset whose operators the nodes use."""


def register_estimators() -> None:
    """Tell skl2onnx how to write `SpectralRegressor` and `SpectralClassifier`.

    Afterwards ``skl2onnx.to_onnx`` takes them, alone and in pipelines. Inputs are numbers; the
    levels of category columns are numbers too. The computation is float64; outputs have the type of
    the input, and labels are whole numbers or text. A row that the model refuses gives NaN, and the
    first label.

    Raises
    ------
    MissingPackage
        If skl2onnx is not installed.
    """
    from eigcore.estimators import SpectralClassifier, SpectralRegressor

    add = _skl2onnx().update_registered_converter
    add(SpectralRegressor, "EigcoreSpectralRegressor", _regressor_types, _regressor)
    options = {"zipmap": [True, False, "columns"], "nocl": [False, True]}
    options["output_class_labels"] = [False, True]
    add(
        SpectralClassifier,
        "EigcoreSpectralClassifier",
        _classifier_types,
        _classifier,
        options=options,
    )


def _skl2onnx(part: str = "skl2onnx") -> Any:
    try:
        return importlib.import_module(part)
    except ImportError as exc:
        raise MissingPackage(
            "Pipelines in ONNX need the package skl2onnx; expected it to be installed. Type: "
            "pip install skl2onnx"
        ) from exc


def _types() -> Any:
    return _skl2onnx("skl2onnx.common.data_types")


def _regressor_types(operator: Any) -> None:
    operator.outputs[0].type = _types().guess_tensor_type(operator.inputs[0].type)
    operator.outputs[0].type.shape = [operator.inputs[0].get_first_dimension(), 1]


def _classifier_types(operator: Any) -> None:
    rows, classes = operator.inputs[0].get_first_dimension(), operator.raw_operator.classes_
    types, text = _types(), classes.dtype.kind in "UO"
    operator.outputs[0].type = (types.StringTensorType if text else types.Int64TensorType)([rows])
    operator.outputs[1].type = types.guess_tensor_type(operator.inputs[0].type)
    operator.outputs[1].type.shape = [rows, len(classes)]


def _regressor(scope: Any, operator: Any, container: Any) -> None:
    graph, model = _begun(scope, container), operator.raw_operator.model_
    found = answer(graph, model.static, decision(graph, model, _cells(graph, operator)))
    _end(graph, container, [_typed(graph, found, operator.outputs[0])], operator)


def _classifier(scope: Any, operator: Any, container: Any) -> None:
    graph, estimator = _begun(scope, container), operator.raw_operator
    model, classes = estimator.model_, _labels(estimator.classes_)
    z = decision(graph, model, _cells(graph, operator))
    found = answer(graph, model.static, z)
    if model.outputs == 1:
        found = graph("Concat", -found + 1.0, found, axis=1)
        best = graph("Reshape", graph.cast(z > 0.0, np.int64), graph.shape(-1))
    else:
        best = graph("ArgMax", z, axis=1, keepdims=0)
    label = graph("Gather", graph.constant(classes, classes.dtype), best, axis=0)
    _end(graph, container, [label, _typed(graph, found, operator.outputs[1])], operator)


def _labels(classes: np.ndarray) -> np.ndarray:
    """Return labels as ONNX has them: int64 or text."""
    if classes.dtype.kind in "iub":
        return classes.astype(np.int64)
    if all(isinstance(label, str) for label in classes):
        return classes.astype(object)
    raise NotSupported(
        f"The classes are {classes.tolist()[:5]}; ONNX has labels that are whole numbers or text. "
        "Fit with such labels."
    )


def _begun(scope: Any, container: Any) -> Graph:
    if container.target_opset < LEAST:
        raise NotSupported(
            f"target_opset is {container.target_opset}; expected at least {LEAST}. Type: "
            f"to_onnx(..., target_opset={LEAST})."
        )
    return Graph(f"{scope.get_unique_variable_name('eigcore')}_")


def _cells(graph: Graph, operator: Any) -> Value:
    """Return the cells (rows, columns) in the order of the encoding, codes for levels."""
    from eigcore.estimators.columns import names_of

    estimator = operator.raw_operator
    encoding = estimator.model_.encoding
    if any(isinstance(each.type, _types().StringTensorType) for each in operator.inputs):
        raise NotSupported(
            "An input of the estimator is text; ONNX has no comparison of text with missing cells. "
            "Put an OrdinalEncoder before it in the pipeline, and fit with numbers."
        )
    parts = [graph.cast(Value(graph, each.full_name)) for each in operator.inputs]
    whole = parts[0] if len(parts) == 1 else graph("Concat", *parts, axis=1)
    known = names_of(estimator)
    whole = graph("Gather", whole, graph.shape(*map(known.index, encoding.names)), axis=1)
    if not any(isinstance(column, Categories) for column in encoding.columns):
        return whole
    columns = []
    for j, column in enumerate(encoding.columns):
        cell = graph("Gather", whole, graph.shape(j), axis=1)
        columns.append(_code(graph, column, cell) if isinstance(column, Categories) else cell)
    return graph("Concat", *columns, axis=1)


def _code(graph: Graph, column: Categories, cell: Value) -> Value:
    """Return the place of a cell (rows, 1) among the levels, −1 for none, NaN where missing."""
    levels = column.levels
    if any(isinstance(level, (bool, str)) for level in levels):
        raise NotSupported(
            f"A column has the levels {list(levels)[:5]}; in ONNX all levels must be numbers. Put "
            "an OrdinalEncoder before the estimator, and fit with numbers."
        )
    same = graph.cast(graph("Equal", cell, graph.constant([levels])))
    code = graph.sum(same * np.arange(1.0, len(levels) + 1), 1, True) - 1.0
    return graph.where(graph("IsNaN", cell), np.nan, code)


def _typed(graph: Graph, value: Value, output: Any) -> Value:
    """Return the value in the type of an output, float32 or float64."""
    double = isinstance(output.type, _types().DoubleTensorType)
    return value if double else graph.cast(value, np.float32)


def _end(graph: Graph, container: Any, values: list[Value], operator: Any) -> None:
    """Give the values their names, and hand the nodes to skl2onnx."""
    for value, output in zip(values, operator.outputs, strict=True):
        graph.name(value, output.full_name)
    container.nodes.extend(graph.nodes)
    container.initializers.extend(graph.constants)
    container.node_domain_version_pair_sets.add(("", LEAST))
