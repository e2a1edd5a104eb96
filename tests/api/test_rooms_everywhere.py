"""Every public function of the spectral rooms: the same on all backends, and clear about NaN."""

import dataclasses
import inspect

import numpy as np
import pytest
from arrays import BACKENDS, host, on

import eigcore
from eigcore import dynamics, graph, lowrank, operators, spectra
from eigcore.errors import InvalidInput, NonFiniteInput

RNG = np.random.default_rng(0)
W = RNG.normal(size=(12, 7))
S = W.T @ W
"""Symmetric, positive definite."""
A = RNG.normal(size=(6, 6))
EDGES = (abs(np.subtract.outer(np.arange(8), np.arange(8))) == 1) * np.arange(2.0, 10)
EDGES = EDGES + EDGES.T
"""Weights of a path."""
SEEN = RNG.random(W.shape) < 0.8
SEEN[0, 0] = True
LOW = W[:, :2] @ W[:2]
CLASSES = np.arange(12) % 3


def kernel(X, Z):
    return X @ Z.T


def _best(operator):
    return operators.block_power(operator, 2).values


def _product(factors):
    return factors.B @ factors.A


CALLS = {
    "spectral_map": (lambda X: eigcore.spectral_map(X, "soft_clip", c=1.5), W),
    "matrix_function": (lambda A: eigcore.matrix_function(A, "power", p=0.5), S),
    "spectral_value": (lambda X: eigcore.spectral_value(X, "entropy_rank"), W),
    "newton_schulz": (lambda X: eigcore.newton_schulz(X, "polar", 20, bound=True), W),
    "operators.block_power": (_best, S),
    "operators.extreme_eigenvalues": (lambda A: operators.extreme_eigenvalues(A, 2).values, S),
    "operators.gram": (lambda X: operators.gram(X).products(X[:3]), W),
    "operators.lanczos": (lambda A: operators.lanczos(A, A[:2], 4).diag, S),
    "operators.operator": (lambda A: operators.operator(A).products(A[:2]), S),
    "operators.randomised_svd": (lambda X: operators.randomised_svd(X, 3).s, W),
    "operators.spectral_density": (lambda A: operators.spectral_density(A, 5, 3).nodes, S),
    "operators.stream_gram": (lambda X: _best(operators.stream_gram([X[:5], X[5:]])), W),
    "lowrank.complete": (lambda M: _product(lowrank.complete(M, SEEN, 2)), LOW),
    "lowrank.concatenate": (lambda X: lowrank.concatenate([X[:, :3], X[:, 3:]], 2, 0.9), W),
    "lowrank.effective_dimension": (lambda K: lowrank.effective_dimension(K, 1.0), S),
    "lowrank.error_bounds": (lambda X: [*lowrank.error_bounds([X, X], 2).values()], W),
    "lowrank.low_rank": (lambda X, R: _product(lowrank.low_rank(X, rank=2, right=R)), W, S),
    "lowrank.nystrom": (lambda K: lowrank.nystrom(K, 1.0), S),
    "lowrank.ranks": (lambda s: lowrank.ranks([s, s], 0.9, [(7, 7), (7, 9)]), W[0] ** 2),
    "lowrank.ridge_leverage": (lambda K: lowrank.ridge_leverage(K, 1.0), S),
    "lowrank.sequential_nystrom": (lambda X: lowrank.sequential_nystrom([X], kernel, 1.0).rows, W),
    "lowrank.split": (lambda X: lowrank.split(X, 2, 3)[1:], W),
    "spectra.esd": (spectra.esd, W),
    "spectra.farms": (lambda X: spectra.farms(X, 4).alpha, W),
    "spectra.metrics": (lambda X: [*spectra.metrics({"a": X}).layers[0].values()][2:], W),
    "spectra.outliers": (spectra.outliers, W),
    "spectra.power_law": (lambda x: spectra.power_law(x).ks, abs(W).ravel()),
    "spectra.smoothed": (spectra.smoothed, W),
    "spectra.spectral_probe": (lambda F: spectra.spectral_probe(F, CLASSES).train, W),
    "spectra.top_vector": (lambda X: spectra.top_vector([X], rows=12), W),
    "spectra.top_vectors": (lambda X: spectra.top_vectors([X], rows=12, k=2), W),
    "spectra.trend": (lambda x: [*spectra.trend(x, x**2, CLASSES).values()], W[:, 0]),
    "graph.augmentation_spectrum": (graph.augmentation_spectrum, EDGES + 1),
    "graph.contrastive_loss": (graph.contrastive_loss, W[:8], EDGES),
    "graph.fastrp": (lambda W: graph.fastrp(W, 5), EDGES),
    "graph.generalised": (lambda L, D: graph.generalised(L, D)[0], S, S + np.eye(7)),
    "graph.invariance_loss": (graph.invariance_loss, W[:8], EDGES),
    "graph.laplacian": (lambda W: graph.laplacian(W, "symmetric"), EDGES),
    "graph.spectral_embedding": (lambda W: graph.spectral_embedding(W, 3), EDGES),
    "graph.stable_encoding": (lambda L: graph.stable_encoding(L, [lambda t: 1 / (1 + t)], 3), S),
    "dynamics.dmd": (lambda X, Y: dynamics.dmd(X, Y, 3).values, A, A @ A),
    "dynamics.eig": (lambda A: dynamics.eig(A).condition, A),
    "dynamics.eigenvalues": (dynamics.eigenvalues, A),
    "dynamics.perturb_then_diagonalise": (
        lambda A: dynamics.perturb_then_diagonalise(A).perturbation,
        A,
    ),
    "dynamics.pseudospectrum": (lambda A: dynamics.pseudospectrum(A, points=4).smallest, A),
    "dynamics.transfer": (lambda A, B: dynamics.transfer(A, B, B, 1j), A, A[0]),
}
ELSEWHERE = {
    "dynamics.banded": "takes no array",
    "dynamics.hippo": "takes no array",
    "lowrank.compress": "takes models of a framework: tests/lowrank/test_compression.py",
    "operators.fisher": "takes models of a framework: tests/operators/test_operators.py",
    "operators.gauss_newton": "takes models of a framework: tests/operators/test_operators.py",
    "operators.hessian": "takes functions of a framework: tests/operators/test_operators.py",
}


