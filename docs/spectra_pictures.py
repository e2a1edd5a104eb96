"""Draw the pictures of docs/dynamics.md and docs/graph.md.

Type: python docs/spectra_pictures.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.manifold import SpectralEmbedding

from eigcore.drawing import INK, axes_of, legend, named, pyplot, style
from eigcore.dynamics import hippo, perturb_then_diagonalise, pseudospectrum
from eigcore.graph import laplacian, stable_encoding

matplotlib.use("Agg")

FOLDER = Path(__file__).parent


def dynamics() -> Any:
    """Draw pseudospectra of HiPPO of order 16, before and after it is perturbed."""
    A = hippo(16).A
    found = perturb_then_diagonalise(A)
    plain = perturb_then_diagonalise(A, relative=0).condition
    figure, pair = pyplot().subplots(1, 2, figsize=(9.6, 4.9), layout="constrained")
    box, levels = (-60.0, 12.0, -32.0, 32.0), 10.0 ** np.arange(-8, 2)
    titles = f"A: condition {plain:.1e}", f"A + E, 1 %: condition {found.condition:.0f}"
    for axes, M, title in zip(pair, (A, A + found.perturbation), titles, strict=True):
        pseudospectrum(M, box=box, points=140).plot(levels, ax=axes_of(axes))
        named(axes, title, "real part", "")
    pair[1].set_ylabel("")
    return figure


def cycle(t: float) -> np.ndarray:
    """Return the weights of a ring of four nodes: at t = 0 two eigenvalues are equal."""
    W = np.zeros((4, 4))
    for i, j, w in ((0, 1, 1 + t), (1, 2, 1 - t), (2, 3, 1 + t), (3, 0, 1 - t)):
        W[i, j] = W[j, i] = w
    return W


def theirs(W: np.ndarray) -> np.ndarray:
    """Return one coordinate of the nodes by scikit-learn."""
    made = SpectralEmbedding(1, affinity="precomputed", random_state=0)
    return made.fit_transform(W)[:, 0]


def ours(W: np.ndarray) -> np.ndarray:
    """Return the stable encoding of every node beside the first."""
    return stable_encoding(laplacian(W), [lambda t: np.exp(-t)], 3)[0, :, 0]


def crossing(left: Any, right: Any) -> None:
    """Draw eigenvalues that cross, and what encodings say of the second node."""
    times = np.linspace(-0.5, 0.5, 200)
    lam = np.array([np.linalg.eigvalsh(laplacian(cycle(t)))[1:3] for t in times])
    for number, line in enumerate(lam.T):
        left.plot(times, line, label=f"λ{'₂₃'[number]}", **style(number))
    found = np.array([theirs(cycle(t)) for t in times])
    found = found[:, 1] * np.sign(found[:, 0])
    label = "SpectralEmbedding"
    for part in (slice(0, 100), slice(100, None)):
        right.plot(times[part], found[part], label=label, **style(1))
        label = ""
    right.plot(times, [ours(cycle(t))[1] for t in times], label="stable encoding", **style(0))
    named(left, "Two eigenvalues cross", "t", "eigenvalue")
    named(right, "One coordinate jumps there", "t", "second node")
    legend(left, loc="center right")
    legend(right, loc="lower right")


def renumbered(axes: Any) -> None:
    """Draw encodings of a ring, with its nodes in two orders."""
    ring = np.roll(np.eye(12), 1, axis=0) + np.roll(np.eye(12), -1, axis=0)
    order = np.r_[0, np.random.default_rng(0).permutation(np.arange(1, 12))]
    other = ring[order][:, order]
    back = np.argsort(order)
    axes.plot(theirs(ring), label="SpectralEmbedding", **style(1))
    axes.plot(theirs(other)[back], label="SpectralEmbedding, renumbered", **style(2))
    axes.plot(ours(ring), label="stable encoding", **style(0))
    axes.plot(ours(other)[back], "o", color=INK, label="stable encoding, renumbered", markersize=3)
    named(axes, "A ring, numbered in two ways", "place in the ring", "")
    axes.set_ylim(top=1.05 * axes.get_ylim()[1] + 0.35)
    legend(axes, loc="upper center")


def graph() -> Any:
    """Draw where encodings jump: at a crossing of eigenvalues, and at a double one."""
    figure, all_axes = pyplot().subplots(1, 3, figsize=(12.0, 3.8), layout="constrained")
    left, middle, right = map(axes_of, all_axes)
    crossing(left, middle)
    renumbered(right)
    return figure


def main() -> None:
    """Draw both."""
    for name, draw in {"dynamics": dynamics, "graph": graph}.items():
        draw().savefig(FOLDER / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
