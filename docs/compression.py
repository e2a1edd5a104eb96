"""Draw docs/compression.png: accuracy against kept parameters, for every method of compression.

A transformer that predicts characters and a small vision network are trained, compressed and
measured on data that neither training nor compression has seen. Type: python docs/compression.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import matplotlib
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from eigcore.drawing import FAINT, MARKERS, axes_of, legend, named, pyplot, style
from eigcore.lowrank import compress

matplotlib.use("Agg")

PICTURE = Path(__file__).with_name("compression.png")
KEEP = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
NAMES = {
    "svd-llm": "SVD-LLM: second moments of inputs",
    "both": "both: with squared gradients",
    "asvd": "ASVD: scales of inputs",
    "fwsvd": "FWSVD: squared gradients",
    "svd": "truncated SVD",
}
CONTEXT = 48


class Block(nn.Module):
    """One block of a transformer, with causal attention."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(size), nn.LayerNorm(size)
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        q, k, v = (
            f(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        y = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).flatten(2))
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


class Transformer(nn.Module):
    """Characters (N, T) in, logits (N, T, kinds) out."""

    def __init__(self, kinds: int, size: int = 64) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(kinds, size), nn.Embedding(CONTEXT, size)
        self.blocks = nn.Sequential(Block(size, 4), Block(size, 4), nn.LayerNorm(size))
        self.out = nn.Linear(size, kinds)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        return self.out(self.blocks(self.letters(text) + self.places.weight[: text.shape[1]]))


def transformer() -> tuple[nn.Module, list[Any], list[Any], Callable[..., torch.Tensor]]:
    """Return a trained model, batches to compress and to test it, and its loss."""
    text = " ".join("".join(topics.values()).split())
    letters = {letter: code for code, letter in enumerate(sorted(set(text)))}
    codes = torch.tensor([letters[letter] for letter in text])
    rows = codes[: len(codes) // (CONTEXT + 1) * (CONTEXT + 1)].reshape(-1, CONTEXT + 1)
    seen, unseen = rows[:-400], rows[-400:]

    def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(output.flatten(0, 1), target.flatten())

    torch.manual_seed(0)
    model = train(Transformer(len(letters)), seen[:, :-1], seen[:, 1:], loss, steps=900)
    return model, batches(seen[:256], 8), batches(unseen, 100), loss


def batches(rows: torch.Tensor, size: int) -> list[Any]:
    """Return inputs and targets of a text in batches."""
    return [(part[:, :-1], part[:, 1:]) for part in rows.split(size)]


def vision() -> tuple[nn.Module, list[Any], list[Any], Callable[..., torch.Tensor]]:
    """Return the same for a convolutional network on scikit-learn's digits."""
    X, y = load_digits(return_X_y=True)
    images = torch.tensor(X / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    order = torch.tensor(np.random.default_rng(0).permutation(len(X)))
    images, target = images[order], torch.tensor(y)[order]
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 96, 1), nn.ReLU(), nn.Conv2d(96, 48, 1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(48 * 16, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    model = train(model, images[:1200], target[:1200], cross_entropy, steps=400)
    own = list(zip(images[:512].split(8), target[:512].split(8), strict=True))
    return model, own, [(images[1200:], target[1200:])], cross_entropy


def train(
    model: nn.Module, X: torch.Tensor, y: torch.Tensor, loss: Callable[..., Any], steps: int
) -> nn.Module:
    """Train a model by Adam on batches of 32 rows."""
    step = torch.optim.Adam(model.parameters(), 3e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(step, 3e-3, steps)
    for _ in range(steps):
        some = torch.randint(0, len(X), (32,))
        step.zero_grad()
        loss(model(X[some]), y[some]).backward()
        step.step()
        rate.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, data: list[Any]) -> float:
    """Return the share of targets that a model finds."""
    right = torch.cat([(model(X).argmax(-1) == y).flatten() for X, y in data])
    return right.float().mean().item()


def size(model: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in model.parameters())


def curves(made: Any) -> tuple[float, dict[str, list[tuple[float, float]]]]:
    """Return the accuracy of a model, and (kept share, accuracy) for each method."""
    model, own, test, loss = made
    found = {}
    for method in NAMES:
        new = [compress(model, own, keep, method, loss).model for keep in KEEP]
        found[method] = [(size(each) / size(model), accuracy(each, test)) for each in new]
    return accuracy(model, test), found


def draw(axes: Any, title: str, made: Any) -> None:
    """Draw the curves of a model, and print them."""
    whole, found = curves(made)
    print(f"{title}: {size(made[0])} parameters, accuracy {whole:.3f}")
    axes_of(axes).axhline(whole, color=FAINT)
    for number, (method, points) in enumerate(found.items()):
        print(f"  {method:8}" + "".join(f"  {x:.2f}: {y:.3f}" for x, y in points))
        axes.plot(
            *zip(*points, strict=True), marker=MARKERS[number], label=NAMES[method], **style(number)
        )
    named(axes, title, "share of all parameters that is kept", "accuracy on unseen data")


def main() -> None:
    """Draw both models."""
    figure, pair = pyplot().subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
    draw(pair[0], "Transformer, next character", transformer())
    draw(pair[1], "Convolutional network, digits", vision())
    legend(pair[0], loc="lower right")
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
