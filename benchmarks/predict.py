"""Time of predictions beside boosted trees: ``python -m benchmarks.predict``.

All are fitted with their defaults on 85 % of a table, and predict its other rows, one of them, and
all of them repeated, on the same number of threads. Each time is the least of some; the rounds of
the models alternate. CatBoost and XGBoost take part where they are installed.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

ROUNDS, BATCH = 30, 30_000


def table(rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Eight columns, and a target like Friedman's first with noise."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(rows, 8))
    waves = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    return x, waves + 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=rows)


def read(path: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    """The numeric columns of a CSV file."""
    import pandas as pd

    frame = pd.read_csv(path)
    return frame.drop(columns=target).to_numpy(np.float64), frame[target].to_numpy(np.float64)


def models(x: np.ndarray, y: np.ndarray, threads: int) -> dict[str, Any]:
    """Fitted models by name."""
    from eigcore.estimators import SpectralRegressor

    found: dict[str, Any] = {"eigcore": SpectralRegressor(random_state=0)}
    if find_spec("catboost"):
        from catboost import CatBoostRegressor

        found["CatBoost"] = CatBoostRegressor(
            thread_count=threads, verbose=0, allow_writing_files=False
        )
    if find_spec("xgboost"):
        from xgboost import XGBRegressor

        found["XGBoost"] = XGBRegressor(n_jobs=threads)
    return {name: model.fit(x, y) for name, model in found.items()}


def least(calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of each call: the least of alternating rounds."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def main() -> None:
    """Print one row per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", help="a CSV file of numbers instead of generated data")
    parser.add_argument("--target", default="y")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    # read by the libraries when they load; threads that wait by spinning would slow the next model
    for name in ("OMP", "OPENBLAS", "EIGCORE"):
        os.environ[f"{name}_NUM_THREADS"] = str(options.threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"
    import eigcore

    x, y = read(options.table, options.target) if options.table else table()
    test = np.random.default_rng(1).random(len(y)) < 0.15
    fitted = models(x[~test], y[~test], options.threads)
    rows, one = x[test], x[test][:1]
    many = np.resize(rows, (BATCH, rows.shape[1]))
    model = fitted["eigcore"].model_
    calls = {name: each.predict for name, each in fitted.items()}
    if "CatBoost" in calls:
        calls["CatBoost"] = partial(calls["CatBoost"], thread_count=options.threads)
    calls = {"eigcore, model.predict": model.predict} | calls
    batch = least({name: (lambda f=f: f(many)) for name, f in calls.items()})
    single = least({name: (lambda f=f: f(one)) for name, f in calls.items()}, 20 * ROUNDS)
    with eigcore.trace() as log:
        model.predict(one)
    orders = sorted({spec.dim for spec, _ in model.members})
    print(f"{len(model.members)} members of order {orders}; driver {log[0].driver}\n")
    print("| predict | µs a row, batch | one row, µs | RMSE |\n|---|---|---|---|")
    for name, call in calls.items():
        error = float(np.sqrt(np.mean((call(rows) - y[test]) ** 2)))
        times = f"{1e6 * batch[name] / BATCH:.2f} | {1e6 * single[name]:.0f}"
        print(f"| {name} | {times} | {error:.4g} |")


if __name__ == "__main__":
    main()
