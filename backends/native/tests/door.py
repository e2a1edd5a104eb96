"""Short ways through the one door: rules of eigcore, every order, a path on purpose."""

import math
from contextlib import contextmanager

import numpy as np
from eigcore_native import _core
from eigcore_native.kernels import kernel

from eigcore.core.functionals import Kth
from eigcore.core.packing import Layout
from eigcore.core.rules import Rule

KINDS = ["packed", "square", "full", "band", "pair"]


def rule(kind, d, k):
    """The k-th eigenvalue in a layout; "band" is packed with one subdiagonal."""
    width = min(1, d - 1) if kind in ("band", "pair") else d - 1
    return Rule(Layout(d, width, "packed" if kind == "band" else kind), Kth(d, k))


def order(kind, p):
    """d of rows p."""
    size = p.shape[-1]
    return {
        "square": size,
        "full": math.isqrt(size),
        "packed": (math.isqrt(8 * size + 1) - 1) // 2,
    }.get(kind, (size + 1) // 2)


def rows(kind, p, k, want="vectors", threads=0):
    return kernel(rule(kind, order(kind, p), k), "rows", (p,), want, threads)


def tridiagonal(diag, off, k, want="vectors"):
    return kernel(rule("pair", diag.shape[-1], k), "diagonals", (diag, off), want)


def eigenpair(m, k, threads=0):
    """λ_k and a unit vector of whole matrices."""
    answer = rows("square", m, k, threads=threads)
    return answer.values, answer.vectors


def values(m, k, threads=0):
    return rows("square", m, k, "values", threads).values


def value_and_gradient(kind, p, k, threads=0):
    answer = rows(kind, p, k, "gradient", threads)
    return answer.values, answer.gradient


def pair_rows(diagonal, off):
    """Diagonals (..., d) and subdiagonals (..., d − 1) as rows of the layout "pair"."""
    return np.concatenate((diagonal, off), -1)


@contextmanager
def taking(path):
    """Solve by "full", the safety net, or without single precision; "best" as always."""
    _core.take_path(path)
    try:
        yield
    finally:
        _core.take_path("best")
