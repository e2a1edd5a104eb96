"""Metrics of models, outliers of matrices, probes of features, streams of rows."""

import json

import numpy as np
import pytest
from arrays import BACKENDS, host, on

import eigcore
from eigcore.errors import InvalidInput
from eigcore.spectra import (
    esd,
    farms,
    metrics,
    outliers,
    power_law,
    smoothed,
    spectral_probe,
    top_vector,
    top_vectors,
    trend,
)


def test_metrics_of_a_pytree_and_of_a_torch_module_agree():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.Conv2d(3, 16, 3))
    found = metrics(model, "median")
    tree = {name: p.detach().numpy() for name, p in model.named_parameters()}
    assert metrics(tree, "median").json() == found.json()
    first, second = found.layers
    assert (first["name"], first["shape"], second["shape"]) == ("0.weight", [30, 40], [16, 27])
    squares = np.linalg.svd(tree["0.weight"].astype(float))[1] ** 2
    law = eigcore.spectra.power_law(squares, "median")
    assert first["alpha_weighted"] == pytest.approx(law.alpha * np.log10(squares[0]))
    assert first["log_frobenius"] == pytest.approx(np.log10(squares.sum()))
    assert first["stable_rank"] == pytest.approx(squares.sum() / squares[0])
    assert found.mean("alpha") == pytest.approx(np.mean([x["alpha"] for x in found.layers]))
    assert str(found).count("\n") == 2
    assert json.loads(found.json())[1]["name"] == "1.weight"
    nested = metrics({"a": [np.ones((2, 3)), np.ones(4)]})
    assert [layer["name"] for layer in nested.layers] == ["a.0"]
    assert nested.layers[0]["alpha"] is None
    with pytest.raises(InvalidInput, match="no array with two axes"):
        metrics({"bias": np.ones(3)})


def test_a_plot_has_a_point_for_each_layer():
    pytest.importorskip("matplotlib").use("Agg")
    rng = np.random.default_rng(0)
    axes = metrics([rng.normal(size=(20, 20)), rng.normal(size=(30, 20))], "median").plot()
    assert len(axes.lines[0].get_xdata()) == 2