def numbers(found):
    """All numbers of a result, one after the other."""
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        found = [getattr(found, field.name) for field in dataclasses.fields(found)]
    if found is None or isinstance(found, str):
        return np.zeros(0)
    if isinstance(found, (list, tuple)):
        return np.concatenate([np.zeros(0), *map(numbers, found)])
    return np.ravel(found if np.isscalar(found) else host(found))


def test_every_name_is_here():
    names = {
        f"{room.__name__.removeprefix('eigcore.')}.{name}"
        for room in (operators, lowrank, spectra, graph, dynamics)
        for name in room.__all__
        if inspect.isfunction(getattr(room, name))
    }
    assert names == {name for name in {**CALLS, **ELSEWHERE} if "." in name}


@pytest.mark.parametrize("name", CALLS)
def test_backends_agree_and_nan_is_refused(name):
    call, *arrays = CALLS[name]
    wanted = numbers(call(*arrays))
    assert len(wanted)
    assert np.isfinite(wanted).all()
    for backend in BACKENDS[1:]:
        found = numbers(call(*(on(backend, a) for a in arrays)))
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)
    for place in range(len(arrays)):
        for bad in (np.nan, np.inf):
            given = [a.copy() for a in arrays]
            given[place].flat[0] = bad
            with pytest.raises((NonFiniteInput, InvalidInput)) as error:
                call(*given)
            assert "xpected" in str(error.value)


@pytest.mark.parametrize("name", [*CALLS, *ELSEWHERE])
def test_docstrings_tell_arguments_results_and_errors(name):
    function = eigcore
    for part in name.split("."):
        function = getattr(function, part)
    assert "Returns\n" in function.__doc__
    assert "Raises\n" in function.__doc__
    for argument in inspect.signature(function).parameters:
        assert argument in function.__doc__
