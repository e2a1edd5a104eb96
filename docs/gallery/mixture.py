"""
A mixture of eigenvalues
========================

Why one eigenvalue, and not all of them? A mixture Σ_j w_j λ_j(A(x)) with learned weights w costs
one eigensolve. If no weight is negative, it keeps what an eigenvalue promises: it rises with every
matrix that is positive semidefinite. The series of posts ends before this idea; we measured it.

The whole page runs by ``python docs/gallery/mixture.py``.
"""

# %%
# Two or five bits
# ----------------
#
# The toy of :doc:`tridiagonal matrices </built/gallery/tridiagonal>` with ten bits: 768 of 1024
# rows are known. One eigenvalue bends at few places, and its starts end in different optima. Four
# starts each, logarithmic loss on the other rows:

import itertools

import matplotlib.pyplot as plt
import numpy as np

from eigcore.drawing import BLUE, FAINT, GREEN, ORANGE, axes_of
from eigcore.fit import fit

NEURONS = {
    "one eigenvalue": None,
    "weights of any sign": {"functional": "weighted"},
    "non-negative weights": {"functional": "weighted", "nonnegative": True},
}
STARTS = 4
rows = np.array([*itertools.product((0.0, 1.0), repeat=10)])
wanted = np.isin(rows.sum(1), (2, 5))
known, hidden = np.split(np.random.default_rng(0).permutation(len(rows)), [768])


def train(neuron, seed):
    """Fit one neuron of order 8 to the known rows."""
    options = {"knots": 0, "dim": 8, "members": 1, "penalty": 1e-6, "max_iter": 60}
    given = options | {"neuron": neuron, "seed": seed, "validation": 0}
    return fit(rows[known], wanted[known], **given).model


def loss(model):
    """Return the logarithmic loss on the hidden rows."""
    p = np.clip(model.predict(rows[hidden]), 1e-12, 1 - 1e-12)
    return -np.log(np.where(wanted[hidden], p, 1 - p)).mean()


models = {name: [train(neuron, seed) for seed in range(STARTS)] for name, neuron in NEURONS.items()}
print(f"{'':22}{'median':>8}{'least':>10}{'largest':>10}")
for name, told in models.items():
    losses = [loss(model) for model in told]
    print(f"{name:22}{np.median(losses):8.4f}{min(losses):10.4f}{max(losses):10.4f}")

# %%
# The weights that were learned. They belong to the model, and its file holds them.

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
axes_of(ax).axhline(0, color=FAINT, lw=1)
for shift, (name, colour, hatch) in enumerate(
    (("weights of any sign", BLUE, ""), ("non-negative weights", ORANGE, "//"))
):
    spec, _ = models[name][0].members[0]
    weights = np.array(spec.weights)
    place = np.arange(len(weights)) + 0.38 * shift
    ax.bar(place, weights, 0.36, color=colour, hatch=hatch, edgecolor="white", label=name)
ax.set(xlabel="eigenvalue", ylabel="weight")
ax.legend(frameon=False)
assert np.min(models["non-negative weights"][0].members[0][0].weights) >= 0

# %%
# Still monotone, and proven
# --------------------------
#
# A dose must never lower the effect, whatever age and weight are. ``increasing`` asks the mixture
# for non-negative weights by itself, and the certificate reads them from the file. One
# eigenvalue is enough here: the mixture is about as good, and promises the same.

rng = np.random.default_rng(1)
columns = {"dose": rng.uniform(0, 10, 400), "age": rng.uniform(20, 80, 400)}


def effect(dose, age):
    """Return the effect that the rows are drawn from."""
    return sum(np.tanh(2 * (dose - at)) for at in (2, 5, 8)) * (1.5 - age / 80)


seen = columns | {"effect": effect(**columns) + 0.3 * rng.normal(size=400)}
grid = {"dose": np.tile(np.linspace(0, 10, 201), 2), "age": np.repeat([30.0, 70.0], 201)}
fitted = {}
for name in ("one eigenvalue", "non-negative weights"):
    fitted[name] = fit(
        seen,
        "effect",
        increasing=["dose"],
        neuron=NEURONS[name],
        knots=0,
        dim=8,
        members=1,
        penalty=1e-5,
        validation=0,
    ).model
    error = np.sqrt(np.mean((fitted[name].predict(grid) - effect(**grid)) ** 2))
    print(f"{name:22}error on the curves below {error:.3f}")
mixture = fitted["non-negative weights"]
print(mixture.certify())
assert mixture.certify().columns[0].increasing

figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.6), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, fitted.items(), strict=True):
    for age, colour, line in ((30, GREEN, "-"), (70, ORANGE, "--")):
        here = grid["age"] == age
        axes_of(ax).plot(
            grid["dose"][here], model.predict(grid)[here], line, color=colour, label=f"age {age}"
        )
        ax.plot(grid["dose"][here], effect(**grid)[here], ":", color=colour, lw=1)
    ax.set(title=name, xlabel="dose")
axes[0].set_ylabel("effect")
axes[0].legend(frameon=False, title="dotted: truth")

# %%
# No kernel finds all eigenvalues of a mixture in one pass, so such a fit takes longer. In tables
# with :doc:`knots </fit>` the columns bend by themselves, and one eigenvalue is usually enough.
#
# .. seealso::
#
#    :doc:`Learned weights in layers </layers>`; promises of weights: :doc:`the spec </spec>`.
