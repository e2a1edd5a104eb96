"""One pass over california_colab (17 000 rows, d = 45, batch 64, Adam) against plain torch."""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

import eigcore

TRAIN = Path(__file__).parents[2] / "shared" / "data" / "california_colab" / "train.csv"
D, BATCH, SKEWED = 45, 64, [3, 4, 5, 6]
K = D // 2


class PlainDense(torch.nn.Module):
    """λ_k(A₀ + Σ xᵢ Aᵢ) by torch.linalg.eigvalsh."""

    def __init__(self, features):
        super().__init__()
        A = torch.randn(features + 1, D, D) / (D * (features + 1)) ** 0.5
        self.A = torch.nn.Parameter(A + A.mT)

    def forward(self, x):
        return torch.linalg.eigvalsh(self.A[0] + torch.tensordot(x, self.A[1:], 1))[:, K]


class OneTridiagonal(torch.autograd.Function):
    """λ_k of tridiagonal matrices by SciPy's eigh_tridiagonal, matrix by matrix."""

    @staticmethod
    def forward(ctx, diag, off):
        pairs = [
            scipy.linalg.eigh_tridiagonal(a, b, select="i", select_range=(K, K))
            for a, b in zip(diag.numpy(), off.numpy(), strict=True)
        ]
        v = torch.from_numpy(np.stack([vectors[:, 0] for _, vectors in pairs]))
        ctx.save_for_backward(v)
        return torch.from_numpy(np.concatenate([values for values, _ in pairs]))

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g[:, None] * v * v, 2 * g[:, None] * v[:, :-1] * v[:, 1:]


class PlainTridiagonal(torch.nn.Module):
    """λ_k of A₀ + Σ xᵢ Aᵢ with tridiagonal Aᵢ."""

    def __init__(self, features):
        super().__init__()
        self.diag = torch.nn.Linear(features, D)
        self.off = torch.nn.Linear(features, D - 1)

    def forward(self, x):
        return OneTridiagonal.apply(self.diag(x), self.off(x))


class Ours(torch.nn.Module):
    """The same functions by eigcore.evaluate."""

    def __init__(self, features, structure):
        super().__init__()
        self.spec = eigcore.EigSpec(features, D, structure=structure)
        shape = self.spec.params_shape
        self.params = torch.nn.Parameter(torch.randn(shape) / (D * (features + 1)) ** 0.5)

    def forward(self, x):
        return eigcore.evaluate(self.spec, self.params, x)


def rows():
    if not TRAIN.exists():
        pytest.skip(f"{TRAIN.name} of california_colab is not beside this checkout, in ../shared")
    table = np.loadtxt(TRAIN, delimiter=",", skiprows=1)
    table[:, SKEWED] = np.log(table[:, SKEWED])
    table = (table - table.mean(0)) / table.std(0)
    return torch.tensor(table[:, :-1]), torch.tensor(table[:, -1])


def epoch(module, x, y):
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)

    def work():
        for some, target in zip(x.split(BATCH), y.split(BATCH), strict=True):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(module(some), target).backward()
            optimiser.step()

    return work


@pytest.mark.parametrize("side", ["plain", "eigcore"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("structure", ["dense", "tridiagonal"])
def bench_epoch(benchmark, one_thread, structure, dtype, side):
    x, y = (a.to(dtype) for a in rows())
    torch.manual_seed(0)
    plain = PlainDense if structure == "dense" else PlainTridiagonal
    n = x.shape[-1]
    module = (plain(n) if side == "plain" else Ours(n, structure)).to(dtype)
    name = str(dtype).removeprefix("torch.")
    benchmark.group = f"one pass over california_colab, {structure} d={D} {name}"
    benchmark.extra_info["side"] = side
    benchmark.pedantic(epoch(module, x, y), rounds=5, warmup_rounds=1)
