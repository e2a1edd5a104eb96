"""Functions of singular values beside the same composed by hand: ``python -m benchmarks.spectra``.

Times are the smallest of several runs, in milliseconds of one process. The gradient by hand is
torch's own through its decomposition: right where singular values differ, and not a number at ties.
"""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import eigcore
from eigcore.spectra import power_law

SIZES = ((64, 16, 16), (1, 128, 128), (1, 512, 128))


def milliseconds(function: Callable[[], Any], runs: int = 7) -> float:
    """Return the smallest time of several runs, after one that is not counted."""
    function()
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return 1e3 * min(found)


def maps() -> None:
    """Soft clip with its gradient, beside torch.linalg.svd composed by hand."""
    import torch

    def ours(X: torch.Tensor) -> torch.Tensor:
        return eigcore.spectral_map(X, "soft_clip", c=1.0)

    def by_hand(X: torch.Tensor) -> torch.Tensor:
        U, s, Vt = torch.linalg.svd(X, full_matrices=False)
        return (U * (s / (1 + s**2) ** 0.5)[..., None, :]) @ Vt

    print("soft clip and its gradient, torch float64: eigcore ms, by hand ms, Newton–Schulz ms")
    for shape in SIZES:
        X = torch.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
        times = [
            milliseconds(lambda f=f: torch.autograd.grad(f(X).square().sum(), X))  # noqa: B023
            for f in (
                ours,
                by_hand,
                lambda X: eigcore.newton_schulz(X, "soft_clip", steps=14, c=1.0),
            )
        ]
        print(f"  {shape}: " + ", ".join(f"{t:.2f}" for t in times))


def power_laws() -> None:
    """Fits of power laws, beside the package powerlaw where it is installed."""
    print("power law, all thresholds: eigcore ms, powerlaw ms, ratio")
    for size in (500, 2000):
        x = (
            np.random.default_rng(0).pareto(1.5, size)
            + 1
            + 0.5 * np.random.default_rng(1).random(size)
        )
        own = milliseconds(lambda: power_law(x))  # noqa: B023
        try:
            peer = importlib.import_module("powerlaw")
        except ImportError:
            print(f"  {size}: {own:.2f}, not installed (pip install powerlaw)")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = milliseconds(lambda: peer.Fit(x, verbose=False).power_law.alpha, runs=3)  # noqa: B023
        print(f"  {size}: {own:.2f}, {other:.1f}, {other / own:.0f}")


if __name__ == "__main__":
    maps()
    power_laws()
