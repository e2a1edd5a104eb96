"""A spectrum beside its law: edges, outliers, and tests that hold their level."""

from __future__ import annotations

import json

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput
from eigcore.rmt import marchenko_pastur, overlay, sample_covariance, semicircle, spiked
from eigcore.rmt.overlay import Overlay, edges_of


def drawn(p, n, seed=0, t=None):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(p, n)) * (1.0 if t is None else np.sqrt(t)[:, None])
    return np.linalg.eigvalsh(Z @ Z.T / n)


@pytest.mark.parametrize("c", [0.25, 2.0])
def test_the_edge_fluctuates_as_johnstone_says(c):
    """Johnstone 2001: n^(2/3) (λ − (1 + √c)²) / (c^(−1/6) (1 + √c)^(4/3))."""
    p = 100
    scale = c ** (-1 / 6) * (1 + np.sqrt(c)) ** (4 / 3) * (p / c) ** (-2 / 3)
    for law in (marchenko_pastur(c), sample_covariance([1.0], c)):
        edge = edges_of(law, p)[-1]
        np.testing.assert_allclose(edge, [(1 + np.sqrt(c)) ** 2, 1, scale], rtol=1e-7)
    np.testing.assert_allclose(edges_of(semicircle(2.0), p)[0], [-4, -1, 2 * p ** (-2 / 3)])


def test_a_hard_edge_has_no_band():
    lower, upper = edges_of(marchenko_pastur(1.0), 50)
    assert lower.scale == 0 < upper.scale


def test_noise_is_noise():
    """p-values of the largest eigenvalue and of the bulk are uniform: 5 % level, 120 draws."""
    law = marchenko_pastur(0.4)
    found = [overlay(drawn(66, 165, seed), law) for seed in range(120)]
    for values in ([f.p_value for f in found], [f.bulk.p_value for f in found]):
        assert 0.005 < np.mean(np.array(values) < 0.05) < 0.11
        assert 0.4 < np.mean(values) < 0.62
    assert found[0].bulk.draws == 0


def test_the_bulk_of_small_matrices_holds_its_level():
    """The Gaussian limit gives 3.8 % below 0.001 and 6.3 % below 0.01."""
    law = marchenko_pastur(0.25)
    p = np.array([overlay(drawn(5, 20, seed), law).bulk.p_value for seed in range(800)])
    assert (p <= 0.001).sum() <= 4
    assert (p <= 0.01).sum() <= 18
    assert 25 < (p <= 0.05).sum() < 58
    assert 0.46 < p.mean() < 0.54


def test_an_outlier_next_to_an_edge_says_nothing_of_the_bulk():
    """The contour of the bulk used to run into it: p-values of 1e-18."""
    law = marchenko_pastur(0.2)
    for place, values in ((-1, (2.2, 2.21, 2.25)), (0, (0.27, 0.25))):
        for value in values:
            middle = law.quantile((np.arange(60) + 0.5) / 60)
            middle[place] = value
            assert overlay(middle, law).bulk.p_value > 0.2


def test_an_outlier_in_a_gap_is_not_counted_in_the_bulk():
    t = np.repeat([1.0, 4.0], 49)
    values, law = drawn(98, 2000, 0, t), sample_covariance(t, 0.049)
    inside = overlay(values, law).bulk
    values[49] = 2.2
    found = overlay(values, law)
    assert [each.value for each in found.outliers] == [2.2]
    assert inside.p_value > 0.05
    assert found.bulk.p_value > 0.05


def test_a_correlation_matrix_is_noise_too():
    """Standardised columns change the mean of the statistics; the wrong mean rejects too often."""
    p, n, right, wrong = 60, 181, [], []
    for seed in range(80):
        X = np.random.default_rng(seed).normal(size=(n, p))
        values = np.linalg.eigvalsh(np.corrcoef(X.T))
        law = marchenko_pastur(p / (n - 1))
        right.append(overlay(values, law, standardised=True).bulk.p_value)
        wrong.append(Overlay(overlay(values, law).eigenvalues, law, 0.01, "scale").bulk.p_value)
    assert 0.4 < np.mean(right) < 0.6
    assert np.mean(wrong) < 0.4


def test_a_spike_is_an_outlier_and_the_bulk_remains_one():
    t = np.ones(200)
    t[0] = 5.0
    law = spiked([4.0], 0.4)
    found = overlay(drawn(200, 500, 1, t), law)
    [outlier] = found.outliers
    assert outlier.value == found.eigenvalues[-1]
    assert abs(outlier.value - law.spikes()[0]) < 1.0
    assert found.p_value < 1e-10
    assert found.bulk.p_value > 0.01
    weak = overlay(drawn(200, 500, 2, np.append(1.3, np.ones(199))), marchenko_pastur(0.4))
    assert not weak.outliers


