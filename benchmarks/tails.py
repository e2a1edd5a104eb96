"""Make the table of tails on one set: ``python -m benchmarks.tails --help``.

Each split is fitted with the tails that are chosen, with constant and with linear ones; the linear
model is scikit-learn's.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks.accuracy.data import Part, parts

HERE = Path(__file__).resolve()


def rmse(predicted: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - wanted) ** 2)))


def line(part: Part) -> tuple[int, int, float, list[float]]:
    """Test rows, those outside, their part of the squared error with constant tails; four errors.

    The errors are those of chosen, constant and linear tails, and of the linear model.
    """
    from sklearn.linear_model import LinearRegression

    from eigcore.estimators import SpectralRegressor
    from eigcore.fit.edges import outside

    own, stays, goes = (
        SpectralRegressor(tails=tails).fit(part.train, part.known)
        for tails in (None, "constant", "linear")
    )
    model = stays.model_
    beyond = outside(model.encoding, model.encoding.table(part.test)).any(axis=1)
    predicted = stays.predict(part.test)
    off = (predicted - part.wanted) ** 2
    plain = LinearRegression().fit(part.train, part.known).predict(part.test)
    errors = [
        rmse(each, part.wanted)
        for each in (own.predict(part.test), predicted, goes.predict(part.test), plain)
    ]
    return len(off), int(beyond.sum()), float(off[beyond].sum() / off.sum()), errors


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tails", description=__doc__)
    parser.add_argument("--set", default="stoned_electricity", help="name of a set of numbers")
    data = HERE.parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=data, help="folder of the sets")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "| split | test rows outside | their part of the error, constant | chosen | constant "
        "| linear | linear model |"
    )
    print("|---|---|---|---|---|---|---|")
    found = []
    for part in parts(options.data, options.set):
        rows, count, share, errors = line(part)
        found.append(errors)
        told = " | ".join(f"{each:.0f}" for each in errors)
        print(f"| {part.split} | {count} of {rows} | {100 * share:.0f} % | {told} |", flush=True)
    means = np.exp(np.mean(np.log(found), axis=0))
    print(f"| geometric mean | | | {' | '.join(f'{each:.0f}' for each in means)} |")


if __name__ == "__main__":
    main()
