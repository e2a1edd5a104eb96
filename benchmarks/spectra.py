"""Functions of singular values beside what people write by hand: ``python -m benchmarks.spectra``.

Names of parts (maps, compiled, sven, power_laws, density, compression) choose some. Times are
milliseconds of one core, the smallest of several runs. The gradient by hand is torch's own through
its decomposition: right where singular values differ, and not a number at ties.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import eigcore
from eigcore.lowrank import compress
from eigcore.lowrank.methods import METHODS
from eigcore.operators import operator, spectral_density
from eigcore.spectra import power_law

SIZES = (
    (4, 4),
    (1, 4, 4),
    (8, 4, 4),
    (64, 2, 2),
    (64, 4, 4),
    (64, 8, 8),
    (64, 16, 16),
    (64, 32, 32),
)
SIZES += ((1000, 8, 4), (128, 128), (512, 128))


def milliseconds(function: Callable[[], Any], runs: int = 15) -> float:
    """Return the smallest processor time of several runs, after one that is not counted.

    Short functions are called several times in a run.
    """
    return alternately([function], runs)[0]


def alternately(functions: list[Callable[[], Any]], runs: int = 15) -> list[float]:
    """Return `milliseconds` of several functions, which take turns."""
    for function in functions:
        function()
    start = time.process_time()
    functions[0]()
    many = 1 + int(1e-3 / max(time.process_time() - start, 1e-5))
    found = [[] for _ in functions]
    for _ in range(runs):
        for own, function in zip(found, functions, strict=True):
            start = time.process_time()
            for _ in range(many):
                function()
            own.append((time.process_time() - start) / many)
    return [1e3 * min(own) for own in found]


def maps() -> None:
    """Soft clip with its gradient, beside torch.linalg.svd and eigh composed by hand."""
    import torch

    def clipped(s: torch.Tensor) -> torch.Tensor:
        return (s / (1 + s**2) ** 0.5)[..., None, :]

    def by_hand(X: torch.Tensor) -> torch.Tensor:
        U, s, Vt = torch.linalg.svd(X, full_matrices=False)
        return (U * clipped(s)) @ Vt

    def symmetric_by_hand(A: torch.Tensor) -> torch.Tensor:
        lam, V = torch.linalg.eigh((A + A.mT) / 2)
        return (V * clipped(lam)) @ V.mT

    def iterated(X: torch.Tensor) -> torch.Tensor:
        return eigcore.newton_schulz(X, "soft_clip", steps=14, c=1.0)

    def took(X: torch.Tensor, *own: Callable[[torch.Tensor], torch.Tensor]) -> list[float]:
        def slope(f: Callable[[torch.Tensor], torch.Tensor]) -> Any:
            return torch.autograd.grad(f(X).square().sum(), X)

        with_slope = [partial(slope, f) for f in own]
        return alternately([*with_slope, *(partial(f, X.detach()) for f in own[:2])])

    ours, symmetric = (
        partial(f, f="soft_clip", c=1.0) for f in (eigcore.spectral_map, eigcore.matrix_function)
    )
    torch.set_num_threads(1)
    print("soft clip, torch float64; value and gradient: eigcore, by hand, ratio; value: ratio")
    print("  of symmetric matrices; value and gradient: ratio, value: ratio; Newton–Schulz: ms")
    for shape in SIZES:
        X = torch.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
        own, hand, newton, value, plain = took(X, ours, by_hand, iterated)
        line = f"  {shape}: {own:.3f}, {hand:.3f}, {own / hand:.2f}; {value / plain:.2f}"
        if shape[-1] == shape[-2]:
            own, hand, value, plain = took(X, symmetric, symmetric_by_hand)
            line += f"; symmetric: {own / hand:.2f}, {value / plain:.2f}"
        print(f"{line}; {newton:.2f}", flush=True)


def compiled() -> None:
    """Clip and nuclear norm in JAX beside the kernel called directly with NumPy arrays."""
    import jax
    from eigcore_native import svd

    def clipped(X: Any) -> Any:
        return eigcore.spectral_map(X, "clip", c=1.0)

    functions = {
        "map": jax.jit(clipped),
        "map, eager": clipped,
        "norm": jax.jit(partial(eigcore.spectral_value, phi="nuclear")),
        "map and gradient": jax.jit(lambda X: jax.vjp(clipped, X)[1](X)),
        "jnp.linalg.svd": jax.jit(partial(jax.numpy.linalg.svd, full_matrices=False)),
    }
    print(f"JAX float64; the kernel: ms; over it: {', '.join(functions)}")
    for shape in ((2048, 4, 4), (2048, 8, 4), (2048, 8, 8), (2048, 16, 16)):
        X = np.random.default_rng(0).normal(size=shape)
        there = jax.numpy.asarray(X)
        calls = [lambda f=f: jax.block_until_ready(f(there)) for f in functions.values()]  # noqa: B023
        kernel, *own = alternately([lambda: svd(X, 1), *calls], runs=7)  # noqa: B023
        print(f"  {shape}: {kernel:.3f}; {', '.join(f'{each / kernel:.2f}' for each in own)}")


def sven() -> None:
    """A small regression until its mean squared error is 1e-4: steps and seconds, five seeds."""
    import torch
    from eigcore_torch import Sven

    def problem(seed: int) -> tuple[torch.nn.Module, Callable[[], torch.Tensor]]:
        torch.manual_seed(seed)
        x = torch.rand(64, 2, dtype=torch.float64) * 2 - 1
        y = torch.sin(3 * x[:, 0]) * x[:, 1] + 0.5 * x[:, 0]
        layers = torch.nn.Linear(2, 20), torch.nn.Tanh(), torch.nn.Linear(20, 1)
        model = torch.nn.Sequential(*layers).double()
        return model, lambda: model(x)[:, 0] - y

    def adam(model: torch.nn.Module, rest: Callable[[], torch.Tensor]) -> Callable[[], Any]:
        return partial(descent, torch.optim.Adam(model.parameters(), lr=0.03), rest)

    def lbfgs(model: torch.nn.Module, rest: Callable[[], torch.Tensor]) -> Callable[[], Any]:
        options: Any = {"max_iter": 1, "max_eval": 25, "history_size": 20}
        own = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", **options)
        return partial(descent, own, rest)

    def descent(own: torch.optim.Optimizer, rest: Callable[[], torch.Tensor]) -> None:
        def closure() -> torch.Tensor:
            own.zero_grad()
            loss = rest().square().mean()
            loss.backward()
            return loss

        own.step(closure)  # pyright: ignore

    def steps_of_sven(model: torch.nn.Module, rest: Callable[[], torch.Tensor]) -> Any:
        return partial(Sven(model.parameters(), lr=0.5).step, rest)

    torch.set_num_threads(1)
    print(
        "64 points, 81 parameters, until the mean squared error is 1e-4: steps, seconds (medians)"
    )
    kinds = {"Adam, rate .03": adam, "L-BFGS, strong Wolfe": lbfgs, "Sven, rate .5": steps_of_sven}
    for name, make in kinds.items():
        found = []
        for seed in range(5):
            model, rest = problem(seed)
            step, count, start = make(model, rest), 0, time.process_time()
            while rest().square().mean() > 1e-4 and count < 5000:
                step()
                count += 1
            found.append((count, time.process_time() - start))
        count, seconds = np.median(found, axis=0)
        print(f"  {name}: {count:.0f}, {seconds:.3f}")


def power_laws() -> None:
    """Fits of power laws, beside the package powerlaw where it is installed; its examples too."""
    print("power law, all thresholds: eigcore, powerlaw, ratio, largest relative difference")
    data = {}
    for size in (500, 2000):
        rng = np.random.default_rng(0)
        data[f"{size} numbers"] = rng.pareto(1.5, size) + 1 + 0.5 * rng.random(size)
    try:
        peer = importlib.import_module("powerlaw")
        examples = importlib.import_module("powerlaw.data").load_test_dataset
        data |= {name: examples(name) for name in ("blackouts", "surnames", "terrorism")}
    except ImportError:
        peer = None
        print("  pip install powerlaw, for its times and examples")
    for name, x in data.items():
        own, ours = milliseconds(lambda: power_law(x)), power_law(x)  # noqa: B023
        if peer is None:
            print(f"  {name}: {own:.2f}")
            continue

        def theirs() -> Any:
            return peer.Fit(x, verbose=False).power_law  # noqa: B023

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other, fit = milliseconds(theirs, runs=2), theirs()
        pairs = (ours.alpha, fit.alpha), (ours.xmin, fit.xmin), (ours.ks, fit.D)
        off = max(abs(a - b) / abs(b) for a, b in pairs)
        print(f"  {name}, {len(x)}: {own:.2f}, {other:.0f}, {other / own:.0f}, {off:.1e}")


def density() -> None:
    """The spectral density of a symmetric matrix, beside Lanczos written in a loop over probes."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(1000, 1000))
    A = (A + A.T) / 2000**0.5

    def plain(probes: int = 16, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
        nodes, weights = [], []
        for _ in range(probes):
            Q, diag, off = np.zeros((steps + 1, len(A))), np.zeros(steps), np.zeros(steps)
            Q[0] = rng.choice([-1.0, 1.0], len(A)) / len(A) ** 0.5
            for k in range(steps):
                w = A @ Q[k]
                diag[k] = w @ Q[k]
                for _ in range(2):
                    w -= Q[: k + 1].T @ (Q[: k + 1] @ w)
                off[k] = np.linalg.norm(w)
                Q[k + 1] = w / off[k]
            lam, V = np.linalg.eigh(np.diag(diag) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1))
            nodes.append(lam)
            weights.append(V[0] ** 2)
        return np.array(nodes), np.array(weights)

    own = milliseconds(lambda: spectral_density(operator(A), steps=40, probes=16), runs=3)
    other = milliseconds(plain, runs=3)
    print("spectral density, order 1000, 16 probes, 40 steps: eigcore, plain loop, ratio")
    print(f"  {own:.0f}, {other:.0f}, {other / own:.2f}")


def compression() -> None:
    """Compression of a model of twelve layers by every method, beside one run over its data."""
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(256, 256) for _ in range(12)]
    model = torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.ReLU())))
    data = [(X, X) for X in torch.randn(16, 128, 256)]
    plain = milliseconds(lambda: [model(X) for X, _ in data], runs=3)
    print(f"compression of 12 layers 256 × 256, ms; one run over the data takes {plain:.0f}")
    for method in METHODS:
        run = lambda: compress(model, data, 0.4, method, torch.nn.functional.mse_loss)  # noqa: B023
        print(f"  {method}: {milliseconds(run, runs=1):.0f}")


if __name__ == "__main__":
    one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ |= {"JAX_ENABLE_X64": "1", "EIGCORE_NUM_THREADS": "1", "XLA_FLAGS": one}
    known = maps, compiled, sven, power_laws, density, compression
    parts = {part.__name__: part for part in known}
    if unknown := [name for name in sys.argv[1:] if name not in parts]:
        sys.exit(f"There is no part {unknown[0]}; expected some of {', '.join(parts)}.")
    for name in sys.argv[1:] or parts:
        parts[name]()
