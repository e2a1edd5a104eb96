"""Processor seconds of fits beside CatBoost's defaults: ``python -m benchmarks.fit_time --help``.

Both fit the first split of each set of the accuracy table, one after the other, on as many
threads, and look at the test part once. The set "wide" is generated: 276 columns, 37 600 rows. Each
has fitted a few rows before, so that its code is loaded. With ``--budget``, eigcore gets the
seconds that CatBoost took just before.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
_FEW = 100
"""Rows of the first fits, which load the code."""
HEAD = "| set | rows, columns | eigcore s | CatBoost s | ratio | error | CatBoost's | ratio |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_time", description=__doc__)
    add = parser.add_argument
    add("--sets", nargs="+", help="names of sets, or wide (default: all of the table)")
    add("--rows", type=int, default=47_000, help="of the set wide, with its test part")
    add("--threads", type=int, default=1, help="for both (default: 1)")
    add("--repeats", type=int, default=1, help="fits of each; the fastest counts (default: 1)")
    add("--budget", action="store_true", help="give eigcore CatBoost's seconds")
    add("--knots", type=int, help="fixed for eigcore (default: chosen)")
    add("--dim", type=int, help="fixed for eigcore (default: chosen)")
    add("--n-estimators", type=int, help="fixed for eigcore (default: the usual number)")
    add("--data", type=Path, default=HERE.parents[2] / "shared" / "data", help="folder of the sets")
    options = parser.parse_args()
    for name in ("OMP", "OPENBLAS", "MKL", "EIGCORE"):  # read by the libraries when they load
        os.environ[f"{name}_NUM_THREADS"] = str(options.threads)
    from benchmarks.accuracy.data import SETS, parts
    from benchmarks.accuracy.generated import NAME, wide

    called: Any = importlib.import_module("eigcore.fit.train")
    called.Context = partial(called.Context, clock=time.process_time)
    fixed = {name: getattr(options, name) for name in ("knots", "dim", "n_estimators")}
    fixed = {name: value for name, value in fixed.items() if value is not None}
    print(f"{HEAD}\n{'|---' * 8}|")
    ratios = []
    for name in options.sets or SETS:
        made = name == NAME
        part = wide(options.rows) if made else next(parts(options.data, name, 1))
        if not ratios:
            few = replace(part, train=part.train[:_FEW], known=part.known[:_FEW])
            _eigcore(few, None, fixed)
            _catboost(few)
        runs = []
        for _ in range(options.repeats):
            other = _catboost(part)
            runs.append((_eigcore(part, other[0] if options.budget else None, fixed), other))
        own, other = map(min, zip(*runs, strict=True))
        ratios.append((own[0] / other[0], own[1] / other[1]))
        shape = "{}, {}".format(*part.train.shape)
        figures = (own[0], other[0], ratios[-1][0], own[1], other[1], ratios[-1][1])
        print(
            f"| {name} | {shape} |", " | ".join(f"{each:.3g}" for each in figures), "|", flush=True
        )
    means = [math.exp(sum(map(math.log, each)) / len(each)) for each in zip(*ratios, strict=True)]
    print("| geometric mean | | | | {:.2f} | | | {:.3f} |".format(*means))


def _eigcore(part: Any, budget: float | None, fixed: dict[str, int]) -> tuple[float, float]:
    from benchmarks.accuracy.models import eigcore_fit
    from benchmarks.accuracy.run import errors

    begun = time.process_time()
    fitted = eigcore_fit(part, False, budget, **fixed)
    return time.process_time() - begun, errors(fitted.predict(part.test), part)["error"]


def _catboost(part: Any) -> tuple[float, float]:
    from benchmarks.accuracy.boards import catboost
    from benchmarks.accuracy.run import errors

    begun = time.process_time()
    model = catboost(part)
    took = time.process_time() - begun
    found = model.predict_proba(part.test)[:, 1] if part.classes else model.predict(part.test)
    return took, errors(found, part)["error"]


if __name__ == "__main__":
    main()
