"""Matrices of dynamics: HiPPO, and random ones with a band."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.options import generator
from eigcore.core.scalars import is_whole
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput


class Hippo(NamedTuple):
    """x′ = A x + B u, with A + P Pᵀ = −I/2 + a skew-symmetric matrix.

    Parameters
    ----------
    A : (n, n) array
    B, P : (n,) arrays
    """

    A: Array
    B: Array
    P: Array


def hippo(n: int, backend: str | Backend | None = None) -> Hippo:
    """Return the HiPPO-LegS matrices.

    A_ij = −√((2i+1)(2j+1)) below the diagonal, −(i+1) on it and 0 above, B_i = √(2i+1) and
    P_i = √(i+½) for i, j = 0 … n − 1 (Gu, Dao, Ermon, Rudra & Ré 2020; P by Gu, Goel & Ré 2022).

    Parameters
    ----------
    n : int
    backend : str or Backend, optional
        Library of the arrays; default NumPy.

    Returns
    -------
    Hippo

    Raises
    ------
    InvalidInput
        If n is not a positive integer.

    Examples
    --------
    >>> hippo(2).A
    array([[-1.        ,  0.        ],
           [-1.73205081, -2.        ]])
    """
    k = np.arange(_count("n", n))
    root = np.sqrt(2.0 * k + 1)
    A = -np.tril(np.outer(root, root), -1) - np.diag(k + 1.0)
    made = get_backend("numpy" if backend is None else backend)
    return Hippo(*(made.asarray(a, dtype="float64") for a in (A, root, np.sqrt(k + 0.5))))


def banded(n: int, width: int, seed: int = 0, backend: str | Backend | None = None) -> Array:
    """Return a random matrix with a periodic band of normal entries.

    Its eigenvalues follow the circular law, `eigcore.rmt.circular()`, while the band is wide: |λ|²
    is uniform on [0, 1] (Jain, Jana, Luh & O'Rourke, "Circular law for random block band matrices
    with genuinely sublinear bandwidth", 2021).

    Parameters
    ----------
    n : int
    width : int
        Entries with |i − j| ≤ width, counted around the corner, are not zero: 2·width + 1 in every
        row, of variance 1/(2·width + 1).
    seed : int
    backend : str or Backend, optional
        Library of the array; default NumPy.

    Returns
    -------
    (n, n) array

    Raises
    ------
    InvalidInput
        Sizes that are not positive integers, or 2·width + 1 above n.
    """
    n, most = _count("n", n), (n - 1) // 2
    if not is_whole(width) or not 0 <= width <= most:
        raise InvalidInput(
            f"width is {width!r}; expected an integer from 0 to {most}, so that 2·width + 1 "
            f"entries fit into a row of {n}. Write width={most}."
        )
    apart = abs(np.arange(n)[:, None] - np.arange(n))
    entries = generator(seed).normal(size=(n, n)) / (2 * width + 1) ** 0.5
    inside = np.minimum(apart, n - apart) <= width
    made = get_backend("numpy" if backend is None else backend)
    return made.asarray(np.where(inside, entries, 0.0), dtype="float64")


def _count(name: str, n: Any) -> int:
    if not is_whole(n) or n < 1:
        raise InvalidInput(f"{name} is {n!r}; expected a positive integer. Write {name}=16.")
    return n
