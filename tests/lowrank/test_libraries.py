"""Every function of the room on arrays of torch and JAX: the numbers of NumPy."""

import numpy as np
import pytest

from eigcore.lowrank import (
    complete,
    concatenate,
    effective_dimension,
    error_bounds,
    low_rank,
    nystrom,
    ranks,
    ridge_leverage,
    sequential_nystrom,
    split,
)

RNG = np.random.default_rng(0)
W = RNG.normal(size=(7, 5))
ROWS, MOMENTS = RNG.uniform(1, 2, 7), np.cov(RNG.normal(size=(5, 30)))
BLOCKS = [RNG.normal(size=(7, 3)) for _ in range(4)]
M = RNG.normal(size=(20, 2)) @ RNG.normal(size=(2, 15))
MASK = RNG.random(M.shape) < 0.6
X = RNG.normal(size=(30, 3))
SPECTRA = [np.linalg.svd(RNG.normal(size=shape))[1] for shape in ((7, 5), (6, 6))]


def kernel(X, Z):
    return np.exp(-((X[:, None] - Z) ** 2).sum(-1))


CALLS = {
    "low_rank": lambda a: product(low_rank(a(W), rank=2)),
    "energy": lambda a: product(low_rank(a(W), energy=0.9)),
    "FWSVD": lambda a: product(low_rank(a(W), error=0.3, left=a(ROWS))),
    "SVD-LLM": lambda a: product(low_rank(a(W), rank=2, right=a(MOMENTS))),
    "split": lambda a: [product(split(a(W), 2, 2)[0])[0], *split(a(W), 2, 2)[1:]],
    "complete": lambda a: product(complete(a(M), a(MASK), 2)),
    "ranks": lambda a: [ranks([a(s) for s in SPECTRA], 0.6, [(7, 5), (6, 6)])],
    "error_bounds": lambda a: [[*error_bounds([a(b) for b in BLOCKS], 4).values()]],
    "concatenate": lambda a: [
        group.factors.B @ group.factors.A
        for group in concatenate([a(b) for b in BLOCKS], rank=4, error=0.6)
    ],
    "leverage": lambda a: [ridge_leverage(a(kernel(X, X)), 0.1)],
    "dimension": lambda a: [effective_dimension(a(kernel(X, X)), 0.1)],
    "nystrom": lambda a: [nystrom(a(kernel(X, X)), 0.1).F],
    "stream": lambda a: [sequential_nystrom([a(X[:9]), a(X[9:])], kernel, 0.1).rows],
}
ARRAYS = ("low_rank", "energy", "FWSVD", "SVD-LLM", "complete", "concatenate")
"""Those whose first result is an array of the library."""


def product(found):
    return [found.B @ found.A, found.error if hasattr(found, "error") else found.residual]


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", [*CALLS])
def test_all_libraries_give_the_numbers_of_numpy(name, library):
    module = pytest.importorskip(library)
    array = module.tensor if library == "torch" else module.numpy.asarray
    found, expected = CALLS[name](array), CALLS[name](np.asarray)
    assert len(found) == len(expected) > 0
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(own), other, rtol=1e-10, atol=1e-10)
    if name in ARRAYS:
        assert type(found[0]) is type(array(W))
