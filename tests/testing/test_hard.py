"""Tridiagonal matrices that broke LAPACK (STCollection), every backend, k = 0, d // 2, d - 1."""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import eigcore
from eigcore.dispatch.registry import required
from eigcore.errors import BackendUnavailable
from eigcore.testing import agree, bound

ROOT = Path(__file__).parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "stcollection"
FILES = sorted(FOLDER.glob("*.dat"))
ABSENT = "the folder ../shared/data/stcollection is not beside the repository"


def read(path):
    """Return diagonal, subdiagonal and all eigenvalues."""
    _, diag, off = np.loadtxt(path, skiprows=1, ndmin=2).T
    off = off[:-1]
    stored = path.with_suffix(".eig")
    lam = np.loadtxt(stored, skiprows=1) if stored.exists() else None
    if lam is None:
        lam = scipy.linalg.eigvalsh_tridiagonal(diag, off)
    return diag, off, np.sort(lam)


@pytest.mark.skipif(not FILES, reason=ABSENT)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", sorted({*eigcore.backends(), *required()}))
def test_every_matrix_meets_the_residual_bound(name, path):
    try:
        backend = eigcore.get_backend(name)
    except BackendUnavailable as error:
        if name in set(required()):
            raise
        pytest.skip(str(error))
    diag, off, expected = read(path)
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
