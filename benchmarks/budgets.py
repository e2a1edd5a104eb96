"""Errors by budget on the sets of the accuracy table: ``python -m benchmarks.budgets --help``.

Each cell is the error on the test part over that of a linear model (log loss for classes), the
geometric mean over the splits. "Rise" is the most by which more time made it worse, from any budget
to any larger one. Seconds are those of the processor, so that other work on the machine matters
little.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import time
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budgets", description=__doc__)
    add = parser.add_argument
    add("--sets", nargs="+", help="names of sets (default: all)")
    add("--splits", type=int, default=2, help="first splits of each set (default: 2)")
    add("--budgets", nargs="+", type=float, default=[0.5, 2.0, 8.0, 30.0], help="seconds, growing")
    add("--threads", type=int, default=1, help="threads (default: 1)")
    add("--data", type=Path, default=HERE.parents[2] / "shared" / "data", help="folder of the sets")
    options = parser.parse_args()
    for name in ("OMP", "OPENBLAS", "MKL", "EIGCORE"):  # read by the libraries when they load
        os.environ[f"{name}_NUM_THREADS"] = str(options.threads)
    from benchmarks.accuracy.data import SETS, parts

    called: Any = importlib.import_module("eigcore.fit.train")
    called.Context = partial(called.Context, clock=time.process_time)
    heads = ["set", "rows", *(f"{each:g} s" for each in options.budgets), "rise"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    rows = []
    for name in options.sets or SETS:
        own = list(parts(options.data, name, options.splits))
        ratios = [_over_linear(part, options.budgets) for part in own]
        rows.append([_mean(column) for column in zip(*ratios, strict=True)])
        _tell(name, len(own[0].known), rows[-1])
    _tell("**geometric mean**", "", [_mean(column) for column in zip(*rows, strict=True)])


def _over_linear(part: Any, budgets: Sequence[float]) -> list[float]:
    """Errors with these budgets, over the linear model's."""
    from benchmarks.accuracy.models import Context, eigcore_fit, linear_fit
    from benchmarks.accuracy.run import errors

    def error(fitted: Any) -> float:
        found = errors(fitted.predict(part.test), part)
        return found.get("log_loss", found["error"])

    linear = error(linear_fit(part, Context({}, 0.0)))
    return [error(eigcore_fit(part, False, budget)) / linear for budget in budgets]


def _mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def _tell(name: str, rows: object, ratios: Sequence[float]) -> None:
    rise = max((after / before for before, after in combinations(ratios, 2)), default=1.0)
    cells = [name, str(rows), *(f"{each:.3f}" for each in ratios), f"{max(rise, 1.0) - 1.0:.1%}"]
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
