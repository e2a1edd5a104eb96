"""Write the golden files of this folder: arrays in every layout, and what their neurons predict.

Nothing of eigcore is used. Each matrix is written down entry by entry from the definition of its
layout, and its eigenvalues come from mpmath with 50 digits::

    python tests/convert/golden/make.py
"""

import json
from pathlib import Path

import mpmath
import numpy as np

HERE = Path(__file__).parent
N, D, K = 2, 3, 6  # features, order, entries of a lower triangle
ROWS = [[0.5, -1.25], [0.0, 0.0], [-2.0, 1.0], [3.0, 0.75]]
mpmath.mp.dps = 50
ROOT = 1 / mpmath.sqrt(2)


def place(i, j):
    """The place of entry (i, j) in a lower triangle that is read row by row."""
    i, j = max(i, j), min(i, j)
    return i * (i + 1) // 2 + j


def lower(a):
    return lambda i, j: a[max(i, j), min(i, j)]


def symmetrised(a):
    return lambda i, j: (a[i, j] + a[j, i]) / 2


def plain(p):
    return lambda i, j: p[place(i, j)]


def isometric(p):
    return lambda i, j: p[place(i, j)] * (1 if i == j else ROOT)


def tridiagonal(a, b):
    return lambda i, j: a[i] if i == j else b[min(i, j)] if abs(i - j) == 1 else 0


def diagonal(mu):
    return lambda i, j: mu[i] if i == j else 0


def ascending(start, increments):
    """The diagonal of `Nondecreasing`: each step is log(1 + exp(increment))."""
    mu = [start[0]]
    for each in increments:
        mu.append(mu[-1] + mpmath.log(1 + mpmath.exp(each)))
    return diagonal(mu)


def square_plus(x):
    """The diagonal of the last feature: (sqrt(1 + x^2) + x) / 2."""
    return diagonal([(mpmath.sqrt(1 + v * v) + v) / 2 for v in x])


def layouts(draw):
    """Name -> arrays, the matrices A_0, A_1, A_2 as functions of (i, j), and the index."""
    M, P = draw(N + 1, D, D), draw(N + 1, K)
    mu, a, b = draw(D), draw(N + 1, D), draw(N + 1, D - 1)
    steps, last = {"mu.start": mu[:1], "mu.increments": mu[1:]}, draw(D)
    linear = {"lin.weight": P[1:].T, "lin.bias": P[0]}
    complex_ = M + 1j * draw(N + 1, D, D)
    first = [ascending(mu[:1], mu[1:])]
    return {
        "square-lower": ({"matrices": M}, map(lower, M), 0),
        "square-symmetrised": ({"matrices": M}, map(symmetrised, M), 0),
        "packed-sqrt2": ({"matrices": P}, map(isometric, P), 1),
        "packed-plain": ({"matrices": P}, map(plain, P), 1),
        "tridiagonal": ({"diagonals": a, "subdiagonals": b}, map(tridiagonal, a, b), 2),
        "mu-square-lower": ({"mu": mu, "matrices": M[1:]}, [diagonal(mu), *map(lower, M[1:])], 1),
        "mu-square-symmetrised": (
            {"mu": mu, "matrices": M[1:]},
            [diagonal(mu), *map(symmetrised, M[1:])],
            1,
        ),
        "KthEigval": (linear, map(isometric, P), 2),
        "KthEigval-plain": (linear | {"tril_emb.map": np.arange(9)}, map(plain, P), 2),
        "KthEigvalLastMonotone": (
            {"base_tril": P[0], "feature_tril": P[1:2], "last_diag": last},
            [*map(isometric, P[:2]), square_plus(last)],
            1,
        ),
        "SparseMiddleEigval": (
            {"base_tril": P[0], "feature_tril.weight": P[1:]},
            map(isometric, P),
            None,
        ),
        "BivariateSpectral": (dict(zip("ABC", M, strict=True)), map(lower, M), -1),
        "MultivariateSpectral": (steps | {"A": M[1:]}, [*first, *map(lower, M[1:])], 1),
        "MultivariateSpectral-last-axis": (
            steps | {"A": np.moveaxis(M[1:], 0, -1)[:, :, None]},
            [*first, *map(lower, M[1:])],
            1,
        ),
        "TridiagSpectral": (
            {
                "diag.weight": a[1:].T,
                "diag.bias": a[0],
                "off_diag.weight": b[1:].T,
                "off_diag.bias": b[0],
            },
            map(tridiagonal, a, b),
            0,
        ),
        "AffineEigenvaluePMM": (
            {"Ms": complex_},
            [lambda i, j, H=H: (H[i, j] + H[j, i].conjugate()) / 2 for H in complex_],
            1,
        ),
    }


def eigenvalues(entries, row):
    factors = [1, *row]
    total = mpmath.matrix(D)
    for i in range(D):
        for j in range(D):
            total[i, j] = sum(
                f * mpmath.mpmathify(e(i, j)) for f, e in zip(factors, entries, strict=True)
            )
    return sorted(map(mpmath.re, mpmath.eighe(total, eigvals_only=True)))


def main():
    rng, expected = np.random.default_rng(0), {}

    def draw(*shape):
        """Multiples of 1/8, which every dtype holds exactly."""
        return rng.integers(-20, 21, size=shape) / 8

    for name, (arrays, entries, index) in layouts(draw).items():
        entries, k = list(entries), D // 2 if index is None else index
        np.savez(HERE / f"{name}.npz", **arrays)
        values = [float(eigenvalues(entries, row)[k]) for row in ROWS]
        expected[name] = {"index": index, "values": values}
    (HERE / "expected.json").write_text(json.dumps({"rows": ROWS, "layouts": expected}, indent=1))


if __name__ == "__main__":
    main()
