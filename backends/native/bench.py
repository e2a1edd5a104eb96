"""Ratios of the kernels to what a user would call instead, in one run at equal threads.

    python bench.py [--threads 1] [--dims 3 5 11 ...] [--tables dense encoded ...] [--json out.json]

The process is pinned to as many cores as threads, so every library is held to them. Contenders take
turns (A B C A B C ...), the minimum of the turns counts; ratio = best contender / kernel, so more
is better. Times are microseconds per matrix. With several threads every contender is run in two
ways, with so many threads inside its BLAS and as so many Python threads over parts of the batch,
and the faster one counts. JAX uses its own threads only: two Python threads that call its `eigh` at
once can wait for ever, each on a worker of the pool that it occupies (seen with jaxlib 0.10.2).
"""

import json
import platform
from functools import cache, partial

from timing import ARGS, RECORDS, SCIPY, bold, per_matrix, race, ratio, show, ways  # isort: split

import eigcore_native
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import torch
from eigcore_native import _core, kernel, kernels
from eigcore_native import jax as in_jax

from eigcore.core.functionals import Kth
from eigcore.core.packing import Layout
from eigcore.core.rules import Rule

jax.config.update("jax_enable_x64", True)
kernels.ORDERS = range(1, 513)  # LAPACK's share of the single matrices too


