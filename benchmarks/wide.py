"""Fit tables with many columns: ``python -m benchmarks.wide``.

Each case is a process of its own. Printed are its time, its peak memory, when its callback is told
first, and the error on held-out rows beside that of a linear model; fails if a case takes more time
or memory than it may.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any, NamedTuple

import numpy as np

from eigcore.fit import fit

NOISE = 0.5


class Case(NamedTuple):
    """A table of normal columns, and what its fit may take.

    budget : ``budget_seconds``
    seconds, mebibytes : largest wall-clock time of `fit`, and peak resident memory of the process
    """

    columns: int
    rows: int
    budget: float
    seconds: float
    mebibytes: float


CASES = (
    Case(200, 1000, 10.0, 15.0, 1024),
    Case(300, 1000, 10.0, 15.0, 1024),
    Case(800, 60, 2.0, 3.0, 1024),
    Case(2000, 1000, 60.0, 90.0, 4096),
    Case(5000, 1000, 120.0, 180.0, 4096),
)


def table(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (rows, columns), and a target (rows,) that depends on a few of them, with noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns))
    signal = np.sin(2.0 * x[:, 0]) + np.abs(x[:, 1]) + x[:, 2] * (x[:, 3] > 0.0) + x[:, 4]
    return x, signal + NOISE * rng.normal(size=rows)


def measure(case: Case) -> dict[str, Any]:
    """Fit one case in this process."""
    x, y = table(case.columns, case.rows)
    begin, told = time.monotonic(), []

    def callback(_: Any) -> None:
        if not told:
            told.append(time.monotonic() - begin)

    result = fit(x, y, budget_seconds=case.budget, callback=callback)
    seconds, report = time.monotonic() - begin, result.report
    return {
        "seconds": seconds,
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "told": told[0],
        "members": report.settings.members,
        "error": report.model.held_out,
        "linear": report.linear.held_out,
    }


def main() -> int:
    """Run the cases one after another; 1 if one takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--columns", type=int, nargs="*", help="only cases with so many columns")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(Case(*options.case))))
        return 0
    names = "columns", "rows", "budget", "seconds", "peak MiB", "first told", "members"
    print(f"| {' | '.join((*names, 'RMSE', 'linear model'))} |")
    print("|---" * 9 + "|")
    failed = 0
    for case in CASES:
        if options.columns and case.columns not in options.columns:
            continue
        command = [sys.executable, "-m", "benchmarks.wide", "--case", json.dumps(case)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        print(
            f"| {case.columns} | {case.rows} | {case.budget:g} s | {found['seconds']:.1f} | "
            f"{found['mebibytes']:.0f} | {found['told']:.2f} s | {found['members']} | "
            f"{found['error']:.3f} | {found['linear']:.3f} |",
            flush=True,
        )
        failed += found["seconds"] > case.seconds or found["mebibytes"] > case.mebibytes
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
