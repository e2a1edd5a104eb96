"""Do whitened coordinates save steps? Objectives of ten problems after the same number of steps.

    python -m benchmarks.bench_whitening

The problems of `benchmarks.bench_psd`, without their constraints: the same data, design, penalty,
starts and solver. Blocks as they are are compared with blocks whitened halfway (eigcore) and fully.
A number is (objective after so many steps) / (lowest of all after the last): 1 is best. Two starts
for each problem.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.bench_psd import PENALTY, Problem, prepare, problems
from eigcore.fit.members import initialisation
from eigcore.fit.members.guess import first_guess
from eigcore.fit.members.member import begin
from eigcore.fit.solvers.lbfgs import minimize

STEPS = (30, 60, 120, 250)
POWERS = {"as they are": 0.0, "halfway": 0.25, "fully": 0.5}


def compare(problem: Problem) -> np.ndarray:
    """Ratios (starts, powers, steps)."""
    design = prepare(problem, "free")
    found = []
    for power in POWERS.values():
        coordinates = design.parametrisation(problem.dim, power)
        objective = design.objective(coordinates, PENALTY)
        guess = first_guess(design, coordinates, PENALTY)
        rngs = np.random.default_rng(0), np.random.default_rng(0)
        both = zip((initialisation.gapped, initialisation.random), rngs, strict=True)
        curves = [
            minimize(
                objective,
                begin(kind, coordinates, guess, rng),
                max_iter=STEPS[-1],
                decrease_tol=0.0,
            ).values
            for kind, rng in both
        ]
        found.append([[each[min(step, len(each) - 1)] for step in STEPS] for each in curves])
    values = np.swapaxes(found, 0, 1)
    return values / values.min(axis=(1, 2), keepdims=True)


def main():
    """Print the table."""
    heads = [f"{name}: {', '.join(map(str, STEPS))} steps" for name in POWERS]
    print(f"| problem, order, start | {' | '.join(heads)} |")
    print("|---" * (len(heads) + 1) + "|")
    every = []
    with threadpool_limits(1):
        for name, problem in problems().items():
            ratios = compare(problem)
            every.extend(ratios)
            for start, each in zip(("gapped", "random"), ratios, strict=True):
                _row(f"{name}, {problem.dim}, {start}", each)
    _row("geometric mean", np.exp(np.mean(np.log(every), axis=0)))
    _row("median", np.median(every, axis=0))


def _row(name: str, numbers: np.ndarray) -> None:
    cells = [", ".join(f"{number:.2f}" for number in each) for each in numbers]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
