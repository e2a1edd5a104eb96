"""Batched eigensolvers on a GPU, side by side, and what the check of each pair costs.

    python -m benchmarks.bench_gpu [--dims 3 5 ...] [--batches 1 16 ...] [--seconds 2]

torch.linalg, CuPy and JAX solve the same matrices on the same device, one after the other, three
times after a first call; the minimum counts. A library that needed more than --seconds for a batch
is not given a larger one. Printed are ratios, torch over the others. eigcore solves as torch does
and checks one pair of each matrix.
"""

import argparse
import importlib.util
import itertools
import os
import time
from functools import partial

DIMS = [3, 5, 8, 11, 15, 16, 24, 32, 33, 45, 64, 100, 128]
BATCHES = [1, 4, 16, 64, 256, 1024, 4096, 16384, 100_000]
ROUTINES, DTYPES = ["eigh", "eigvalsh"], ["float32", "float64"]


def ratios(timings):
    """Return the table of ratios in Markdown.

    timings : (routine, dtype, d, batch) -> {library: seconds}. Above 1 the library is faster than
    torch.
    """
    names = sorted({name for times in timings.values() for name in times} - {"torch"})
    head = ["routine", "dtype", "d", "batch", "torch, µs per matrix", *names, "fastest"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (routine, dtype, d, batch), times in timings.items():
        own = times.get("torch")
        cells = [f"{own / batch * 1e6:.3g}" if own else "—"]
        cells += [f"{own / times[n]:.2f}" if own and n in times else "—" for n in names]
        fastest = min(times, key=times.__getitem__, default="—")
        lines.append(
            "| " + " | ".join([routine, dtype, str(d), str(batch), *cells, fastest]) + " |"
        )
    return "\n".join(lines)


def solvers(M):
    """Return {library: {routine: callable}} for CUDA matrices M (batch, d, d)."""
    import torch

    import eigcore

    modules = {"torch": (torch.linalg, M)}
    if importlib.util.find_spec("cupy"):
        cupy = importlib.import_module("cupy")
        modules["cupy"] = cupy.linalg, cupy.from_dlpack(M)
    if importlib.util.find_spec("jax"):
        jax = importlib.import_module("jax")
        if jax.default_backend() == "gpu":
            modules["jax"] = jax.numpy.linalg, jax.dlpack.from_dlpack(M)
    found = {
        library: {name: partial(_wait, getattr(module, name), a) for name in ROUTINES}
        for library, (module, a) in modules.items()
    }
    own = eigcore.kth_eigenpair, eigcore.kth_eigenvalue
    middle = M.shape[-1] // 2
    found["eigcore"] = {
        name: partial(function, M, middle) for name, function in zip(ROUTINES, own, strict=True)
    }
    return found


def _wait(routine, a):
    result = routine(a)
    for array in result if isinstance(result, tuple) else (result,):
        if hasattr(array, "block_until_ready"):
            array.block_until_ready()


def seconds_of(work):
    """Minimum of three calls after a first one, with the device idle before and after."""
    import torch

    best = float("inf")
    for call in range(4):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start) if call else best
    return best


def measure(dims, batches, longest):
    """Return the timings `ratios` takes."""
    import torch

    timings, slow = {}, set()
    for dtype, d, batch in itertools.product(DTYPES, dims, sorted(batches)):
        torch.cuda.empty_cache()
        # matrices, vectors and the workspaces of three libraries
        if 12 * batch * d * d * (4 if dtype == "float32" else 8) > torch.cuda.mem_get_info()[0]:
            continue
        M = torch.randn(batch, d, d, dtype=getattr(torch, dtype), device="cuda")
        M = M + M.mT
        for library, routines in solvers(M).items():
            for routine, work in routines.items():
                case = library, routine, dtype, d
                if case in slow:
                    continue
                seconds = seconds_of(work)
                timings.setdefault((routine, dtype, d, batch), {})[library] = seconds
                if seconds > longest:
                    slow.add(case)
    return dict(sorted(timings.items()))


def main():
    parser = argparse.ArgumentParser(description="Batched eigensolvers on a GPU")
    parser.add_argument("--dims", type=int, nargs="+", default=DIMS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--seconds", type=float, default=2, help="longest call")
    args = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    import torch

    if not torch.cuda.is_available():
        raise SystemExit(
            f"torch {torch.__version__} sees no CUDA device. Run this on a machine with one, with "
            "a CUDA build of torch; cupy and a CUDA build of jax join in where they are installed."
        )
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    timings = measure(args.dims, args.batches, args.seconds)
    print(ratios(timings))


if __name__ == "__main__":
    main()
