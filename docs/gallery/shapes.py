"""
Shapes that hold
================

The second half of `Behold the power of the spectrum!
<https://alexshtf.github.io/2025/12/16/Spectrum.html>`_ fits a concave function of two variables to
200 noisy points, with the smallest eigenvalue and with the middle one, and asks what else could be
built in. This page fits the same points, gives the errors side by side, and answers the questions.

The whole page runs by ``python docs/gallery/shapes.py``.
"""

# %%
# The same points
# ---------------

import matplotlib.pyplot as plt
import numpy as np

from eigcore.drawing import BLUE, FAINT, ORANGE, axes_of
from eigcore.fit import fit


def truth(x, y):
    """Return the concave function of the post."""
    return -np.log(np.exp(x - 1) + np.exp(y + 0.5) + np.exp(-x - y + 0.5))


np.random.seed(42)
points = {name: np.random.uniform(-3, 3, 200) for name in "xy"}
z = truth(**points) + 0.2 * np.random.randn(200)

X, Y = np.meshgrid(np.linspace(-3, 3, 300), np.linspace(-3, 3, 300))
grid = {"x": X.ravel(), "y": Y.ravel()}


def error(model):
    """Return the root mean squared distance from the truth on the grid of the post."""
    return np.sqrt(np.mean((model.predict(grid) - truth(**grid)) ** 2))


# %%
# The same neurons
# ----------------
#
# The post trains by Adam for 500 or 2000 epochs, without a penalty. ``fit`` minimises the loss plus
# a penalty by L-BFGS, and chooses the penalty on rows that it hides from itself. ``knots=0`` makes
# the neuron that of the post: one matrix for each column.

PLAIN = {"knots": 0, "members": 1, "tails": "linear", "validation": 0}
models = {}
print("eigenvalue      d     post   eigcore")
for index, dim, post in (
    ("concave", 3, 0.0987),
    ("concave", 20, 0.1092),
    ("middle", 20, 0.1447),
    ("middle", 40, 0.2196),
):
    models[index, dim] = fit(
        points | {"z": z}, "z", dim=dim, neuron={"index": index}, **PLAIN
    ).model
    name = {"concave": "smallest"}.get(index, index)
    print(f"{name:10}{dim:7}{post:9.4f}{error(models[index, dim]):10.4f}")

# %%
# The penalty gains more than the shape, and both together gain most. What ``fit`` does when it may
# choose everything else as well, with the shape and without it:

free = fit(points | {"z": z}, "z", validation=0).model
concave = fit(points | {"z": z}, "z", shape="concave", validation=0).model
print(f"default          {error(free):.4f}")
print(f"shape=concave    {error(concave):.4f}")

# %%
# On average a good error is not a shape. At the middle of how many random pairs of points does a
# model lie below the mean of the ends, as no concave function can?

rng = np.random.default_rng(0)
ends = rng.uniform(-3, 3, (2, 20000, 2))


def violations(model):
    """Return the share of pairs whose middle lies below the mean of the ends."""
    left, right, middle = map(model.predict, (*ends, ends.mean(axis=0)))
    return np.mean(middle < (left + right) / 2 - 1e-9)


for name, model in {"default": free, "shape=concave": concave}.items():
    print(f"{name:15} {violations(model):7.2%} of the middles too low")
assert violations(concave) == 0
print(concave.certify())

figure, axes = plt.subplots(1, 3, figsize=(8.6, 3.2), sharey=True, layout="constrained")
surfaces = {"truth": truth(X, Y)} | {
    name: model.predict(grid).reshape(X.shape)
    for name, model in (("default", free), ("shape=concave", concave))
}
for ax, (name, surface) in zip(axes, surfaces.items(), strict=True):
    ax.plot(points["x"], points["y"], ".", color=FAINT, ms=3)
    ax.contour(X, Y, surface, levels=np.arange(-7, 0), colors=BLUE, linestyles="solid")
    ax.set(title=name, xlabel="x")
axes[0].set_ylabel("y")

# %%
# Mixed and matched
# -----------------
#
# The post asks for a model that rises in x and z, falls in y, and is concave in x and y together.
# Here it is: sales over advertising (x), price (y) and quality (z). Matrices of x and z are
# positive, those of y negative semidefinite, the slopes of x and y fall from piece to piece, and
# the eigenvalue is the smallest.

sold = {name: rng.uniform(0, 2, 300) for name in ("advertising", "price", "quality")}


def sales(advertising, price, quality):
    """Return the sales that the rows below are drawn from."""
    return np.log1p(3 * advertising) * (1 + quality**2) - price**2 / 2


amount = sales(**sold) + 0.2 * rng.normal(size=300)
mixed = fit(
    sold | {"sales": amount},
    "sales",
    increasing=["advertising", "quality"],
    decreasing=["price"],
    shape={"advertising": "concave", "price": "concave"},
    validation=0,
).model
print(mixed.certify())
new = {name: rng.uniform(0, 2, 4000) for name in sold}
other = new | {name: rng.uniform(0, 2, 4000) for name in ("advertising", "price")}
middle = {name: (new[name] + other[name]) / 2 for name in new}
mean = (mixed.predict(new) + mixed.predict(other)) / 2
assert (mixed.predict(middle) >= mean - 1e-9).all()
linear = np.linalg.lstsq(np.c_[np.ones(300), np.transpose([*sold.values()])], amount, rcond=None)[0]
linear_error = np.c_[np.ones(4000), np.transpose([*new.values()])] @ linear - sales(**new)
print(f"RMSE to the truth: {np.sqrt(np.mean((mixed.predict(new) - sales(**new)) ** 2)):.3f}")
print(f"of a linear model: {np.sqrt(np.mean(linear_error**2)):.3f}")

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
spent = np.linspace(0, 2, 101)
for quality, colour in ((0.5, BLUE), (1.5, ORANGE)):
    rows = {"advertising": spent, "price": np.ones(101), "quality": np.full(101, quality)}
    axes_of(ax).plot(spent, mixed.predict(rows), color=colour, label=f"quality {quality}")
    ax.plot(spent, sales(**rows), ":", color=colour)
ax.set(xlabel="advertising", ylabel="sales at price 1")
ax.legend(frameon=False, title="dotted: truth")

# %%
# The other questions of the post have pages: how semidefinite matrices are learned is in
# :doc:`the mathematics </math>`, section 7; fewer entries than d² are the subject of
# :doc:`tridiagonal matrices </built/gallery/tridiagonal>`; what the neuron computes, that of
# :doc:`three readings </built/gallery/interpretation>`; stacks of neurons, that of
# :doc:`layers </layers>`.
#
# .. seealso::
#
#    Next: :doc:`speed </built/gallery/speed>`. All shapes: :doc:`constraints </fit>`.
