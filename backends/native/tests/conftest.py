import ctypes
import os
import platform

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


@pytest.fixture(autouse=True)
def x87_registers():
    """Kernels leave the registers of the x87 unit empty, as LAPACK's code for it needs them."""
    yield
    if platform.machine() == "x86_64" and platform.system() == "Linux":
        words = (ctypes.c_uint16 * 16)()
        ctypes.CDLL("libm.so.6").fegetenv(words)
        assert words[4] == 0xFFFF  # the tags: two bits of a register, both set if it is empty
