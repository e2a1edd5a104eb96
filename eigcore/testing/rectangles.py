"""Cases of the laws of spectral maps: batches of m by n matrices with chosen singular values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.testing.cases import Case

MAPS: dict[str, dict[str, Any]] = {
    "soft_clip": {"c": 1.5},
    "clip": {"c": 1.25},
    "soft_threshold": {"tau": 0.75},
    "polar": {},
    "power": {"p": 0.5},
    "pinv": {},
    "truncate": {"rank": 2},
    "shrink": {"noise": 0.25},
}
NORMS: dict[str, dict[str, Any]] = {
    "nuclear": {},
    "spectral": {},
    "ky_fan": {"k": 2},
    "schatten": {"p": 3.0},
    "log_det": {},
    "entropy_rank": {},
    "stable_rank": {},
}
APART = (3.0, 2.0, 1.0)
SPECTRA = (APART, (2.0, 2.0, 0.5), (2.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
"""Simple, tied, of rank 2, of rank 1, and zero."""


@dataclass(frozen=True)
class Rectangle(Case):
    """A batch of matrices with given singular values.

    Parameters
    ----------
    size : (int, int)
    spectra : tuple of tuples
        Singular values of each matrix, min(m, n) of them.
    """

    size: tuple[int, int] = (5, 3)
    spectra: tuple[tuple[float, ...], ...] = (APART,)

    @cached_property
    def X(self) -> np.ndarray:  # noqa: N802
        """The matrices (batch, m, n) in float64, rounded to the dtype of the case."""
        (m, n), s, rng = self.size, np.asarray(self.spectra), self.rng()
        left, right = (np.linalg.qr(rng.normal(size=(len(s), k, k)))[0] for k in (m, n))
        r = s.shape[-1]
        return self.rounded((left[..., :r] * s[:, None, :]) @ right[..., :r].mT)

    @property
    def d(self) -> int:
        """The larger size."""
        return max(self.size)

    def direction(self, salt: int = 0) -> np.ndarray:
        """Return a random array like X, of entries of order one."""
        return self.rounded(self.rng(salt + 1).normal(size=self.X.shape))


TALL = Rectangle("5 by 3, every spectrum", spectra=SPECTRA)
WIDE = Rectangle("3 by 5, every spectrum", size=(3, 5), spectra=SPECTRA)
LONG = Rectangle("40 by 2", size=(40, 2), spectra=((2.0, 2.0), (1.0, 0.5)))
SIMPLE = Rectangle("5 by 3", spectra=(APART, (2.5, 1.5, 0.5)))
RECTANGLES = (TALL, LONG)
PLAIN = (SIMPLE, replace(SIMPLE, dtype="float32"))
EVERYWHERE = (TALL,)
GRADED = tuple(
    Rectangle("graded", dtype, size=(4, 3), spectra=((1.0, tiny**0.5, tiny),))
    for dtype, tiny in (("float64", 1e-8), ("float32", 1e-3))
)


def jordan_wielandt(X: np.ndarray) -> np.ndarray:
    """Return [[0, X], [Xᵀ, 0]]: (..., m, n) -> (..., m + n, m + n)."""
    m, n = X.shape[-2:]
    whole = np.zeros((*X.shape[:-2], m + n, m + n))
    whole[..., :m, m:] = X
    whole[..., m:, :m] = X.mT
    return whole


def mapped(name: str, X: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Return the map of a name, from the eigenvalues ±σ of the Jordan–Wielandt matrix."""
    m, n = X.shape[-2:]
    lam, W = np.linalg.eigh(jordan_wielandt(X))
    s = abs(lam)
    top = s.max(-1, keepdims=True)
    tiny = s <= 1e-5 * top
    safe = np.where(tiny, 1.0, s)
    largest = np.sort(s, -1)[..., -2 * options.get("rank", 1), None]
    unit, beta = options.get("noise", 1.0) * max(m, n) ** 0.5, min(m, n) / max(m, n)
    y, edge = safe / unit, 1 + beta**0.5
    root = np.sqrt(np.where(y > edge, (y**2 - beta - 1) ** 2 - 4 * beta, 0))
    f = {
        "identity": lambda: s,
        "soft_clip": lambda: s / np.sqrt(1 + (s / options["c"]) ** 2),
        "clip": lambda: np.minimum(s, options["c"]),
        "soft_threshold": lambda: np.maximum(s - options["tau"], 0),
        "polar": lambda: np.where(tiny, 0, 1),
        "power": lambda: np.where(tiny, 0, safe ** options["p"]),
        "pinv": lambda: np.where(tiny, 0, 1 / safe),
        "truncate": lambda: np.where(s >= largest * (1 - 1e-5), s, 0),
        "shrink": lambda: unit * root / y,
    }[name]()
    return ((W * (np.sign(lam) * f)[..., None, :]) @ W.mT)[..., :m, m:]


def measured(name: str, X: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Return the functional of a name: (..., m, n) -> (...)."""
    s = np.linalg.svd(X, compute_uv=False)
    share = s / s.sum(-1, keepdims=True)
    return {
        "nuclear": lambda: s.sum(-1),
        "spectral": lambda: s[..., 0],
        "ky_fan": lambda: s[..., : options["k"]].sum(-1),
        "schatten": lambda: (s ** options["p"]).sum(-1) ** (1 / options["p"]),
        "log_det": lambda: np.log(s).sum(-1),
        "entropy_rank": lambda: np.exp(-(share * np.log(share)).sum(-1)),
        "stable_rank": lambda: (s**2).sum(-1) / s[..., 0] ** 2,
    }[name]()
