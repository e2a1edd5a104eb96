"""
A zoo of eigenvalues
====================

The series *Eigenvalues as models* by Alex Shtoff begins with pictures: `Behold the power of the
spectrum! <https://alexshtf.github.io/2025/12/16/Spectrum.html>`_ (December 2025) draws the
eigenvalues of A + xB over x. This page draws the same matrices with eigcore, says what is a theorem
in those pictures, and measures the rest.

The whole page runs by ``python docs/gallery/zoo.py``.
"""

# %%
# The same matrices
# -----------------
#
# The post draws matrices of normal numbers with NumPy's old seed 42, and SciPy reads their lower
# triangles. ``lower=True`` means these triangles; without it eigcore takes (M + Mᵀ)/2, since a
# gradient should belong to all entries.

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
from scipy.optimize import minimize_scalar

import eigcore
from eigcore.convert import read_neuron
from eigcore.drawing import BLUE, ORANGE, axes_of, style

x = np.linspace(-5, 5, 1001)


def random(dim, count=2):
    """Return what the post draws: `count` square matrices."""
    np.random.seed(42)
    return [np.random.randn(dim, dim) for _ in range(count)]


def curves(A, B):
    """Return every eigenvalue of A + xB, (eigenvalues, points)."""
    M = A + x[:, None, None] * B
    return np.stack([eigcore.kth_eigenvalue(M, k, lower=True) for k in range(len(A))])


far = 0.0
for dim in (3, 9):
    A, B = random(dim)
    by_scipy = np.array([scipy.linalg.eigvalsh(A + t * B) for t in x]).T
    far = max(far, np.abs(curves(A, B) - by_scipy).max())
print(f"largest difference from SciPy: {far:.0e}")
assert far < 1e-12

# %%
# A new animal for each k
# -----------------------
#
# The smallest eigenvalue is a minimum of affine functions of x, so it is concave; the largest is
# convex. Those between are neither. Here for order 9, with the share of points at which the second
# difference has either sign.

A, B = random(9)
lam = curves(A, B)
print("k      convex   concave")
for k in (0, 2, 4, 6, 8):
    second = np.diff(lam[k], 2)
    print(f"{k}     {np.mean(second > 0):7.1%}   {np.mean(second < 0):7.1%}")

figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.8), layout="constrained")
for ax, dim in zip(axes, (3, 9), strict=True):
    lam = curves(*random(dim))
    for k, curve in enumerate(lam):
        edge = {0: (BLUE, 2.2, "smallest"), dim - 1: (ORANGE, 2.2, "largest")}
        colour, width, label = edge.get(k, ("#8a929b", 1.0, None))
        axes_of(ax).plot(x, curve, color=colour, lw=width, label=label)
    ax.set(title=f"order {dim}", xlabel="x", ylabel="λ(A + xB)")
axes[0].legend(frameon=False)

# %%
# Corners that are none
# ---------------------
#
# In such pictures neighbours seem to cross, and curves to have corners. For symmetric matrices two
# eigenvalues meet only where two numbers vanish at once (von Neumann and Wigner 1929), and a line
# A + xB has one number to offer. So these corners are round: close by, the eigenvalues turn away.


def gap(t, k, dim):
    """Return the distance of two neighbours at x = t."""
    A, B = random(dim)
    values = scipy.linalg.eigvalsh(A + t * B)
    return values[k + 1] - values[k]


print("order   least gap   at x")
for dim in (3, 9):
    lam = curves(*random(dim))
    k, at = np.unravel_index(np.diff(lam, axis=0).argmin(), (dim - 1, len(x)))
    near = (x[at] - 0.02, x[at] + 0.02)
    found = minimize_scalar(gap, bounds=near, args=(k, dim), method="bounded")
    print(f"{dim}      {found.fun:10.4f}   {found.x:5.2f}   between λ_{k} and λ_{k + 1}")
    assert found.fun > 1e-4

# %%
# Monotone by construction
# ------------------------
#
# Without the negative eigenvalues of B all curves rise, whatever A is (Weyl 1912), and none of
# them rises faster than ‖B‖. A certificate says the same of the model, for all x. It speaks of the
# stored numbers: this B is positive semidefinite up to rounding, so the curve may fall by rounding.

A, B = random(9)
values, vectors = np.linalg.eigh(B)
positive = vectors * np.maximum(values, 0) @ vectors.T
rising = curves(A, positive)
steps = np.diff(rising) / np.diff(x)
print(
    f"slopes from {steps.min():.4f} to {steps.max():.4f}; ‖B‖ = {np.linalg.norm(positive, 2):.4f}"
)
assert steps.min() > -1e-9

neuron = read_neuron({"matrices": np.stack([A, positive])}, "square-lower", index="middle")
print(eigcore.SpectralModel(None, [neuron]).certify())

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for k in (0, 2, 4, 6, 8):
    axes_of(ax).plot(x, rising[k], **style(k // 2), label=f"k = {k}")
ax.set(xlabel="x", ylabel="$\\lambda_k(A + xB)$, B positive semidefinite")
ax.legend(frameon=False)

# %%
# Two variables, one falling, one rising
# --------------------------------------
#
# With −B and C positive semidefinite, λ_k(A + xB + yC) falls in x and rises in y for every k. Its
# level lines never turn back; they are those of a concave function for the smallest eigenvalue, of
# a convex one for the largest.

np.random.seed(42)
A, *others = (np.random.randn(9, 9) for _ in range(3))
(low, V), (high, W) = map(scipy.linalg.eigh, others)
B = -(V * np.maximum(low, 0)) @ V.T
C = W * np.maximum(high, 0) @ W.T
X, Y = np.meshgrid(np.linspace(-5, 5, 101), np.linspace(-5, 5, 101))
M = A + X[..., None, None] * B + Y[..., None, None] * C
figure, axes = plt.subplots(1, 3, figsize=(8.6, 3.1), sharey=True, layout="constrained")
for ax, k in zip(axes, (0, 4, 8), strict=True):
    surface = eigcore.kth_eigenvalue(M, k, lower=True)
    assert np.diff(surface, axis=1).max() < 1e-9
    assert np.diff(surface, axis=0).min() > -1e-9
    lines = ax.contour(X, Y, surface, levels=9, colors=BLUE, negative_linestyles="solid")
    ax.clabel(lines, fontsize=7)
    ax.set(title=f"k = {k}", xlabel="x")
axes[0].set_ylabel("y")
print("falls in x, rises in y: all three")

# %%
# .. seealso::
#
#    Next: :doc:`shapes that hold </built/gallery/shapes>`. Why these are theorems:
#    :doc:`five questions </questions>`; what happens at a gap: :doc:`near a crossing </crossings>`.
