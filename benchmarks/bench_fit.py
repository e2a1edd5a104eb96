"""One pass over encoded rows, value and gradient: one kernel, composed, and written plainly."""

import numpy as np
import pytest

import eigcore
from eigcore.core.rules import rule_of
from eigcore.encoding import Encoding, PiecewiseLinear, quantile_knots
from eigcore.encoding.rows import Rows

ROWS, COLUMNS = 17_000, 8


def table(pieces):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, COLUMNS))
    knots = [quantile_knots(column, pieces + 1) for column in numbers.T]
    return Encoding(tuple(PiecewiseLinear(k, tails="clamped") for k in knots)), numbers


def eigcore_pass(rows, spec, params, g):
    def work():
        values, pullback = rows.vjp(spec, params)
        return values, pullback(g)

    return work


def composed_pass(rows, spec, params, g):
    def work():
        values, pullback = rows._composed(rule_of(spec), params)
        return values, pullback(g)

    return work


def torch_pass(rows, spec, params, g):
    """Terms @ matrices, eigvalsh, autograd: what one would type."""
    import torch

    entry, factor = spec.layout.gather
    dense = (params[0][:, entry] * factor).astype(params.dtype).reshape(-1, spec.dim, spec.dim)
    matrices = torch.tensor(dense, requires_grad=True)
    terms, weight = torch.tensor(np.asarray(rows.terms)), torch.tensor(g)

    def work():
        full = matrices[0] + torch.tensordot(terms, matrices[1:], 1)
        values = torch.linalg.eigvalsh(full)[:, spec.k]
        return values, torch.autograd.grad(values @ weight, matrices)

    return work


PASSES = {"eigcore": eigcore_pass, "plain": torch_pass, "composed": composed_pass}


@pytest.mark.parametrize("side", ["plain", "eigcore"])
@pytest.mark.parametrize("against", ["torch", "composed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("d", "pieces"), [(5, 64), (5, 16), (9, 16)])
def bench_pass(benchmark, one_thread, monkeypatch, d, pieces, dtype, against, side):
    import eigcore_kernels

    monkeypatch.setattr(eigcore_kernels, "THREADS", 1)
    encoding, numbers = table(pieces)
    spec = eigcore.EigSpec(encoding.terms, d)
    rng = np.random.default_rng(1)
    params = (rng.normal(size=spec.params_shape) / np.sqrt(encoding.terms)).astype(dtype)
    g = rng.normal(size=ROWS).astype(dtype)
    rows = Rows(encoding, numbers, "numpy", dtype)
    other = "plain" if against == "torch" else "composed"
    work = PASSES["eigcore" if side == "eigcore" else other](rows, spec, params, g)
    work()
    benchmark.group = f"fit pass against {against} d={d} pieces={pieces} {dtype}"
    benchmark.extra_info["side"] = side
    benchmark(work)
