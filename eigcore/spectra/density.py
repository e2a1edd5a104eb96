"""Empirical spectra of weight matrices, whole or averaged over windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.maps import zero_tolerance
from eigcore.core.scalars import is_whole
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.spectra.power_law import PowerLaw, power_law


@dataclass(frozen=True)
class ESD:
    """The empirical spectral density of a matrix.

    Parameters
    ----------
    eigenvalues : (min(m, n),) array
        Ascending; 0 for those that are not above rounding.
    shape : (int, int)
    convention : str
        What the eigenvalues are of.
    """

    eigenvalues: np.ndarray
    shape: tuple[int, int]
    convention: str = "eigenvalues of WᵀW/m, m rows, without the n − m zeros of a wide W"


def esd(W: Any) -> ESD:
    """Return the eigenvalues of WᵀW/m: the squared singular values over the number of rows.

    Parameters
    ----------
    W : (m, n) array of any backend

    Returns
    -------
    ESD

    Raises
    ------
    InvalidInput, NonFiniteInput
        No matrix, or entries that are not finite.
    """
    W = hosted(W, "W")
    return ESD(squared(W)[::-1] / len(W), W.shape)


def farms(
    W: Any,
    window: int | tuple[int, int] = 64,
    steps: tuple[int, int] | None = None,
    xmin: Any = "median",
) -> PowerLaw:
    """Fit a power law to the spectra of windows of one aspect ratio (FARMS, arXiv 2506.06280).

    A window of fixed shape makes exponents of matrices of different shapes comparable: those of
    whole matrices depend on the aspect ratio.

    Parameters
    ----------
    W : (m, n) array of any backend
    window : int or (int, int)
        Rows and columns of a window; at most those of W.
    steps : (int, int), optional
        Number of positions of the window along rows and columns, evenly spaced. Default: as few as
        cover W.
    xmin : {"median", "ks"} or float
        As for `power_law`.

    Returns
    -------
    PowerLaw
        Of the eigenvalues of all windows. They are not independent, so `.stderr` is too small.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `esd`, or a window that is larger than W.
    """
    W = hosted(W, "W")
    pair: Any = (window, window) if is_whole(window) else window
    if not (
        isinstance(pair, tuple)
        and len(pair) == 2
        and all(is_whole(a) and 1 <= a <= most for a, most in zip(pair, W.shape, strict=True))
    ):
        raise InvalidInput(
            f"window is {window!r} for W of shape {W.shape}; expected one or two integers, at "
            f"least 1 and no more than W has. Write window={min(W.shape)}."
        )
    rows, columns = pair
    counts = (math.ceil(W.shape[0] / rows), math.ceil(W.shape[1] / columns))
    counts = counts if steps is None else steps
    if not isinstance(counts, tuple) or len(counts) != 2 or not all(map(_positive, counts)):
        raise InvalidInput(
            f"steps is {steps!r:.80}; expected two integers above 0. Write steps=(4, 4)."
        )
    starts = [
        np.unique(np.linspace(0, size - part, count).round().astype(int))
        for size, part, count in zip(W.shape, (rows, columns), counts, strict=True)
    ]
    parts = np.stack([W[i : i + rows, j : j + columns] for i in starts[0] for j in starts[1]])
    return power_law(squared(parts).ravel() / rows, xmin)


def squared(W: np.ndarray) -> np.ndarray:
    """Return the squared singular values of matrices, descending; 0 for those that are rounding."""
    s = np.linalg.svd(W, compute_uv=False)
    rounding = zero_tolerance(get_backend("numpy"), s, max(W.shape[-2:]))
    return np.where(s > rounding, s, 0.0) ** 2


def _positive(count: Any) -> bool:
    return is_whole(count) and count > 0
