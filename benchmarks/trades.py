"""The gallery beside further tools of each trade: ``python -m benchmarks.trades``.

Each page of docs/gallery runs as it stands; then optbinning (credit), glum (pricing) and cvxpy
(engineering) get the same rows, where they are installed: ``pip install optbinning glum cvxpy``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import runpy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GALLERY = Path(__file__).resolve().parents[1] / "docs" / "gallery"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trades", description=__doc__)
    parser.add_argument("trades", nargs="*", default=list(TRADES), help=", ".join(TRADES))
    os.environ.setdefault("MPLBACKEND", "agg")
    warnings.simplefilter("ignore")
    for name in parser.parse_args().trades:
        with contextlib.redirect_stdout(io.StringIO()):
            page = runpy.run_path(str(GALLERY / f"{name}.py"))
        try:
            TRADES[name](page)
        except ImportError as exc:
            print(f"{name}: {exc.name} is not installed. Type: pip install {exc.name}")


def credit(page: dict[str, Any]) -> None:
    """optbinning: optimal bins with declared directions, and a logistic scorecard over them."""
    from optbinning import BinningProcess  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table, outcome, fitted = page["table"], page["outcome"], page["fitted"]
    better, worse = page["better"]["increasing"], page["worse"]["decreasing"]
    # optbinning speaks of the rate of bad outcomes
    trends = dict.fromkeys(better, "descending") | dict.fromkeys(worse, "ascending")
    fits = {name: {"monotonic_trend": trend} for name, trend in trends.items()}
    for name, special in page["codes"].items():
        fits[name]["special_codes"] = special
    bins = BinningProcess(list(table), binning_fit_params=fits)
    model = make_pipeline(bins, LogisticRegression(C=1e6))
    model.fit(table.iloc[fitted], (outcome[fitted] == "bad").astype(int))

    def predict(rows: Any) -> np.ndarray:
        return model.predict_proba(rows)[:, 0]

    scores = page["probability"] | {"optbinning": predict(table.iloc[page["new"]])}
    print(
        "| credit | AUC | KS | log loss | Brier | slope | punished |\n|---|---|---|---|---|---|---|"
    )
    punished = page["shares"] | {"optbinning": page["punished"](predict)}
    for name, p in scores.items():
        false, true, _ = page["roc_curve"](page["good"], p)
        numbers = (
            page["roc_auc_score"](page["good"], p),
            np.max(true - false),
            page["log_loss"](page["good"], p),
            page["brier_score_loss"](page["good"], p),
            page["slope"](p),
        )
        cells = [f"{each:.4f}" for each in numbers]
        print(f"| {name} | {' | '.join(cells)} | {punished[name]:.1%} |")


def pricing(page: dict[str, Any]) -> None:
    """glum: the same bands and log links, penalties by cross-validation."""
    import glum  # pyright: ignore[reportMissingImports]
    import pandas as pd

    fitted, new, claimed = page["fitted"], page["new"], page["claimed"]

    def inputs(rows: Any) -> Any:
        bands: Any = pd.cut(rows.age, [0, 21, 25, 30, 40, 60, 100])
        bands = bands.astype(str).astype("category")
        others = rows[["power", "car_age", "bonus"]]
        return others.assign(band=bands, region=rows.region.astype("category"))

    def fit(rows: Any, target: Any, weights: Any, family: str) -> Any:
        model = glum.GeneralizedLinearRegressorCV(
            family=family, link="log", l1_ratio=0.0, scale_predictors=True
        )
        return model.fit(inputs(rows), target, sample_weight=weights)

    counts = fit(fitted, fitted.claims / fitted.years, fitted.years, "poisson")
    costs = fit(claimed, claimed.amount / claimed.claims, claimed.claims, "gamma")
    found = page["found"].copy()
    found.insert(2, "glum", counts.predict(inputs(new)) * costs.predict(inputs(new)))
    print("| pricing | Gini | deviance | observed/expected | error |\n|---|---|---|---|---|")
    for name, premium in found.items():
        ratio = new.amount.sum() / (premium * new.years).sum()
        error = np.average(np.abs(premium / found.truth - 1), weights=new.years)
        gini, deviance = page["gini"](premium), page["deviance"](premium)
        print(f"| {name} | {gini:.4f} | {deviance:.3f} | {ratio:.3f} | {error:.1%} |")


def engineering(page: dict[str, Any]) -> None:
    """cvxpy: convex nonparametric least squares, increasing (Kuosmanen 2008; all columns convex).

    min Σ (y_i − f_i)² + ρ Σ‖b_i‖² over values f_i and slopes b_i ≥ 0 with
    f_j ≥ f_i + b_iᵀ(x_j − x_i). Without ρ the outermost planes are nearly vertical; the rows that
    calibrate bands choose it.
    """
    import cvxpy as cp  # pyright: ignore[reportMissingImports]

    def array(table: Any) -> np.ndarray:
        return np.column_stack([table[name] for name in page["rising"]])

    x = array(page["table"])
    values, slopes = cp.Variable(len(x)), cp.Variable(x.shape, nonneg=True)
    below = [values >= values[i] + (x - x[i]) @ slopes[i] for i in range(len(x))]
    ridge = cp.Parameter(nonneg=True)
    cost = cp.sum_squares(page["fuel"] - values) + ridge * cp.sum_squares(slopes)
    problem, planes = cp.Problem(cp.Minimize(cost), below), []
    for ridge.value in (0.001, 0.01, 0.1, 1.0):
        problem.solve(solver=cp.CLARABEL)
        heights = values.value - np.einsum("ij,ij->i", x, slopes.value)
        planes.append((slopes.value.T.copy(), heights))

    def predict(table: Any, own: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return (array(table) @ own[0] + own[1]).max(axis=1)

    def judged(own: tuple[np.ndarray, np.ndarray]) -> float:
        return float(np.mean((predict(page["kept"], own) - page["kept_fuel"]) ** 2))

    best = min(planes, key=judged)
    print("| engineering | RMSE | RMSE to the truth | mean error |\n|---|---|---|---|")
    new, truth = page["new"], page["fuel_of"](page["new"])
    for name, p in (page["predicted"] | {"cvxpy": predict(new, best)}).items():
        rmse = np.sqrt(np.mean((p - page["new_fuel"]) ** 2))
        true = np.sqrt(np.mean((p - truth) ** 2))
        print(f"| {name} | {rmse:.3f} | {true:.3f} | {np.mean(p - truth):.3f} |")


TRADES: dict[str, Callable[[dict[str, Any]], None]] = {
    "credit": credit,
    "pricing": pricing,
    "engineering": engineering,
}


if __name__ == "__main__":
    main()
