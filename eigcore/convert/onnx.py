"""A model as an ONNX graph: eigenvalues by a fixed number of Jacobi sweeps, all rows at once."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import numpy as np

from eigcore.convert.graph import IR, OPSET, Graph, Value, onnx
from eigcore.convert.jacobi import eigenvalues, phi
from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding
from eigcore.encoding.arithmetic import FIELD
from eigcore.encoding.terms import HAT, LEVEL
from eigcore.model import SpectralModel
from eigcore.portable.description import ModelStatic


def serialised(model: SpectralModel, about: str) -> bytes:
    """Return an ONNX file: input "cells" (rows, columns), output "prediction", both float64.

    Category columns hold codes. Rows that the model refuses give NaN.

    Parameters
    ----------
    model : SpectralModel
    about : str
        What the file says about itself.

    Raises
    ------
    MissingPackage
        If the package onnx is not installed.
    """
    helper, double = onnx().helper, onnx().TensorProto.DOUBLE
    graph = Graph()
    found = answer(graph, model.static, decision(graph, model, Value(graph, "cells")))
    graph.name(found, "prediction")
    whole = helper.make_graph(
        graph.nodes,
        "eigcore",
        [helper.make_tensor_value_info("cells", double, ["rows", len(model.encoding.columns)])],
        [helper.make_tensor_value_info("prediction", double, ["rows", model.outputs])],
        graph.constants,
        doc_string=about,
    )
    opset = helper.make_opsetid("", OPSET)
    made = helper.make_model(whole, opset_imports=[opset], ir_version=IR, producer_name="eigcore")
    onnx().checker.check_model(made)
    return made.SerializeToString()


def decision(graph: Graph, model: SpectralModel, cells: Value) -> Value:
    """Return the decisions (rows, outputs) of cells (rows, columns) in float64, NaN where refused.

    Category columns hold codes.
    """
    static = model.static
    terms, refused = _encoded(graph, model.encoding, cells)
    members = sorted(model.members, key=lambda m: (m[0].dim, m[0].phi.name))
    weights = dict(zip(map(id, model.params), static.weights, strict=True))
    total: Value | None = None
    for _, group in groupby(members, key=lambda m: (m[0].dim, m[0].phi.name)):
        specs, params = zip(*group, strict=True)
        shares = np.array([weights[id(own)] for own in params])
        found = _values(graph, specs, params, terms)
        part = graph.sum(found * shares[:, None], 1)
        total = part if total is None else total + part
    assert total is not None
    return graph.where(refused, math.nan, total * static.scale + static.offset)


def answer(graph: Graph, static: ModelStatic, z: Value) -> Value:
    """Return the predictions (rows, outputs) of decisions: the inverse link, then `clip`."""
    links: dict[str, Any] = {"log": "Exp", "logistic": "Sigmoid", "softmax": "Softmax"}
    found = graph(links[static.link], z) if static.link in links else z
    if static.clip is None:
        return found
    low, high = static.ends
    return graph.where(found < low, low, graph.where(found > high, high, found))


def _encoded(graph: Graph, encoding: Encoding, cells: Value) -> tuple[Value, Value]:
    """Return the terms (rows, terms), and whether rows are refused (rows, 1).

    See `eigcore.encoding.arithmetic`.
    """
    parts = [cells]
    for each in encoding.projections:
        places = graph.shape(*map(encoding.names.index, each.names))
        parts.append(
            (graph("Gather", cells, places, axis=1) - each.centers)
            @ np.reshape(each.weights, (-1, 1))
        )
    columns = graph("Concat", *parts, axis=1)
    owner = np.repeat(np.arange(len(encoding.parts)), [s.stop - s.start for s in encoding.slices])
    t = graph("Gather", columns, graph.shape(*owner.tolist()), axis=1)
    row = {name: np.array(encoding.constants[number]) for name, number in FIELD.items()}
    missing = graph("IsNaN", t)
    known = graph.where(missing | (abs(t) >= math.inf), 0.0, t)
    out = graph.clip((known - row["origin"]) / row["width"], row["low"], row["high"])
    if (row["form"] == LEVEL).any():
        same = graph.cast(graph("Equal", known, row["origin"]))
        out = graph.where(graph.constant(row["form"] == LEVEL, np.bool_), same, out)
    if (row["form"] == HAT).any():
        out = graph.where(
            graph.constant(row["form"] == HAT, np.bool_), _hats(graph, known, row), out
        )
    out = graph.where(missing, row["fill"], out)
    wrong = _refusals(graph, encoding, columns, out)
    return graph.where(graph("IsNaN", out), 0.0, out), wrong


def _hats(graph: Graph, t: Value, row: dict[str, np.ndarray]) -> Value:
    turn = graph("Mod", t - row["origin"], row["period"], fmod=1)
    s = graph.where(turn < 0.0, turn + row["period"], turn)
    rising = (s - row["period"]) / row["left"] + 1.0
    falling = -(s / row["width"]) + 1.0
    return graph.where(s < row["width"], falling, graph.clip(rising, 0.0, math.inf))


def _refusals(graph: Graph, encoding: Encoding, columns: Value, terms: Value) -> Value:
    """Return whether a row has a cell that the model refuses: (rows, 1)."""
    ends = np.array([p.range if p.outside else (-math.inf, math.inf) for p in encoding.parts])
    wrong = (columns < ends[:, 0]) | (columns > ends[:, 1]) | (abs(columns) >= math.inf)
    count = graph.sum(graph.cast(wrong), 1, True)
    lost = graph.cast(graph("IsNaN", terms))
    count = count + graph.sum(lost, 1, True)
    for column, place in zip(encoding.columns, encoding.slices, strict=False):
        if isinstance(column, Categories) and column.unseen == "refuse":
            own = graph("Gather", terms, graph.shape(*range(place.start, place.stop)), axis=1)
            none = graph.sum(own, 1, True) <= 0.0
            count = count + graph.cast(none)
    return count > 0.0


def _values(
    graph: Graph, specs: tuple[EigSpec, ...], params: tuple[np.ndarray, ...], terms: Value
) -> Value:
    """Return φ of members of one order and functional: (rows, members, outputs)."""
    d, outputs, members = specs[0].dim, specs[0].outputs, len(specs)
    whole = []
    for spec, own in zip(specs, params, strict=True):
        entry, factor = spec.layout.gather
        whole.append(own[..., entry] * factor)
    matrices = np.concatenate(whole).transpose(1, 0, 2).reshape(params[0].shape[1], -1)
    flat = terms @ matrices[1:] + matrices[0]
    a = graph("Reshape", flat, graph.shape(-1, members * outputs, d, d))
    phis = [spec.phi for spec in specs for _ in range(outputs)]
    found = phi(graph, phis, eigenvalues(graph, a, d))
    return graph("Reshape", found, graph.shape(-1, members, outputs))
