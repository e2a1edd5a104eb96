"""Which routine every public function really runs: ``python -m benchmarks.drivers [--times]``.

One line per public function and backend: the drivers that `eigcore.trace` saw. With ``--times``
also the time of the function over that of the same work by hand: the kernel called directly with
NumPy arrays, and in NumPy what it does not do (bins of a table, tangents). Both are in one run, the
minimum of alternating rounds; more than LIMIT is marked.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import eigcore
from eigcore import EigSpec, SpectralModel
from eigcore.api import evaluate_packed
from eigcore.api.matrices import smooth_rule
from eigcore.core.rules import Rule, kth_rule, rule_of
from eigcore.core.sources import Diagonals, Encoded, Matrices, Pencil, Source, Want
from eigcore.core.spectrum import spectrum
from eigcore.encoding import Encoding, PiecewiseLinear
from eigcore.encoding.bins import bins
from eigcore.fit import fit

BACKENDS = ("numpy", "torch", "jax")
LIMIT = 1.3
ROWS, DIM, FEATURES = 4096, 15, 4


class Call(NamedTuple):
    """A public function on a backend, and the kernel that it should be as fast as."""

    name: str
    run: Callable[[], Any]
    kernel: Callable[[], Any] | None


def calls(backend: str) -> list[Call]:
    """Return the public functions, each on some thousand small problems."""
    library, rng = eigcore.get_backend(backend), np.random.default_rng(0)
    kernels, numpy = eigcore.get_backend("numpy"), rng.normal
    square, band = kth_rule("square", DIM, 7), kth_rule("pair", DIM, 7)
    M = numpy(size=(ROWS, DIM, DIM))
    M = M + M.mT
    diag, off = M[:, 0], M[:, 0, 1:].copy()
    spec = EigSpec(FEATURES, DIM)
    params, x = numpy(size=spec.params_shape) / DIM, numpy(size=(ROWS, FEATURES))
    p, rule, g = x @ params[0, 1:] + params[0, 0], rule_of(spec), np.ones(ROWS)
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
        rule, spec = rule_of(sums[name]), sums[name]
        run = direct(rule, Matrices(pencil.assembled(kernels)), "values")
        return Call(f"evaluate, {name}", lambda: eigcore.evaluate(spec, *model_arrays), run)

    def slope_of_all() -> Any:
        return eigcore.vjp(sums["softmax"], *model_arrays)[1](there["g"])

    def direct(rule: Rule, source: Source, want: Want) -> Callable[[], Any]:
        return lambda: kernels.kernel(rule, source, want)

    def pulled() -> Any:
        return eigcore.vjp(spec, there["params"], there["x"])[1](there["g"])

    def members() -> Any:
        rows = bins(model.encoding, table)
        pairs = [(rule_of(each), Encoded(rows, own)) for each, own in model.members]
        return [kernels.kernel(*pair, "values") for pair in pairs]

    def tangents() -> Any:
        found = kernels.kernel(rule, Matrices(pencil.assembled(kernels)), "gradient")
        return rule.tangent(kernels, found.gradient, pencil.tangent(kernels, params, x))

    values, vectors = direct(square, Matrices(M), "values"), direct(square, Matrices(M), "vectors")
    M_, a, b = there["M"], there["diag"], there["off"]
    pencil, pair = Pencil(params, x), Diagonals(diag, off)
    model_arrays = there["params"], there["x"]
    return [
        Call(*pieces)
        for pieces in (
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
            *(of_all(name) for name in sums),
            ("vjp, softmax", slope_of_all, None),
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
            ("vjp", pulled, lambda: kernels.kernel(rule, pencil, "pullback").pullback(g)),
            (
                "jvp",
                lambda: eigcore.jvp(spec, *model_arrays, *model_arrays),
                tangents,
            ),
            ("SpectralModel.predict", lambda: model.predict(table, backend=backend), members),
            ("SpectralModel.explain", lambda: model.explain(table[:100]), None),
            ("fit", lambda: _fit(table, backend), None),
        )
    ]


ARRAYS = ("M", "diag", "off", "params", "x", "p", "g")


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


def ratio(call: Call, rounds: int = 60) -> float:
    """Return the time of the function over that of its kernel."""
    assert call.kernel is not None
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for side, run in enumerate((call.run, call.kernel)):
            start = time.perf_counter()
            result = run()
            getattr(result, "block_until_ready", lambda: None)()
            best[side] = min(best[side], time.perf_counter() - start)
    return best[0] / best[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drivers", description=__doc__)
    parser.add_argument("--times", action="store_true", help="compare with the kernels")
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    options = parser.parse_args()
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
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    main()
