"""Equal threads for everybody, and 64-bit JAX."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
if hasattr(os, "sched_setaffinity"):
    # JAX takes every core it may use and cannot be told otherwise
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])

import pytest
import threadpoolctl


@pytest.fixture
def one_thread():
    """Limit BLAS and torch to one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        yield
    torch.set_num_threads(before)
