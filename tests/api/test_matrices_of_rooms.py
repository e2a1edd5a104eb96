"""Bad matrices and numbers in the rooms that work on the host: one clear error, or a limit."""

import json
import warnings

import numpy as np
import pytest
from arrays import jnp

import eigcore
from eigcore import dynamics, graph, lowrank, operators, spectra
from eigcore.errors import InvalidInput, NonFiniteInput, NotSupported

W = np.random.default_rng(0).normal(size=(6, 4))
RING = np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)
CUT = RING * np.outer(np.arange(6) > 0, np.arange(6) > 0)
"""A path of five nodes, and one without edges."""
HOSTED = [
    lambda a: lowrank.low_rank(a, rank=1),
    lambda a: lowrank.complete(a, np.ones(np.shape(a), bool), 1),
    lambda a: lowrank.concatenate([a], 1, 0.1),
    lambda a: lowrank.ridge_leverage(a, 1.0),
    spectra.esd,
    spectra.outliers,
    lambda a: spectra.spectral_probe(a, np.arange(len(a))),
    lambda a: dynamics.dmd(a, a, 1),
    dynamics.perturb_then_diagonalise,
]


@pytest.mark.parametrize("call", HOSTED)
def test_what_is_no_matrix_of_numbers_is_refused_in_every_room(call):
    for bad, error, message in [
        (W + 1j, InvalidInput, "real numbers"),
        (np.array([["a", "b"]]), InvalidInput, "expected numbers"),
        (1e200 * W.T @ W, InvalidInput, "overflow"),
        (np.full((3, 3), np.nan), NonFiniteInput, "finite numbers"),
        (np.zeros((0, 3)), InvalidInput, r"shape|not empty"),
        (np.zeros((2, 2, 2)), InvalidInput, r"array.reshape\(rows, -1\)|A\[0\]"),
    ]:
        with pytest.raises(error, match=message):
            call(bad)


def test_symbols_of_a_compiler_are_refused_where_numbers_are_needed():
    import jax

    for call in (
        lambda a: lowrank.low_rank(a, rank=1).B,
        lambda a: dynamics.eig(a).values,
        lambda a: graph.spectral_embedding(a, 1).vectors,
        lambda a: graph.augmentation_spectrum(a).values,
        lambda a: operators.extreme_eigenvalues(a).vectors,
        lambda a: operators.randomised_svd(a, 1).s,
    ):
        with pytest.raises(NotSupported, match="Call this function outside"):
            jax.jit(call)(jnp.asarray(RING))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lowrank.split(W, 1, 5), "columns=4"),
        (lambda: lowrank.complete(W, W < 9, 1, sweeps=0), "sweeps=20"),
        (lambda: lowrank.complete(W, W < 9, 1, ridge=-1.0), "ridge=1e-12"),
        (lambda: spectra.farms(W, "a"), "window=4"),
        (lambda: spectra.top_vector(5, rows=6), r"\[A\]"),
        (lambda: spectra.spectral_probe(W, np.zeros(6)), "at least two"),
        (lambda: spectra.metrics({"a": np.zeros((0, 3))}), "no array"),
        (lambda: operators.gram(W, [1.0, 2.0]), r"weights has shape \(2,\)"),
        (lambda: operators.block_power(RING, 1, tol="a"), "tol=1e-08"),
        (lambda: operators.extreme_eigenvalues(RING, 1, tol=-1.0), "tol=1e-08"),
        (lambda: operators.extreme_eigenvalues(RING, 1, steps=2.5), "steps=80"),
        (lambda: operators.lanczos(RING, np.ones(6), 3), r"start.reshape\(1, -1\)"),
        (lambda: graph.stable_encoding(RING, [3], 1), "expected a function"),
        (lambda: graph.stable_encoding(0 * RING, [lambda t: t - np.inf], 1), "infinite"),
        (lambda: graph.spectral_embedding(CUT, 1), "2 components"),
        (lambda: graph.generalised(graph.laplacian(CUT), CUT.sum(1)), "without edges"),
        (lambda: graph.fastrp(np.ones((2, 3)), 4), "S has shape"),
        (lambda: dynamics.perturb_then_diagonalise(RING, seed=-1), "seed=0"),
        (lambda: dynamics.pseudospectrum(RING, box="abcd"), "x0 < x1"),
        (lambda: dynamics.dmd(0 * W, W, 1), "X is zero"),
        (lambda: dynamics.dmd(W, W, 1).predict(-1), "steps=10"),
        (lambda: dynamics.pseudospectrum(RING, points=9).plot([0.2, 0.1]), "ascending"),
        (lambda: dynamics.perturb_then_diagonalise(np.stack([RING, RING])), r"A\[0\]"),
        (lambda: operators.spectral_density(RING, 3).trace(np.exp, (-0.1, 0.1)), "ends is"),
        (lambda: spectra.spectral_probe(W, W[:, 0] > 0).truncate(W[:, :2]), "F has 2 columns"),
        (lambda: graph.generalised(RING, np.ones((2, 6))), "D has shape"),
        (lambda: dynamics.eig(RING).derivative(np.ones(3)), "shape of A|that of A"),
    ],
)
def test_numbers_out_of_range_are_told_with_what_to_type(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_a_single_matrix_is_no_row_and_no_option_is_named_that_is_none():
    for call in (dynamics.eigenvalues, lambda a: eigcore.spectral_map(a, "polar")):
        with pytest.raises(NonFiniteInput, match="holds NaN or infinity") as error:
            call(np.full((3, 3), np.inf))
        assert "nonfinite" not in str(error.value)


def test_limits():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert eigcore.spectral_value(np.zeros((3, 3)), "log_det") == -np.inf
        assert np.isfinite(graph.laplacian(CUT, "symmetric")).all()
        assert not graph.fastrp(0 * RING, 4).any()
        zero = spectra.metrics({"a": np.zeros((3, 3))})
        assert json.loads(zero.json())[0]["log_spectral"] is None
        assert lowrank.low_rank(W, rank=2, right=np.zeros(4)).error == 0
        found = dynamics.eig(1e200 * np.diag([1.0, -1.0]))
        assert found.values.tolist() == [1e200, -1e200]
        assert found.simple.all()


def test_numbers_of_numpy_are_numbers():
    assert lowrank.low_rank(W, rank=np.int64(2)).rank == 2
    assert lowrank.effective_dimension(W.T @ W, np.float32(1)) > 1
    assert operators.extreme_eigenvalues(RING, np.int64(2)).values.shape == (2,)
    assert operators.spectral_density(RING, np.int64(3), np.int64(2)).nodes.shape == (2, 3)
    assert eigcore.spectral_map(W, "truncate", rank=np.int32(2)).shape == W.shape
    with pytest.raises(InvalidInput, match="rank is True"):
        lowrank.low_rank(W, rank=True)
