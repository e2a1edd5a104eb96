"""Densities of laws and of Hessians: ``python -m benchmarks.rmt [--width N] [--steps M]``.

Densities of laws of 10⁴ population eigenvalues on 1000 points; and stochastic Lanczos quadrature
of the Hessian of a network of some 10⁶ parameters beside the same written plainly, as PyHessian
does: probe by probe, one gradient with a graph, then a loop of products, with each new vector
orthogonalised against all before, parameter by parameter. Both in one run, with equal steps and
probes; the ratio is plain / eigcore. Where curvlinops is installed (``make peers``) its Lanczos,
which does not orthogonalise again, runs on the same Hessian.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from eigcore.operators import hessian, spectral_density
from eigcore.rmt import hessian_glm, sample_covariance


def law_seconds(points: int = 1000, order: int = 10_000) -> Iterator[tuple[str, float]]:
    """Yield names of laws and seconds for a density, with the support that it needs."""
    rng = np.random.default_rng(0)
    t, w = rng.gamma(2.0, size=order) + 0.1, rng.normal(size=order) / order**0.5
    laws = {
        "sample covariance": lambda: sample_covariance(t, 0.3),
        "Hessian of logistic regression": lambda: hessian_glm(
            "logistic", "logistic", None, w, w[::-1], t, 0.3
        ),
    }
    for name, make in laws.items():
        begin, law = time.perf_counter(), make()
        law.density(np.linspace(0.01, float(law.support().max()), points))
        yield name, time.perf_counter() - begin


def network(width: int) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A network of three layers, 128 inputs and their classes."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(784, width), torch.nn.Tanh(), torch.nn.Linear(width, width)]
    model = torch.nn.Sequential(*layers, torch.nn.Tanh(), torch.nn.Linear(width, 10))
    return model, torch.randn(128, 784), torch.randint(0, 10, (128,))


def ours(model: Any, x: Any, y: Any, steps: int, probes: int) -> tuple[float, float]:
    """Seconds, and the mean square of the eigenvalues."""

    def loss(p: Any) -> Any:
        return torch.nn.functional.cross_entropy(torch.func.functional_call(model, p, (x,)), y)

    begin = time.perf_counter()
    density = spectral_density(hessian(loss, dict(model.named_parameters())), steps, probes)
    return time.perf_counter() - begin, float(density.moments(2).value[1])


def plain(model: Any, x: Any, y: Any, steps: int, probes: int) -> tuple[float, float]:
    """The same, probe by probe and parameter by parameter."""
    begin, squares = time.perf_counter(), []
    for _ in range(probes):
        params = list(model.parameters())
        loss = torch.nn.functional.cross_entropy(model(x), y)
        grads = torch.autograd.grad(loss, params, create_graph=True)
        v = _normal([torch.randint_like(p, 0, 2) * 2 - 1 for p in params])
        basis, alphas, betas, w = [v], [], [], None
        for step in range(steps):
            if step:
                beta = _dot(w, w).sqrt()
                betas.append(float(beta))
                v = [a / beta for a in w]
                basis.append(v)
            w = torch.autograd.grad(grads, params, grad_outputs=v, retain_graph=True)
            alphas.append(float(_dot(w, v)))
            for u in basis:
                part = _dot(w, u)
                w = [a - part * b for a, b in zip(w, u, strict=True)]
        T = np.diag(alphas) + np.diag(betas, 1) + np.diag(betas, -1)
        nodes, vectors = np.linalg.eigh(T)
        squares.append(float(vectors[0] ** 2 @ nodes**2))
    return time.perf_counter() - begin, float(np.mean(squares))


def curvlinops_seconds(
    model: Any, x: Any, y: Any, steps: int, probes: int
) -> tuple[float, float] | None:
    """The same by curvlinops, None where it is not installed."""
    try:
        from curvlinops import HessianLinearOperator
        from curvlinops.papyan2020traces.spectrum import fast_lanczos
    except ImportError:
        return None
    own, loss = list(model.parameters()), torch.nn.CrossEntropyLoss()
    begin = time.perf_counter()
    operator = HessianLinearOperator(model, loss, own, [(x, y)], check_deterministic=False)
    squares = []
    for _ in range(probes):
        nodes, vectors = fast_lanczos(operator, steps)
        squares.append(float((vectors[0] ** 2 * nodes**2).sum()))
    return time.perf_counter() - begin, float(np.mean(squares))


def _dot(a: Any, b: Any) -> Any:
    return sum((u * v).sum() for u, v in zip(a, b, strict=True))


def _normal(a: Any) -> Any:
    norm = _dot(a, a).sqrt()
    return [u / norm for u in a]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rmt", description=__doc__)
    parser.add_argument("--width", type=int, default=680)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--probes", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(2)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    print("| what | seconds |\n|---|---|")
    for name, seconds in law_seconds():
        print(f"| density, 1000 points, 10⁴ eigenvalues: {name} | {seconds:.2f} |")
    model, x, y = network(options.width)
    size = sum(p.numel() for p in model.parameters())
    ours(model, x, y, 2, 2)
    seconds, square = ours(model, x, y, options.steps, options.probes)
    what = f"Hessian of {size:,} parameters, {options.steps} steps, {options.probes} probes"
    print(f"| {what} | {seconds:.1f} |", flush=True)
    slow, other = plain(model, x, y, options.steps, options.probes)
    print(f"| the same, plainly | {slow:.1f} |")
    peer = curvlinops_seconds(model, x, y, options.steps, options.probes)
    if peer:
        print(f"| the same, by curvlinops | {peer[0]:.1f} |")
        print(f"\ncurvlinops / eigcore: {peer[0] / seconds:.2f}; its mean square {peer[1]:.5g}")
    print(f"\nplain / eigcore: {slow / seconds:.2f}; mean squares {square:.5g} and {other:.5g}")


if __name__ == "__main__":
    main()