@cache
def middle(kind, d):
    """The rule of the eigenvalue in the middle."""
    return Rule(Layout(d, 1 if kind == "pair" else d - 1, kind), Kth(d, d // 2))


def solved(m, want="vectors", threads=ARGS.threads):
    return kernel(middle("square", m.shape[-1]), "rows", (m,), want, threads)


def matrices(d, n, dtype):
    m = np.random.default_rng(d).standard_normal((n, d, d)).astype(dtype)
    return (m + m.swapaxes(1, 2)) / 2


def batch(d):
    work = 2e6 if ARGS.quick else 1e7
    return max(64, min(2048, int(work / (d**3 + 3000)) // 64 * 64))


def waiting(function):
    compiled = jax.jit(function)
    return lambda *arrays: jax.block_until_ready(compiled(*arrays))


def peak(dtype):
    """Measured fused multiply-adds of one core, GFLOP/s."""
    name, steps = np.dtype(dtype).name, 2_000_000
    seconds = race(loop=lambda: _core.multiply_adds(name, steps))["loop"]
    return 2 * _core.multiply_adds(name, steps) / seconds / 1e9


def each(routine, batch, **options):
    for a in batch:
        routine(a, **options)


def each_tridiagonal(k, pairs):
    options = {"select": "i", "select_range": (k, k), "check_finite": False}
    for a, b in pairs:
        scipy.linalg.eigh_tridiagonal(a, b, **options)


def dense(dtype):
    eigh = waiting(lambda a: jnp.linalg.eigh(a, symmetrize_input=False))
    eigvalsh = waiting(lambda a: jnp.linalg.eigvalsh(a, symmetrize_input=False))
    most = peak(dtype) * ARGS.threads * 1e3  # flops in a microsecond
    pairs, values = [], []
    for d in ARGS.dims:
        n, k = batch(d), d // 2
        m = matrices(d, n, dtype)
        t, j = torch.from_numpy(m), jnp.asarray(m)
        one = {"subset_by_index": (k, k), "check_finite": False}
        times = race(
            ours=lambda: solved(m),
            torch=ways(torch.linalg.eigh, t),
            numpy=ways(np.linalg.eigh, m),
            jax=lambda: eigh(j),
            scipy=ways(partial(each, scipy.linalg.eigh, **one), m[:SCIPY]),
        )
        times = per_matrix(times, n)
        limit = min(t for name, t in times.items() if name != "ours") / (4 / 3 * d**3 / most)
        last = bold(ratio(times, ["scipy"])), bold(ratio(times)), f"{limit:.0f}"
        pairs.append([d, n, *times.values(), *last])
        times = race(
            ours=lambda: solved(m, "values"),
            torch=ways(torch.linalg.eigvalsh, t),
            numpy=ways(np.linalg.eigvalsh, m),
            jax=lambda: eigvalsh(j),
            scipy=ways(partial(each, scipy.linalg.eigvalsh, **one), m[:SCIPY]),
        )
        times = per_matrix(times, n)
        values.append([d, n, *times.values(), bold(ratio(times))])
    what = f"{np.dtype(dtype).name}, {ARGS.threads} thread(s), k = d // 2, µs per matrix"
    head = ["d", "batch", "ours", "torch eigh", "numpy eigh", "jax eigh", "scipy, one pair"]
    show(f"Pair, {what}", [*head, "ratio without scipy", "ratio", "largest possible"], pairs)
    head = ["d", "batch", "ours", "torch eigvalsh", "numpy eigvalsh", "jax eigvalsh"]
    head += ["scipy, one value", "ratio"]
    show(f"Value only, {what}", head, values)


def tridiagonal(dtype):
    rows = []
    for d in [7, 15, 45, 100, 300]:
        n, k, rng = (512 if ARGS.quick else 2048), d // 2, np.random.default_rng(d)
        a, b = (rng.standard_normal((n, m)).astype(dtype) for m in (d, d - 1))
        ours = lambda: kernel(middle("pair", d), "diagonals", (a, b), "vectors", ARGS.threads)
        pairs = list(zip(a[:SCIPY], b[:SCIPY], strict=True))
        times = per_matrix(race(ours=ours, scipy=ways(partial(each_tridiagonal, k), pairs)), n)
        rows.append([d, n, *times.values(), bold(ratio(times))])
    what = f"{np.dtype(dtype).name}, {ARGS.threads} thread(s), µs per matrix"
    show(
        f"Tridiagonal pair, {what}", ["d", "batch", "ours", "scipy eigh_tridiagonal", "ratio"], rows
    )


def single(dtype):
    rows = []
    for d in [*ARGS.dims, 300]:
        m = matrices(d, 1, dtype)[0]
        t = torch.from_numpy(m)
        pair = race(
            ours=lambda: solved(m),
            torch=lambda: torch.linalg.eigh(t),
            numpy=lambda: np.linalg.eigh(m),
        )
        value = race(
            ours=lambda: solved(m, "values"),
            torch=lambda: torch.linalg.eigvalsh(t),
            numpy=lambda: np.linalg.eigvalsh(m),
        )
        times = [pair["ours"] * 1e6, f"**{ratio(pair):.2f}**"]
        rows.append([d, *times, value["ours"] * 1e6, f"**{ratio(value):.2f}**"])
    what = f"{np.dtype(dtype).name}, µs per call against the better of torch and numpy"
    show(f"Batch of one, {what}", ["d", "pair", "ratio", "value", "ratio "], rows)


def reduction(dtype):
    """4/3 d^3 flops over (time of a value less that of its tridiagonal), as part of the peak."""
    _core.take_path("one_precision")
    most, rows = peak(dtype), []
    for d in ARGS.dims:
        n = batch(d)
        m = matrices(d, n, dtype)
        diagonals = [np.ascontiguousarray(m.diagonal(i, axis1=1, axis2=2)) for i in (0, 1)]
        times = race(
            dense=lambda: solved(m, "values", 1),
            tridiagonal=lambda: kernel(middle("pair", d), "diagonals", diagonals, "values", 1),
        )
        rate = 4 / 3 * d**3 * n / (times["dense"] - times["tridiagonal"]) / 1e9
        rows.append([d, f"{rate:.1f}", f"{100 * rate / most:.0f} %"])
    _core.take_path("best")
    what = f"{np.dtype(dtype).name}, one thread; multiply-add peak {most:.0f} GFLOP/s"
    show(f"Tridiagonalisation with loading, {what}", ["d", "GFLOP/s", "of peak"], rows)


def through_jax(dtype):
    rows = []
    for d in ARGS.dims:
        n, which, threads = max(512, batch(d)), middle("packed", d), ARGS.threads
        p = np.random.default_rng(d).standard_normal((n, d * (d + 1) // 2)).astype(dtype)
        j = jnp.asarray(p)
        f = waiting(lambda q: in_jax.value_and_gradient(which, q, threads))
        ours = lambda: kernel(which, "rows", (p,), "gradient", threads)
        t = race(ours=ours, jit=lambda: f(j))
        rows.append([d, n, t["ours"] / n * 1e6, t["jit"] / n * 1e6, f"{t['ours'] / t['jit']:.2f}"])
    what = f"{np.dtype(dtype).name}, {ARGS.threads} thread(s), µs per matrix"
    head = ["d", "batch", "numpy in, numpy out", "jax.jit", "share kept"]
    show(f"Value and gradient inside jax.jit, {what}", head, rows)


def encoded():
    """The same pass, value and full gradient, plainly in torch: rows times terms, then eigvalsh."""
    n, columns, knots, d = 17_000, 8, 64, 5
    size, k, rng = d * (d + 1) // 2, d // 2, np.random.default_rng(0)
    offsets = np.arange(columns + 1) * knots
    runs = np.stack([offsets[:-1], offsets[1:]], axis=1)
    params = (rng.standard_normal((1, columns * knots + 1, size)) / 8).astype(np.float32)
    index = (rng.integers(0, knots, (n, columns)) + offsets[:-1]).astype(np.int32)
    fraction = rng.random((n, columns)).astype(np.float32)
    target = rng.standard_normal(n).astype(np.float32)
    terms = np.zeros((n, columns * knots), np.float32)
    for c in range(columns):
        at = index[:, c] - offsets[c]
        terms[:, offsets[c] : offsets[c + 1]] = np.arange(knots) < at[:, None]
        terms[np.arange(n), index[:, c]] = fraction[:, c]
    x, y = torch.from_numpy(terms), torch.from_numpy(target)
    a = torch.tensor(params, requires_grad=True)
    i, j = torch.tril_indices(d, d)
    weight = torch.where(i == j, 1.0, 0.5**0.5)

    def plain():
        m = x.new_zeros(n, d, d)
        m[:, i, j] = (a[0, 0] + x @ a[0, 1:]) * weight
        loss = ((torch.linalg.eigvalsh(m + m.tril(-1).mT)[:, k] - y) ** 2).sum() / 2
        return torch.autograd.grad(loss, a)[0]

    def fused():
        source = index, fraction, runs, params
        answer = kernel(middle("packed", d), "encoded", source, "pullback", ARGS.threads)
        return answer.pullback(answer.values - target)[0]

    theirs = plain().numpy()
    assert np.allclose(fused(), theirs, atol=2e-3 * np.abs(theirs).max())
    t = race(ours=fused, torch=plain)
    what = f"17 000 rows, 8 columns x 64 knots, d = 5, float32, {ARGS.threads} thread(s)"
    row = [f"{t['ours'] * 1e3:.2f}", f"{t['torch'] * 1e3:.1f}", bold(ratio(t))]
    show(
        f"Encoded pass, value and full gradient: {what}", ["ours, ms", "torch, ms", "ratio"], [row]
    )


def threads():
    rows = []
    for d in ARGS.dims:
        for n in (1024, 8192, 65536) if d <= 11 else (1024,):
            row = [d, n]
            for dtype in (np.float64, np.float32):
                m = matrices(d, n, dtype)
                t = race(ours=lambda: solved(m), one=lambda: solved(m, threads=1))
                row += [t["one"] * 1e6, f"**{ratio(t):.2f}**"]
            rows.append(row)
    head = ["d", "batch", "float64: one thread, µs", "ratio", "float32: one thread, µs", "ratio "]
    show(f"Pair, {ARGS.threads} threads against one", head, rows)


def main():
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (np, torch, jax, scipy))
    print(
        f"{platform.machine()}, kernels {eigcore_native.isa}, {ARGS.threads} thread(s); {versions}"
    )
    for dtype in (np.float64, np.float32):
        for table in (dense, tridiagonal, single, reduction, through_jax):
            if table.__name__ in ARGS.tables:
                table(dtype)
    if "encoded" in ARGS.tables:
        encoded()
    if "threads" in ARGS.tables and ARGS.threads > 1:
        threads()
    if ARGS.json:
        with open(ARGS.json, "w") as file:
            json.dump(RECORDS, file, indent=1)


if __name__ == "__main__":
    main()
