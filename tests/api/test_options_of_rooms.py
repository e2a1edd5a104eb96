"""Every option of every public function of the spectral rooms: nonsense is one clear error."""

from operator import attrgetter

import numpy as np
import pytest

import eigcore
from eigcore.errors import EigcoreError

RNG = np.random.default_rng(0)
W = RNG.normal(size=(12, 7))
S, A = W.T @ W, RNG.normal(size=(6, 6))
PATH = (abs(np.subtract.outer(np.arange(8), np.arange(8))) == 1) * 1.0
CLASSES = np.arange(12) % 3


def kernel(X, Z):
    return X @ Z.T


GOOD = {
    "spectral_map": {"X": W, "f": "clip", "c": 1.0},
    "matrix_function": {"A": S, "f": "power", "p": 0.5},
    "spectral_value": {"X": W, "phi": "ky_fan", "k": 2},
    "newton_schulz": {"X": W, "f": "soft_clip", "c": 1.0, "steps": 3},
    "operators.block_power": {"operator": S, "k": 2, "steps": 3, "seed": 0, "start": None},
    "operators.extreme_eigenvalues": {
        "operator": S,
        "k": 1,
        "which": "largest",
        "steps": 20,
        "seed": 0,
    },
    "operators.gram": {"X": W, "weights": None},
    "operators.lanczos": {
        "operator": S,
        "start": S[:2],
        "steps": 3,
        "orthogonal": "full",
        "locked": None,
    },
    "operators.randomised_svd": {"A": W, "k": 2, "oversample": 2, "steps": 1, "seed": 0},
    "operators.spectral_density": {
        "operator": S,
        "steps": 3,
        "probes": 2,
        "seed": 0,
        "orthogonal": "none",
    },
    "operators.operator": {"a": S, "size": None},
    "operators.stream_gram": {"blocks": [W]},
    "lowrank.complete": {
        "M": W,
        "mask": np.ones(W.shape, bool),
        "rank": 2,
        "sweeps": 2,
        "tol": 1e-8,
        "ridge": 1e-12,
    },
    "lowrank.concatenate": {"blocks": [W, W], "rank": 2, "error": 0.5},
    "lowrank.effective_dimension": {"K": S, "gamma": 1.0},
    "lowrank.error_bounds": {"blocks": [W], "rank": 2},
    "lowrank.low_rank": {"W": W, "rank": 2, "left": None, "right": None},
    "lowrank.nystrom": {"K": S, "gamma": 1.0, "columns": 3, "seed": 0},
    "lowrank.ranks": {"spectra": [abs(W[0])], "keep": 0.9, "shapes": [(7, 30)], "rule": "energy"},
    "lowrank.ridge_leverage": {"K": S, "gamma": 1.0},
    "lowrank.sequential_nystrom": {
        "stream": [W],
        "kernel": kernel,
        "gamma": 1.0,
        "accuracy": 0.5,
        "copies": 3,
        "seed": 0,
    },
    "lowrank.split": {"W": W, "rank": 2, "columns": 2},
    "spectra.esd": {"W": W},
    "spectra.farms": {"W": W, "window": 4, "steps": None, "xmin": "median"},
    "spectra.metrics": {"model": {"a": RNG.normal(size=(20, 15))}, "xmin": "ks"},
    "spectra.outliers": {"W": W, "level": 0.01},
    "spectra.power_law": {
        "eigenvalues": abs(W).ravel(),
        "xmin": "ks",
        "repetitions": 10,
        "seed": 0,
    },
    "spectra.smoothed": {"W": W, "share": 0.2},
    "spectra.spectral_probe": {"F": W, "y": CLASSES, "F_test": W, "y_test": CLASSES},
    "spectra.top_vector": {"stream": [W], "rows": 12, "heavy": 1.0, "seed": 0},
    "spectra.top_vectors": {"stream": [W], "rows": 12, "k": 2, "heavy": 1.0, "seed": 0},
    "spectra.trend": {"metric": W[:, 0], "quality": W[:, 1], "groups": CLASSES},
    "graph.augmentation_spectrum": {"W": PATH + 1},
    "graph.contrastive_loss": {"F": W[:8], "W": PATH},
    "graph.fastrp": {"S": PATH, "dim": 4, "weights": (1.0,), "beta": 0.0, "seed": 0},
    "graph.generalised": {"L": S, "D": S + np.eye(7)},
    "graph.invariance_loss": {"Z": W[:8], "W": PATH},
    "graph.laplacian": {"W": PATH, "kind": "symmetric"},
    "graph.spectral_embedding": {"W": PATH, "d": 2, "kind": "symmetric"},
    "graph.stable_encoding": {"L": S, "maps": [np.exp], "d": 2},
    "dynamics.banded": {"n": 8, "width": 2, "seed": 0},
    "dynamics.dmd": {"X": A, "Y": A, "rank": 2},
    "dynamics.eig": {"A": A},
    "dynamics.eigenvalues": {"A": A},
    "dynamics.hippo": {"n": 4},
    "dynamics.perturb_then_diagonalise": {"A": A, "relative": 0.01, "optimise": False, "seed": 0},
    "dynamics.pseudospectrum": {"A": A, "box": None, "points": 3},
    "dynamics.transfer": {"A": A, "B": A[0], "C": A[0], "s": 1j, "near": A},
}


