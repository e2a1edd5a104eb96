"""Does S = B Bᵀ slow training down? Steps and seconds of ten problems, in three ways.

    python -m benchmarks.bench_psd

The same data, design, penalty, start, eigenvalue and solver; the matrices that a monotone or convex
model needs positive semidefinite are free (no guarantee), B Bᵀ (eigcore), or diagonal and
non-negative (the literature: math.md, section 2). Counted are the steps and seconds until 99 % of
the way's own gain in STEPS steps over its additive model, the one of order 1, which all starts are
built on; the last column is the part of the free fit's gain that is reached in the end. Medians
over SEEDS.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.members.design import Design
from eigcore.fit.members.guess import first_guess
from eigcore.fit.members.initialisation import gapped
from eigcore.fit.members.parametrisation import Parametrisation
from eigcore.fit.options import FitOptions, Shape
from eigcore.fit.problem import Problem as Rows
from eigcore.fit.solvers.lbfgs import minimize

STEPS, SEEDS, PENALTY, PART = 400, 5, 1e-4, 0.99
WAYS = ("free", "B Bᵀ", "diagonal")


class Problem(NamedTuple):
    """Columns (rows, n), a target (rows,), and what is asked: ``monotone`` are column numbers."""

    columns: np.ndarray
    target: np.ndarray
    knots: int
    dim: int
    monotone: range = range(0)
    shape: Shape | None = None

    def options(self, way: str) -> FitOptions:
        """Ask for the shape, or only for its eigenvalue."""
        if way == "free":
            return FitOptions(neuron={"index": self.shape or "middle"})
        return FitOptions(increasing=[f"x{j}" for j in self.monotone], shape=self.shape)


def problems() -> dict[str, Problem]:
    """Ten targets that are as monotone or convex as they are declared, but for noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal

    def uniform(rows: int, columns: int, low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (rows, columns))

    wave = uniform(400, 1, -3, 3)
    waves = np.tanh(3 * (wave - [-2, 0, 2])).sum(1)
    product = uniform(4000, 6, 0, 1)
    products = np.exp(product[:, 0] * product[:, 1]) + product[:, 2:4].max(1) + product[:, 4] ** 3
    lesson = noise(size=(2000, 8))
    factors = noise(size=(8, 5, 5)) * (rng.random(8) < 0.7)[:, None, None]
    pencil = np.tensordot(np.tanh(lesson), factors @ factors.mT, 1)
    lessons = np.linalg.eigvalsh(pencil + np.diag(np.linspace(-5, 5, 5)))[:, 2]
    half = uniform(3000, 6, -1, 1)
    halves = np.tanh(3 * half[:, 0] * (half[:, 1] + 1)) + half[:, 2:4].max(1)
    halves += np.sin(4 * half[:, 4]) * np.cos(3 * half[:, 5])
    many = noise(size=(1500, 20))
    sums = np.log1p(np.exp(many @ np.abs(noise(size=20)) / 2)) + many[:, :2].min(1)
    stair = uniform(8000, 4, 0, 1)
    stairs = np.floor(5 * stair[:, 0]) + 3 * np.sqrt(stair[:, 1]) * stair[:, 2] + stair[:, 3] ** 4
    bowl = uniform(3000, 5, -2, 2)
    bowls = np.log(np.exp(bowl @ noise(size=(5, 8))).sum(1))
    ramp = uniform(2000, 4, 0, 2)
    ramps = np.maximum(ramp[:, 0], ramp[:, 1] + ramp[:, 2]) ** 2 + np.exp(ramp[:, 3])
    return {
        "one column in waves": Problem(wave, waves, 0, 7, range(1)),
        "products": Problem(product, products + noise(size=4000) / 50, 8, 5, range(6)),
        "products, noisy": Problem(product, products + noise(size=4000) / 5, 16, 5, range(6)),
        "taught by B Bᵀ": Problem(lesson, lessons, 8, 5, range(8)),
        "taught, linear columns": Problem(lesson, lessons, 0, 11, range(8)),
        "two columns of six": Problem(half, halves + noise(size=3000) / 20, 12, 7, range(2, 4)),
        "twenty columns": Problem(many, sums + noise(size=1500) / 10, 4, 3, range(20)),
        "stairs": Problem(stair, stairs + noise(size=8000) / 10, 48, 5, range(4)),
        "convex": Problem(bowl, bowls + noise(size=3000) / 20, 16, 5, shape="convex"),
        "convex, increasing": Problem(
            ramp, ramps + noise(size=2000) / 20, 8, 5, range(4), "convex"
        ),
    }


