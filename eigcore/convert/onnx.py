"""A model as an ONNX graph: eigenvalues by a fixed number of Jacobi sweeps, all rows at once."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import numpy as np

from eigcore.convert.graph import IR, OPSET, Graph, Value, onnx
from eigcore.core.functionals import Functional, Linear, Softmax
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
    graph, static = Graph(), model.static
    terms, refused = _encoded(graph, model.encoding, Value(graph, "cells"))
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
    decision = graph.where(refused, math.nan, total * static.scale + static.offset)
    _answer(graph, static, decision)
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
        same = graph("Cast", graph("Equal", known, row["origin"]), to=onnx().TensorProto.DOUBLE)
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
    count = graph.sum(graph("Cast", wrong, to=onnx().TensorProto.DOUBLE), 1, True)
    lost = graph("Cast", graph("IsNaN", terms), to=onnx().TensorProto.DOUBLE)
    count = count + graph.sum(lost, 1, True)
    for column, place in zip(encoding.columns, encoding.slices, strict=False):
        if isinstance(column, Categories) and column.unseen == "refuse":
            own = graph("Gather", terms, graph.shape(*range(place.start, place.stop)), axis=1)
            none = graph.sum(own, 1, True) <= 0.0
            count = count + graph("Cast", none, to=onnx().TensorProto.DOUBLE)
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
    found = _phi(
        graph, [spec.phi for spec in specs for _ in range(outputs)], _eigenvalues(graph, a, d)
    )
    return graph("Reshape", found, graph.shape(-1, members, outputs))


def _eigenvalues(graph: Graph, a: Value, d: int) -> Value:
    """Return the eigenvalues (..., d) of matrices (..., d, d) in ascending order.

    Jacobi rotations of disjoint pairs, in the round-robin order of Brent & Luk (SIAM J. Sci. Stat.
    Comput. 6, 1985), for a fixed number of sweeps.
    """
    rounds = pairings(d)
    if len(rounds):
        a = graph.repeat(len(rounds) * sweeps(d), a, lambda g, i, m: _rotated(g, i, m, rounds))
    diagonal = graph.sum(a * np.eye(d), -1)
    return graph("TopK", diagonal, graph.shape(d), axis=-1, largest=0, sorted=1)


def sweeps(d: int) -> int:
    """Number of sweeps for matrices of order d."""
    return 6 + 2 * math.ceil(math.log2(d))


def pairings(d: int) -> np.ndarray:
    """Return the rounds of a tournament of d as matrices (rounds, d, d): 1 where two meet."""
    n = d + d % 2
    seats = list(range(n))
    rounds = np.zeros((n - 1, n, n))
    for each in rounds:
        for i in range(n // 2):
            each[seats[i], seats[-1 - i]] = each[seats[-1 - i], seats[i]] = 1.0
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return rounds[:, :d, :d] if d > 1 else rounds[:0, :d, :d]


def _rotated(graph: Graph, i: Value, a: Value, rounds: np.ndarray) -> Value:
    """Return JᵀAJ, with J = diag(c) + diag(s)·P for the pairs of one round, P.

    Both partners must see the same off-diagonal entry, or J is not orthogonal where that entry is
    rounding: hence the symmetric part.
    """
    d = rounds.shape[-1]
    a = (a + graph("Transpose", a, perm=[0, 1, 3, 2])) * 0.5
    one_round = graph("Mod", i, graph.constant(len(rounds), np.int64))
    P = graph("Gather", graph.constant(rounds), one_round, axis=0)
    own = graph.sum(a * np.eye(d), -1)
    other = graph("Squeeze", graph("Unsqueeze", own, graph.shape(-2)) @ P, graph.shape(-2))
    off = graph.sum(a * P, -1)
    idle = graph("Equal", off, graph.constant(0.0))
    theta = (other - own) / (graph.where(idle, 1.0, off) * 2.0)
    first = graph.sum(P * (np.triu(np.ones((d, d))) - np.tril(np.ones((d, d)))), -1)
    sign = graph.where(graph("Equal", theta, graph.constant(0.0)), first, graph("Sign", theta))
    t = sign / (abs(theta) + graph("Sqrt", theta * theta + 1.0))
    t = graph.where(idle, 0.0, t)
    c = graph.constant(1.0) / graph("Sqrt", t * t + 1.0)
    last = graph.shape(-1)
    J = graph("Unsqueeze", c, last) * np.eye(d) + graph("Unsqueeze", t * c, last) * P
    return graph("Transpose", J, perm=[0, 1, 3, 2]) @ a @ J


def _phi(graph: Graph, phis: list[Functional], lam: Value) -> Value:
    """Return φ(λ) (..., members) of λ (..., members, d); see `eigcore.core.functionals`."""
    first = phis[0]
    if isinstance(first, Linear):
        constants = [phi.constants() for phi in phis if isinstance(phi, Linear)]
        return graph.sum(lam * np.array(constants), -1)
    if isinstance(first, Softmax):
        t = np.array([[phi.parameter] for phi in phis])
        top = graph("ReduceMax", lam, axes=[-1], keepdims=1)
        total = graph.sum(graph("Exp", (lam - top) / t), -1, True)
        return graph("Squeeze", graph("Log", total) * t + top, graph.shape(-1))
    d = first.dim
    k, alpha = (np.array([[phi.parameter[i]] for phi in phis]) for i in (0, 1))
    kth = graph.sum(lam * (np.arange(d) == k), -1, True)
    lam = lam - kth
    u = graph.clip(lam, -alpha, alpha) / alpha
    q, p = (_maximiser(graph, u, r) for r in (d - k, d - k - 1.0))
    found = graph.sum((q - p) * (lam - (q + p) * (alpha / 2.0)), -1, True)
    return graph("Squeeze", found + alpha / 2.0 + kth, graph.shape(-1))


def _maximiser(graph: Graph, u: Value, r: np.ndarray) -> Value:
    """See `eigcore.core.functionals.Smooth`."""
    nu = graph("Concat", -u, -u + 1.0, axis=-1)

    def total(shift: Value) -> Value:
        wide = graph("Unsqueeze", u, graph.shape(-2)) + graph("Unsqueeze", shift, graph.shape(-1))
        return graph.sum(graph.clip(wide, 0.0, 1.0), -1)

    h = total(nu)
    low = graph("ReduceMax", graph.where(h <= r, nu, -math.inf), axes=[-1], keepdims=1)
    high = graph("ReduceMin", graph.where(h >= r, nu, math.inf), axes=[-1], keepdims=1)
    at_low, at_high = total(low), total(high)
    rise = graph.where(at_high > at_low, at_high - at_low, math.inf)
    root = low + (high - low) * graph.clip((-at_low + r) / rise, 0.0, 1.0)
    return graph.clip(u + root, 0.0, 1.0)


def _answer(graph: Graph, static: ModelStatic, z: Value) -> None:
    """Add the inverse link and the ends of `clip`; the result is called "prediction"."""
    links: dict[str, Any] = {"log": "Exp", "logistic": "Sigmoid", "softmax": "Softmax"}
    found = graph(links[static.link], z) if static.link in links else z
    if static.clip is not None:
        low, high = static.clip
        found = graph.where(found < low, low, graph.where(found > high, high, found))
    graph.nodes.append(onnx().helper.make_node("Identity", [found.name], ["prediction"]))