BAD = {
    "text": "a",
    "an object": object(),
    "nan": float("nan"),
    "complex": 1j,
    "no list": [],
    "truth": True,
    "none": None,
    "three axes": np.ones((2, 2, 2)),
    "empty": np.zeros((0, 0)),
    "ragged": [[1, 2], [3]],
    "negative": -1,
    "half": 2.5,
    "zero": 0,
}
FINE = {
    *("X three axes", "A three axes", "L three axes", "s three axes", "W three axes"),
    *("blocks three axes", "stream three axes", "model three axes"),
    *("p negative", "beta negative", "s negative", "level zero", "s no list", "s complex"),
    *("x negative", "x no list", "x three axes", "E three axes"),
    *("E complex", "y complex", "y_test complex", "groups complex"),
}
"""Batches, lists of blocks, complex classes and directions, and numbers that are in range."""


def results():
    """Methods of results, and their options."""
    density = eigcore.operators.spectral_density(S, steps=3, probes=2)
    probe = eigcore.spectra.spectral_probe(W, CLASSES)
    metrics = eigcore.spectra.metrics({"a": RNG.normal(size=(20, 15))})
    pairs = eigcore.graph.augmentation_spectrum(PATH + 1)
    return {
        "trace": (density.trace, {"f": np.exp, "ends": (-99.0, 99.0)}),
        "cdf": (density.cdf, {"x": 0.0}),
        "density": (density.density, {"x": 0.0, "width": 1.0}),
        "moments": (density.moments, {"k": 2}),
        "truncate": (probe.truncate, {"F": W, "components": 1}),
        "mean": (metrics.mean, {"name": "alpha"}),
        "plot": (metrics.plot, {"name": "alpha"}),
        "levels": (eigcore.dynamics.pseudospectrum(A, points=9).plot, {"levels": [0.1, 0.2]}),
        "predict": (eigcore.dynamics.dmd(A, A, 2).predict, {"steps": 3}),
        "derivative": (eigcore.dynamics.eig(A).derivative, {"E": A}),
        "contrastive": (pairs.contrastive, {"d": 2}),
        "vicreg": (pairs.vicreg, {"d": 2}),
    }


@pytest.mark.parametrize("name", [*GOOD, *results()])
def test_nonsense_is_refused_with_what_to_type(name):
    found = results()[name] if name not in GOOD else (attrgetter(name)(eigcore), GOOD[name])
    function, options = found
    function(**options)
    for option, good in options.items():
        bad = BAD | {"complex": good * 1j} if isinstance(good, np.ndarray) else BAD
        for what, value in bad.items():
            try:
                function(**{**options, option: value})
            except EigcoreError as error:
                told = str(error)
                assert any(word in told for word in ("xpected", "Type", "takes")), told
            except Exception as error:
                raise AssertionError(f"{name}({option}={value!r})") from error
            else:
                known = {"text", "an object", "nan", "complex", "no list", "three axes", "negative"}
                assert what not in known or f"{option} {what}" in FINE, f"{option} {what}"
