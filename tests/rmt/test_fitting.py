"""Laws fitted to spectra with known scale, ratio and population, and what is said about a fit."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.errors import InvalidInput
from eigcore.rmt import fit_law, fitting, overlay, sample_covariance


def drawn(p, n, seed=0, t=1.0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(p, n)) * np.sqrt(np.broadcast_to(t, p))[:, None]
    return np.linalg.eigvalsh(Z @ Z.T / n)


@pytest.mark.parametrize("ratio", [0.4, None])
def test_scale_and_ratio_in_spite_of_an_outlier(ratio):
    fit = fit_law(3.0 * drawn(200, 500, 1, np.append(np.ones(199), 9.0)), ratio=ratio)
    assert fit.scale == pytest.approx(3.0, rel=0.02)
    assert fit.ratio == pytest.approx(0.4, rel=0.1)
    assert fit.good
    assert "the law describes them" in str(fit)


def test_a_fitted_scale_keeps_the_level_of_the_bulk(monkeypatch):
    monkeypatch.setattr(fitting, "DRAWS", 1)
    values = [drawn(60, 150, seed) for seed in range(20)]
    p_values = [overlay(v, fit_law(v, ratio=0.4)).bulk.p_value for v in values]
    assert 0.42 < np.mean(p_values) < 0.58  # 0.61 for a scale that counts as given


def test_the_ratio_of_fewer_samples_than_columns_is_read_from_the_zeros():
    fit = fit_law(drawn(150, 60, 3))
    assert fit.ratio == pytest.approx(2.5)
    assert fit.scale == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("method", ["inversion", "moments"])
def test_a_population_of_two_eigenvalues_is_found(method, monkeypatch):
    monkeypatch.setattr(fitting, "DRAWS", 2)
    t = np.repeat([1.0, 4.0], 100)
    values = drawn(200, 500, 0, t)
    fit = fit_law(values, "sample_covariance", ratio=0.4, method=method)
    assert np.sort(np.abs(fit.population - t))[170] < 0.8
    assert np.abs(np.median(fit.population[:100]) - 1) < 0.1
    assert np.abs(np.median(fit.population[100:]) - 4) < 0.3
    assert fit.good
    assert overlay(values, fit).bulk is None


def test_a_law_that_does_not_describe_the_eigenvalues_is_told():
    fit = fit_law(drawn(200, 500, 0, np.repeat([1.0, 4.0], 100)), ratio=0.4)
    assert not fit.good
    assert "does NOT describe" in str(fit)


def test_moments_of_an_exact_law_give_its_population():
    """The moments are those of the law, without noise: c for c² is seen."""
    moments = np.asarray(sample_covariance([1.0, 4.0], 0.5).moments(3))

    class Values(np.ndarray):
        def __pow__(self, k):
            return np.full(10, moments[k - 1])

    population = fitting._two(np.ones(10).view(Values), 0.5)
    np.testing.assert_allclose(population, np.repeat([1.0, 4.0], 5), rtol=1e-8)


def test_a_symmetric_matrix_has_a_semicircle():
    G = np.random.default_rng(0).normal(size=(300, 300))
    fit = fit_law(np.linalg.eigvalsh(G + G.T), "semicircle")
    assert fit.scale == pytest.approx(np.sqrt(600), rel=0.02)
    assert fit.good


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit_law([1.0, 2.0], "wigner"),
        lambda: fit_law([1.0, 2.0], "sample_covariance"),
        lambda: fit_law([1.0, 2.0], ratio=-1.0),
        lambda: fit_law([1.0, 2.0], method="guess", ratio=0.5),
        lambda: fit_law([-1.0, 2.0], ratio=0.5),
        lambda: fit_law([1.0]),
    ],
)
def test_bad_input_is_told(call):
    with pytest.raises(InvalidInput, match=r"expected .*(Type:|Write)"):
        call()
