"""
Tridiagonal matrices
====================

`Cheaper eigenvalue training and inference
<https://alexshtf.github.io/2026/03/15/Spectrum-Banded.html>`_ (March 2026) keeps two diagonals of
each matrix: 2d − 1 numbers instead of d(d + 1)/2, and eigenvalues that are found in a fraction of
the time, by SciPy. In eigcore this is a word, ``structure="tridiagonal"``, on every backend. This
page repeats the timing and the toy of the post.

The whole page runs by ``python docs/gallery/tridiagonal.py``.
"""

# %%
# The same functions
# ------------------
#
# Two random tridiagonal matrices of order 5 as in the post, and every eigenvalue of A + xB.

import time

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
import torch

import eigcore
from eigcore.drawing import axes_of, style
from eigcore.fit import fit

np.random.seed(42)
diagonals, subdiagonals = np.random.randn(2, 5), np.random.randn(2, 4)
x = np.linspace(-3, 3, 1001)
diag, off = (each[0] + x[:, None] * each[1] for each in (diagonals, subdiagonals))
lam = np.stack([eigcore.kth_eigenvalue_tridiagonal(diag, off, k) for k in range(5)])
pairs = zip(diag, off, strict=True)
by_scipy = np.stack([scipy.linalg.eigvalsh_tridiagonal(*each) for each in pairs])
print(f"largest difference from SciPy: {np.abs(lam - by_scipy.T).max():.0e}")
assert np.allclose(lam, by_scipy.T, atol=1e-12)

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for k, curve in enumerate(lam):
    axes_of(ax).plot(x, curve, **style(k), label=f"k = {k}")
ax.set(xlabel="x", ylabel="eigenvalue of A + xB")
ax.legend(frameon=False, ncols=2)

# %%
# The same batch
# --------------
#
# 50 matrices of order 100, eigenvalue 50 and its vector, which is all that a gradient needs. SciPy
# solves one matrix at a time; eigcore solves the batch, here inside torch, gradient included.
# Milliseconds of CPU time of one thread; the post's are from Colab.

COUNT = 50
STARTS = 5
threads = torch.get_num_threads()
torch.set_num_threads(1)
rng = np.random.default_rng(0)
dense = rng.normal(size=(COUNT, 100, 100))
dense = dense + dense.mT
diag, off = rng.normal(size=(COUNT, 100)), rng.normal(size=(COUNT, 99))


def of_scipy(solve, *arrays, **which):
    """Return a call that solves one matrix after another."""
    return lambda: [solve(*each, **which) for each in zip(*arrays, strict=True)]


def of_eigcore(value, *arrays):
    """Return a call that finds the gradient of the sum of all values."""
    given = [torch.tensor(array, requires_grad=True) for array in arrays]
    return lambda: torch.autograd.grad(value(*given, 50).sum(), given)


def milliseconds(call, rounds=5):
    """Return the least CPU time of a call."""
    told = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        told.append(1000 * (time.process_time() - begin))
    return min(told)


calls = {
    "SciPy, dense": of_scipy(scipy.linalg.eigh, dense, subset_by_index=(50, 50)),
    "SciPy, tridiagonal": of_scipy(
        scipy.linalg.eigh_tridiagonal, diag, off, select="i", select_range=(50, 50)
    ),
    "eigcore, dense": of_eigcore(eigcore.kth_eigenvalue, dense),
    "eigcore, tridiagonal": of_eigcore(eigcore.kth_eigenvalue_tridiagonal, diag, off),
}
post = {"SciPy, dense": "34.5", "SciPy, tridiagonal": "6.68"}
print("                         post     here")
for name, call in calls.items():
    print(f"{name:22}{post.get(name, ''):>7}{milliseconds(call):9.2f}")
torch.set_num_threads(threads)

# %%
# The same toy
# ------------
#
# Are two or five of twelve bits set? 2051 of all 4096 rows are known, drawn as in the post. It
# prints a logarithmic loss of 0.0536 on the others for order 3, and shows pictures for 5 and 9, in
# which the loss ends near 0.024 and 0.006. Here are five starts each; the penalty is the one that
# ``fit`` chooses when it may.

torch.manual_seed(42)
bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 12)
known = (torch.rand(len(bits)) < 0.5).numpy()
rows = bits.numpy().astype(float)
wanted = np.isin(rows.sum(1), (2, 5))


def train(dim, seed):
    """Fit one tridiagonal neuron."""
    return fit(
        rows[known],
        wanted[known],
        neuron={"structure": "tridiagonal"},
        dim=dim,
        seed=seed,
        knots=0,
        members=1,
        penalty=4e-6,
        max_iter=500,
        validation=0,
    ).model


def loss(model):
    """Return the logarithmic loss on the rows that were not fitted."""
    p = np.clip(model.predict(rows[~known]), 1e-12, 1 - 1e-12)
    return -np.log(np.where(wanted[~known], p, 1 - p)).mean()


print(f"{known.sum()} rows known")
print(" d   numbers      post   eigcore: median     least   largest")
losses = {}
for dim, told in ((3, "0.0536"), (5, "~0.024"), (9, "~0.006")):
    losses[dim] = [loss(train(dim, seed)) for seed in range(STARTS)]
    size, middle = 13 * (2 * dim - 1), np.median(losses[dim])
    ends = f"{min(losses[dim]):10.4f}{max(losses[dim]):10.4f}"
    print(f"{dim:2}{size:10}{told:>10}{middle:18.4f}{ends}")

# %%
# Starts matter more than orders here: the loss has local optima. An average of several starts is
# the simple answer, and ``fit`` takes it by default (``members``). A mixture of all eigenvalues is
# another: :doc:`learned weights </built/gallery/mixture>`.
#
# A real table
# ------------
#
# On California Housing the tridiagonal neuron of the post needs three to four minutes of Adam; here
# it takes seconds of L-BFGS. The errors stand side by side in the :doc:`gallery </gallery>`.
#
# .. seealso::
#
#    Next: :doc:`Moreau smoothing </built/gallery/moreau>`. Structures in general: :doc:`the spec
#    </spec>`.
