"""Functions of the eigenvalues of many small matrices as nodes of ONNX: Jacobi sweeps."""

from __future__ import annotations

import math

import numpy as np

from eigcore.convert.graph import Graph, Value
from eigcore.core.functionals import Functional, Linear, Softmax


def eigenvalues(graph: Graph, a: Value, d: int) -> Value:
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


def phi(graph: Graph, phis: list[Functional], lam: Value) -> Value:
    """Return φ(λ) (..., members) of λ (..., members, d); see `eigcore.core.functionals`."""
    first = phis[0]
    if isinstance(first, Linear):
        constants = [phi.constants() for phi in phis if isinstance(phi, Linear)]
        return graph.sum(lam * np.array(constants), -1)
    if isinstance(first, Softmax):
        t = np.array([[phi.parameter] for phi in phis])
        top = graph.top(lam)
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
    low = graph.top(graph.where(h <= r, nu, -math.inf))
    high = -graph.top(graph.where(h >= r, -nu, -math.inf))
    at_low, at_high = total(low), total(high)
    rise = graph.where(at_high > at_low, at_high - at_low, math.inf)
    root = low + (high - low) * graph.clip((-at_low + r) / rise, 0.0, 1.0)
    return graph.clip(u + root, 0.0, 1.0)
