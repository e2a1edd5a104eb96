"""
One pair is enough
==================

`I feel the need for Eigen-Speed <https://alexshtf.github.io/2026/01/20/Spectrum-Speed.html>`_
(January 2026) finds that PyTorch spends its time on eigenvalues, and moves them to CuPy on a GPU.
A neuron needs one eigenvalue and its vector, though, not all of them: the kernels of eigcore-native
find just these, on the CPU. This page measures both, beside the times of the post. Its machines
were others (Colab with an L4), so compare ratios; times here are CPU times of one thread.

The whole page runs by ``python docs/gallery/speed.py``.
"""

# %%
# The same gradient
# -----------------
#
# The gradient of λ_k is v vᵀ. For the post's 5 × 5 matrix and its middle eigenvalue:

import time

import matplotlib.pyplot as plt
import numpy as np
import torch

import eigcore
from eigcore.drawing import axes_of, style

COUNT = 500
ROUNDS = 10

threads = torch.get_num_threads()
torch.set_num_threads(1)

square = torch.linspace(-5, 5, 25, dtype=torch.float64).reshape(5, 5)
M = (square.tril() + square.tril(-1).mT).requires_grad_()
eigcore.kth_eigenvalue(M, 2).backward()
POST = [
    [0.1389, -0.2269, -0.0168, 0.2359, -0.1102],
    [-0.2269, 0.3708, 0.0274, -0.3855, 0.1801],
    [-0.0168, 0.0274, 0.0020, -0.0285, 0.0133],
    [0.2359, -0.3855, -0.0285, 0.4008, -0.1873],
    [-0.1102, 0.1801, 0.0133, -0.1873, 0.0875],
]
print(M.grad.numpy().round(4))
print(f"farthest from the post: {(M.grad - torch.tensor(POST)).abs().max():.1e}")
assert np.allclose(M.grad, POST, atol=6e-5)

# %%
# At a tie, where the post takes one eigenvector of several, eigcore returns P/m, the projector onto
# the eigenspace over its dimension. It does not depend on the basis that a solver happens to find:

tied = torch.diag(torch.tensor([1.0, 1.0, 2.0])).requires_grad_()
eigcore.kth_eigenvalue(tied, 0).backward()
print(tied.grad.numpy())

# %%
# The same batch
# --------------
#
# 500 matrices of order 100 in single precision: milliseconds for λ_2, and for its gradient as well.


def milliseconds(*calls, rounds=ROUNDS // 2 + 1):
    """Return the least CPU time of each call; the calls take turns."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, told in zip(calls, times, strict=True):
            begin = time.process_time()
            call()
            told.append(1000 * (time.process_time() - begin))
    return [min(told) for told in times]


def with_gradient(value, matrices):
    """Return a call that finds values and the gradient of their sum."""
    given = matrices.clone().requires_grad_()
    return lambda: torch.autograd.grad(value(given).sum(), given)


def by_torch(M, k=2):
    """Return one eigenvalue of all that torch finds."""
    return torch.linalg.eigvalsh(M)[..., k]


def by_eigcore(M, k=2):
    """Return the same eigenvalue."""
    return eigcore.kth_eigenvalue(M, k)


generator = torch.Generator().manual_seed(0)
batch = torch.randn(COUNT, 100, 100, generator=generator)
batch = batch + batch.mT
assert torch.allclose(by_eigcore(batch), by_torch(batch), atol=1e-3)
alone = milliseconds(lambda: by_torch(batch), lambda: by_eigcore(batch))
both = milliseconds(with_gradient(by_torch, batch), with_gradient(by_eigcore, batch))
print("                        torch   eigcore   ratio")
print(f"post, CPU, values     {188:7.0f}")
print(f"post, L4, values      {788:7.0f}{1.4:10.1f}{788 / 1.37:8.1f}   (CuPy)")
print(f"post, L4, gradient    {794:7.0f}{81:10.0f}{794 / 81:8.1f}   (CuPy)")
for name, (plain, ours) in {"values": alone, "gradient": both}.items():
    print(f"here, {name:10}      {plain:7.0f}{ours:10.0f}{plain / ours:8.1f}")
with eigcore.trace() as calls:
    by_eigcore(batch)
print("by", *{call.driver for call in calls})

# %%
# CuPy's values alone, on a GPU, are out of reach of one core. Training needs the gradient.
#
# Other orders: how many times as long torch takes for a matrix and its gradient.

ORDERS = (3, 5, 9, 15, 30, 45, 64, 100)
lines = {}
for dtype in (torch.float64, torch.float32):
    for d in ORDERS:
        count = max(COUNT // 8, 80 * COUNT // d**2)
        M = torch.randn(count, d, d, generator=generator, dtype=dtype)
        pair = milliseconds(*(with_gradient(way, M + M.mT) for way in (by_torch, by_eigcore)))
        for way, told in zip(("torch", "eigcore"), pair, strict=True):
            lines.setdefault((way, str(dtype)[6:]), []).append(1000 * told / count)
print("d         " + "".join(f"{d:8}" for d in ORDERS))
for precision in ("float64", "float32"):
    ratio = np.divide(lines["torch", precision], lines["eigcore", precision])
    print(f"{precision} × " + "".join(f"{each:8.1f}" for each in ratio))

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for number, ((way, precision), told) in enumerate(lines.items()):
    axes_of(ax).loglog(ORDERS, told, **style(number), marker=".", label=f"{way}, {precision}")
ax.set(xlabel="order d", ylabel="µs a matrix, with gradient", xticks=ORDERS)
ax.set_xticks(ORDERS, [str(d) for d in ORDERS])
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# The same training
# -----------------
#
# The post trains a neuron of order 45 by Adam, ten rows a step, 17 000 rows an epoch: 15 s an epoch
# on the L4 by torch, 3.2 s by CuPy. Here a part of an epoch, on numbers of that size:

STEPS = 170
rows, target = torch.randn(10 * STEPS, 8, generator=generator), torch.randn(10 * STEPS)


def train(value):
    """Take `STEPS` steps of Adam on a neuron of order 45."""
    A = (torch.randn(9, 45, 45, generator=generator) / 60).requires_grad_()
    optimiser = torch.optim.Adam([A], lr=1e-4)
    for x, y in zip(rows.split(10), target.split(10), strict=True):
        optimiser.zero_grad()
        M = A[0] + torch.tensordot(x, A[1:], 1)
        (value((M + M.mT) / 2, 22) - y).square().mean().backward()
        optimiser.step()


told = milliseconds(lambda: train(by_torch), lambda: train(by_eigcore), rounds=ROUNDS // 4 + 1)
print(
    "seconds an epoch:     torch {:.1f}   eigcore {:.1f}".format(*(1.7 * ms / STEPS for ms in told))
)
torch.set_num_threads(threads)

# %%
# ``fit`` needs no epochs: L-BFGS on all rows at once trains that neuron on California Housing in
# less than the half hour of the post; errors and seconds are in the :doc:`gallery </gallery>`.
#
# .. seealso::
#
#    Next: :doc:`three readings </built/gallery/interpretation>`. How the kernels work, and where
#    they are not ahead: :doc:`kernels </kernels>`.
