"""Draw the pictures of docs/rmt-figures.md, theory and simulation on one picture each.

All of them: make rmt-figures. One of them: python docs/rmt_figures.py double-descent
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import rmt_simulations as simulations
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rmt_simulations import Flow
from threadpoolctl import threadpool_limits

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).with_name("figures")
GREY, BLUE, ORANGE, GREEN, BLACK = "#c3c9d0", "#1f5fa8", "#d55e00", "#1b7f5c", "#1c2530"
STYLES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, ":", "^"))
"""Colour, line and marker of a curve: each tells the curves apart without the others."""
DOTS = (0, (1, 2))
FLOWS = (Flow(256, 512, 1.0, 0.01, 0.0), Flow(512, 512, 2.0, 0.02, 0.1))


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side."""
    figure, axes = plt.subplots(1, count, figsize=(4.3 * count, 3.5), layout="constrained")
    for each in np.atleast_1d(axes):
        each.spines[["top", "right"]].set_visible(False)
    return figure, list(np.atleast_1d(axes))


def name(axes: Axes, title: str, x: str = "eigenvalue", y: str = "density") -> None:
    """Name a panel and its axes, and show its legend."""
    axes.set_title(title, fontsize=10.5)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(frameon=False, fontsize=8.5)


def curve(axes: Axes, style: int, labels: tuple[str, str], theory: Any, simulated: Any) -> None:
    """Draw (x, theory) as a line, and (x, runs) as medians with the middle 80 % of the runs."""
    colour, line, marker = STYLES[style]
    axes.plot(*theory, line, color=colour, lw=1.8, label=f"theory{labels[0]}")
    places, found = simulated
    low, middle, high = np.quantile(found, (0.1, 0.5, 0.9), axis=0)
    axes.errorbar(
        places, middle, (middle - low, high - middle), fmt=marker, ms=5, color=colour, mfc="white",
        lw=1, capsize=2, label=f"simulation{labels[1]}",
    )  # fmt: skip


def bulk(axes: Axes, law: Any, values: np.ndarray, label: str, ends: tuple[float, float]) -> None:
    """Draw a histogram of eigenvalues and the density that the law predicts."""
    axes.hist(values, 60, range=ends, density=True, color=GREY, label=f"simulation: {label}")
    x = np.linspace(*ends, 800)
    axes.plot(x, law.density(x), color=BLUE, lw=1.8, label="theory: density")
    axes.set_xlim(*ends)


def isolated(axes: Axes, law: Any, values: np.ndarray, *sources: str) -> None:
    """Mark each isolated eigenvalue that the law predicts, and the eigenvalue found nearby."""
    top = axes.get_ylim()[1]
    theory, found = {"label": "theory: isolated eigenvalue"}, {"label": "simulation: the same"}
    for spike, source in zip(law.spikes(), sources, strict=True):
        near = values[np.abs(values - spike).argmin()]
        axes.plot([spike] * 2, [0, 0.16 * top], "--", color=ORANGE, lw=1.8, **theory)
        axes.plot(near, 0.01 * top, "v", color=BLACK, ms=6, clip_on=False, **found)
        edges = law.support().ravel()
        side = "right" if spike < edges[np.abs(edges - spike).argmin()] else "left"
        axes.annotate(source, (spike, 0.17 * top), ha=side, fontsize=10, color=ORANGE)
        theory = found = {}


def hessian_shapes() -> Figure:
    """Fig. 1: bounded, unbounded and indefinite spectra."""
    figure, axes = panels(3)
    kinds = {"logistic": (0.0, 0.4), "exponential": (0.2, 3.1), "phase": (-1.0, 8.0)}
    for each, (kind, ends) in zip(axes, kinds.items(), strict=True):
        law = simulations.hessian(kind)
        values = simulations.spectrum(law)
        bulk(each, law, values, "n = 6000, p = 800", ends)
        if kind == "logistic":
            isolated(each, law, values, "μ", "w")
    share, found = simulations.negative("phase")
    text = f"below 0:\ntheory {share:.1%}\nsimulation, 10 runs: {found.mean():.1%}"
    axes[2].text(0.97, 0.5, text, transform=axes[2].transAxes, ha="right", fontsize=8.5)
    axes[2].axvline(0, color=BLACK, lw=0.8, ls=DOTS)
    name(axes[0], "Logistic loss: bounded, isolated on both sides")
    name(axes[1], "Exponential loss: the right tail has no end")
    name(axes[2], "Phase retrieval: some curvature is negative")
    return figure


