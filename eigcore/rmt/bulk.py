"""The test of a bulk: whether Σ λᵢ, Σ λᵢ² and Σ log λᵢ lie where the law puts them.

Their limit is Gaussian (`fluctuations`), but the part of Σ log λᵢ that the other two do not explain
has heavier tails in small matrices. There the p-value comes from simulated matrices.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.stats

from eigcore.errors import NotSupported
from eigcore.rmt.fluctuations import Fluctuation, Population, linear_statistics, population_of
from eigcore.rmt.law import Law

STATISTICS = {
    "mean": (lambda x: x, lambda x: x),
    "mean square": (lambda x: x**2, lambda x: 2 * x**2),
    "log determinant": (np.log, lambda x: 1.0 + 0 * x),
}
"""f of a linear statistic Σ f(λᵢ), and x f′(x)."""
SMALL, DRAWS, BLOCK = 64, 4000, 2**18
"""Order up to which matrices are simulated, their number, and numbers of them held at once."""
SHARE = 0.15
"""Standard deviations by which outliers may shift Σ λᵢ to second order; with more, no test."""


class Bulk(NamedTuple):
    """The test of the bulk.

    z : the standardised linear statistics, by name;  p_value : of all together
    draws : number of simulated matrices of which p_value is a share; 0 if it comes from the limit
    """

    z: dict[str, float]
    p_value: float
    draws: int = 0

    @property
    def told(self) -> str:
        """The p-value in words; "at most" if no simulated matrix was as far off."""
        most = self.draws and self.p_value * (self.draws + 1) < 1.5
        return f"{'at most ' * bool(most)}{self.p_value:.3g}"


def tested(found: Any) -> Bulk | str:
    """Return the test of an `Overlay`'s bulk, or the reason why there is none."""
    if found.fitted not in ("", "scale"):
        return "more than the law's scale was fitted to it"
    try:
        model = population_of(found.law)
    except NotSupported:
        return f"its fluctuation is not known for the {found.law.name}"
    if found.standardised and len(model.t) > 1:
        return "its fluctuation is known for correlation matrices of independent columns only"
    out, order = np.array([each.value for each in found.outliers]), len(found.eigenvalues)
    # k large eigenvalues leave (p − k)(n − k)/n for Σ λᵢ; k²/n is of second order
    if 2 * len(out) > order or len(out) ** 2 * np.sqrt(model.c / 2) / order > SHARE:
        return f"{len(out)} outliers among {order} eigenvalues leave no bulk of this law"
    return _tested(found, model, out)


def _tested(found: Any, model: Population, out: np.ndarray) -> Bulk:
    inside = found.eigenvalues[~np.isin(found.eigenvalues, out)]
    positive = found.edges[0].place > 0 and inside.min() > 0 and model.c < 1 and model.t[0] > 0
    names = [name for name in STATISTICS if positive or name != "log determinant"]
    limit = _limit(found.law, len(found.eigenvalues), tuple(names), tuple(out.tolist()))
    covariance, slopes = limit.covariance[::2, ::2], limit.centre[1::2]
    expected = limit.centre[::2] + limit.mean[::2]
    if found.standardised:
        # tr R = p; E tr R² = p + p (p − 1)/n; log|R| = log|S| − Σ log Sᵢᵢ, Var Sᵢᵢ = 2/n
        expected = expected + np.array([0.0, -2 * model.c * model.t[0] ** 2, model.c])[: len(names)]
    gap = np.array([STATISTICS[name][0](inside).sum() for name in names]) - expected
    free, z = np.eye(len(names)), {}
    if found.fitted == "scale" or found.standardised:
        # of a fitted scale: combinations that a change of the scale does not move to first order
        free = scipy.linalg.null_space(slopes[None, :]).T
    else:
        z = dict(zip(names, (gap / np.sqrt(np.diag(covariance))).tolist(), strict=True))
    weight = free.T @ np.linalg.inv(free @ covariance @ free.T) @ free
    square = float(gap @ weight @ gap)
    if len(found.eigenvalues) > SMALL:
        return Bulk(z, float(scipy.stats.chi2.sf(square, len(free))))
    own = _simulated(*_exact(model), len(found.eigenvalues), found.standardised)[:, : len(names)]
    if len(out):
        usual = _limit(found.law, len(found.eigenvalues), tuple(names))
        expected = expected + (usual.centre - limit.centre)[::2]
    apart = own - expected
    farther = np.einsum("ij,jk,ik->i", apart, weight, apart) >= square
    return Bulk(z, float(1 + farther.sum()) / (1 + DRAWS), DRAWS)


def _exact(model: Population) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    return tuple(model.t.tolist()), tuple(model.shares.tolist()), model.c


@lru_cache(maxsize=8)
def _limit(
    law: Law, order: int, names: tuple[str, ...], outliers: tuple[float, ...] = ()
) -> Fluctuation:
    """Return the limit of f and x f′ of each statistic, in turns."""
    pairs = [STATISTICS[name] for name in names]
    return linear_statistics(law, [f for pair in pairs for f in pair], order, outliers)


@lru_cache(maxsize=32)
def _simulated(
    t: tuple[float, ...], shares: tuple[float, ...], c: float, order: int, standardised: bool
) -> np.ndarray:
    """Return the statistics of simulated matrices: (DRAWS, 3).

    With Bartlett's decomposition: Z Zᵀ = L Lᵀ with L lower triangular, normal below the diagonal
    and √χ² with n, n − 1, … degrees of freedom on it.
    """
    middle = (np.arange(order) + 0.5) / order
    places = np.minimum(np.searchsorted(np.cumsum(shares), middle), len(t) - 1)
    n, rng = max(1, round(order / c)), np.random.default_rng(0)
    width, found = min(n, order), []
    root, i = np.sqrt(np.array(t)[places] / n)[:, None], np.arange(min(n, order))
    for count in _blocks(DRAWS, BLOCK // (order * width) + 1):
        L = np.tril(rng.normal(size=(count, order, width)), -1)
        L[:, i, i] = np.sqrt(rng.chisquare(n - i, size=(count, width)))
        L *= root
        if standardised:
            L /= np.linalg.norm(L, axis=-1, keepdims=True)
        gram = L.transpose(0, 2, 1) @ L
        with np.errstate(divide="ignore"):
            log = 2 * np.log(L[:, i, i]).sum(-1)
        square = (gram**2).sum((1, 2))
        found.append(np.stack([gram.trace(axis1=1, axis2=2), square, log], axis=-1))
    return np.concatenate(found)


def _blocks(total: int, most: int) -> list[int]:
    """Return sizes of blocks that add up to a total."""
    return [min(most, total - at) for at in range(0, total, most)]
