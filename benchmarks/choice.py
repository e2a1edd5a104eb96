"""Chosen settings beside tuned peers on generated tables: ``python -m benchmarks.choice``.

Each table has eight columns, four of which matter, in a straight or in a bent way. Printed are
losses on 20 000 new rows: 0 is that of the truth, 100 that of a constant. Ridge, logistic
regression and glum (scikit-learn without it) choose their penalties by cross-validation, LightGBM
the number of its trees. The last columns are the mean excess of eigcore over the linear model, its
standard error over the seeds, and the one over the other. Fails if all straight tables together are
worse by more than two standard errors.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, RidgeCV
from sklearn.model_selection import GridSearchCV

from eigcore.fit import fit
from eigcore.fit.losses import LOSSES, Targets

COLUMNS, NEW_ROWS = 8, 20_000
STRENGTH = {"squared": 1.5, "logistic": 1.5, "poisson": 1.0, "gamma": 0.5}
SLOPES = np.array([0.6, -0.5, 0.4, 0.3])
STRENGTHS = 10.0 ** np.arange(-4.0, 3.1, 0.5)
"""Penalties of the peers."""
Predict = Callable[[np.ndarray], np.ndarray]
"""From columns to decisions: means, log-odds or logarithms of means."""


class Case(NamedTuple):
    """Generated tables: loss, event rate or claims per row, rows, truth.

    Of numbers the rate is the noise, of amounts (gamma) the variance over the squared mean.
    """

    loss: str
    rate: float
    rows: int
    bent: bool


QUICK = (
    *(Case("squared", 1.0, rows, bent) for rows in (200, 3000) for bent in (False, True)),
    *(Case("logistic", 0.03, 3000, bent) for bent in (False, True)),
    *(Case("logistic", 0.5, rows, bent) for rows in (200, 3000) for bent in (False, True)),
    *(Case("poisson", 0.15, 3500, bent) for bent in (False, True)),
)
AMOUNTS = tuple(
    Case("gamma", 0.6, rows, bent) for rows in (200, 350, 1000, 3000) for bent in (False, True)
)
RATES, ROWS = (0.005, 0.02, 0.1, 0.5), (200, 1000, 5000, 50_000)
FEWEST_EVENTS = 10


def every() -> Iterator[Case]:
    """All cases: at least ten events each."""
    for rows in ROWS:
        for bent in (False, True):
            yield Case("squared", 1.0, rows, bent)
            for rate in RATES:
                if rate * rows >= FEWEST_EVENTS:
                    yield Case("logistic", rate, rows, bent)
                    yield Case("poisson", rate, rows, bent)
    yield from AMOUNTS


class Sample(NamedTuple):
    """Columns (rows, 8), target (rows,) and true decisions (rows,)."""

    x: np.ndarray
    y: np.ndarray
    truth: np.ndarray


Model = Callable[[Case, Sample], Predict]


def draw(case: Case, rows: int, rng: np.random.Generator) -> Sample:
    """Draw some rows of a case."""
    x = rng.normal(size=(rows, COLUMNS))
    own = x[:, :4]
    if case.bent:
        own = np.column_stack(
            [np.abs(x[:, 0]) - 0.8, np.sin(2.0 * x[:, 1]), x[:, 2] * x[:, 3], x[:, 3]]
        )
    truth = STRENGTH[case.loss] * own @ SLOPES
    if case.loss == "squared":
        return Sample(x, truth + case.rate * rng.normal(size=rows), truth)
    if case.loss == "gamma":
        return Sample(x, rng.gamma(1.0 / case.rate, case.rate * np.exp(truth)), truth)
    if case.loss == "poisson":
        truth = truth + np.log(case.rate) - 0.4
        return Sample(x, rng.poisson(np.exp(truth)).astype(float), truth)
    truth = truth + _level(case.rate, case.bent)
    return Sample(x, (rng.random(rows) < expit(truth)).astype(float), truth)


@functools.cache
def _level(rate: float, bent: bool) -> float:
    """Log-odds to add for an event rate."""
    truth = draw(Case("squared", 0.0, 0, bent), 4000, np.random.default_rng(99)).truth
    levels = np.linspace(-15.0, 15.0, 3001)
    return float(levels[np.searchsorted([expit(truth + each).mean() for each in levels], rate)])


def eigcore(case: Case, known: Sample) -> Predict:
    """The default of `eigcore.fit.fit`."""
    return fit(known.x, known.y, loss=case.loss, validation=0).model.decision


def linear(case: Case, known: Sample) -> Predict:
    """A linear model whose penalty is chosen by cross-validation."""
    if case.loss == "squared":
        return RidgeCV(STRENGTHS).fit(known.x, known.y).predict
    if case.loss == "logistic":
        made = LogisticRegression(max_iter=500)
        return _tuned(made, known, "neg_log_loss", C=1.0 / STRENGTHS[::-1]).decision_function
    strengths = STRENGTHS / len(known.y) * 10.0
    try:
        from glum import GeneralizedLinearRegressorCV  # pyright: ignore[reportMissingImports]

        glm = GeneralizedLinearRegressorCV(family=case.loss, alphas=strengths, l1_ratio=0.0)
        made = glm.fit(known.x, known.y)
    except ImportError:
        model = {"poisson": PoissonRegressor, "gamma": GammaRegressor}[case.loss]
        made = _tuned(model(max_iter=500), known, None, alpha=strengths)
    return lambda x: np.log(made.predict(x))


def _tuned(model: Any, known: Sample, scoring: str | None, **settings: np.ndarray) -> Any:
    return GridSearchCV(model, settings, scoring=scoring).fit(known.x, known.y)


def lightgbm(case: Case, known: Sample) -> Predict:
    """Trees of fifteen leaves, their number by cross-validation."""
    import lightgbm as lgb  # pyright: ignore[reportMissingImports]

    objective = {"squared": "regression", "logistic": "binary"}.get(case.loss, case.loss)
    settings = {
        "objective": objective, "num_leaves": 15, "learning_rate": 0.05, "verbose": -1,
        "num_threads": 1, "seed": 0, "min_data_in_leaf": min(20, len(known.y) // 20),
    }  # fmt: skip
    found = lgb.cv(
        settings,
        lgb.Dataset(known.x, known.y),
        500,
        nfold=5,
        stratified=case.loss == "logistic",
        callbacks=[lgb.early_stopping(30, verbose=False)],
    )
    rounds = max(1, len(next(iter(found.values()))))
    model = lgb.train(settings, lgb.Dataset(known.x, known.y), rounds)
    return lambda x: np.asarray(model.predict(x, raw_score=True))


def measure(case: Case, seed: int, models: dict[str, Model]) -> dict[str, Any]:
    """Fit the models to one table; their losses on new rows, and processor seconds."""
    rng = np.random.default_rng([seed, case.rows, int(1000 * case.rate), case.bent])
    known, new = draw(case, case.rows, rng), draw(case, NEW_ROWS, rng)
    loss = LOSSES[case.loss]

    def mean(decisions: Any) -> float:
        return float(loss.rows(np.broadcast_to(decisions, NEW_ROWS), new.y)[0].mean())

    least, most = mean(new.truth), mean(loss.constant(Targets(new.y)))
    record: dict[str, Any] = {"case": case._asdict(), "seed": seed, "events": float(known.y.sum())}
    for name, model in models.items():
        begun = time.process_time()
        decide = model(case, known)
        seconds = time.process_time() - begun
        excess = 100.0 * (mean(decide(new.x)) - least) / (most - least)
        record[name] = {"excess": excess, "seconds": seconds}
    return record


def told(case: Case, records: list[dict[str, Any]], models: dict[str, Model]) -> str:
    """Row of the table: means over the seeds."""
    means = [np.mean([each[name]["excess"] for each in records]) for name in models]
    seconds = np.mean([each["eigcore"]["seconds"] for each in records])
    apart = [each["eigcore"]["excess"] - each["linear"]["excess"] for each in records]
    noise = float(np.std(apart, ddof=1) / len(apart) ** 0.5) if len(apart) > 1 else 0.0
    cells = [
        case.loss,
        f"{case.rate:g}",
        case.rows,
        f"{np.mean([each['events'] for each in records]):.0f}"
        if case.loss in ("logistic", "poisson")
        else "",
        "bent" if case.bent else "straight",
        *(f"{mean:.1f}" for mean in means),
        f"{seconds:.1f}",
        f"{np.mean(apart):+.1f}",
        *((f"{noise:.1f}", f"{np.mean(apart) / noise:+.1f}") if noise else ("", "")),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Print the table; 1 if eigcore is worse than a linear model where the truth is linear."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="all rates and rows; hours")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--losses", nargs="*", help="only cases with these losses")
    parser.add_argument("--rows", nargs="*", type=int, help="only cases with so many rows")
    parser.add_argument("--results", type=Path, help="file to which each result is added")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    models: dict[str, Model] = {"eigcore": eigcore, "linear": linear}
    if importlib.util.find_spec("lightgbm"):
        models["LightGBM"] = lightgbm
    heads = ["loss", "rate", "rows", "events", "truth", *models, "seconds"]
    heads += ["over linear", "±", "in ±"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    apart = []
    for case in every() if options.all else QUICK:
        if case.loss not in (options.losses or [case.loss]):
            continue
        if case.rows not in (options.rows or [case.rows]):
            continue
        records = [measure(case, seed, models) for seed in range(options.seeds)]
        print(told(case, records, models), flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.writelines(json.dumps(each) + "\n" for each in records)
        if not case.bent:
            apart += [each["eigcore"]["excess"] - each["linear"]["excess"] for each in records]
    mean, error = np.mean(apart), np.std(apart, ddof=1) / len(apart) ** 0.5
    print(f"\nStraight tables: {mean:+.2f} over the linear model, standard error {error:.2f}.")
    return int(mean > 2.0 * error)


if __name__ == "__main__":
    sys.exit(main())
