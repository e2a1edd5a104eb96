"""NumPy and SciPy: the reference backend. No automatic differentiation; use `eigcore.vjp`."""

import math
from functools import partial
from typing import final

import eigcore_kernels
import numpy as np
import scipy.linalg

from eigcore import Backend, Capabilities
from eigcore.core import rules
from eigcore.dispatch.backend import window
from eigcore.dispatch.hookspecs import hookimpl

LARGE = 32
"""From this order on one SciPy call per tridiagonal matrix beats LAPACK's dense batch."""
SHORT = 1024
"""Up to so many numbers the overhead of a call costs more than its arithmetic."""
SYEVD = {kind: scipy.linalg.get_lapack_funcs(("syevd",), dtype=kind)[0] for kind in "df"}


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
        if a.size <= SHORT and math.isfinite(np.vdot(a, a)):
            return True
        return bool(np.isfinite(a).all())

    @np.errstate(invalid="ignore", over="ignore")  # bad rows are reported, with numbers
    def call(self, function, static, *arrays):
        return function(self, *static, *arrays)

    def differentiable(self, rule):
        return partial(rule.value, self)

    def fused(self, rule, p, *, gradient):
        if eigcore_kernels.serves(rule):
            return eigcore_kernels.solve(self, rule, p, gradient)
        one_matrix = rule.layout.kind == "full" and p.size == p.shape[-1]
        if gradient or not one_matrix or not self.all_finite(p):
            return None
        M = rules.matrix(self, rule.layout, p)
        return rule.phi.value(self, self.solve("scipy.linalg.lapack.syevd", _values_of_one, M))

    def fused_pencil(self, rule, params, x):
        kernel = eigcore_kernels.pencil(self, rule, params, x)
        return kernel and kernel(params, x)

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


def _values_of_one(M):
    """Return ``numpy.linalg.eigvalsh(M)`` of one matrix, (..., d), at half its cost."""
    values, _, failed = SYEVD[M.dtype.char](M.reshape(M.shape[-2:]).T, 0)
    if failed:
        raise np.linalg.LinAlgError("LAPACK's syevd did not converge")
    return values.reshape(M.shape[:-1])


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
