"""All pairs and functions of all eigenvalues beside LAPACK: ``python -m benchmarks.functionals``.

Microseconds of the processor a matrix, one thread, the minimum of alternating rounds. "Pairs" and
"values" are `eigcore_native.eigenpairs` beside ``numpy.linalg`` and ``torch.linalg``; the others
are public calls on torch tensors, `eigcore.evaluate` of a pencil of four features and
`eigcore.eigenvalues`, beside ``torch.linalg.eigvalsh`` and the same formula in torch; with "'" the
gradient of their sum too, beside torch's own. The ratio is that of the best other to eigcore.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import eigcore
from eigcore import EigSpec
from eigcore.core.rules import matrix, rule_of

FEATURES = 4
Work = Callable[[], Any]
Line = tuple[str, Work, tuple[Work, ...]]
"""What is done, by eigcore, and by others."""


def pairs(M: np.ndarray) -> Iterator[Line]:
    """All eigenpairs, and eigenvalues alone, of whole matrices."""
    import eigcore_native
    import torch

    T, last = torch.from_numpy(M), M.shape[-1] - 1
    for name, vectors, routine in (("pairs", True, "eigh"), ("values", False, "eigvalsh")):
        numpy, tensor = getattr(np.linalg, routine), getattr(torch.linalg, routine)
        yield (
            name,
            lambda vectors=vectors: eigcore_native.eigenpairs(M, 0, last, vectors, 1),
            (lambda f=numpy: f(M), lambda f=tensor: f(T)),
        )


def functionals(d: int, rows: int, dtype: str, structure: str) -> Iterator[Line]:
    """Public calls on torch tensors, values and gradients by the parameters."""
    import torch

    backend, rng = eigcore.get_backend("torch"), np.random.default_rng(0)
    options: dict[str, dict[str, Any]] = {
        "smooth": {"alpha": 0.5},
        "top_sum": {"r": 2},
        "softmax": {"t": 0.5},
        "weighted": {"weights": tuple(np.linspace(0, 1, d).tolist())},
        "eigenvalues": {},
    }
    for name, given in options.items():
        functional = "kth" if name == "eigenvalues" else name
        spec = EigSpec(FEATURES, d, structure=structure, functional=functional, **given)
        params, x = rng.normal(size=spec.params_shape), rng.normal(size=(rows, FEATURES))
        p, x = (torch.tensor(a, dtype=getattr(torch, dtype)) for a in (params, x))
        p.requires_grad_()

        def assembled(p: Any = p, x: Any = x, spec: EigSpec = spec) -> Any:
            return matrix(backend, rule_of(spec).layout, x @ p[0, 1:] + p[0, 0])

        def own(p: Any = p, x: Any = x, spec: EigSpec = spec, make: Work = assembled) -> Any:
            several = spec.functional == "kth"
            return eigcore.eigenvalues(make()) if several else eigcore.evaluate(spec, p, x)

        def plain(make: Work = assembled, spec: EigSpec = spec) -> Any:
            lam = torch.linalg.eigvalsh(make())
            return lam if spec.functional == "kth" else spec.phi.value(backend, lam)

        yield name, _detached(own), (_detached(plain),)
        yield f"{name}'", _slope(own, p), (_slope(plain, p),)


def _detached(f: Work) -> Work:
    import torch

    return torch.no_grad()(f)


def _slope(f: Work, p: Any) -> Work:
    import torch

    return lambda: torch.autograd.grad(f().sum(), p)


def times(works: Sequence[Work], rounds: int) -> list[float]:
    """Seconds of the processor of each, the minimum of alternating rounds."""
    best = [np.inf] * len(works)
    for _ in range(rounds):
        for at, work in enumerate(works):
            start = time.process_time()
            work()
            best[at] = min(best[at], time.process_time() - start)
    return best


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.functionals", description=__doc__)
    add = parser.add_argument
    add("--dims", nargs="+", type=int, default=[3, 5, 8, 15, 24, 32], help="orders")
    add("--rows", type=int, default=2048, help="matrices of a batch")
    add("--dtype", default="float64", choices=("float64", "float32"))
    add("--structure", default="dense", choices=("dense", "tridiagonal"))
    add("--rounds", type=int, default=25, help="rounds of which the minimum is taken")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    print("| order | what | eigcore, µs | best other, µs | ratio |\n|---|---|---|---|---|")
    for d in options.dims:
        M = np.random.default_rng(0).normal(size=(options.rows, d, d)).astype(options.dtype)
        lines = list(functionals(d, options.rows, options.dtype, options.structure))
        for name, own, others in [*pairs(M + M.mT), *lines]:
            first, *rest = times([own, *others], options.rounds)
            cells = [f"{t / options.rows * 1e6:.3g}" for t in (first, min(rest))]
            print(f"| {d} | {name} | {' | '.join(cells)} | {min(rest) / first:.1f} |", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("EIGCORE_NUM_THREADS", "1")
    with threadpool_limits(1):  # NumPy has read its variables already
        main()
