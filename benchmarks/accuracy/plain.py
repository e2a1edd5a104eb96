"""The literature's spectral neuron, written plainly: λ_middle(A_0 + Σ x_i A_i), Adam, minibatches.

Dense symmetric or tridiagonal matrices, standardised columns and target, no penalty; the learning
rate falls by a cosine, and the best epoch on 15 % of the training part is kept (the sources kept
the best epoch on test).
"""

from __future__ import annotations

import numpy as np
import torch

DIMS = (7, 15)
_BATCH, _STEPS, _CHECKS, _PATIENCE = 128, 3000, 60, 15
_RATE, _HELD = 1e-2, 0.15


class SpectralNeuron(torch.nn.Module):
    """f(x) = middle eigenvalue of A_0 + Σ x_i A_i."""

    def __init__(self, features: int, dim: int, tridiagonal: bool) -> None:
        super().__init__()
        rows, cols = torch.tril_indices(dim, dim)
        near = rows - cols <= 1 if tridiagonal else torch.ones_like(rows, dtype=torch.bool)
        self.place = (rows[near], cols[near])
        self.dim = dim
        self.slopes = torch.nn.Parameter(torch.randn(features, int(near.sum())) / features)
        self.constant = torch.nn.Parameter(torch.randn(int(near.sum())) / dim**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        matrix = x.new_zeros(len(x), self.dim, self.dim)
        matrix[:, self.place[0], self.place[1]] = self.constant + x @ self.slopes
        return torch.linalg.eigvalsh(matrix)[:, self.dim // 2]


def train(x: np.ndarray, y: np.ndarray, dim: int, tridiagonal: bool, classes: bool, seed: int):
    """Return (loss on the rows held out, the neuron at its best epoch).

    x : (N, features) standardised;  y : (N,) standardised, or 0 and 1
    """
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    held = max(2, round(_HELD * len(x)))
    inputs, target = (torch.as_tensor(a, dtype=torch.float32)[order] for a in (x, y))
    loss = torch.nn.BCEWithLogitsLoss() if classes else torch.nn.MSELoss()
    neuron = SpectralNeuron(x.shape[1], dim, tridiagonal)
    adam = torch.optim.Adam(neuron.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, _STEPS)
    best, kept, since = np.inf, neuron.state_dict(), 0
    for step in range(_STEPS):
        batch = torch.randint(held, len(x), (_BATCH,))
        adam.zero_grad()
        loss(neuron(inputs[batch]), target[batch]).backward()
        adam.step()
        schedule.step()
        if (step + 1) % (_STEPS // _CHECKS):
            continue
        with torch.no_grad():
            found = float(loss(neuron(inputs[:held]), target[:held]))
        since += 1
        if found < best:
            best, since = found, 0
            kept = {name: value.clone() for name, value in neuron.state_dict().items()}
        if since > _PATIENCE:
            break
    neuron.load_state_dict(kept)
    return best, neuron
