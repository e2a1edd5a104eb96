"""How long explanations take. Run: python -m benchmarks.explain"""

import time

import numpy as np

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Encoding, PiecewiseLinear

ROWS, COLUMNS, MEMBERS = 1000, 8, 12


def made(dim):
    """An average of neurons of 8 columns with 8 pieces and two tails each."""
    rng, knots = np.random.default_rng(0), tuple(np.linspace(-2.0, 2.0, 9))
    e = Encoding(tuple(PiecewiseLinear(knots) for _ in range(COLUMNS)))
    spec = EigSpec(e.terms, dim)
    members = [(spec, 0.3 * rng.normal(size=spec.params_shape)) for _ in range(MEMBERS)]
    return SpectralModel(e, members)


def main():
    """Print a table of seconds of processor time, the better of two tries."""
    X = np.random.default_rng(1).normal(size=(ROWS, COLUMNS))
    print(f"{ROWS} rows, {COLUMNS} columns, {MEMBERS} members; seconds of processor time\n")
    print("| order | exact Shapley values | pairs | integrated gradients, 100 rows | local split |")
    print("|---|---|---|---|---|")
    for dim in (5, 7, 9):
        model, spent = made(dim), []
        for call in (
            lambda m=model: m.explain(X, "mean"),
            lambda m=model: m.interactions(X, "mean"),
            lambda m=model: m.explain(X[:100], "mean", "integrated", sample=X),
            lambda m=model: m.explain(X),
        ):
            tries = []
            for _ in range(2):
                start = time.process_time()
                call()
                tries.append(time.process_time() - start)
            spent.append(min(tries))
        print(f"| {dim} | " + " | ".join(f"{seconds:.2f}" for seconds in spent) + " |", flush=True)


if __name__ == "__main__":
    main()
