"""Tridiagonal matrices that solvers have failed on, every backend, k = 0, d // 2, d − 1.

Those made here have one order, so that JAX compiles once. Glued Wilkinson matrices broke LAPACK's
STEGR: Dhillon, Parlett, Vömel, "Glued matrices and the MRRR algorithm", SIAM J. Sci. Comput. 27,
2005. Files of STCollection are tried as well, if they lie beside the repository: Marques, Demmel,
Vömel, Parlett, "A testing infrastructure for symmetric tridiagonal eigensolvers", ACM TOMS 35,
2008.
"""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import eigcore
from eigcore.dispatch.registry import required
from eigcore.errors import BackendUnavailable
from eigcore.testing import agree, bound, hard

ROOT = Path(__file__).parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "stcollection"
FILES = sorted(FOLDER.glob("*.dat"))
ABSENT = "the folder ../shared/data/stcollection is not beside the repository"
N = 210
I = np.arange(1.0, N)  # noqa: E741
BACKENDS = pytest.mark.parametrize("name", sorted({*eigcore.backends(), *required()}))
MADE = {
    "Wilkinson": (*hard.wilkinson(N), None),
    "glued Wilkinson": (*hard.glued(10), None),
    "weakly glued Wilkinson": (*hard.glued(10, 1e-14), None),
    "strongly glued Wilkinson": (*hard.glued(10, 1e-4), None),
    "one cluster": (*hard.nearly_diagonal(N), None),
    "graded": (2.0 ** -np.arange(N), 2.0 ** -(I + 1), None),
    "graded upwards": (2.0 ** np.arange(-N, 0), 2.0 ** (I - N), None),
    "split": (np.tile([1.0, 2, 3], N // 3), np.tile([1.0, 0.5, 0], N // 3)[:-1], None),
    # -(N - 1), 3 - N, ..., N - 1: Clement, SIAM Review 1, 1959
    "Clement": (np.zeros(N), np.sqrt(I * (N - I)), np.arange(1.0 - N, N, 2)),
    # the matrices of Gaussian quadrature: Golub and Welsch, Math. Comp. 23, 1969
    "Legendre": (np.zeros(N), I / np.sqrt(4 * I**2 - 1), np.polynomial.legendre.leggauss(N)[0]),
    "Laguerre": (2 * np.append(I, N) - 1, I, None),
    "Toeplitz": (
        np.full(N, 2.0),
        -np.ones(N - 1),
        2 - 2 * np.cos(np.pi * np.append(I, N) / (N + 1)),
    ),
}
"""Diagonal, subdiagonal, and all eigenvalues where they are known."""


def check(name, diag, off, expected):
    try:
        backend = eigcore.get_backend(name)
    except BackendUnavailable as error:
        if name in set(required()):
            raise
        pytest.skip(str(error))
    if expected is None:
        expected = scipy.linalg.eigvalsh_tridiagonal(diag, off)
    expected = np.sort(expected)
    d, norm = len(diag), abs(expected).max()
    allowed = bound(d, "float64", norm)
    a, b = backend.asarray(diag, dtype="float64"), backend.asarray(off, dtype="float64")
    ks = sorted({0, d // 2, d - 1})
    for k in ks if name != "jax" else [d // 2]:  # it compiles every k anew
        value = eigcore.kth_eigenvalue_tridiagonal(a, b, k, backend=backend)
        agree(f"λ_{k}", backend.to_numpy(value), expected[k], allowed)
    lam, V = (backend.to_numpy(array) for array in backend.eigenpairs_tridiagonal(a, b, 0, d - 1))
    agree("λ", lam, expected, allowed)
    T = np.diag(diag) + np.diag(off, 1) + np.diag(off, -1)
    residual = np.linalg.norm(T @ V[:, ks] - V[:, ks] * lam[ks], axis=0)
    agree("|T v − λ v|", residual, np.zeros(len(ks)), allowed)
    agree("|v|", np.linalg.norm(V[:, ks], axis=0), np.ones(len(ks)), bound(d, "float64"))


@BACKENDS
@pytest.mark.parametrize("matrix", MADE)
def test_every_matrix_meets_the_residual_bound(name, matrix):
    check(name, *MADE[matrix])


@pytest.mark.skipif(not FILES, reason=ABSENT)
@BACKENDS
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_meets_the_residual_bound(name, path):
    _, diag, off = np.loadtxt(path, skiprows=1, ndmin=2).T
    stored = path.with_suffix(".eig")
    check(name, diag, off[:-1], np.loadtxt(stored, skiprows=1) if stored.exists() else None)
