"""Draw docs/crossings.png, what happens near a crossing, and print the table of the page."""

from pathlib import Path

import matplotlib
import numpy as np
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import eigcore

COLOURS = {"λ_k": "#c0392b", "smoothed, α = 0.1": "#1f5fa8", "λ_k, small gaps cost": "#2e8b57"}
K = 1


def passage(t: torch.Tensor, gap: float) -> torch.Tensor:
    """Return matrices (..., 2, 2) whose eigenvalues ±√(t² + gap²/4) nearly meet at t = 0."""
    half = torch.full_like(t, gap / 2)
    return torch.stack((torch.stack((t, half), -1), torch.stack((half, -t), -1)), -2)


def bends(gap: float, t: torch.Tensor, alpha: float | None = None) -> tuple[np.ndarray, ...]:
    """Return value, slope and curvature of the upper eigenvalue along the passage."""
    t = t.clone().requires_grad_()
    M = passage(t, gap)
    y = (
        eigcore.kth_eigenvalue(M, 1)
        if alpha is None
        else eigcore.smooth_kth_eigenvalue(M, 1, alpha)
    )
    (slope,) = torch.autograd.grad(y.sum(), t, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), t)
    return y.detach().numpy(), slope.detach().numpy(), curvature.numpy()


def data(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x (rows, 2) and y = |x₀| − |x₁|, which has kinks."""
    x = torch.randn(rows, 2, generator=generator, dtype=torch.float64)
    return x, x[:, 0].abs() - x[:, 1].abs()


def pencil(A: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return A₀ + x₀ A₁ + x₁ A₂: (rows, d, d)."""
    return A[0] + torch.tensordot(x, A[1:], 1)


def train(name: str, steps: int, seed: int) -> tuple[np.ndarray, float]:
    """Return, by step, the least gap beside λ_k among the rows, and 1 − R² on new rows."""
    generator = torch.Generator().manual_seed(seed)
    x, y = data(500, generator)
    A = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([A], lr=0.02)
    least = []

    def value(x: torch.Tensor) -> torch.Tensor:
        if "smoothed" in name:
            return eigcore.smooth_kth_eigenvalue(pencil(A, x), K, 0.1)
        return eigcore.kth_eigenvalue(pencil(A, x), K)

    for _ in range(steps):
        optimiser.zero_grad()
        gaps = eigcore.eigenvalues(pencil(A, x), K - 1, K + 1).diff()
        least.append(gaps.min().item())
        loss = (value(x) - y).square().mean()
        if "cost" in name:
            loss = loss + 10 * (0.1 - gaps).clamp(min=0).square().mean()
        loss.backward()
        optimiser.step()
    new_x, new_y = data(2000, generator)
    with torch.no_grad():
        error = (value(new_x) - new_y).square().mean() / new_y.var()
    return np.array(least), error.item()


def main(steps: int = 1000, seeds: int = 3) -> dict[str, list[tuple[np.ndarray, float]]]:
    """Train each variant with each seed."""
    return {name: [train(name, steps, seed) for seed in range(seeds)] for name in COLOURS}


def draw(runs: dict[str, list[tuple[np.ndarray, float]]]) -> None:
    """Draw the picture."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 3.6))
    t = torch.linspace(-0.5, 0.5, 801, dtype=torch.float64)
    for gap, colour in ((0.3, "#b8bec6"), (0.1, "#7f8c99"), (0.03, "#c0392b")):
        _, slope, curvature = bends(gap, t)
        left.plot(t, slope, color=colour, label=f"gap {gap}")
        middle.semilogy(t, curvature, color=colour)
    _, slope, curvature = bends(0.03, t, alpha=0.3)
    left.plot(t, slope, "--", color="#1f5fa8", label="gap 0.03, α = 0.3")
    middle.semilogy(t, curvature.clip(1e-3), "--", color="#1f5fa8")
    left.set_title("Slope of the upper eigenvalue: bounded", fontsize=10.5)
    left.legend(frameon=False, fontsize=8)
    middle.set_title("Its curvature: up to 2/gap", fontsize=10.5)
    for name, colour in COLOURS.items():
        for number, (gaps, _) in enumerate(runs[name]):
            right.semilogy(gaps, color=colour, lw=1, label=name if not number else None)
    right.set_title("Least gap beside λ_k while training", fontsize=10.5)
    right.set_xlabel("step")
    right.legend(frameon=False, fontsize=8)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("crossings.png"), dpi=110)


if __name__ == "__main__":
    runs = main()
    for name, found in runs.items():
        first, last = (np.median([gaps[at] for gaps, _ in found]) for at in (0, -1))
        error = np.median([error for _, error in found])
        print(f"| {name} | {first:.4f} | {last:.4f} | {error:.3f} |")
    draw(runs)