def test_a_bulk_of_another_population_is_rejected():
    values = drawn(200, 500, 0, np.repeat([0.8, 1.2], 100))
    found = overlay(values, marchenko_pastur(0.4))
    assert found.bulk.p_value < 1e-3
    own = overlay(values, sample_covariance(np.repeat([0.8, 1.2], 100), 0.4))
    assert own.bulk.p_value > 0.01


def test_a_population_of_many_eigenvalues_has_edges():
    t = np.append(np.linspace(1.0, 1.2, 99), 1.5)
    assert overlay(drawn(100, 400, 0, t), sample_covariance(t, 0.25)).bulk.p_value > 0.01


def test_eigenvalues_in_a_gap_and_below_the_bulk_are_outliers():
    values = np.append(drawn(98, 2000, 0, np.repeat([1.0, 4.0], 49)), [2.2, 0.1])
    found = overlay(values, sample_covariance(np.repeat([1.0, 4.0], 49), 0.05))
    assert [each.value for each in found.outliers] == [2.2, 0.1]


def test_the_distance_is_that_of_the_distribution_functions():
    values = np.array([0.5, 1.0, 1.5, 2.0])
    below = np.asarray(marchenko_pastur(0.25).cdf(values))
    want = max(np.max(np.arange(1, 5) / 4 - below), np.max(below - np.arange(4) / 4))
    assert overlay(values, marchenko_pastur(0.25)).distance == pytest.approx(want, abs=2e-6)


def test_zeros_of_more_columns_than_samples_are_no_outliers():
    found = overlay(drawn(150, 60, 3), marchenko_pastur(2.5))
    assert not found.outliers
    assert found.distance < 0.03
    assert "log determinant" not in found.bulk.z


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_eigenvalues_and_laws_of_every_backend(name):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    values = drawn(40, 100)
    law = marchenko_pastur(library.asarray(0.4, dtype="float64"))
    found = overlay(library.asarray(values), law).to_dict()
    want = overlay(values, marchenko_pastur(0.4)).to_dict()
    assert found["p_value"] == pytest.approx(want["p_value"], abs=1e-10)
    assert found["bulk"]["p_value"] == pytest.approx(want["bulk"]["p_value"], abs=1e-8)


def test_an_overlay_is_told_drawn_and_written():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    found = overlay(drawn(80, 200, 1, np.append(np.ones(79), 9.0)), spiked([8.0], 0.4))
    text = str(found)
    assert "Outliers at level 0.01: " in text
    assert "Spikes predicted: 9.45" in text
    assert "mean square" in text
    axes = found.plot()
    assert axes.get_xlim()[1] > found.eigenvalues[-1]
    matplotlib.pyplot.close(axes.figure)
    assert json.loads(json.dumps(found.to_dict()))["order"] == 80


def test_a_bulk_that_is_not_tested_says_why():
    law = marchenko_pastur(0.1)
    for values in ([10.0, 20.0, 30.0], np.append(drawn(9, 90), [5.0, 6.0, 7.0, 8.0])):
        found = overlay(values, law)
        assert found.bulk is None
        said = f"{len(found.outliers)} outliers among {len(values)} eigenvalues leave no bulk"
        assert said in str(found)
        assert said in found.to_dict()["untested"]
    assert "not known for the semicircle law" in str(overlay(drawn(20, 40) - 1, semicircle(0.5)))


def test_a_p_value_that_no_simulation_reaches_is_a_bound():
    found = overlay(drawn(30, 100, t=np.repeat([0.5, 1.5], 15)), marchenko_pastur(0.3))
    assert found.bulk.p_value == pytest.approx(1 / 4001)
    assert "statistics at most 0.00025" in str(found)


def test_a_picture_names_outliers_that_have_room():
    pytest.importorskip("matplotlib").use("Agg")
    values = np.append(drawn(36, 288, 1), [0.01, 0.011, 0.012, 5.0, 60.0, 300.0])
    axes = overlay(values, marchenko_pastur(0.125)).plot()
    texts = [each.get_text() for each in axes.texts]
    assert [text for text in texts if text] == ["5", "0.012", "beyond: 300, 60"]
    assert axes.get_xlim()[1] < 10
    axes.figure.clear()


@pytest.mark.parametrize(
    "call",
    [
        lambda: overlay([1.0], marchenko_pastur(0.4)),
        lambda: overlay([1.0, np.nan], marchenko_pastur(0.4)),
        lambda: overlay([1.0, 2.0], "marchenko_pastur"),
        lambda: overlay([1.0, 2.0], marchenko_pastur(0.4), level=2),
    ],
)
def test_bad_input_is_told(call):
    with pytest.raises(InvalidInput, match=r"expected .*(Type:|Write)"):
        call()
