"""Layers of every kind, and what goes into them, for the tests of layers."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from eigcore_torch import SpectralLayer  # noqa: E402

ROWS, FEATURES, CATEGORIES, CONTEXT = 6, 3, 7, 4
CASES = {
    "separate": {"outputs": 4},
    "single": {"outputs": 1},
    "shared": {"outputs": 4, "index": (0, 1, 2, 3)},
    "two of each": {"outputs": 4, "index": (0, "convex"), "structure": "banded:2"},
    "smooth": {"outputs": 2, "functional": "smooth", "alpha": 0.5},
    "weighted": {"outputs": 2, "functional": "weighted", "weights": (-1, 0, 0, 0, 1)},
    "learned": {"outputs": 3, "functional": "weighted", "nonnegative": True, "monotone": (1, 0, 0)},
    "diagonal": {"outputs": 2, "structure": "diagonal"},
    "categories": {"features": 0, "outputs": 3, "categories": CATEGORIES},
    "both": {"outputs": 1, "categories": CATEGORIES},
    "monotone": {"outputs": 2, "monotone": (1, 0, -1), "structure": "tridiagonal"},
    "context": {"outputs": 2, "monotone": (1, 0, -1), "context": CONTEXT},
    "context, single": {"outputs": 1, "context": CONTEXT, "structure": "tridiagonal"},
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def module(case, seed=0, dtype=torch.float64):
    options = {"features": FEATURES, "dim": 5} | case
    generator = torch.Generator().manual_seed(seed)
    return SpectralLayer(generator=generator, dtype=dtype, **options)


def inputs(case, rows=ROWS, seed=1):
    rng = np.random.default_rng(seed)
    given = {}
    if case.get("features", FEATURES):
        given["x"] = rng.normal(size=(rows, FEATURES))
    if "categories" in case:
        given["ids"] = rng.integers(CATEGORIES, size=(rows, 2))
        given["values"] = rng.normal(size=(rows, 2))
    if "context" in case:
        given["context"] = rng.normal(size=(rows, CONTEXT))
    return given


def tensors(given):
    return {name: torch.tensor(a) for name, a in given.items()}


def parameters(made):
    return {name: p.detach().numpy() for name, p in made.named_parameters()}
