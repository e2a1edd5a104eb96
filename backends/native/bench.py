"""Ratios of the kernels to what a user would call instead, in one run at equal threads.

    python bench.py [--threads 1] [--dims 3 5 11 ...] [--tables dense encoded ...] [--json out.json]

The process is pinned to as many cores as threads, so every library is held to them. Contenders take
turns (A B C A B C ...), the minimum of the turns counts; ratio = best contender / kernel, so more
is better. Times are microseconds per matrix. With several threads every contender is run in two
ways, with so many threads inside its BLAS and as so many Python threads over parts of the batch,
and the faster one counts. JAX uses its own threads only: two Python threads that call its `eigh` at
once can wait for ever, each on a worker of the pool that it occupies (seen with jaxlib 0.10.2).
"""

import argparse
import json
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

TABLES = ["dense", "tridiagonal", "single", "reduction", "through_jax", "encoded", "threads"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dims", type=int, nargs="+", default=[3, 5, 11, 15, 32, 45, 64, 100, 128])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="three turns, small batches")
    parser.add_argument("--json", help="write every number there")
    return parser.parse_args()


ARGS = arguments()
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: ARGS.threads])
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)

import eigcore_native as en
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import torch
from eigcore_native import _core, jax_ffi
from threadpoolctl import ThreadpoolController

jax.config.update("jax_enable_x64", True)
TURNS = 3 if ARGS.quick else ARGS.turns
SCIPY = 256  # SciPy has no batches; it gets so many matrices of each
RECORDS = []
POOL = ThreadPoolExecutor(ARGS.threads)
CONTROLLER = ThreadpoolController()


@contextmanager
def library_threads(count):
    """Let BLAS and torch use so many threads."""
    torch.set_num_threads(count)
    with CONTROLLER.limit(limits=count):
        yield


