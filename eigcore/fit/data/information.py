"""How much some rows can tell: the number from which folds, candidates and penalties follow.

Rows alone mislead. Of 3000 rows with 92 bad cases, the error of a coefficient is about that of 92
rows (Harrell, "Regression Modeling Strategies", 2015, section 4.4: the limiting sample size).
"""

from __future__ import annotations

import numpy as np


def effective(masses: np.ndarray | None, rows: int) -> float:
    """Return (Σm)²/Σm² of the masses (rows,), from 0 to the number of rows; None: all equal.

    As many equal masses have the same variance of their weighted mean (Kish, "Survey Sampling",
    1965, section 11.7).
    """
    if masses is None:
        return float(rows)
    most = float(masses.max(initial=0.0))
    if most <= 0.0:
        return 0.0
    share = masses / most  # no square overflows
    return float(share.sum()) ** 2 / float(np.square(share).sum())


def thinned(
    strata: np.ndarray | None, rows: int, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Choose about ``most`` of some rows; small strata stay whole.

    Parameters
    ----------
    strata : (rows,) int ≥ 0, such as the class; None: all rows are alike

    Returns
    -------
    chosen : (n,) row numbers, sorted
    factors : (n,) rows of the stratum per chosen one, as factors of their weights, which keep
        weighted means unbiased (Horvitz & Thompson 1952; for rare events: Fithian & Hastie, "Local
        case-control sampling", Ann. Statist. 2014); None: all rows, or no strata
    """
    if rows <= most:
        return np.arange(rows), None
    mixed = rng.permutation(rows)
    if strata is None:
        return np.sort(mixed[:most]), None
    counts, left, taken = np.bincount(strata), most, {}
    order = np.argsort(counts, kind="stable")
    for place, stratum in enumerate(order):
        taken[int(stratum)] = min(int(counts[stratum]), left // (len(order) - place))
        left -= taken[int(stratum)]
    groups = {stratum: mixed[strata[mixed] == stratum] for stratum in taken}
    chosen = np.sort(np.concatenate([groups[each][:count] for each, count in taken.items()]))
    per_row = counts / np.maximum([taken[stratum] for stratum in range(len(counts))], 1)
    return chosen, per_row[strata[chosen]]