def covariance_bulks() -> Figure:
    """Fig. 2c and 2d: one bulk or two."""
    figure, axes = panels(2)
    for each, kind, ends in zip(axes, ("two", "four"), ((0.0, 0.75), (0.0, 1.25)), strict=True):
        law = simulations.hessian(kind)
        values = simulations.spectrum(law)
        bulk(each, law, values, "n = 6000, p = 800", ends)
        isolated(each, law, values, *["w"] * len(law.spikes()))
    name(axes[0], "Half of the variances 1, half 2: one bulk")
    name(axes[1], "Half of the variances 1, half 4: two bulks")
    return figure


def data_spike() -> Figure:
    """Fig. 4: the isolated eigenvalue of the mean."""
    figure, axes = panels(2)
    grid = np.linspace(0.02, 1.6, 80)
    places = np.linspace(0.1, 1.6, 9)
    theory = np.array([simulations.data_spike(rho, runs=0)[0] for rho in grid])
    runs = np.stack([simulations.data_spike(rho)[1] for rho in places], axis=1)
    labels = ("", ": 50 runs,\nn = 2048, p = 512")
    for i, each in enumerate(axes):
        curve(each, i, labels, (grid, theory[:, i]), (places, runs[..., i]))
        each.axvline(0.5, color=BLACK, lw=0.8, ls=DOTS, label="transition ρ = √c")
    x = "ρ = ‖μ‖², strength of the mean"
    name(axes[0], "The largest eigenvalue leaves the bulk…", x, "largest eigenvalue")
    name(axes[1], "…and its eigenvector turns to the mean", x, "squared overlap (μᵀû)²/‖μ‖²")
    return figure


def model_spike() -> Figure:
    """Fig. 5: the isolated eigenvalue of w, left of the bulk."""
    figure, axes = panels(3)
    law = simulations.model_law(3.0)
    values = simulations.spectrum(law, 8000)
    bulk(axes[0], law, values, "n = 8000, p = 800", (0.0, 0.26))
    axes[0].set_ylim(0, 13)
    isolated(axes[0], law, values, "w")
    name(axes[0], "Spectrum at ‖w‖ = 3")
    grid, places = np.linspace(0.3, 10, 70), np.array([1, 1.5, 2, 2.5, 3, 4, 5, 6.5, 8, 10])
    theory = np.array([simulations.model_spike(norm, runs=0)[0] for norm in grid])
    runs = np.stack([simulations.model_spike(norm)[1] for norm in places], axis=1)
    labels = ("", ": 5 runs,\nn = 8000, p = 800")
    for i in range(2):
        curve(axes[1 + i], i, labels, (grid, theory[:, i]), (places, runs[..., i]))
    name(axes[1], "The gap to the bulk grows, then shrinks…", "‖w‖", "edge − least eigenvalue")
    name(axes[2], "…the overlap only grows", "‖w‖", "squared overlap (wᵀû)²/‖w‖²")
    return figure


def double_descent() -> Figure:
    """Test errors with a peak where parameters and observations are equally many."""
    figure, axes = panels(2)
    widths = np.unique(np.round(240 * np.linspace(0.05, 3.5, 140)).astype(int))
    places = np.round(240 * np.array([0.1, 0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2, 2.75, 3.5]))
    theory, _ = simulations.features_descent(widths, runs=0)
    _, runs = simulations.features_descent(places.astype(int))
    for i, label in ((1, ": test"), (0, ": train")):
        curve(
            axes[0],
            1 - i,
            (label, f"{label}, 30 runs"),
            (widths / 240, theory[:, i]),
            (places / 240, runs[..., i]),
        )
    axes[0].set_ylim(-0.02, 1)
    name(axes[0], "Random ReLU features, digits 3 and 8, n = 240", "features / n", "squared error")
    grid, places = (
        np.linspace(0.1, 3, 117),
        np.array([0.2, 0.4, 0.6, 0.8, 0.9, 1.1, 1.25, 1.5, 2, 3]),
    )
    theory, runs = simulations.ridge_curve(grid), simulations.ridge_draws(places)
    for i, label in enumerate((": no ridge", ": best ridge")):
        curve(
            axes[1], i, (label, f"{label}, 20 runs"), (grid, theory[:, i]), (places, runs[..., i])
        )
    axes[1].set_ylim(0, 3.5)
    name(axes[1], "Linear regression, Gaussian data, p = 200", "p / n", "squared test error")
    for each in axes:
        each.axvline(1, color=BLACK, lw=0.8, ls=DOTS)
    return figure