def ways(work, batch):
    """Both ways of using the threads: (threads in the library, callable)."""
    if ARGS.threads == 1:
        return [(1, lambda: work(batch))]
    size = -(-len(batch) // ARGS.threads)
    parts = [batch[i : i + size] for i in range(0, len(batch), size)]
    return [(1, lambda: list(POOL.map(work, parts))), (ARGS.threads, lambda: work(batch))]


def race(**contenders):
    """Seconds of each contender: the minimum over turns of 5 ms or more, one after another.

    A turn is cut into pieces of 0.2 ms or more, and the fastest piece counts, since other work on
    the machine disturbs long pieces most. With several threads there is a pause before each turn:
    OpenBLAS's and OpenMP's workers spin for some 20 ms after their last call. A contender is a
    callable, or several from `ways`, of which the fastest counts; a way that is three times slower
    than another one is tried once only.
    """
    entries = [
        (name, count, f)
        for name, given in contenders.items()
        for count, f in (given if isinstance(given, list) else [(ARGS.threads, given)])
    ]
    best = dict.fromkeys(contenders, float("inf"))
    lost = set()
    for turn in range(TURNS):
        for entry in entries:
            if entry in lost:
                continue
            name, count, f = entry
            if ARGS.threads > 1:
                time.sleep(0.05)
            with library_threads(count):
                call = min(seconds(f), seconds(f))
                if turn == 0 and call > 3 * best[name]:
                    lost.add(entry)
                    continue
                repeats, end = max(1, int(2e-4 / (call + 1e-9))), time.perf_counter() + 5e-3
                while time.perf_counter() < end:
                    best[name] = min(best[name], seconds(f, repeats))
    return best


def seconds(f, repeats=1):
    start = time.perf_counter()
    for _ in range(repeats):
        f()
    return (time.perf_counter() - start) / repeats


def per_matrix(seconds, n):
    counts = {name: min(n, SCIPY) if name == "scipy" else n for name in seconds}
    return {name: s / counts[name] * 1e6 for name, s in seconds.items()}


def ratio(times, without=()):
    rest = [t for name, t in times.items() if name not in {"ours", *without}]
    return min(rest) / times["ours"]


def matrices(d, n, dtype):
    m = np.random.default_rng(d).standard_normal((n, d, d)).astype(dtype)
    return (m + m.swapaxes(1, 2)) / 2


def batch(d):
    work = 2e6 if ARGS.quick else 1e7
    return max(64, min(2048, int(work / (d**3 + 3000)) // 64 * 64))


def show(title, header, rows):
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        cells = [f"{x:.3g}" if isinstance(x, float) else str(x) for x in row]
        print("| " + " | ".join(cells) + " |", flush=True)
    names = [dict(zip(header, row, strict=True)) for row in rows]
    RECORDS.append({"table": title, "threads": ARGS.threads, "rows": names})


def waiting(function):
    compiled = jax.jit(function)
    return lambda *arrays: jax.block_until_ready(compiled(*arrays))


def bold(x):
    return f"**{x:.1f}**" if x < 100 else f"**{x:.0f}**"


def peak(dtype):
    """Measured fused multiply-adds of one core, GFLOP/s."""
    name, steps = np.dtype(dtype).name, 2_000_000
    seconds = race(loop=lambda: _core.multiply_add_loop(name, steps))["loop"]
    return 2 * 12 * _core.register_width(name) * steps / seconds / 1e9


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
        n, k, threads = batch(d), d // 2, ARGS.threads
        m = matrices(d, n, dtype)
        t, j = torch.from_numpy(m), jnp.asarray(m)
        one = {"subset_by_index": (k, k), "check_finite": False}
        times = race(
            ours=lambda: en.eigenpair(m, k, threads=threads),
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
            ours=lambda: en.eigenpair(m, k, vectors=False, threads=threads),
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
        ours = lambda: en.eigenpair_tridiagonal(a, b, k, threads=ARGS.threads)
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
        m, k, threads = matrices(d, 1, dtype)[0], d // 2, ARGS.threads
        t = torch.from_numpy(m)
        pair = race(
            ours=lambda: en.eigenpair(m, k, threads=threads),
            torch=lambda: torch.linalg.eigh(t),
            numpy=lambda: np.linalg.eigh(m),
        )
        value = race(
            ours=lambda: en.eigenpair(m, k, vectors=False, threads=threads),
            torch=lambda: torch.linalg.eigvalsh(t),
            numpy=lambda: np.linalg.eigvalsh(m),
        )
        times = [pair["ours"] * 1e6, f"**{ratio(pair):.2f}**"]
        rows.append([d, *times, value["ours"] * 1e6, f"**{ratio(value):.2f}**"])
    what = f"{np.dtype(dtype).name}, µs per call against the better of torch and numpy"
    show(f"Batch of one, {what}", ["d", "pair", "ratio", "value", "ratio "], rows)


def reduction(dtype):
    """4/3 d^3 flops over (time of a value less that of its tridiagonal), as part of the peak.

    From d = 24 on with the gaps, since there a value alone comes from a reduction in single
    precision; below, their roots would take longer than the reduction.
    """
    most, rows = peak(dtype), []
    for d in ARGS.dims:
        n, k, gaps = batch(d), d // 2, d >= 24
        m = matrices(d, n, dtype)
        a, b = (np.ascontiguousarray(m.diagonal(i, axis1=1, axis2=2)) for i in (0, 1))
        times = race(
            dense=lambda: en.eigenpair(m, k, vectors=False, gaps=gaps, threads=1),
            tridiagonal=lambda: en.eigenpair_tridiagonal(
                a, b, k, vectors=False, gaps=gaps, threads=1
            ),
        )
        rate = 4 / 3 * d**3 * n / (times["dense"] - times["tridiagonal"]) / 1e9
        rows.append([d, f"{rate:.1f}", f"{100 * rate / most:.0f} %"])
    what = f"{np.dtype(dtype).name}, one thread; multiply-add peak {most:.0f} GFLOP/s"
    show(f"Tridiagonalisation with loading, {what}", ["d", "GFLOP/s", "of peak"], rows)


def through_jax(dtype):
    rows = []
    for d in ARGS.dims:
        n, k, threads = max(512, batch(d)), d // 2, ARGS.threads
        p = np.random.default_rng(d).standard_normal((n, d * (d + 1) // 2)).astype(dtype)
        j = jnp.asarray(p)
        f = waiting(lambda q: jax_ffi.value_and_gradient_packed(q, k, threads=threads))
        ours = lambda: en.value_and_gradient_packed(p, k, threads=threads)
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
    steps = (rng.standard_normal((columns * knots, size)) / 8).astype(np.float32)
    base = rng.standard_normal(size).astype(np.float32)
    index = (rng.integers(0, knots, (n, columns)) + offsets[:-1]).astype(np.int32)
    fraction = rng.random((n, columns)).astype(np.float32)
    target = rng.standard_normal(n).astype(np.float32)
    terms = np.zeros((n, columns * knots), np.float32)
    for c in range(columns):
        at = index[:, c] - offsets[c]
        terms[:, offsets[c] : offsets[c + 1]] = np.arange(knots) < at[:, None]
        terms[np.arange(n), index[:, c]] = fraction[:, c]
    x, y = torch.from_numpy(terms), torch.from_numpy(target)
    a0, a = torch.tensor(base, requires_grad=True), torch.tensor(steps, requires_grad=True)
    i, j = torch.tril_indices(d, d)
    weight = torch.where(i == j, 1.0, 0.5**0.5)

    def plain():
        m = x.new_zeros(n, d, d)
        m[:, i, j] = (a0 + x @ a) * weight
        loss = ((torch.linalg.eigvalsh(m + m.tril(-1).mT)[:, k] - y) ** 2).sum() / 2
        return torch.autograd.grad(loss, (a0, a))

    def fused():
        tables = base, en.prefix_tables(steps, runs), steps
        threads = ARGS.threads
        e = en.encoded_value_and_gradient(index, fraction, *tables, k, target, threads=threads)
        return e.d_base, en.prefix_tables_vjp(e.d_start, e.d_step, runs)

    for ours, theirs in zip(fused(), plain(), strict=True):
        assert np.allclose(ours, theirs.numpy(), atol=2e-3 * float(theirs.abs().max()))
    t = race(ours=fused, torch=plain)
    what = f"17 000 rows, 8 columns x 64 knots, d = 5, float32, {ARGS.threads} thread(s)"
    row = [f"{t['ours'] * 1e3:.2f}", f"{t['torch'] * 1e3:.1f}", bold(ratio(t))]
    show(
        f"Encoded pass, value and full gradient: {what}", ["ours, ms", "torch, ms", "ratio"], [row]
    )


def threads():
    rows, count = [], ARGS.threads
    for d in ARGS.dims:
        for n in (1024, 8192, 65536) if d <= 11 else (1024,):
            row = [d, n]
            for dtype in (np.float64, np.float32):
                m, k = matrices(d, n, dtype), d // 2
                t = race(
                    ours=lambda: en.eigenpair(m, k, threads=count),
                    one=lambda: en.eigenpair(m, k, threads=1),
                )
                row += [t["one"] * 1e6, f"**{ratio(t):.2f}**"]
            rows.append(row)
    head = ["d", "batch", "float64: one thread, µs", "ratio", "float32: one thread, µs", "ratio "]
    show(f"Pair, {count} threads against one", head, rows)


def main():
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (np, torch, jax, scipy))
    print(f"{platform.machine()}, kernels {en.isa}, {ARGS.threads} thread(s); {versions}")
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
