"""NumPy and SciPy: the reference backend. No automatic differentiation; use `eigcore.vjp`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, final

import eigcore_kernels
import numpy as np
import scipy.linalg

from eigcore.plugin import (
    Answer,
    Backend,
    Capabilities,
    Ensemble,
    MeanLoss,
    Rule,
    Source,
    Want,
    hookimpl,
    window,
)

LARGE = 32
"""From this order on, one SciPy call per tridiagonal matrix beats a dense batch of LAPACK."""
SHORT = 1024
"""Up to this many numbers, the overhead of a call exceeds its arithmetic."""
SYEVD = {kind: scipy.linalg.get_lapack_funcs(("syevd",), dtype=kind)[0] for kind in "df"}
XP = SimpleNamespace(**{**vars(np), "matrix_transpose": attrgetter("mT")})
"""NumPy; its own transposition takes as long as a small product."""
SVD = partial(np.linalg.svd, full_matrices=False)
Pairs = tuple[np.ndarray, np.ndarray]


class NumpyArrays(Backend):
    """Eigenpairs of NumPy arrays: LAPACK through NumPy, large tridiagonal ones through SciPy."""

    plugin_api = 3
    capabilities = Capabilities(arrays=("numpy",), dtypes=("float64", "float32", "float16"))
    xp = XP

    def asarray(
        self, a: Any, *, like: Any = None, dtype: Any = None, device: Any = None
    ) -> np.ndarray:
        a = np.asarray(a)
        if like is not None and a.dtype.kind == "f":
            dtype = like.dtype
        return a if dtype is None else a.astype(dtype, copy=False)

    def to_numpy(self, a: np.ndarray) -> np.ndarray:
        return np.asarray(a)

    def all_finite(self, a: np.ndarray) -> bool:
        if a.size <= SHORT and math.isfinite(np.vdot(a, a)):
            return True
        return bool(np.isfinite(a).all())

    # bad rows are reported later, and log 0 = −∞
    @np.errstate(invalid="ignore", over="ignore", divide="ignore")
    def call(self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: Any) -> Any:
        return function(self, *static, *arrays)

    def evaluate(self, rule: Rule, source: Source) -> np.ndarray:
        found = self.kernel(rule, source, "values")
        return super().evaluate(rule, source) if found is None else found.values

    def kernel(self, rule: Rule, source: Source, want: Want) -> Answer | None:
        return eigcore_kernels.kernel(self, rule, source, want)

    def one_pass(self, model: Ensemble) -> Callable[[np.ndarray], np.ndarray | None] | None:
        return eigcore_kernels.one_pass(self, model)

    def mean_loss(self, task: MeanLoss) -> Callable[[np.ndarray, np.ndarray], float] | None:
        return eigcore_kernels.mean_loss(self, task)

    def descent(self, task: MeanLoss) -> Callable[..., tuple[Any, ...]] | None:
        return eigcore_kernels.descent(task)

    def eigenpairs(self, M: np.ndarray, lo: int, hi: int) -> Pairs:
        found = eigcore_kernels.eigenpairs(self, M, lo, hi, vectors=True)
        if found is not None:
            return found
        return window(self.solve("numpy.linalg.eigh", np.linalg.eigh, M), lo, hi)

    def eigenvalues(self, M: np.ndarray, lo: int, hi: int) -> np.ndarray:
        found = eigcore_kernels.eigenpairs(self, M, lo, hi, vectors=False)
        if found is not None:
            return found[0]
        if M.size == M.shape[-1] ** 2:
            return window(self.solve("scipy.linalg.lapack.syevd", _values_of_one, M), lo, hi)
        return window(self.solve("numpy.linalg.eigvalsh", np.linalg.eigvalsh, M), lo, hi)

    def svd(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = eigcore_kernels.svd(self, X)
        if found is not None:
            return found
        return tuple(self.solve("numpy.linalg.svd", SVD, X))

    def eigenpairs_tridiagonal(self, diag: np.ndarray, off: np.ndarray, lo: int, hi: int) -> Pairs:
        found = eigcore_kernels.eigenpairs_tridiagonal(self, diag, off, lo, hi, vectors=True)
        if found is not None:
            return found
        if diag.shape[-1] < LARGE:
            return super().eigenpairs_tridiagonal(diag, off, lo, hi)
        try:
            return self.solve("scipy.linalg.eigh_tridiagonal", _each_tridiagonal, diag, off, lo, hi)
        except np.linalg.LinAlgError:
            # dstemr fails on Lipshitz_3 of github.com/oamarques/STCollection
            return super().eigenpairs_tridiagonal(diag, off, lo, hi)

    def eigenvalues_tridiagonal(
        self, diag: np.ndarray, off: np.ndarray, lo: int, hi: int
    ) -> np.ndarray:
        found = eigcore_kernels.eigenpairs_tridiagonal(self, diag, off, lo, hi, vectors=False)
        return super().eigenvalues_tridiagonal(diag, off, lo, hi) if found is None else found[0]


@final
class NumpyBackend(NumpyArrays):
    """The backend "numpy"."""

    name = "numpy"
    note = f"NumPy {np.__version__}, SciPy {scipy.__version__}; {eigcore_kernels.NOTE}"


def _values_of_one(M: np.ndarray) -> np.ndarray:
    """Return ``numpy.linalg.eigvalsh(M)`` (..., d) of one matrix, at half the cost."""
    values, _, failed = SYEVD[M.dtype.char](M.reshape(M.shape[-2:]).T, 0)
    if failed:
        raise np.linalg.LinAlgError("LAPACK's syevd did not converge")
    return values.reshape(M.shape[:-1])


def _each_tridiagonal(diag: np.ndarray, off: np.ndarray, lo: int, hi: int) -> Pairs:
    d, m, batch = diag.shape[-1], hi - lo + 1, diag.shape[:-1]
    values = np.empty((diag.size // d, m), diag.dtype)
    vectors = np.empty((diag.size // d, d, m), diag.dtype)
    rows = zip(diag.reshape(-1, d), off.reshape(-1, d - 1), strict=True)
    for row, (a, b) in enumerate(rows):
        w, v = scipy.linalg.eigh_tridiagonal(a, b, check_finite=False, lapack_driver="stemr")
        values[row], vectors[row] = w[lo : hi + 1], v[:, lo : hi + 1]
    return values.reshape(*batch, m), vectors.reshape(*batch, d, m)


@hookimpl
def eigcore_backend() -> Backend:
    """Return the backend."""
    return NumpyBackend()