def deep_kernel() -> Figure:
    """The conjugate kernel of three layers and its equivalent."""
    figure, axes = panels(3)
    kernel, X = simulations.deep_kernel(800, 400, 3)
    exact, drawn = kernel.exact(), simulations.networks(X, kernel.scales)
    (theory, left), (found, right) = map(np.linalg.eigh, (kernel.equivalent, exact))
    ranks = np.unique(np.round(np.geomspace(1, 400, 26)).astype(int))
    for i, values, label in (
        (0, found, "exact kernel"), (1, np.linalg.eigvalsh(drawn), "20 networks, width 2000"),
    ):  # fmt: skip
        colour, _, marker = STYLES[i]
        style = {"color": colour, "mfc": "white", "ms": 5, "label": f"simulation: {label}"}
        axes[0].plot(ranks, values[-ranks], marker, **style)
    line = {"color": BLACK, "lw": 1.4, "drawstyle": "steps-mid", "label": "theory: equivalent"}
    axes[0].plot(np.arange(1, 401), theory[::-1], **line)
    axes[0].set_xscale("log")
    name(axes[0], "Three ReLU layers, n = 400, p = 800", "rank", "eigenvalue")
    first, second = left[:, -1], right[:, -1] * np.sign(left[:, -1] @ right[:, -1])
    for label, (colour, _, marker), half in zip(
        "12", STYLES[:2], (slice(200), slice(200, 400)), strict=True
    ):
        style = {"color": colour, "mfc": "white", "ms": 4, "label": f"samples of class {label}"}
        axes[1].plot(first[half], second[half], marker, **style)
    axes[1].axline((0, 0), slope=1, color=BLACK, lw=0.8, label="theory = simulation")
    name(
        axes[1],
        "Entries of the first eigenvector",
        "theory: equivalent",
        "simulation: exact kernel",
    )
    sizes = np.array([100, 200, 400, 800, 1600])
    for depth, (colour, line, marker) in zip((1, 2, 3), STYLES, strict=True):
        error = [relative_error(p, depth) for p in sizes]
        label = f"{depth} layer{'s' * (depth > 1)}"
        axes[2].loglog(sizes, error, line + marker, color=colour, mfc="white", label=label)
    axes[2].loglog(sizes, 0.5 * sizes**-0.5, color=BLACK, lw=0.8, label="slope −1/2")
    name(axes[2], "Error of the equivalent, n = p/2", "dimension p", "‖K − K̃‖ / ‖K‖")
    return figure


def relative_error(p: int, depth: int) -> float:
    """Return ‖K − K̃‖/‖K‖ for the exact kernel K of p/2 rows and its equivalent K̃."""
    kernel, _ = simulations.deep_kernel(p, p // 2, depth)
    exact = kernel.exact()
    return float(np.linalg.norm(exact - kernel.equivalent, 2) / np.linalg.norm(exact, 2))


def gradient_flow() -> Figure:
    """Test errors along the way, with and without a ridge."""
    figure, axes = panels(2)
    steps = np.unique(np.round(np.geomspace(1, 3000, 19)).astype(int))
    grid = np.geomspace(1, 3000, 300)
    for i, (each, flow) in enumerate(zip(axes, FLOWS, strict=True)):
        theory, runs = simulations.flow_curve(flow, grid), simulations.flow_draws(flow, steps)
        curve(
            each, i, ("", f": 50 runs,\nn = {flow.n}, p = {flow.p}"), (grid, theory), (steps, runs)
        )
        best = grid[theory.argmin()]
        each.axvline(best, color=BLACK, lw=0.8, ls=DOTS, label=f"best moment to stop: {best:.0f}")
        each.set_xscale("log")
        each.set_ylim(0, None)
        ridge = "no ridge" if flow.gamma == 0 else f"ridge {flow.gamma:g}"
        title = f"‖μ‖² = {flow.strength:g}, {ridge}, steps of {flow.rate:g}"
        name(each, title, "steps of gradient descent", "test misclassification")
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "hessian-shapes": hessian_shapes,
    "covariance-bulks": covariance_bulks,
    "data-spike": data_spike,
    "model-spike": model_spike,
    "double-descent": double_descent,
    "deep-kernel": deep_kernel,
    "gradient-flow": gradient_flow,
}


def draw(which: str) -> str:
    """Draw a figure into its file, and say how long that took."""
    begin = time.perf_counter()
    with threadpool_limits(1):  # the matrices are small: threads would wait for each other
        figure = FIGURES[which]()
    figure.savefig(FOLDER / f"{which}.png", dpi=100, pil_kwargs={"optimize": True})
    plt.close(figure)
    return f"{which}: {time.perf_counter() - begin:.0f} s"


def main(names: list[str]) -> None:
    """Draw the named figures, or all of them, two at a time."""
    if unknown := [each for each in names if each not in FIGURES]:
        sys.exit(f"No figure {unknown[0]!r}; expected some of: {', '.join(FIGURES)}")
    with ProcessPoolExecutor(2) as pool:
        for line in pool.map(draw, names or FIGURES):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
