"""Ranks of many matrices that share one budget of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.options import one_of, several
from eigcore.core.scalars import is_real
from eigcore.errors import InvalidInput

PRICES = (1e-30, 1.0)
"""Shares of energy that one number may cost, from all ranks to the lowest."""


def ranks(
    spectra: Sequence[Any],
    keep: float,
    shapes: Sequence[tuple[int, int]] | None = None,
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
    shapes : sequence of (int, int), optional
        Default: square matrices.
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
    several("spectra", spectra, "[numpy.linalg.svd(W)[1] for W in matrices]")
    values = [np.sort(hosted(s, "Each spectrum", 1))[::-1] for s in spectra]
    shapes = [(len(s), len(s)) for s in values] if shapes is None else shapes
    several("shapes", shapes, "[W.shape for W in matrices]")
    if len(values) != len(shapes) or any(
        len(s) != min(shape) for s, shape in zip(values, shapes, strict=False)
    ):
        raise InvalidInput(
            f"spectra and shapes have lengths {len(values)} and {len(shapes)}; expected one shape "
            "per spectrum, and min(m, n) singular values. Type: numpy.linalg.svd(W)[1]"
        )
    one_of("rule", rule, _RULES)
    return _RULES[rule](values, shapes, keep)


def least_lost(
    choices: Sequence[tuple[np.ndarray, np.ndarray]], keep: float, whole: int
) -> list[int]:
    """Return one choice per matrix: the least sum of what is lost, by one price for all matrices.

    Parameters
    ----------
    choices : sequence of pairs of (c,) arrays
        Shares of energy that each choice loses, and the numbers that it keeps.
    keep : float
        Share of the numbers that may be kept.
    whole : int
        All numbers.

    Returns
    -------
    list of int
        Places in the arrays; no other choices of the same cost lose less (Everett 1963).

    Raises
    ------
    InvalidInput
        A share out of range, or the cheapest choices cost more.
    """

    def cut(price: float) -> list[int]:
        return [int(np.argmin(lost + price * cost)) for lost, cost in choices]

    def cost_of(chosen: list[int]) -> int:
        return sum(int(cost[i]) for i, (_, cost) in zip(chosen, choices, strict=True))

    return _within(cut, np.geomspace(*PRICES, 60_001), cost_of, keep, whole)


def numbers(rank: int, shape: tuple[int, int]) -> int:
    """Return how many numbers a matrix keeps: those of its factors, or all."""
    m, n = shape
    return m * n if rank == min(m, n) else rank * (m + n)


def _within(
    cut: Callable[[float], list[int]],
    levels: np.ndarray,
    cost_of: Callable[[list[int]], int],
    keep: float,
    whole: int,
) -> list[int]:
    """Return the cut at the lowest of ascending levels whose cost is a share of the whole."""
    if not is_real(keep) or not 0 < keep <= 1:
        raise InvalidInput(f"keep is {keep!r}; expected 0 < keep <= 1. Write keep=0.5.")
    budget = keep * whole
    if (least := cost_of(cut(levels[-1]))) > budget:
        raise InvalidInput(
            f"keep is {keep}; expected at least {least / whole:.3g}, the share of the lowest "
            "ranks. Write a larger keep."
        )
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        if cost_of(cut(levels[middle])) <= budget:
            high = middle
        else:
            low = middle + 1
    return cut(levels[high])


def _by_threshold(
    values: list[np.ndarray], shapes: Sequence[tuple[int, int]], keep: float
) -> list[int]:
    """Return ranks by one threshold on the singular values, scaled to [0, 1] in each matrix."""
    scaled = [(s - s[-1]) / (s[0] - s[-1]) if s[0] > s[-1] else np.ones(len(s)) for s in values]

    def cut(threshold: float) -> list[int]:
        found = [max(1, int((s >= threshold).sum())) for s in scaled]
        return [r if 2 * r < len(s) else len(s) for r, s in zip(found, scaled, strict=True)]

    def cost_of(chosen: list[int]) -> int:
        return sum(numbers(rank, shape) for rank, shape in zip(chosen, shapes, strict=True))

    levels = np.unique(np.concatenate([*scaled, [2.0]]))
    return _within(cut, levels, cost_of, keep, sum(m * n for m, n in shapes))


def _by_energy(
    values: list[np.ndarray], shapes: Sequence[tuple[int, int]], keep: float
) -> list[int]:
    """Return ranks by one price of a number."""
    cheaper = [np.arange(1, len(s) + 1) for s in values]
    cheaper = [r[r * (m + n) < m * n] for r, (m, n) in zip(cheaper, shapes, strict=True)]
    choices = [
        (np.r_[left_out(s)[r], 0.0], np.r_[r * (m + n), m * n])
        for s, r, (m, n) in zip(values, cheaper, shapes, strict=True)
    ]
    found = least_lost(choices, keep, sum(m * n for m, n in shapes))
    return [int(np.r_[r, len(s)][i]) for i, r, s in zip(found, cheaper, values, strict=True)]


def left_out(values: np.ndarray) -> np.ndarray:
    """Return the share of Σ σ² that ranks from 0 leave out; 0 of nothing."""
    tails = np.r_[np.cumsum(values[::-1] ** 2)[::-1], 0.0]
    return tails / tails[0] if tails[0] > 0 else tails


_RULES = {"threshold": _by_threshold, "energy": _by_energy}
