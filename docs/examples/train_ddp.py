"""Train a model with torch on several processes or machines; each has its part of every batch.

    torchrun --nproc-per-node 2 docs/examples/train_ddp.py --output house.eig

Without torchrun it runs in one process, on whole batches, and finds the same numbers to rounding.
"""

import argparse

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from eigcore import SpectralModel
from eigcore.fit import fit

STEPS, BATCH, ROWS = 20, 512, 4096


def table() -> tuple[np.ndarray, np.ndarray]:
    """Rows (ROWS, 3) and targets (ROWS,); every process reads its own in earnest."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3))
    return x, np.abs(x[:, 0]) * x[:, 1] + np.tanh(x[:, 2]) + 0.1 * rng.normal(size=ROWS)


def main() -> None:
    """Start from a quick fit on some rows, go on with Adam on all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", default="model.eig")
    output = parser.parse_args().output
    if dist.is_torchelastic_launched():
        dist.init_process_group("gloo")
    many = dist.is_initialized()
    rank, size = (dist.get_rank(), dist.get_world_size()) if many else (0, 1)

    x, y = table()
    start = fit(x[:500], y[:500], dim=3, knots=8, members=2, penalty=1e-3, max_iter=1).model
    module = start.to_torch()
    # broadcasts the parameters of process 0, and averages the gradients of all processes
    trained = DistributedDataParallel(module) if many else module
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for step in range(STEPS):
        batch = np.random.default_rng([1, step]).integers(ROWS, size=BATCH)
        mine = batch[rank::size]
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(trained(torch.tensor(x[mine])), torch.tensor(y[mine]))
        loss.backward()
        optimiser.step()
        if rank == 0:
            print(f"step {step}: {loss.item():.6f}")
    if rank == 0:
        SpectralModel.from_torch(module).save(output)
    if many:
        dist.barrier()  # threads of gloo let go of tensors: github.com/pytorch/pytorch/pull/179291
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
