"""Ranks of many matrices that share one budget of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.options import one_of, several
from eigcore.core.scalars import is_real
from eigcore.errors import InvalidInput

_Cut = tuple[Callable[[float], list[int]], np.ndarray]
"""Ranks as a function of a level, and ascending levels."""
PRICES = (1e-30, 1.0)
"""Shares of energy that one number may cost, from all ranks to the lowest."""


def ranks(
    spectra: Sequence[Any],
    keep: float,
    shapes: Sequence[tuple[int, int]],
    rule: str = "threshold",
) -> list[int]:
    """Return one rank per matrix so that all factors together keep a share of the numbers.

    "threshold": one threshold on σ̃ = (σ − σ_min)/(σ_max − σ_min) for all matrices (WeLore, arXiv
    2407.11239); a matrix of which more than half the singular values remain stays whole.

    "energy": the least sum of the shares of Σ σ² that are left out, by one price per number for all
    matrices; no other ranks of the same cost have a smaller sum (Everett, "Generalized Lagrange
    multiplier method for solving problems of optimum allocation of resources", Operations Research
    11, 1963). A matrix stays whole where factors would not be smaller.

    Parameters
    ----------
    spectra : sequence of (min(m, n),) arrays
        Singular values of each matrix.
    keep : float
        Share of the Σ mn numbers that may be kept, in (0, 1].
    shapes : sequence of (int, int)
    rule : {"threshold", "energy"}

    Returns
    -------
    list of int
        At least 1 each, min(m, n) for a matrix that stays whole; the same for a matrix that is
        scaled or turned.

    Raises
    ------
    InvalidInput, NonFiniteInput
        A share out of range, other lengths, an unknown rule, or a share below that of factors of
        rank 1.
    """
    several("shapes", shapes, "[W.shape for W in matrices]")
    several("spectra", spectra, "[numpy.linalg.svd(W)[1] for W in matrices]")
    values = [np.sort(hosted(s, "spectra", 1))[::-1] for s in spectra]
    if len(values) != len(shapes) or any(
        len(s) != min(shape) for s, shape in zip(values, shapes, strict=False)
    ):
        raise InvalidInput(
            f"spectra and shapes have lengths {len(values)} and {len(shapes)}; expected one shape "
            "per spectrum, and min(m, n) singular values. Type: numpy.linalg.svd(W)[1]"
        )
    if not is_real(keep) or not 0 < keep <= 1:
        raise InvalidInput(f"keep is {keep!r}; expected 0 < keep <= 1. Write keep=0.5.")
    one_of("rule", rule, _RULES)
    cut, levels = _RULES[rule](values, shapes)
    budget, found = keep * sum(m * n for m, n in shapes), cut(levels[-1])
    if (least := _cost(found, shapes)) > budget:
        raise InvalidInput(
            f"keep is {keep}; expected at least {least / budget * keep:.3g}, the share of the "
            "lowest ranks. Write a larger keep."
        )
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        if _cost(cut(levels[middle]), shapes) <= budget:
            high = middle
        else:
            low = middle + 1
    return cut(levels[high])


def numbers(rank: int, shape: tuple[int, int]) -> int:
    """Return how many numbers a matrix keeps: those of its factors, or all."""
    m, n = shape
    return m * n if rank == min(m, n) else rank * (m + n)


def _cost(chosen: list[int], shapes: Sequence[tuple[int, int]]) -> int:
    return sum(numbers(rank, shape) for rank, shape in zip(chosen, shapes, strict=True))


def _by_threshold(values: list[np.ndarray], shapes: Sequence[tuple[int, int]]) -> _Cut:
    """Return the ranks as a function of the threshold, and all thresholds that differ."""
    scaled = [(s - s[-1]) / (s[0] - s[-1]) if s[0] > s[-1] else np.ones(len(s)) for s in values]

    def cut(threshold: float) -> list[int]:
        found = [max(1, int((s >= threshold).sum())) for s in scaled]
        return [r if 2 * r < len(s) else len(s) for r, s in zip(found, scaled, strict=True)]

    return cut, np.unique(np.concatenate([*scaled, [2.0]]))


def _by_energy(values: list[np.ndarray], shapes: Sequence[tuple[int, int]]) -> _Cut:
    """Return the ranks as a function of the price of one number, and prices close to each other."""
    choices = []
    for s, (m, n) in zip(values, shapes, strict=True):
        cheaper = np.arange(1, len(s) + 1)
        cheaper = cheaper[cheaper * (m + n) < m * n]
        tails = np.cumsum(s[::-1] ** 2)[::-1]
        lost = np.r_[tails[cheaper] / tails[0] if tails[0] > 0 else 0.0 * cheaper, 0.0]
        choices.append((np.r_[cheaper, len(s)], lost, np.r_[cheaper * (m + n), m * n]))

    def cut(price: float) -> list[int]:
        return [int(rank[np.argmin(lost + price * cost)]) for rank, lost, cost in choices]

    return cut, np.geomspace(*PRICES, 60_001)


_RULES = {"threshold": _by_threshold, "energy": _by_energy}
