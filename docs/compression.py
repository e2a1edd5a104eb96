"""Draw docs/compression.png: accuracy against kept parameters, for every method of compression.

A transformer that predicts characters and a small vision network are trained, compressed and
measured on data that neither training nor compression has seen. Type: python docs/compression.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from eigcore.drawing import COLOURS, FAINT, LINES, MARKERS, axes_of, legend, named, pyplot
from eigcore.lowrank import compress

matplotlib.use("Agg")

PICTURE = Path(__file__).with_name("compression.png")
KEEP = {
    "transformer": (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8),
    "vision": (0.03, 0.05, 0.08, 0.12, 0.2, 0.3),
}
"""Shares of the numbers of the layers."""
MORE = 100
"""Steps of training after compression."""
CURVES: dict[str, tuple[dict[str, Any], int]] = {
    "SVD-LLM, then 100 steps of training": ({"method": "svd-llm"}, MORE),
    "SVD-LLM": ({"method": "svd-llm"}, 0),
    "EoRA": ({"method": "eora"}, 0),
    "Nyström": ({"method": "nystrom"}, 0),
    "ASVD": ({"method": "asvd"}, 0),
    "FWSVD": ({"method": "fwsvd"}, 0),
    "LOST": ({"method": "lost"}, 0),
    "truncated SVD": ({"method": "svd"}, 0),
    "truncated SVD, concatenated": ({"method": "svd", "together": True}, 0),
    "truncated SVD, ranks of WeLore": ({"method": "svd", "rule": "threshold"}, 0),
}
"""The options of `compress`, and steps of training after it."""
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


class Task(NamedTuple):
    """A trained model, its training rows, batches to compress and to test it, and its loss."""

    model: nn.Module
    X: torch.Tensor
    y: torch.Tensor
    sample: list[Any]
    test: list[Any]
    loss: Callable[..., torch.Tensor]
    keeps: tuple[float, ...]


def transformer() -> Task:
    """Return a transformer for the next character of the topics that Python's help explains."""
    text = " ".join("".join(topics.values()).split())
    letters = {letter: code for code, letter in enumerate(sorted(set(text)))}
    codes = torch.tensor([letters[letter] for letter in text])
    rows = codes[: len(codes) // (CONTEXT + 1) * (CONTEXT + 1)].reshape(-1, CONTEXT + 1)
    X, y = rows[:, :-1], rows[:, 1:]

    def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(output.flatten(0, 1), target.flatten())

    torch.manual_seed(0)
    return task(Transformer(len(letters)), X, y, len(X) - 400, loss, 900, KEEP["transformer"])


def vision() -> Task:
    """Return a convolutional network for scikit-learn's digits."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    images = torch.tensor(X[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 96, 1), nn.ReLU(), nn.Conv2d(96, 48, 1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(48 * 16, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    return task(model, images, torch.tensor(y[order]), 1200, cross_entropy, 400, KEEP["vision"])


def task(
    model: nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    seen: int,
    loss: Any,
    steps: int,
    keeps: tuple[float, ...],
) -> Task:
    """Train a model on the first rows; 256 of them in batches of 8 are the sample."""
    train(model, X[:seen], y[:seen], loss, steps)
    some = torch.arange(0, seen, seen // 256)[:256]
    sample = list(zip(X[some].split(8), y[some].split(8), strict=True))
    return Task(model, X[:seen], y[:seen], sample, [(X[seen:], y[seen:])], loss, keeps)


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


def curve(own: Task, options: dict[str, Any], more: int) -> list[tuple[float, float]]:
    """Return the shares of parameters that are kept, and the accuracy with them."""
    found = []
    for keep in own.keeps:
        model = compress(own.model, own.sample, keep, loss=own.loss, **options).model
        if more:
            train(model, own.X, own.y, own.loss, more)
        found.append((size(model) / size(own.model), accuracy(model, own.test)))
    return found


def draw(axes: Any, title: str, own: Task) -> None:
    """Draw the curves of a model, and print them."""
    whole = accuracy(own.model, own.test)
    print(f"{title}: {size(own.model)} parameters, accuracy {whole:.3f}")
    axes_of(axes).axhline(whole, color=FAINT, label="before compression")
    for number, (name, line) in enumerate(CURVES.items()):
        points = curve(own, *line)
        print(f"  {name:36}" + "".join(f"  {x:.2f}: {y:.3f}" for x, y in points), flush=True)
        again, kind = divmod(number, len(COLOURS))
        look = {"color": COLOURS[kind], "marker": MARKERS[kind], "linestyle": LINES[kind - again]}
        look |= {"markersize": 4, "markerfacecolor": "white" if again else COLOURS[kind]}
        axes.plot(*zip(*points, strict=True), label=name, **look)
    named(axes, title, "share of all parameters that is kept", "accuracy on unseen data")


def main() -> None:
    """Draw both models."""
    figure, pair = pyplot().subplots(1, 2, figsize=(12.4, 4.6), layout="constrained")
    draw(pair[0], "Transformer, next character", transformer())
    draw(pair[1], "Convolutional network, digits", vision())
    legend(pair[1], loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
