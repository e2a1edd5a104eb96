"""What bench.py measures with: contenders in turns, at equal threads. Import it before NumPy."""

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

TABLES = ["dense", "tridiagonal", "single", "reduction", "through_jax", "encoded", "threads"]


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Ratios of the kernels to what a user would call instead, at equal threads."
    )
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

TURNS = 3 if ARGS.quick else ARGS.turns
SCIPY = 256  # SciPy has no batches; it gets so many matrices of each
RECORDS = []
POOL = ThreadPoolExecutor(ARGS.threads)


@cache
def controller():
    """Return what limits the threads of the libraries loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def library_threads(count):
    """Let BLAS and torch use so many threads."""
    import torch

    torch.set_num_threads(count)
    with controller().limit(limits=count):
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
    """Return the seconds of one call of f."""
    start = time.perf_counter()
    for _ in range(repeats):
        f()
    return (time.perf_counter() - start) / repeats


def per_matrix(seconds, n):
    """Return microseconds for each matrix."""
    counts = {name: min(n, SCIPY) if name == "scipy" else n for name in seconds}
    return {name: s / counts[name] * 1e6 for name, s in seconds.items()}


def ratio(times, without=()):
    """Return the best of the others over ours."""
    rest = [t for name, t in times.items() if name not in {"ours", *without}]
    return min(rest) / times["ours"]


def show(title, header, rows):
    """Print a table and keep its numbers."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        cells = [f"{x:.3g}" if isinstance(x, float) else str(x) for x in row]
        print("| " + " | ".join(cells) + " |", flush=True)
    names = [dict(zip(header, row, strict=True)) for row in rows]
    RECORDS.append({"table": title, "threads": ARGS.threads, "rows": names})


def bold(x):
    """Write a ratio."""
    return f"**{x:.1f}**" if x < 100 else f"**{x:.0f}**"
