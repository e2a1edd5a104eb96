"""California housing as in the blog series "Eigenvalues as models", beside its errors.

    python -m benchmarks.posts

The columns enter as there: four logarithms, all standardised, no knots. The penalty is chosen on
the fitted rows, and the error is that of the last iterate; the posts tell the best epoch on the
test rows, as titles of their pictures.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import eigcore
from benchmarks.accuracy.data import Part, parts
from eigcore.fit import fit

SKEWED = ["total_rooms", "total_bedrooms", "population", "households"]
DENSE = {5: 57_556, 15: 56_183, 30: 54_208, 45: 53_768}
TRIDIAGONAL = {7: 55_738, 11: 54_585, 15: 54_138, 45: 53_592}
SMOOTH: dict[float, tuple[int, int] | None] = {
    0.0: None, 0.001: (53_687, 56_081), 0.1: (53_699, 56_148), 5.0: (52_950, 55_403),
    25.0: (55_546, 58_035),
}  # fmt: skip
"""Least error and mean error of 75 epochs, by α; 0 stands for the eigenvalue itself."""
ONE: dict[str, Any] = {"members": 1, "max_iter": 120}
BAND: dict[str, Any] = {"neuron": {"structure": "tridiagonal"}, "max_iter": 1000}
NEURONS: Sequence[tuple[str, int, int | None, dict[str, Any]]] = (
    [("dense", d, rmse, ONE) for d, rmse in DENSE.items()]
    + [("dense, mean of six", 15, None, ONE | {"members": 6})]
    + [("tridiagonal", d, rmse, ONE | BAND) for d, rmse in TRIDIAGONAL.items()]
    + [("tridiagonal, mean of six", 15, None, BAND | {"members": 6})]
)
"""Name, order, error in the post, options."""


Table = dict[str, np.ndarray]


def prepared(part: Part) -> list[Table]:
    """Columns of the training and the test rows, as the posts prepare them."""
    tables = [part.train.copy(), part.test.copy()]
    for table in tables:
        table[SKEWED] = np.log(table[SKEWED])
    mean, deviation = tables[0].mean(), tables[0].std(ddof=0)
    return [
        {str(name): cells.to_numpy() for name, cells in ((table - mean) / deviation).items()}
        for table in tables
    ]


def smoothed(
    train: Table, test: Table, known: np.ndarray, wanted: np.ndarray, alpha: float, epochs: int = 75
) -> list[float]:
    """Return the error after each epoch of Adam, with the post's start, rates and batches."""
    import torch

    torch.manual_seed(0)
    chosen: dict[str, Any] = {"functional": "smooth", "alpha": alpha} if alpha else {}
    spec = eigcore.EigSpec(features=8, dim=15, **chosen)
    rows, columns = np.tril_indices(15)
    factor = torch.tensor(np.where(rows == columns, 1.0, np.sqrt(2)))
    start = (torch.rand(spec.params_shape, dtype=torch.float64) * 2 - 1) / np.sqrt(8)
    params = (start * factor).requires_grad_()
    x, new = (torch.tensor(np.column_stack([*table.values()])) for table in (train, test))
    y = torch.tensor((known - known.mean()) / known.std())
    optimiser = torch.optim.Adam([params], lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=1e-2, total_steps=epochs + 1, pct_start=0.1, anneal_strategy="linear"
    )
    errors = []
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            loss = (eigcore.evaluate(spec, params, x[batch]) - y[batch]).square().mean()
            loss.backward()
            optimiser.step()
        schedule.step()
        with torch.no_grad():
            found = eigcore.evaluate(spec, params, new).numpy() * known.std() + known.mean()
        errors.append(np.sqrt(np.mean((found - wanted) ** 2)))
    return errors


def fits(part: Part) -> None:
    """Print the errors and seconds of one neuron after another, fitted by L-BFGS."""
    train, test = prepared(part)
    print(f"{'neuron':25}{'d':>3}{'post, $':>9}{'eigcore, $':>12}{'CPU seconds':>13}")
    for name, dim, post, options in NEURONS:
        begin = time.process_time()
        plain = {"knots": 0, "dim": dim, "tails": "linear", "validation": 0}
        model = fit(train, part.known, **plain, **options).model
        seconds = time.process_time() - begin
        rmse = np.sqrt(np.mean((model.predict(test) - part.wanted) ** 2))
        print(f"{name:25}{dim:3}{post or '':>9}{rmse:12.0f}{seconds:13.1f}", flush=True)


def smoothing(part: Part) -> None:
    """Print errors of the neuron of order 15, smoothed and not, trained as in the post."""
    train, test = prepared(part)
    names = ("post: best", "mean", "eigcore: best", "mean")
    print(f"\n{'order 15, Adam':18}{names[0]:>12}{names[1]:>8}{names[2]:>16}{names[3]:>8}")
    for alpha, told in SMOOTH.items():
        errors = smoothed(train, test, part.known, part.wanted, alpha)
        best, mean = told or ("", "")
        name = f"α = {alpha:g}" if alpha else "eigenvalue itself"
        line = f"{name:18}{best:>12}{mean:>8}{min(errors):16.0f}{np.mean(errors):8.0f}"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    home = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=home, help="folder of the sets")
    part = next(parts(parser.parse_args().data, "california_colab"))
    fits(part)
    smoothing(part)


if __name__ == "__main__":
    main()
