"""One model, value and value + gradient, by backend, order, batch and dtype."""

import pytest

from benchmarks.peers import OURS, PLAIN, arrays
from eigcore import EigSpec

FEATURES = 8
SIZES = [(5, 1), (5, 4096), (15, 2048), (45, 512), (100, 64)]


@pytest.mark.parametrize("side", ["plain", "eigcore"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("d", "batch"), SIZES)
@pytest.mark.parametrize("what", ["value", "gradient"])
@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def bench_model(benchmark, one_thread, backend, what, d, batch, dtype, side):
    spec = EigSpec(FEATURES, d)
    params, dense, x = arrays(spec, batch, dtype)
    if side == "plain":
        work = PLAIN[backend, what](spec, dense, x)
    else:
        work = OURS[what](spec, backend, params, x)
    work()
    benchmark.group = f"{what} {backend} d={d} batch={batch} {dtype}"
    benchmark.extra_info["side"] = side
    benchmark(work)
