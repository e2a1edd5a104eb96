"""Ensemble selection: choose candidates greedily, with replacement, on resampled rows.

Source: Caruana, Niculescu-Mizil, Crew & Ksikes, "Ensemble selection from libraries of models",
ICML 2004. An average of neurons with non-negative weights keeps every certificate.
"""

from __future__ import annotations

import numpy as np

from eigcore.fit.data.information import thinned
from eigcore.fit.losses import Loss, Targets

_BAGS, _PICKS = 20, 8
_MOST_ROWS = 4000
_BY_CHANCE = 2.0
"""c of `shrunken`: three quarters are trusted at two standard errors."""


def shares(
    loss: Loss, values: np.ndarray, targets: Targets, rng: np.random.Generator
) -> np.ndarray:
    """Parts (candidates,) of an average with a low loss; they sum to 1.

    Parameters
    ----------
    values : (candidates, N) or (candidates, N, outputs), decisions on rows that were not fitted
    targets : targets of these N rows

    Notes
    -----
    Each bag draws N rows with replacement, by their weights. Eight times, it adds the candidate
    that improves its average most. This way, no few rows decide alone.
    """
    kinds = loss.strata(targets.target)
    rows, factors = thinned(kinds, values.shape[1], _MOST_ROWS, rng)
    values, (target, weights, offset) = values[:, rows], targets.part(rows)
    if factors is not None:
        weights = factors if weights is None else factors * weights
    odds = None if weights is None else weights / weights.sum()
    counts, known = np.zeros(len(values)), Targets(target, None, offset)
    for _ in range(_BAGS):
        drawn = np.bincount(rng.choice(len(rows), len(rows), p=odds), minlength=len(rows))
        own = np.flatnonzero(drawn)
        each, joined = values[:, own], Targets.joined([known.part(own)] * len(values))
        total = np.zeros_like(each[0])
        for size in range(1, _PICKS + 1):
            best = int(np.argmin(_sums(loss, (total + each) / size, joined, drawn[own])))
            counts[best] += 1.0
            total = total + each[best]
    return counts / counts.sum()


def _sums(loss: Loss, values: np.ndarray, joined: Targets, counts: np.ndarray) -> np.ndarray:
    """Sums of losses (candidates,) over rows that count several times: counts (N,).

    joined : targets of the rows (candidates · N,), once for each candidate
    """
    flat = joined.moved(values.reshape(-1, *values.shape[2:]))
    with np.errstate(over="ignore", invalid="ignore"):  # as in `Loss`: the loss is infinite
        each = loss.rows(flat, joined.target)[0].reshape(len(values), -1)
    return (each * counts).sum(1)


def gain(
    loss: Loss,
    values: np.ndarray,
    other: np.ndarray,
    targets: Targets,
    clusters: np.ndarray | None = None,
) -> float:
    """Standard errors by which the mean loss of ``values`` is below that of ``other``.

    If a single row of a heavy tail makes the whole difference, the gain is one standard error. Of
    rates, the standard error is at least the one they would have if ``other`` were right: few
    events may happen to lie where they make the difference look steady.

    Parameters
    ----------
    clusters : (rows,) int, rows whose errors are not independent; None: all are. The variance of
        the mean is then Σ_c (Σ_{i∈c} w_i (e_i − ē))² / (Σw)² (Liang & Zeger, Biometrika 1986)
    """
    target, weights, _ = targets
    before, after = (loss.rows(targets.moved(v), target)[0] for v in (other, values))
    each = before - after
    mean = np.average(each, weights=weights)
    if clusters is None:
        seen = np.average((each - mean) ** 2, weights=weights)
        variance = max(seen, _expected(loss, values, other, targets)) / len(each)
    else:
        own = np.ones(len(each)) if weights is None else weights
        variance = (np.bincount(clusters, own * (each - mean)) ** 2).sum() / own.sum() ** 2
    return float(mean / max(np.sqrt(variance), np.finfo(np.float64).tiny))


def shrunken(gain: float) -> float:
    """Part of an average that is trusted beside a linear model: 1 − (c/g²)², at least 0.

    Were there nothing to gain, g² would be c on average, which is 1 for one candidate and more for
    the best of many. Stein's rule would keep 1 − c/g² (its positive part; Efron & Morris, "Stein's
    estimation rule and its competitors", J. Am. Stat. Assoc. 1973). The square dilutes a gain of
    three standard errors hardly, which paid on generated tables.
    """
    return max(0.0, 1.0 - (_BY_CHANCE / gain / gain) ** 2) if gain > _BY_CHANCE**0.5 else 0.0


def _expected(loss: Loss, values: np.ndarray, other: np.ndarray, targets: Targets) -> float:
    """Variance of a row's difference in loss if its target varies around the mean of ``other``.

    Var d = E Var(d | x) + Var E(d | x), where d is linear in the target, and its variance has the
    factor that these targets show; 0 where the loss knows no variance.
    """
    own, wanted = targets.moved(values), targets.moved(other)
    known = loss.moments(wanted)
    if known is None:
        return 0.0
    center, spread = known

    def apart(target: np.ndarray) -> np.ndarray:
        return loss.rows(wanted, target)[0] - loss.rows(own, target)[0]

    def mean(each: np.ndarray) -> float:
        return float(np.average(each, weights=targets.weights))

    with np.errstate(over="ignore", invalid="ignore"):
        factor = mean((targets.target - center) ** 2) / mean(spread)
        even = apart(center)
        inside = factor * mean(spread * (apart(center + 1.0) - even) ** 2)
        found = inside + mean((even - mean(even)) ** 2)
    return found if np.isfinite(found) else 0.0


def sequence(parts: np.ndarray, count: int) -> list[int]:
    """Order candidates so that each beginning of the list nearly has the parts (candidates,)."""
    taken = np.zeros(len(parts))
    order = []
    for size in range(1, count + 1):
        order.append(int(np.argmax(parts * size - taken)))
        taken[order[-1]] += 1.0
    return order
