"""Panels beside ridge: ``python -m benchmarks.panels``.

Thirty units, each seen twelve times, have sizes of their own; predicted are rows of 2000 others.
eigcore knows the groups, ridge has its penalty chosen by folds of groups. Printed is the RMSE
of ridge, and those of eigcore as a part of it: with the tails that it chooses, with constant and
with linear ones; geometric means over the seeds, and the standard error of the first. Fails if the
mean of all is above 1, or a kind of panel is by more than two standard errors and 2 %.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eigcore.fit import fit

UNITS, SEEN, NEW = 30, 12, 2000
SIZES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=(n, 4)),
    "lognormal": lambda rng, n: rng.lognormal(size=(n, 4)),
    "uniform": lambda rng, n: rng.uniform(0.0, 3.4, (n, 4)),
    "Student's t, 3": lambda rng, n: rng.standard_t(3, size=(n, 4)) / 1.7,
    "one to five": lambda rng, n: rng.integers(1, 6, (n, 4)).astype(float),
}
TAILS = (None, "constant", "linear")


class Panel(NamedTuple):
    """Columns (rows, 4), target (rows,) and unit (rows,)."""

    x: np.ndarray
    y: np.ndarray
    unit: np.ndarray


def draw(
    sizes: str, bent: bool, effect: float, slopes: np.ndarray, units: int, rng: np.random.Generator
) -> Panel:
    """Draw a panel; effect: standard deviation of what is common to the rows of a unit."""
    unit = np.repeat(np.arange(units), SEEN)
    x = SIZES[sizes](rng, units)[unit]
    x[:, 2:] += 0.3 * rng.normal(size=(len(x), 2))  # the others are those of the unit
    own = x
    if bent:
        own = np.column_stack([np.abs(x[:, 0]), x[:, 1], np.sin(x[:, 2]) * x[:, 3], 0.0 * x[:, 3]])
    y = own @ slopes + effect * rng.normal(size=units)[unit] + 0.5 * rng.normal(size=len(x))
    return Panel(x, y, unit)


def ratios(known: Panel, new: Panel) -> tuple[float, list[float]]:
    """RMSE of ridge on new rows, and of eigcore as a part of it."""

    def error(predicted: np.ndarray) -> float:
        return float(np.sqrt(np.mean((predicted - new.y) ** 2)))

    settings = {"ridge__alpha": 10.0 ** np.arange(-3.0, 4.0, 0.5)}
    ridge = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        settings,
        cv=GroupKFold(5),
        scoring="neg_mean_squared_error",
    ).fit(known.x, known.y, groups=known.unit)
    base = error(ridge.predict(new.x))
    found = []
    for tails in TAILS:
        model = fit(known.x, known.y, groups=known.unit, validation=0, tails=tails).model
        found.append(error(np.asarray(model.predict(new.x))) / base)
    return base, found


def main() -> int:
    """Print the table; 1 if eigcore is worse than ridge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.panels", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| sizes | truth | effect of the unit | ridge | eigcore | ± | constant | linear |")
    print("|---|---|---|---|---|---|---|---|")
    every, failed = [], False
    for sizes in SIZES:
        for bent in (False, True):
            for effect in (0.2, 1.0):
                logs, bases = [], []
                for seed in range(options.seeds):
                    rng = np.random.default_rng([seed, len(every)])
                    slopes = rng.normal(size=4)
                    panels = [draw(sizes, bent, effect, slopes, n, rng) for n in (UNITS, NEW)]
                    base, found = ratios(*panels)
                    logs.append(np.log(found))
                    bases.append(base)
                mean, noise = np.mean(logs, 0), np.std(logs, 0, ddof=1)[0] / options.seeds**0.5
                failed |= bool(mean[0] > max(2.0 * noise, 0.02))
                every.append(mean)
                cells = [
                    sizes,
                    "bent" if bent else "straight",
                    f"{effect:g}",
                    f"{np.mean(bases):.2f}",
                ]
                told = [f"{each:.3f}" for each in np.exp(mean)]
                cells += [told[0], f"{noise:.3f}", *told[1:]]
                print(f"| {' | '.join(cells)} |", flush=True)
    total = np.exp(np.mean(every, 0))
    told = [f"**{each:.3f}**" for each in total]
    print(f"| **geometric mean** | | | | {told[0]} | | {told[1]} | {told[2]} |")
    return int(failed or total[0] > 1.0)


if __name__ == "__main__":
    sys.exit(main())
