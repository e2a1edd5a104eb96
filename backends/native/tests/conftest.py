import os

# compiled code should be right, not fast
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

if "PYTEST_XDIST_WORKER" in os.environ:  # a worker has one core; threads that wait would spin
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import pytest
from eigcore_native import kernels


@pytest.fixture(autouse=True)
def every_order(monkeypatch):
    """Also orders that eigcore leaves to LAPACK."""
    monkeypatch.setattr(kernels, "ORDERS", range(1, 1025))
