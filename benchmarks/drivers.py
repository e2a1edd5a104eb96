"""Which routine every public function really runs: ``python -m benchmarks.drivers [--times]``.

One line per public function and backend: the drivers that `eigcore.trace` saw. With ``--times``
also the time of the function over that of the same work by hand: the kernel called directly with
NumPy arrays, and in NumPy what it does not do (bins of a table, matrices of a pencil, tangents;
of `spectral_map` not its products). Both are in one run on one thread, the minimum of alternating
rounds; more than LIMIT is marked.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import eigcore
from eigcore import EigSpec, SpectralModel
from eigcore.api import evaluate_packed
from eigcore.api.matrices import smooth_rule
from eigcore.core.rules import Rule, kth_rule, rule_of
from eigcore.core.sources import Diagonals, Encoded, Matrices, Pencil, Source, Want
from eigcore.core.spectrum import spectrum, spectrum_of
from eigcore.encoding import Encoding, PiecewiseLinear
from eigcore.encoding.bins import bins
from eigcore.fit import fit
from eigcore.layers import layer

BACKENDS = ("numpy", "torch", "jax")
LIMIT, LONGER = 1.3, 25
ROWS, DIM, FEATURES = 4096, 15, 4


class Call(NamedTuple):
    """A public function on a backend, and the kernel that it should be as fast as."""

    name: str
    run: Callable[[], Any]
    kernel: Callable[[], Any] | None = None


def calls(backend: str) -> list[Call]:
    """Return the public functions, each on some thousand small problems."""
    library, rng = eigcore.get_backend(backend), np.random.default_rng(0)
    kernels, numpy = eigcore.get_backend("numpy"), rng.normal
    square, band = kth_rule("square", DIM, 7), kth_rule("pair", DIM, 7)
    M = numpy(size=(ROWS, DIM, DIM))
    M = M + M.mT
    diag, off, M_few = M[:, 0], M[:, 0, 1:].copy(), M[:256]
    spec = EigSpec(FEATURES, DIM)
    params, x = numpy(size=spec.params_shape) / DIM, numpy(size=(ROWS, FEATURES))
    p, rule = x @ params[0, 1:] + params[0, 0], rule_of(spec)
    g, g5, hermitian = np.ones(ROWS), np.ones((ROWS, 5)), M + 1j * (np.tril(M) - np.triu(M))
    there = {name: library.asarray(a) for name, a in locals().items() if name in ARRAYS}
    model, table = _model(rng)

    sums = {
        "top_sum": EigSpec(FEATURES, DIM, functional="top_sum", r=2),
        "softmax": EigSpec(FEATURES, DIM, functional="softmax", t=0.5),
        "weighted": EigSpec(FEATURES, DIM, functional="weighted", weights=tuple(range(DIM))),
    }
    smooth = smooth_rule(kernels, M, {"k": 7, "alpha": 0.5})
    several = spectrum(DIM, 5, 9)

    def of_all(name: str) -> Call:
        spec = sums[name]
        return Call(
            f"evaluate, {name}",
            lambda: eigcore.evaluate(spec, *model_arrays),
            lambda: assembled(rule_of(spec)),
        )

    def assembled(rule: Rule, source: Pencil | None = None) -> Any:
        return kernels.kernel(rule, Matrices((source or pencil).assembled(kernels)), "values")

    def slope_of_all() -> Any:
        return eigcore.vjp(sums["softmax"], *model_arrays)[1](there["g"])

    def direct(rule: Rule, source: Source, want: Want) -> Callable[[], Any]:
        return lambda: kernels.kernel(rule, source, want)

    def kernel_pulled(rule: Rule, source: Source, g: np.ndarray) -> Any:
        found = kernels.kernel(rule, source, "pullback")
        assert found is not None
        assert found.pullback is not None
        return found.pullback(g)

    def pulled() -> Any:
        return eigcore.vjp(spec, there["params"], there["x"])[1](there["g"])

    def of_layer(name: str, rule: Rule, outputs: int, **options: Any) -> Call:
        made = layer(FEATURES, outputs, DIM, **options)
        own = {key: rng.normal(size=shape) for key, shape in made.shapes.items()}
        arrays = {key: library.asarray(a) for key, a in own.items()}
        source = Pencil(own["matrices"], x)
        return Call(
            f"layer, {name}",
            lambda: made.apply(arrays, there["x"]),
            lambda: assembled(rule, source),
        )

    def slope_of_several() -> Any:
        return eigcore.vjp(eigcore.eigenvalues, M_, lo=5, hi=9)[1](there["g5"])

    def members() -> Any:
        rows = bins(model.encoding, table)
        assert rows is not None
        pairs = [(rule_of(each), Encoded(rows, own)) for each, own in model.members]
        return [kernels.kernel(*pair, "values") for pair in pairs]

    def tangents() -> Any:
        found = kernels.kernel(rule, Matrices(pencil.assembled(kernels)), "gradient")
        assert found is not None
        return rule.tangent(kernels, found.gradient, pencil.tangent(kernels, params, x))

    values, vectors = direct(square, Matrices(M), "values"), direct(square, Matrices(M), "vectors")
    M_, a, b = there["M"], there["diag"], there["off"]
    pencil, pair = Pencil(params, x), Diagonals(diag, off)
    model_arrays = there["params"], there["x"]
    made: list[Any] = [
        ("kth_eigenvalue", lambda: eigcore.kth_eigenvalue(M_, 7), values),
        ("kth_eigenpair", lambda: eigcore.kth_eigenpair(M_, 7), vectors),
        (
            "kth_eigenvalue_tridiagonal",
            lambda: eigcore.kth_eigenvalue_tridiagonal(a, b, 7),
            direct(band, pair, "values"),
        ),
        (
            "smooth_kth_eigenvalue",
            lambda: eigcore.smooth_kth_eigenvalue(M_, 7, 0.5),
            direct(smooth, Matrices(M), "values"),
        ),
        (
            "eigenvalues",
            lambda: eigcore.eigenvalues(M_, 5, 9),
            direct(several, Matrices(M), "values"),
        ),
        ("vjp, eigenvalues", slope_of_several, lambda: kernel_pulled(several, Matrices(M), g5)),
        ("eigenvalues, Hermitian", lambda: eigcore.eigenvalues(there["hermitian"])),
        *(of_all(name) for name in sums),
        ("vjp, softmax", slope_of_all),
        of_layer("several outputs", rule_of(EigSpec(FEATURES, DIM)), 3),
        of_layer("several eigenvalues", spectrum_of(spec.layout, 6, 8), 3, index=(6, 7, 8)),
        (
            "spectral_map",
            lambda: eigcore.spectral_map(there["M_few"], "clip", c=1.0),
            lambda: kernels.svd(M_few),
        ),
        (
            "evaluate",
            lambda: eigcore.evaluate(spec, *model_arrays),
            direct(rule, pencil, "values"),
        ),
        (
            "evaluate_packed",
            lambda: evaluate_packed(spec, there["p"]),
            direct(rule, Matrices(p), "values"),
        ),
        ("vjp", pulled, lambda: kernel_pulled(rule, pencil, g)),
        (
            "jvp",
            lambda: eigcore.jvp(spec, *model_arrays, *model_arrays),
            tangents,
        ),
        ("SpectralModel.predict", lambda: model.predict(table, backend=backend), members),
        ("SpectralModel.explain", lambda: model.explain(table[:100])),
        ("SpectralModel.certify", lambda: model.certify()),
        ("SpectralModel.range", lambda: model.range(max_boxes=100)),
        ("fit", lambda: _fit(table, backend)),
    ]
    return [Call(*each) for each in made]


ARRAYS = ("M", "M_few", "hermitian", "diag", "off", "params", "x", "p", "g", "g5")


def _model(rng: np.random.Generator) -> tuple[SpectralModel, np.ndarray]:
    """Twelve members of order 5 on eight columns of 64 pieces, and a table of 3000 rows."""
    knots = tuple(np.linspace(-2, 2, 65))
    encoding = Encoding(tuple(PiecewiseLinear(knots, "clamped") for _ in range(8)))
    spec = EigSpec(encoding.terms, 5)
    members = [(spec, rng.normal(size=spec.params_shape)) for _ in range(12)]
    return SpectralModel(encoding, members), rng.normal(size=(3000, 8))


def _fit(table: np.ndarray, backend: str) -> SpectralModel:
    options = {"knots": 4, "dim": 3, "penalty": 1e-3, "members": 1, "max_iter": 5}
    return fit(table[:200], table[:200, 0], backend=backend, **options).model


def drivers(call: Call) -> str:
    """Return the distinct drivers that a call ran, in order."""
    with eigcore.trace() as solves:
        call.run()
    return ", ".join(dict.fromkeys(solve.driver for solve in solves)) or "none"


def ratio(call: Call, seconds: float = 0.6) -> float:
    """Return the time of the function over that of its kernel.

    What seems to be beyond LIMIT is measured up to LONGER times as long: other programs pass.
    """
    assert call.kernel is not None
    best, begin = [np.inf, np.inf], time.perf_counter()
    while True:
        for side, run in enumerate((call.run, call.kernel)):
            start = time.perf_counter()
            result = run()
            getattr(result, "block_until_ready", lambda: None)()
            best[side] = min(best[side], time.perf_counter() - start)
        beyond = best[0] > LIMIT * best[1]
        if time.perf_counter() - begin > seconds * (LONGER if beyond else 1):
            return best[0] / best[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drivers", description=__doc__)
    parser.add_argument("--times", action="store_true", help="compare with the kernels")
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    options = parser.parse_args()
    if "torch" in options.backends:
        import torch

        torch.set_num_threads(1)
    print("| function | backend | driver |" + (" function / kernel |" if options.times else ""))
    print("|---|---|---|" + ("---|" if options.times else ""))
    for backend in options.backends:
        for call in calls(backend):
            cells = [call.name, backend, drivers(call)]
            if options.times:
                known = ratio(call) if call.kernel else np.nan
                cells.append("–" if np.isnan(known) else f"{known:.2f}" + " !" * (known > LIMIT))
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    os.environ |= {"JAX_ENABLE_X64": "1", "EIGCORE_NUM_THREADS": "1"}
    with threadpool_limits(1):  # NumPy has read its variables already
        main()