def descend(design: Design, coordinates: Parametrisation, seed: int) -> tuple[float, np.ndarray]:
    """Objective of the additive model, then (seconds, objective) after every step."""
    objective = design.objective(coordinates, PENALTY)
    line = design.parametrisation(1)
    additive = design.objective(line, PENALTY)(started(design, line, seed))[0]
    start = started(design, coordinates, seed)
    objective(start)
    began, seen = time.perf_counter(), []

    def watch(_, value, __):
        seen.append((time.perf_counter() - began, value))

    minimize(objective, start, max_iter=STEPS, decrease_tol=0.0, callback=watch)
    return additive, np.array(seen)


def started(design: Design, coordinates: Parametrisation, seed: int) -> np.ndarray:
    """Start the same way for all: gapped, and of order 1 the additive model itself."""
    guess = first_guess(design, coordinates, PENALTY)[0]
    return gapped(coordinates, guess, np.random.default_rng(seed))


def prepare(problem: Problem, way: str) -> Design:
    """Terms of the problem as the way needs them, and the standardised target."""
    columns = {f"x{j}": column for j, column in enumerate(problem.columns.T)}
    rows = Rows.of(columns, problem.target, Beside(), problem.options(way), Context("numpy"))
    return Design(rows.encoded(problem.knots), max(problem.knots, 1))


def compare(problem: Problem) -> list[dict[str, Any]]:
    """For each seed and way: what `descend` returns."""
    designs = {way: prepare(problem, way) for way in WAYS}
    made = {way: (each, each.parametrisation(problem.dim)) for way, each in designs.items()}
    made["diagonal"][1].mask = np.eye(problem.dim, dtype=bool)
    return [{way: descend(*made[way], seed) for way in WAYS} for seed in range(SEEDS)]


def needed(runs: list[dict[str, Any]], way: str) -> np.ndarray:
    """Median steps and seconds until the part of the way's own gain."""
    found = []
    for begin, curve in (curves[way] for curves in runs):
        level = begin - PART * (begin - curve[:, 1].min())
        step = int(np.argmax(curve[:, 1] <= level))
        found.append((step + 1, curve[step, 0]))
    return np.median(found, axis=0)


def gained(runs: list[dict[str, Any]], way: str) -> float:
    """Median part of the free fit's gain over the additive model that is reached in the end."""
    parts = []
    for curves in runs:
        begin, free = curves["free"]
        parts.append((begin - curves[way][1][:, 1].min()) / (begin - free[:, 1].min()))
    return float(np.median(parts))


def main():
    """Print the table."""
    heads = [f"{way}: steps (ms)" for way in WAYS]
    print(f"| problem, order | {' | '.join(heads)} | B Bᵀ / free: steps, seconds | gain |")
    print("|---" * 6 + "|")
    ratios = []
    with threadpool_limits(1):
        for name, problem in problems().items():
            runs = compare(problem)
            took = np.array([needed(runs, way) for way in WAYS])
            ratios.append(took / took[0])
            cells = [f"{steps:.0f} ({1e3 * seconds:.0f})" for steps, seconds in took]
            gains = ", ".join(f"{gained(runs, way):.0%}" for way in WAYS[1:])
            steps, seconds = ratios[-1][1]
            print(
                f"| {name}, {problem.dim} | {' | '.join(cells)} | {steps:.2f}, {seconds:.2f} "
                f"| {gains} |",
                flush=True,
            )
    means = np.exp(np.log(ratios).mean(0))
    cells = [f"{steps:.2f} ({seconds:.2f})" for steps, seconds in means]
    print(f"| geometric mean over free | {' | '.join(cells)} | | |")


if __name__ == "__main__":
    main()
