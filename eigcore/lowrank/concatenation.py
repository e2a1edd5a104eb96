"""Low rank of matrices side by side: bounds of the error before the decomposition, and groups.

For M = [A_1 … A_N], err_r = √((‖M‖_F² − Σ_{j≤r} σ_j²)/‖M‖_F²). Bounds of Σ_{j≤r} σ_j²(M) from
below give bounds of err_r from above ("Concatenated Matrix SVD", January 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, returned
from eigcore.core.options import several
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput
from eigcore.lowrank.approximation import LowRank, low_rank

BOUNDS = ("whole", "residual", "incremental")
_EXTRA = 5
"""Columns beyond the rank that the incremental decomposition keeps."""


@dataclass(frozen=True)
class Group:
    """Blocks that share one basis.

    Parameters
    ----------
    blocks : tuple of int
        Their places.
    bound : float
        Upper bound of the relative error, found before the decomposition.
    factors : LowRank
        Of the blocks side by side.
    """

    blocks: tuple[int, ...]
    bound: float
    factors: LowRank


def error_bounds(blocks: Sequence[Any], rank: int) -> dict[str, float]:
    """Return three upper bounds of the relative error of rank r of matrices side by side.

    Parameters
    ----------
    blocks : sequence of (m, n_i) arrays of any backend
    rank : int

    Returns
    -------
    dict
        "whole": blocks of total width up to r are kept whole, the largest first. "residual": the r
        largest singular values of A_1 and of the parts of the others outside the basis so far.
        "incremental": a decomposition that is extended block by block and cut to r + 5 values,
        exact while nothing is cut.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No blocks, other numbers of rows, or a rank below 1.
    """
    parts = _checked(blocks, rank)
    whole = sum(float((a**2).sum()) for a in parts)
    if whole == 0:
        return dict.fromkeys(BOUNDS, 0.0)
    kept = {"whole": _whole(parts, rank), "residual": _outside(parts, rank)}
    basis = None
    for a in parts:
        basis = _extended(basis, a, rank)
    assert basis is not None
    kept["incremental"] = float((basis[1][:rank] ** 2).sum())
    return {name: max(0.0, 1 - kept[name] / whole) ** 0.5 for name in BOUNDS}


def concatenate(blocks: Sequence[Any], rank: int, error: float) -> list[Group]:
    """Group matrices greedily so that each group has one decomposition within an error.

    Parameters
    ----------
    blocks : sequence of (m, n_i) arrays of any backend
    rank : int
        Of each group.
    error : float
        A block joins the first group whose bound stays at most this large; the true relative error
        of a group with two or more blocks is at most this, too.

    Returns
    -------
    list of Group
        Factors are in the library, dtype and device of a group's first block.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `error_bounds`, or an error that is not in [0, 1].
    """
    parts = _checked(blocks, rank)
    if not is_real(error) or not 0 <= error <= 1:
        raise InvalidInput(f"error is {error!r}; expected 0 to 1. Write error=0.1.")
    groups: list[list[int]] = []
    states: list[tuple[Any, float]] = []
    for place, a in enumerate(parts):
        size = float((a**2).sum())
        for number, (basis, whole) in enumerate(states):
            wider = _extended(basis, a, rank)
            if _off(wider, whole + size, rank) <= error:
                groups[number].append(place)
                states[number] = wider, whole + size
                break
        else:
            groups.append([place])
            states.append((_extended(None, a, rank), size))
    made = []
    for places, (basis, whole) in zip(groups, states, strict=True):
        together = np.concatenate([parts[i] for i in places], axis=1)
        factors = low_rank(together, rank=min(rank, *together.shape))
        B, A = (returned(a, blocks[places[0]]) for a in (factors.B, factors.A))
        made.append(Group(tuple(places), _off(basis, whole, rank), replace(factors, B=B, A=A)))
    return made


def _off(basis: Any, whole: float, rank: int) -> float:
    kept = float((basis[1][:rank] ** 2).sum())
    return max(0.0, 1 - kept / whole) ** 0.5 if whole > 0 else 0.0


def _whole(parts: list[np.ndarray], rank: int) -> float:
    sizes = sorted(((float((a**2).sum()), a.shape[1]) for a in parts), reverse=True)
    kept, width = 0.0, 0
    for size, columns in sizes:
        if width + columns <= rank:
            kept, width = kept + size, width + columns
    return kept


def _outside(parts: list[np.ndarray], rank: int) -> float:
    basis = np.zeros((len(parts[0]), 0))
    found = []
    for a in parts:
        rest = a - basis @ (basis.T @ a)
        rest = rest - basis @ (basis.T @ rest)
        U, s, _ = np.linalg.svd(rest, full_matrices=False)
        found.append(s)
        basis = np.concatenate((basis, U[:, s > 1e-12 * np.linalg.norm(a)]), axis=1)
    values = np.sort(np.concatenate(found))[::-1]
    return float((values[:rank] ** 2).sum())


def _extended(basis: Any, a: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return U and σ of [U diag(σ), a], cut to rank + 5."""
    together = a if basis is None else np.concatenate((basis[0] * basis[1], a), axis=1)
    U, s, _ = np.linalg.svd(together, full_matrices=False)
    return U[:, : rank + _EXTRA], s[: rank + _EXTRA]


def _checked(blocks: Sequence[Any], rank: int) -> list[np.ndarray]:
    parts = [hosted(a, f"Block {i}") for i, a in enumerate(several("blocks", blocks, "[A, B]"))]
    if not parts or len({len(a) for a in parts}) > 1:
        raise InvalidInput(
            f"The blocks have {[len(a) for a in parts]} rows; expected at least one block, and "
            "equal numbers. Transpose them if they share columns."
        )
    if not is_whole(rank) or rank < 1:
        raise InvalidInput(f"rank is {rank!r}; expected an integer above 0. Write rank=8.")
    return parts
