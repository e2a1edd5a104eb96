"""Draw the pictures of docs/dynamics.md and docs/graph.md.

Type: python docs/spectra_pictures.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from eigcore.drawing import axes_of, legend, named, pyplot, style
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


def graph() -> Any:
    """Draw two entries of encodings through a crossing of eigenvalues."""
    figure, pair = pyplot().subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
    times = np.linspace(-0.5, 0.5, 201)
    lam, vectors, stable = [], [], []
    for t in times:
        L = laplacian(cycle(t))
        values, V = np.linalg.eigh(L)
        lam.append(values[1:3])
        vectors.append(V[:, 1] * np.sign(V[0, 1]))
        stable.append(stable_encoding(L, [lambda t: np.exp(-t)], 3)[..., 0])
    for number, line in enumerate(np.transpose(lam)):
        axes_of(pair[0]).plot(times, line, label=f"λ{'₂₃'[number]}", **style(number))
    axes = axes_of(pair[1])
    axes.plot(times, np.array(vectors)[:, 1], label="eigenvector 2, node 1", **style(1))
    axes.plot(times, np.array(stable)[:, 0, 1], label="stable encoding", **style(0))
    named(pair[0], "Two eigenvalues cross", "t", "eigenvalue")
    named(axes, "The eigenvector jumps", "t", "entry")
    legend(pair[0])
    legend(axes, loc="lower right", bbox_to_anchor=(1.0, 0.1))
    return figure


def main() -> None:
    """Draw both."""
    for name, draw in {"dynamics": dynamics, "graph": graph}.items():
        draw().savefig(FOLDER / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
