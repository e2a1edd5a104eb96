"""
Three readings of one neuron
============================

`Interpreting eigenvalue models <https://alexshtf.github.io/2026/02/03/Spectrum-Interpretation.html>`_
(February 2026) reads an eigenvalue as a game of two players, as a sequence of problems, and as a
difference of convex functions. It has one picture and no table. This page checks each reading with
numbers, first on the matrices of the post, then on a model of a real table, where a reading is a
model of its own that can be proven and drawn.

The whole page runs by ``python docs/gallery/interpretation.py``.
"""

# %%
# A difference of convex functions
# --------------------------------
#
# λ_k is the sum of the d − k largest eigenvalues less that of the d − k − 1 largest, and such sums
# are convex (Ky Fan 1949). The post draws this for the middle of order 5. In eigcore both parts are
# models.

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import eigcore
from eigcore import plots
from eigcore.convert import read_neuron
from eigcore.drawing import BLUE, GREEN, ORANGE, axes_of
from eigcore.fit import fit

np.random.seed(42)
matrices = np.stack([np.random.randn(5, 5) for _ in range(2)])
neuron = eigcore.SpectralModel(None, [read_neuron({"matrices": matrices}, "square-lower", index=2)])
x = np.linspace(-3, 3, 1001)
whole = neuron.predict(x[:, None])
plus, minus = (part.decision(x[:, None]) for part in neuron.convex_parts())
by_numpy = np.linalg.eigvalsh(matrices[0] + x[:, None, None] * matrices[1])

print(f"three largest, from NumPy: {np.abs(plus - by_numpy[:, 2:].sum(1)).max():.0e}")
print(f"two largest, from NumPy:   {np.abs(minus - by_numpy[:, 3:].sum(1)).max():.0e}")
print(f"their difference from λ_2: {np.abs(plus - minus - whole).max():.0e}")
assert np.allclose(plus - minus, whole, atol=1e-12)
assert np.diff(plus, 2).min() > -1e-9
assert np.diff(minus, 2).min() > -1e-9
assert np.diff(whole, 2).min() < -1e-6 < 1e-6 < np.diff(whole, 2).max()

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes_of(ax).plot(x, plus, "--", color=BLUE, label="three largest")
ax.plot(x, minus, "-.", color=ORANGE, label="two largest")
ax.plot(x, whole, color=GREEN, lw=2.4, label="difference: the middle one")
ax.set(xlabel="x", ylabel="sum of eigenvalues")
ax.legend(frameon=False)

# %%
# A sequence of problems
# ----------------------
#
# The k-th eigenvalue is the least uᵀAu over unit vectors at right angles to the k vectors before it
# (Courant and Fischer). Here each step is solved as such: on the complement of what has been found,
# by the power method, which knows nothing of eigenvalues beyond the largest.

A = np.tril(matrices[0]) + np.tril(matrices[0], -1).T
found: list[np.ndarray] = []
shift = np.linalg.norm(A)
for k in range(5):
    left = np.eye(5) - sum((np.outer(v, v) for v in found), np.zeros((5, 5)))
    u = left @ np.ones(5)
    for _ in range(4000):
        u = left @ (shift * u - A @ u)
        u /= np.linalg.norm(u)
    found.append(u)
    print(f"step {k}: {u @ A @ u:9.5f}   λ_{k} = {np.linalg.eigvalsh(A)[k]:9.5f}")
    assert abs(u @ A @ u - np.linalg.eigvalsh(A)[k]) < 1e-8

# %%
# A game
# ------
#
# Low names k + 1 directions, High answers with a unit vector of their span, and wants uᵀAu to be
# large. However Low plays, High reaches λ_k. Low's best play is the first k + 1
# eigenvectors.

rng = np.random.default_rng(0)
plays = np.linalg.qr(rng.normal(size=(20000, 5, 3)))[0]
reached = np.linalg.eigvalsh(plays.mT @ A @ plays)[:, -1]
print(f"20000 plays of Low: High gets {reached.min():.5f} or more; λ_2 = {whole[500]:.5f}")
best = np.column_stack(found[:3])
print(f"Low's best play:    High gets {np.linalg.eigvalsh(best.T @ A @ best)[-1]:.5f}")
assert reached.min() >= whole[500] - 1e-12

# %%
# A model of cars
# ---------------
#
# The post explains its readings to an insurer, in words. In eigcore they are objects of a model:
# miles per gallon of 392 cars, falling in weight and horsepower, rising in the year.

with (Path(eigcore.__file__).parent / "data" / "auto_mpg.csv").open(newline="") as file:
    cars = [row for row in csv.DictReader(file) if all(row.values())]
table = {
    name: np.array([float(car[name]) for car in cars])
    for name in ("weight", "horsepower", "acceleration", "model_year")
}
mpg = np.array([float(car["mpg"]) for car in cars])
model = fit(
    table | {"mpg": mpg},
    "mpg",
    increasing=["model_year"],
    decreasing=["weight", "horsepower"],
    preset="quick",
    validation=0,
).model

car = {name: cells[0] for name, cells in table.items()}
print(model.game(car))

# %%
# In this car's row both players play their best. What Low names for it bounds the decision from
# above in every other row, what High names bounds it from below. Both bounds are models, convex and
# concave in the matrices.

game = model.game(car)
below, above = game.lower.decision(table), game.upper.decision(table)
assert (below <= model.decision(table) + 1e-9).all()
assert (model.decision(table) <= above + 1e-9).all()
print(f"bounds over all cars hold; mean width {np.mean(above - below):.2f} mpg")
picture = plots.GameDisplay.from_model(model, "weight", at=car)

# %%
# How much a column can matter
# ----------------------------
#
# `An earlier post <https://alexshtf.github.io/2026/01/01/Spectrum-Props.html>`_ ranks columns by
# the norms of their matrices, since no step of a column moves the prediction by more than its norm.
# A certificate holds these bounds in units of the table, and says how near two rows come to them;
# contributions say what a column really did.

print(model.certify())
print(model.explain(car, baseline="mean", sample=table).text(0))

# %%
# The thriftiest car
# ------------------
#
# The post hands the difference of convex functions to optimisers, which find local optima of it.
# Over a box of a few columns eigcore searches with a proof:

print(model.maximize({"weight": (2500, 3500), "horsepower": (90, 130), "model_year": 76}))

# %%
# .. seealso::
#
#    Next: :doc:`tridiagonal matrices </built/gallery/tridiagonal>`. The readings in general:
#    :doc:`explaining </explain>`; optima with proof: :doc:`bounds over a domain </bounds>`.
