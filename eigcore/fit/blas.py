"""One thread for BLAS where a kernel leaves it little to do: its threads would take up cores."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


def few_threads(fast: bool) -> AbstractContextManager[Any]:
    """Return a context in which BLAS has one thread if ``fast``, otherwise as many as before."""
    limit = 1 if fast else None
    return _controller(len(sys.modules)).limit(limits=limit, user_api="blas")


@lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:
    """Find the libraries, once for so many loaded modules: looking takes milliseconds."""
    return ThreadpoolController()
