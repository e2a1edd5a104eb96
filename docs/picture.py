"""Draw docs/picture.png: what an eigenvalue model is, in three panels."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import eigcore
from eigcore import EigSpec

GREY, BLUE, RED, GREEN = "#b8bec6", "#1f5fa8", "#c0392b", "#2e8b57"
x = np.linspace(-2, 2, 400)


def pencil(seed: int, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return A₀ (5, 5) and a symmetric or positive semidefinite A₁ (5, 5)."""
    rng = np.random.default_rng(seed)
    A0 = rng.normal(size=(5, 5))
    B = rng.normal(size=(5, 5)) * 0.75
    return (A0 + A0.T) / 2, (B @ B.T / 2 if positive else (B + B.T) / 1.6)


def draw(axes: plt.Axes, A0: np.ndarray, A1: np.ndarray, title: str, labels: dict) -> None:
    """Draw all eigenvalues of A₀ + x A₁ and name some."""
    M = A0 + x[:, None, None] * A1
    for k in range(5):
        y = eigcore.kth_eigenvalue(M, k)
        colour, text = labels.get(k, (GREY, ""))
        axes.plot(x, y, color=colour, lw=2.4 if text else 1.4, zorder=3 if text else 1)
        if text:
            axes.annotate(
                text,
                (x[-1], y[-1]),
                (4, 0),
                textcoords="offset points",
                color=colour,
                va="center",
                fontsize=9,
            )
    axes.set_title(title, fontsize=10.5)
    axes.set_xlabel("x")
    axes.spines[["top", "right"]].set_visible(False)


figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 3.7))
draw(
    left,
    *pencil(3, False),
    "A₀ + x·A₁: each eigenvalue is a model",
    {
        4: (RED, "largest:\nconvex"),
        2: (BLUE, "middle:\nany shape"),
        0: (GREEN, "smallest:\nconcave"),
    },
)
draw(middle, *pencil(5, True), "A₁ positive semidefinite: increasing", {2: (BLUE, "middle")})

rng = np.random.default_rng(1)
spec = EigSpec(1, 5, index="concave")
truth = -np.log(np.exp(x - 1) + np.exp(-x + 0.5))
t = rng.uniform(-2, 2, 60)
noisy = -np.log(np.exp(t - 1) + np.exp(-t + 0.5)) + rng.normal(scale=0.2, size=60)
params = 0.3 * rng.normal(size=spec.params_shape)
for _ in range(4000):
    values, pullback = eigcore.vjp(spec, params, t[:, None])
    params -= 0.05 * pullback((values - noisy) / len(t) * 2)[0]
right.scatter(t, noisy, s=14, color=GREY, label="60 noisy points")
right.plot(x, truth, color="black", lw=1, ls="--", label="truth")
right.plot(
    x,
    eigcore.evaluate(spec, params, x[:, None]),
    color=GREEN,
    lw=2.4,
    label="smallest eigenvalue, fitted:\nconcave, proven",
)
right.set_title("Fitted to data: the shape cannot break", fontsize=10.5)
right.set_xlabel("x")
right.legend(frameon=False, fontsize=8.5, loc="lower center")
right.spines[["top", "right"]].set_visible(False)

figure.tight_layout(w_pad=2.5)
figure.savefig(Path(__file__).with_name("picture.png"), dpi=130)
