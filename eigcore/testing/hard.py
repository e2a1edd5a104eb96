"""Matrices that are known to break eigensolvers, as cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eigcore.testing.cases import DTYPES, Matrices, both, tridiagonal, turned

HUGE = {"float64": 2.0**1000, "float32": 2.0**120}
TINY = {"float64": 2.0**-900, "float32": 2.0**-96}


def wilkinson(n: int = 21) -> tuple[np.ndarray, np.ndarray]:
    """Return W⁺ of order n: diagonal |i − n//2|, subdiagonal 1; eigenvalues nearly in pairs."""
    return abs(np.arange(n) - n // 2).astype(float), np.ones(n - 1)


def glued(copies: int = 3, glue: float = 2.0**-20) -> tuple[np.ndarray, np.ndarray]:
    """Return copies of W21⁺ joined by tiny off-diagonal numbers: clusters of six."""
    diag, off = wilkinson()
    return np.tile(diag, copies), np.concatenate([np.append(off, glue)] * copies)[:-1]


def graded(n: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Return entries that fall by the factor 2⁻⁴ from one to the next."""
    return 2.0 ** (-4.0 * np.arange(n)), 2.0 ** (-4.0 * np.arange(n - 1) - 3)


def split() -> tuple[np.ndarray, np.ndarray]:
    """Return three blocks with zeros between them, two of them equal."""
    diag = np.array([1.0, 2, 3, -1, 5, 1, 2, 3, 0, 0, 4, 4])
    return diag, np.array([1.0, 0.5, 0, 2, 0, 1, 0.5, 0, 0, 0, 2.0**-30])


def nearly_diagonal(n: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Return a diagonal of ones with the subdiagonal 2⁻²⁰: a single cluster."""
    return np.ones(n), np.full(n - 1, 2.0**-20)


BANDS = {
    "Wilkinson W21+": wilkinson(),
    "glued Wilkinson": glued(),
    "graded": graded(),
    "split": split(),
    "nearly the identity": nearly_diagonal(),
}
"""Tridiagonal matrices (diagonal, subdiagonal), exact in float32; their spectra are golden."""

TRIDIAGONAL = both(
    Matrices(name, structure="tridiagonal", build=lambda rng, ab=ab: tridiagonal(*ab))
    for name, ab in BANDS.items()
)
CLUSTER = 1 + 1e-9 * np.arange(11) * (np.arange(11) % 2)
SCALED = tuple(
    Matrices(f"near {name}", dtype, build=lambda rng, s=s: turned(rng, np.linspace(-1, 1, 5)) * s)
    for dtype in DTYPES
    for name, s in (("overflow", HUGE[dtype] / 4), ("underflow", TINY[dtype]))
)
HARD = (
    *(replace(case, structure="dense") for case in TRIDIAGONAL),
    *SCALED,
    *both(
        (
            Matrices("clustered", build=lambda rng: turned(rng, CLUSTER)),
            Matrices("tied", build=lambda rng: turned(rng, [-1, 1, 1, 1, 2.0])),
            Matrices("zero", build=lambda rng: np.zeros((5, 5))),
            Matrices("identity", build=lambda rng: np.eye(5)),
            Matrices("graded and turned", build=lambda rng: turned(rng, 10.0 ** -np.arange(11))),
        )
    ),
)
TIES = both(
    Matrices(f"ties {lam}", build=lambda rng, lam=lam: turned(rng, lam))
    for lam in (
        (0.0, 1, 1),
        (-1.0, 0.5, 0.5, 0.5, 2),
        (-1.0, -1, 3, 3),
        (2.0, 2, 2),
        (0.0, 0),
        (7.0,),
    )
) + both(
    (
        Matrices(
            "tied beside simple", build=lambda rng: turned(rng, [[1.0, 1, 2], [1, 2, 3]], (2,))
        ),
        Matrices("tied blocks", build=lambda rng: tridiagonal([1.0, 2, 1, 2, 5], [1.0, 0, 1, 0])),
    )
)
