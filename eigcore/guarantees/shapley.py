"""Baseline Shapley values of a model (math.md, section 6).

The players are the columns of the table: a coalition T sees the model's decision f(T) with the
cells of T from the row and all others from the baseline. All coalitions of many rows are evaluated
as one table, whose cells are encoded once. A column and its special codes are one player.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eigcore.dispatch.backend import Backend
from eigcore.encoding.bins import bins
from eigcore.encoding.rows import Rows
from eigcore.errors import InvalidInput
from eigcore.guarantees.codes import code_columns
from eigcore.portable.description import Described
from eigcore.portable.tables import rows_decision

EXACT = 14
"""Up to this many columns that differ from the baseline, all coalitions are evaluated."""
ROWS = 2**18
"""Number of coalitions in memory at a time."""


class Values(NamedTuple):
    """Shapley values.

    contributions : (rows, outputs, columns) float64
    error : the same shape; standard errors, 0 where nothing is sampled
    """

    contributions: np.ndarray
    error: np.ndarray


def shapley(
    model: Described,
    table: np.ndarray,
    baselines: np.ndarray,
    backend: Backend,
    permutations: int,
    seed: int,
) -> Values:
    """Return the mean over the baselines of the Shapley values of each row.

    Parameters
    ----------
    model : SpectralModel
    table, baselines : (rows, columns), (baselines, columns) float64
        With codes for levels.
    backend : Backend
    permutations : int
        Number of orders of the columns to draw, where more than `EXACT` columns differ; each is
        used with its reverse (antithetic sampling; Mitchell et al., JMLR 23, 2022).
    seed : int
    """
    players = _players(model, table, baselines)
    if len(players) <= EXACT:
        masks, summed = _subsets(len(players)), _exact
    else:
        orders = _orders(len(players), permutations, seed)
        masks, summed = _prefixes(orders), _Sampled(orders)
    found = np.zeros((2, len(table), model.outputs, table.shape[1]))
    for rows, values in _evaluated(model, table, baselines, backend, _wide(model, masks, players)):
        found[:, rows[:, None, None], np.arange(model.outputs)[:, None], players] = summed(values)
    return Values(*found)


def pairs(
    model: Described, table: np.ndarray, baselines: np.ndarray, backend: Backend
) -> np.ndarray:
    """Return the matrices (rows, outputs, columns, columns) of Shapley interactions.

    Beside the diagonal: half the Shapley interaction index (Grabisch & Roubens 1999) of two
    columns. On it: what is left of a column's Shapley value, so that rows add up to these values.

    Raises
    ------
    InvalidInput
        If more than `EXACT` columns differ from the baseline.
    """
    players = _players(model, table, baselines)
    p, width = len(players), table.shape[1]
    if p > EXACT:
        raise InvalidInput(
            f"{p} columns differ from the baseline. Expected at most {EXACT}, whose 2^{EXACT} "
            "coalitions can be evaluated. Pass a baseline that shares more cells with the rows."
        )
    masks = _wide(model, _subsets(p), players)
    found = np.zeros((len(table), model.outputs, width, width))
    for rows, values in _evaluated(model, table, baselines, backend, masks):
        cube = _cube(values.mean(1))
        own = _differences(cube)
        for i, j in itertools.combinations(range(p), 2):
            both = np.diff(np.diff(cube, axis=2 + j), axis=2 + i)
            half = both.reshape(*both.shape[:2], -1) @ _weights(p - 1) / 2
            for a, b in ((i, j), (j, i)):
                found[rows, :, players[a], players[b]] = half
        for i in range(p):
            rest = own[..., i] - found[rows, :, players[i]].sum(-1)
            found[rows, :, players[i], players[i]] = rest
    return found


def _players(model: Described, table: np.ndarray, baselines: np.ndarray) -> np.ndarray:
    """Return the columns in which a row differs from a baseline; one with its codes is one."""
    first = baselines[0]
    same = [np.isnan(a) & np.isnan(first) | (a == first) for a in (table, baselines[1:])]
    differs = ~(same[0].all(0) & same[1].all(0))
    for place, source in code_columns(model.encoding).items():
        differs[source] |= differs[place]
        differs[place] = False
    return np.flatnonzero(differs)


def _subsets(p: int) -> np.ndarray:
    """Return all coalitions of p players in the order of `_cube`: (2^p, p) bool."""
    return np.array(list(itertools.product((False, True), repeat=p)), bool).reshape(2**p, p)


def _wide(model: Described, masks: np.ndarray, players: np.ndarray) -> np.ndarray:
    wide = np.zeros((len(masks), len(model.encoding.names)), bool)
    wide[:, players] = masks
    for place, source in code_columns(model.encoding).items():
        wide[:, place] = wide[:, source]
    return wide


def _evaluated(
    model: Described, table: np.ndarray, baselines: np.ndarray, backend: Backend, masks: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield numbers of rows, and f of every coalition: (rows, baselines, outputs, coalitions)."""
    count = len(baselines)
    step = max(1, ROWS // (len(masks) * count))
    params = [own for _, own in model.members]
    for start in range(0, len(table), step):
        rows = np.arange(start, min(start + step, len(table)))
        x = np.repeat(table[rows], count, axis=0)
        base = np.tile(baselines, (len(rows), 1))
        parts = [
            rows_decision(model.static, params, _mixed(model, x[some], base[some], masks, backend))
            for some in _slices(len(x), max(1, ROWS // len(masks)))
        ]
        values = np.concatenate(parts).reshape(len(rows), count, len(masks), model.outputs)
        yield rows, np.moveaxis(values, -1, -2)


def _slices(count: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, count, step)]


def _mixed(
    model: Described, x: np.ndarray, base: np.ndarray, masks: np.ndarray, backend: Backend
) -> Rows:
    """Return the rows of all coalitions; without projections each cell is located only once."""
    encoding, width = model.encoding, x.shape[1]

    def mixed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.where(masks, one[:, None], other[:, None]).reshape(-1, width)

    rows = Rows(encoding, mixed(x, base), backend)
    one, other = (None, None) if encoding.projections else (bins(encoding, x), bins(encoding, base))
    if one is not None and other is not None:
        rows.bins = one._replace(
            indices=mixed(one.indices, other.indices),
            fractions=mixed(one.fractions, other.fractions),
        )
    return rows


def _cube(values: np.ndarray) -> np.ndarray:
    """View (..., 2^p) as (..., 2, …, 2), the axis of each player in turn."""
    p = values.shape[-1].bit_length() - 1
    return values.reshape(*values.shape[:-1], *(2,) * p)


def _weights(p: int) -> np.ndarray:
    """Return |T|! (p − |T| − 1)! / p! of all coalitions T without one of p players: (2^(p−1),)."""
    sizes = _subsets(p - 1).sum(1)
    each = [1 / (p * math.comb(p - 1, size)) for size in range(p)]
    return np.array(each)[sizes]


def _differences(cube: np.ndarray) -> np.ndarray:
    """Return φ_j = Σ_T weight · (f(T ∪ j) − f(T)): (rows, outputs, 2, …, 2) -> (…, players)."""
    p = cube.ndim - 2
    gains = [np.diff(cube, axis=2 + j).reshape(*cube.shape[:2], -1) @ _weights(p) for j in range(p)]
    return np.stack(gains, -1) if gains else np.zeros((*cube.shape[:2], 0))


def _exact(values: np.ndarray) -> np.ndarray:
    """Values (rows, baselines, outputs, 2^p) -> contributions and errors (rows, outputs, p)."""
    found = _differences(_cube(values.mean(1)))
    return np.stack([found, np.zeros_like(found)])


def _orders(p: int, permutations: int, seed: int) -> np.ndarray:
    """Return orders of p players, the first half of them and then their reverses."""
    rng = np.random.default_rng(seed)
    half = np.stack([rng.permutation(p) for _ in range(max(2, (permutations + 1) // 2))])
    return np.concatenate([half, half[:, ::-1]])


def _ranks(orders: np.ndarray) -> np.ndarray:
    return np.argsort(orders, axis=1)


def _prefixes(orders: np.ndarray) -> np.ndarray:
    """Return the first 0, 1, …, p players of each order: (orders · (p + 1), p) bool."""
    p = orders.shape[1]
    return (_ranks(orders)[:, None] < np.arange(p + 1)[:, None]).reshape(-1, p)


class _Sampled:
    """Contributions from orders of the players, with the standard error of antithetic pairs."""

    def __init__(self, orders: np.ndarray) -> None:
        self.ranks = _ranks(orders)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """See `_exact`."""
        count, p = self.ranks.shape
        values = values.mean(1)
        gains = np.diff(values.reshape(*values.shape[:2], count, p + 1), axis=-1)
        each = np.take_along_axis(gains, np.broadcast_to(self.ranks, gains.shape), axis=-1)
        each = each.reshape(*values.shape[:2], 2, count // 2, p).mean(2)
        error = each.std(2, ddof=1) / math.sqrt(count // 2)
        return np.stack([each.mean(2), error])