@pytest.mark.parametrize(
    ("share", "kept"), [(0.1, 10), (0.2, 20), (0.07, 7), (0.101, 11), (1, 100)]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_svd10_and_svd20_keep_the_largest_singular_values(share, kept, backend):
    """The best approximation of its rank (Eckart & Young 1936): nothing else of W is kept."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(n, 100)))[0] for n in (130, 100))
    s = np.arange(100.0, 0, -1)
    found = host(smoothed(on(backend, (U * s) @ V.T), share))
    np.testing.assert_allclose(found, (U * np.where(s > 100 - kept, s, 0)) @ V.T, atol=1e-10)


def test_smoothing_keeps_one_at_least_and_takes_shares():
    W = np.random.default_rng(0).normal(size=(30, 20))
    assert np.linalg.matrix_rank(smoothed(W, 0.001)) == 1
    with pytest.raises(InvalidInput, match=r"share=0\.2"):
        smoothed(W, 2)


def test_a_paradox_of_simpson_is_seen():
    x = np.array([1.0, 2, 3, 11, 12, 13])
    y = np.array([3.0, 2, 1, 13, 12, 11])
    found = trend(x, y, list("aaabbb"))
    assert found["simpson"]
    assert found["within"] == pytest.approx(-1)
    assert found["overall"] > 0
    assert not trend(x, -x, list("aaabbb"))["simpson"]


def test_outliers_of_noise_are_rare_and_a_signal_is_found():
    rng = np.random.default_rng(0)
    false = [len(outliers(rng.normal(size=(60, 40)), level=0.05).values) for _ in range(40)]
    assert sum(map(bool, false)) <= 7  # 2 expected; 8 have probability .001
    u, v = (a / np.linalg.norm(a) for a in (rng.normal(size=300), rng.normal(size=200)))
    signal = 40 * np.outer(u, v)
    found = outliers(signal + 0.5 * rng.normal(size=(300, 200)))
    assert found.noise == pytest.approx(0.5, rel=0.02)
    [value] = found.values
    # a spike θ is seen at √((θ² + σ²m)(θ² + σ²n))/θ
    assert value == pytest.approx(np.sqrt((1600 + 75) * (1600 + 50)) / 40, rel=0.03)
    assert found.p_values[0] < 1e-6
    off = np.linalg.norm(found.denoised - signal)
    assert off < np.linalg.norm(
        eigcore.spectral_map(found.denoised, "truncate", rank=1) * 1.1 - signal
    )
    assert off < 0.3 * 40
    with pytest.raises(InvalidInput, match="larger matrix"):
        outliers(np.outer(u, v))


def test_shrinkage_of_a_square_matrix_is_the_published_one():
    """η(y) = √(y² − 4) for y > 2, in units of noise·√n."""
    y = np.array([3.0, 2.5, 2.1, 1.9])
    shrunk = eigcore.spectral_map(np.diag(y * 2), "shrink", noise=1.0)
    np.testing.assert_allclose(np.diag(shrunk), 2 * np.sqrt(np.maximum(y**2 - 4, 0)), atol=1e-12)


def planted(noise, rows, seed):
    """Four classes at the corners of a simplex in three of 300 directions; labels partly wrong."""
    rng, k = np.random.default_rng(seed), 3
    corners = np.linalg.qr(np.random.default_rng(9).normal(size=(300, k)))[0]
    centres = (np.eye(4) - 0.25) @ np.linalg.qr(np.r_[np.ones((1, 4)), np.eye(4)[1:]].T)[0][:, 1:]
    y = rng.integers(4, size=rows)
    F = 8 * centres[y] @ corners.T + 0.3 * rng.normal(size=(rows, 300))
    return F, np.where(rng.random(rows) < noise, rng.integers(4, size=rows), y)


def test_the_malignant_tail_is_seen_with_wrong_labels_only():
    F, y = planted(0.4, 150, 1)
    clean, truth = planted(0.0, 500, 2)
    found = spectral_probe(F, y, clean, truth)
    assert found.best == 3
    assert found.train[-1] == 1.0  # the interpolant has learned the wrong labels
    assert found.test[3] > found.test[-1] + 0.1
    np.testing.assert_allclose(found.truncate(F), found.truncate(F, 3))
    assert np.linalg.matrix_rank(found.truncate(F) - F.mean(0)) == 3
    F, y = planted(0.0, 150, 1)
    found = spectral_probe(F, y, clean, truth)
    assert found.test[-1] > found.test[3] - 0.01
    with pytest.raises(InvalidInput, match="one class per row of F"):
        spectral_probe(F, y[:-1])


def test_with_all_components_the_probe_is_the_interpolant_of_least_norm():
    F, y = planted(0.3, 60, 3)
    other, truth = planted(0.0, 40, 4)
    found = spectral_probe(F, y, other, truth)
    target, centred = np.eye(4)[y], F - F.mean(0)
    guess = (other - F.mean(0)) @ np.linalg.pinv(centred) @ (target - target.mean(0))
    assert found.test[-1] == ((guess + target.mean(0)).argmax(1) == truth).mean()


def test_the_top_vector_of_a_stream():
    rng = np.random.default_rng(4)
    direction = np.eye(60)[7]
    A = rng.normal(size=(6000, 60)) + np.outer(3 * rng.normal(size=6000), direction)
    _, s, Vt = np.linalg.svd(A, full_matrices=False)
    found = top_vector(np.array_split(A, 23), rows=6000)
    assert 1 - (found @ Vt[0]) ** 2 < (s[1] / s[0]) ** 2
    np.testing.assert_array_equal(top_vector(np.array_split(A, 23)), found)
    # one heavy row decides, and is not lost wherever it comes
    A[5] += 400 * np.eye(60)[11]
    _, s, Vt = np.linalg.svd(A, full_matrices=False)
    for order in (A, A[::-1]):
        found = top_vector(np.array_split(order, 23), rows=6000)
        assert 1 - (found @ Vt[0]) ** 2 < (s[1] / s[0]) ** 2
    # several directions, of which the heavy row is one
    V = top_vectors(np.array_split(A, 23), rows=6000, k=2)
    np.testing.assert_allclose(V.T @ V, np.eye(2), atol=1e-12)
    assert np.linalg.norm(V.T @ Vt[:2].T, 2) > np.linalg.norm(V.T @ Vt[1]) > 0.95
    with pytest.raises(InvalidInput, match="k is 61"):
        top_vectors([A], rows=6000, k=61)
    with pytest.raises(InvalidInput, match="no rows"):
        top_vector([], rows=3)
    with pytest.raises(InvalidInput, match="length of the stream"):
        top_vector(iter([A]))
    with pytest.raises(InvalidInput, match="columns"):
        top_vector([A, A[:, :3]], rows=3)


def test_singular_values_that_are_rounding_are_zero():
    """Rounding errors have no exponent: a matrix of rank 12 is fitted by its 12 numbers."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(80, 12)) @ rng.normal(size=(12, 60))
    values = esd(W).eigenvalues
    assert (values > 0).sum() == 12
    own = power_law(values[values > 0], "median").alpha
    assert metrics({"W": W}, "median").layers[0]["alpha"] == pytest.approx(own, rel=1e-9)
    assert farms(W, (80, 60)).alpha == pytest.approx(own, rel=1e-9)


def test_a_probe_of_features_that_do_not_differ_guesses_the_commonest_class():
    probe = spectral_probe(np.ones((5, 3)), [0, 1, 1, 1, 0])
    np.testing.assert_allclose(probe.train, [0.6])
    np.testing.assert_array_equal(probe.truncate(np.ones((2, 3))), np.ones((2, 3)))
