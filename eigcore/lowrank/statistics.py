"""What passes over data say of the layers of a model: moments of inputs, and errors of outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.arrays import Array
from eigcore.dispatch.registry import infer
from eigcore.lowrank.network import Network, pairs_of

OUTPUT = object()
"""The key of the output of the whole model."""
ROUNDING = 8
"""Eigenvalues of a covariance up to ROUNDING·n·ε of E‖x‖² count as zero."""


class Statistics:
    """Of one layer: its inputs x, and squared gradients of a loss by its weights.

    Attributes
    ----------
    count : int
        Number of inputs.
    total : (n,) array
        Their sum.
    second : (n, n) array
        The sum of x xᵀ.
    squares : (m,) array
        Squared gradients, summed over rows and batches; 0 without a loss.
    """

    count: int = 0
    total: Any = 0.0
    second: Any = 0.0
    squares: Any = 0.0

    def see(self, X: Array, name: str) -> None:
        """Add inputs (N, n)."""
        X = wide(X, f"the inputs of {name}")
        self.count += len(X)
        self.total = self.total + hosted(X.sum(0), f"the inputs of {name}", 1)
        self.second = self.second + hosted(X.T @ X, f"the inputs of {name}")

    @property
    def mean(self) -> np.ndarray:
        """E x."""
        return self.total / self.count

    def moments(self, centred: bool) -> np.ndarray:
        """Return E xxᵀ, or the same around the mean."""
        second = self.second / self.count
        if not centred:
            return second
        # what rounding leaves of zero would be a metric that is not positive
        lam, V = np.linalg.eigh(second - np.outer(self.mean, self.mean))
        level = ROUNDING * len(lam) * np.finfo(float).eps * float(np.trace(second))
        return (V * np.where(lam > level, lam, 0.0)) @ V.T


def collected(
    network: Network, batches: Iterable[Any], loss: Callable[[Any, Any], Any] | None
) -> dict[str, Statistics]:
    """Return the statistics of the layers that one pass over the data reaches."""
    found: dict[str, Statistics] = {}
    for batch, target in pairs_of(batches):
        seen = network.see(batch, target, loss)
        for name, X in seen.inputs.items():
            found.setdefault(name, Statistics()).see(X, name)
        for name in found.keys() & seen.gradients.keys():
            G = hosted(seen.gradients[name], f"the gradient of {name}")
            found[name].squares = found[name].squares + (G**2).sum(1)
    return {name: found[name] for name in network.matrices if name in found}


class Errors:
    """Sums over outputs y (N, m) and y′ of a changed layer."""

    count: int = 0
    total: Any = 0.0
    square: float = 0.0
    off: float = 0.0

    def see(self, Y: Array, changed: Array) -> None:
        """Add outputs with any number of leading axes."""
        Y, changed = (wide(a.reshape(-1, a.shape[-1]), "the outputs") for a in (Y, changed))
        self.count += len(Y)
        self.total = self.total + hosted(Y.sum(0), "the outputs", 1)
        self.square += float((Y**2).sum())
        self.off += float(((changed - Y) ** 2).sum())

    @property
    def relative(self) -> float:
        """√(E‖y′ − y‖² / E‖y − E y‖²)."""
        return share(self.off, self.square - float((self.total**2).sum()) / self.count) ** 0.5


def measured(old: Network, new: Network, batches: Iterable[Any]) -> dict[Any, float]:
    """Return the relative errors of the outputs of each layer, and of the model."""
    sums: dict[Any, Errors] = {}
    for batch, _ in pairs_of(batches):
        before, after = old.see(batch), new.see(batch)
        for name, Y in before.outputs.items():
            sums.setdefault(name, Errors()).see(Y, after.outputs[name])
        if getattr(before.output, "shape", ()):
            sums.setdefault(OUTPUT, Errors()).see(before.output, after.output)
    return {OUTPUT: np.nan} | {name: errors.relative for name, errors in sums.items()}


def share(part: float, whole: float) -> float:
    """Return a quotient of two that are not negative, but for rounding; 0 of nothing."""
    return max(part, 0.0) / whole if whole > 0 else 0.0


def wide(X: Array, what: str) -> Array:
    """Return an array as float64: in NumPy if it is on the host, else on its own device."""
    backend = infer(X)
    if "cpu" in str(getattr(X, "device", "cpu")).lower() or backend.switched_off("float64"):
        return hosted(X, what, X.ndim)
    return backend.asarray(X, dtype="float64")
