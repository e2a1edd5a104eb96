"""Two spectral layers in torch, one on top of the other: ``python docs/examples/two_layers.py``.

The target is a wave of the product of two inputs: one layer has to bend along each of its crests,
of two the second makes the wave from what the first one gives it.
"""

import torch
from eigcore_torch import SpectralLayer


def data(rows, generator):
    """Return x (rows, 3) and y (rows,)."""
    x = torch.randn(rows, 3, generator=generator)
    return x, torch.sin(3 * x[:, 0] * x[:, 1]) + x[:, 2]


def train(model, x, y, steps):
    """Minimise the mean squared error with Adam."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        (model(x)[:, 0] - y).square().mean().backward()
        optimiser.step()
        schedule.step()


def main(rows=2000, steps=400, seed=0):
    """Return, by model, the number of parameters and 1 − R² on new rows."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # for torch.nn.Linear
    x, y = data(rows, generator)
    new_x, new_y = data(rows, generator)
    models = {
        "one layer": SpectralLayer(3, 1, dim=17, generator=generator),
        "two layers": torch.nn.Sequential(
            SpectralLayer(3, 12, dim=4, generator=generator),
            SpectralLayer(12, 1, dim=5, generator=generator),
        ),
        "ReLU network": torch.nn.Sequential(
            torch.nn.Linear(3, 24),
            torch.nn.ReLU(),
            torch.nn.Linear(24, 23),
            torch.nn.ReLU(),
            torch.nn.Linear(23, 1),
        ),
    }
    found = {}
    for name, model in models.items():
        train(model, x, y, steps)
        with torch.no_grad():
            error = (model(new_x)[:, 0] - new_y).square().mean() / new_y.var()
        found[name] = sum(p.numel() for p in model.parameters()), error.item()
    return found


if __name__ == "__main__":
    for name, (size, error) in main().items():
        print(f"{name:14}{size:5} parameters   1 - R² on new rows {error:.3f}")
