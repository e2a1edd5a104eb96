"""Fit "two or five of ten bits are set": one eigenvalue beside a mixture of all."""

import itertools

import numpy as np

from eigcore.fit import fit

NEURONS = {"one eigenvalue": None, "learned weights": {"functional": "weighted"}}
OPTIONS = {"knots": 0, "dim": 8, "members": 1, "penalty": 1e-6, "max_iter": 60, "validation": 0}


def main(seed=0):
    """Return the logarithmic loss on the rows that are not fitted, for each neuron."""
    rows = np.array([*itertools.product((0.0, 1.0), repeat=10)])
    y = np.isin(rows.sum(1), (2, 5))
    known, hidden = np.split(np.random.default_rng(0).permutation(len(rows)), [768])
    losses = {}
    for name, neuron in NEURONS.items():
        model = fit(rows[known], y[known], neuron=neuron, seed=seed, **OPTIONS).model
        p = np.clip(model.predict(rows[hidden]), 1e-12, 1 - 1e-12)
        losses[name] = float(-np.log(np.where(y[hidden], p, 1 - p)).mean())
    return losses


if __name__ == "__main__":
    for seed in range(3):
        print(seed, main(seed))
