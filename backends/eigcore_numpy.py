"""NumPy and SciPy: the reference backend. No automatic differentiation; use `eigcore.vjp`."""

import math
from functools import partial
from typing import final

import eigcore_kernels
import numpy as np
import scipy.linalg

from eigcore import Backend, Capabilities
from eigcore.backend import window
from eigcore.hookspecs import hookimpl

LARGE = 32
"""From this order on one SciPy call per tridiagonal matrix beats LAPACK's dense batch."""


@final
class NumpyBackend(Backend):
    """Eigenpairs by LAPACK through NumPy; large tridiagonal ones through SciPy."""

    name = "numpy"
    plugin_api = 1
    capabilities = Capabilities(arrays=("numpy",), dtypes=("float64", "float32", "float16"))
    xp = np
    note = f"NumPy {np.__version__}, SciPy {scipy.__version__}; {eigcore_kernels.NOTE}"

    def asarray(self, a, *, like=None, dtype=None, device=None):
        a = np.asarray(a)
        if like is not None and a.dtype.kind == "f":
            dtype = like.dtype
        return a if dtype is None else a.astype(dtype, copy=False)

    def to_numpy(self, a):
        return np.asarray(a)

    def all_finite(self, a):
        return math.isfinite(a.item()) if a.size == 1 else bool(np.isfinite(a).all())

    def call(self, function, static, *arrays):
        with np.errstate(invalid="ignore", over="ignore"):  # bad rows are reported, with numbers
            return function(self, *static, *arrays)

    def differentiable(self, rule):
        return partial(rule.value, self)

    def fused(self, rule, p, *, gradient):
        return (
            eigcore_kernels.solve(self, rule, p, gradient) if eigcore_kernels.serves(rule) else None
        )

    def fused_rows(self, rule):
        return eigcore_kernels.rows(self, rule)

    def eigenpairs(self, M, lo, hi):
        return window(self.solve("numpy.linalg.eigh", np.linalg.eigh, M), lo, hi)

    def eigenvalues(self, M, lo, hi):
        return window(self.solve("numpy.linalg.eigvalsh", np.linalg.eigvalsh, M), lo, hi)

    def eigenpairs_tridiagonal(self, diag, off, lo, hi):
        if diag.shape[-1] < LARGE:
            return super().eigenpairs_tridiagonal(diag, off, lo, hi)
        try:
            return self.solve("scipy.linalg.eigh_tridiagonal", _each_tridiagonal, diag, off, lo, hi)
        except np.linalg.LinAlgError:
            # dstemr gives up on Lipshitz_3 of github.com/oamarques/STCollection
            return super().eigenpairs_tridiagonal(diag, off, lo, hi)


def _each_tridiagonal(diag, off, lo, hi):
    d, m, batch = diag.shape[-1], hi - lo + 1, diag.shape[:-1]
    values = np.empty((diag.size // d, m), diag.dtype)
    vectors = np.empty((diag.size // d, d, m), diag.dtype)
    rows = zip(diag.reshape(-1, d), off.reshape(-1, d - 1), strict=True)
    for row, (a, b) in enumerate(rows):
        w, v = scipy.linalg.eigh_tridiagonal(a, b, check_finite=False, lapack_driver="stemr")
        values[row], vectors[row] = w[lo : hi + 1], v[:, lo : hi + 1]
    return values.reshape(*batch, m), vectors.reshape(*batch, d, m)


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return NumpyBackend()
