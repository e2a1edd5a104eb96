"""Learn "two or five of twelve bits are set": one eigenvalue beside a mixture of all."""

import torch
from eigcore_torch import SpectralLayer

LAYERS = {"one eigenvalue": {}, "learned weights": {"functional": "weighted"}}


def train(rows, classes, options, epochs, generator):
    """Return a layer trained on the logarithmic loss."""
    layer = SpectralLayer(rows.shape[1], 1, dim=8, generator=generator, **options)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(epochs):
        for batch in torch.randperm(len(rows), generator=generator).split(256):
            optimiser.zero_grad()
            loss(layer, rows[batch], classes[batch]).backward()
            optimiser.step()
    return layer


def loss(layer, rows, classes):
    """Return the logarithmic loss."""
    logits = layer(rows)[:, 0]
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, classes)


def main(bits=12, epochs=60, seed=0):
    """Return the loss on the quarter of all rows that is held out, for each layer."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * bits)
    rows = rows[torch.randperm(len(rows), generator=generator)]
    set_bits = (rows > 0).sum(1)
    classes = ((set_bits == 2) | (set_bits == 5)).float()
    cut = len(rows) // 4
    found = {}
    for name, options in LAYERS.items():
        layer = train(rows[cut:], classes[cut:], options, epochs, generator)
        with torch.no_grad():
            found[name] = loss(layer, rows[:cut], classes[:cut]).item()
    return found


if __name__ == "__main__":
    for seed in range(3):
        print(*(f"{name} {value:.4f}" for name, value in main(seed=seed).items()))
