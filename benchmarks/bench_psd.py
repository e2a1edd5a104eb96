"""Does S = B Bᵀ slow training down? Steps and seconds to the same objective, in three ways.

    python -m benchmarks.bench_psd

The same monotone data, design, penalty, start and solver; the matrices of the columns are free
(no guarantee), B Bᵀ (eigcore), or diagonal and non-negative (the literature: math.md, section 2).
Two kinds of goals: parts of the gain over the additive model that the free fit reaches in STEPS
steps ("free's"), and that the fit itself reaches ("own"). Median over SEEDS; "never" where fewer
than half of the seeds get there.
"""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

from eigcore.fit.design import Design, Wishes, encode
from eigcore.fit.frame import make_frame
from eigcore.fit.lbfgs import minimize
from eigcore.fit.losses import LOSSES, Goals
from eigcore.fit.member import Run, first_guess
from eigcore.fit.moments import Moments
from eigcore.fit.starts import gapped

STEPS, SEEDS, PENALTY = 400, 5, 1e-4
WAYS = ("free", "B Bᵀ", "diagonal")


def steps_of_a_column(rows=400):
    """One linear column and a target that rises in three waves."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, rows)
    return {"x": x}, sum(np.tanh(3 * (x - c)) for c in (-2, 0, 2)), ("x",), 0


def generated(rows=4000, columns=6):
    """Columns that act together, all increasing."""
    rng = np.random.default_rng(1)
    X = rng.uniform(0, 1, (rows, columns))
    y = np.exp(X[:, 0] * X[:, 1]) + np.maximum(X[:, 2], X[:, 3]) + X[:, 4] ** 3
    names = tuple(f"x{j}" for j in range(columns))
    return dict(zip(names, X.T, strict=True)), y + 0.02 * rng.normal(size=rows), names, 8


def taught(rows=2000, columns=8):
    """The values of another neuron whose matrices are positive semidefinite."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(rows, columns))
    factors = rng.normal(size=(columns, 5, 5)) * (rng.random(columns) < 0.7)[:, None, None]
    pencil = np.tensordot(np.tanh(X), factors @ factors.transpose(0, 2, 1), 1)
    y = np.linalg.eigvalsh(pencil + np.diag(np.linspace(-5, 5, 5)))[:, 2]
    names = tuple(f"x{j}" for j in range(columns))
    return dict(zip(names, X.T, strict=True)), y, names, 8


def descend(design, coordinates, goals, seed):
    """Objective of the additive model, then (seconds, objective) after every step."""
    run = Run(LOSSES["squared"], "numpy", seed, STEPS)
    objective = run.objective(design, coordinates, goals, PENALTY)
    rng = np.random.default_rng(seed)
    start = gapped(coordinates, first_guess(design, coordinates, PENALTY)[0], rng)
    objective(start)
    began, seen = time.perf_counter(), []

    def watch(_, value, __):
        seen.append((time.perf_counter() - began, value))

    minimize(objective, start, max_iter=STEPS, decrease_tol=0.0, callback=watch)
    return objective(start)[0], np.array(seen)


def compare(columns, y, monotone, knots, dim):
    """For each seed and way: the curve, and the objective of the additive model."""
    frame = make_frame(columns, y)
    every = np.arange(len(y))
    shared = encode(frame, every, knots, Wishes())
    goals = Goals((frame.target - frame.target.mean()) / frame.target.std())
    numbers = shared.table(frame.cells)
    moments = Moments.of(shared, numbers, goals.target)
    runs = []
    for seed in range(SEEDS):
        curves = {}
        for way in WAYS:
            wishes = Wishes() if way == "free" else Wishes(increasing=monotone)
            design = Design(shared, numbers, moments, wishes, max(knots, 1))
            coordinates = design.parametrisation(dim)
            if way == "diagonal":
                coordinates.mask = np.eye(dim, dtype=bool)
            curves[way] = descend(design, coordinates, goals, seed)
        runs.append(curves)
    return runs


def reached(runs, way, part, goal):
    """Median steps and seconds until a part of the goal's gain; None: fewer than half do."""
    found = []
    for curves in runs:
        begin = curves["free"][0]
        level = begin - part * (begin - curves[goal][1][:, 1].min())
        below = np.flatnonzero(curves[way][1][:, 1] <= level)
        found.append((below[0] + 1, curves[way][1][below[0], 0]) if len(below) else (np.inf,) * 2)
    middle = np.median(np.array(found), axis=0)
    return middle if np.isfinite(middle).all() else None


def cell(found):
    """Steps and milliseconds, or never."""
    return "never" if found is None else f"{found[0]:.0f} ({1e3 * found[1]:.0f} ms)"


def main():
    """Print the table."""
    print("| data, order | matrices | 90 % of free's | 99 % of free's | 99 % of own | objective |")
    print("|---" * 6 + "|")
    cases = {
        "one linear column": (steps_of_a_column(), 7),
        "generated, 6 columns": (generated(), 5),
        "taught by B Bᵀ, 8 columns": (taught(), 5),
    }
    with threadpool_limits(1):
        for name, (data, dim) in cases.items():
            runs = compare(*data, dim)
            for way in WAYS:
                goals = ((0.9, "free"), (0.99, "free"), (0.99, way))
                cells = [cell(reached(runs, way, *goal)) for goal in goals]
                last = np.median([r[way][1][-1, 1] for r in runs])
                print(f"| {name}, {dim} | {way} | {' | '.join(cells)} | {last:.2g} |")


if __name__ == "__main__":
    main()
