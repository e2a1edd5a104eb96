"""Linear statistics against the closed forms of Bai and Silverstein, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.errors import NotSupported
from eigcore.rmt import linear_statistics, marchenko_pastur, sample_covariance, semicircle

FUNCTIONS = (lambda x: x, lambda x: x**2, np.log)


@pytest.mark.parametrize("c", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("law", [marchenko_pastur, lambda c: sample_covariance([1.0, 1.0], c)])
def test_white_data_have_the_closed_forms(c, law):
    """Bai and Silverstein 2004, section 5: x, x² and log x."""
    found = linear_statistics(law(c), FUNCTIONS, 100)
    log = -1 + (c - 1) / c * np.log(1 - c)
    np.testing.assert_allclose(found.centre, [100, 100 * (1 + c), 100 * log], rtol=1e-8)
    np.testing.assert_allclose(found.mean, [0, c, np.log(1 - c) / 2], atol=1e-8)
    squares = 4 * c * (2 + 5 * c + 2 * c**2)
    want = [2 * c, squares, -2 * np.log(1 - c)]
    np.testing.assert_allclose(np.diag(found.covariance), want, rtol=1e-7)
    np.testing.assert_allclose(found.covariance[0, 1], 4 * c * (1 + c), rtol=1e-7)
    np.testing.assert_allclose(found.covariance[0, 2], 2 * c, rtol=1e-7)


def test_more_columns_than_samples():
    """The moments of tr S and tr S² are polynomials in c, on both sides of 1."""
    found, c = linear_statistics(marchenko_pastur(2.0), FUNCTIONS[:2], 50), 2.0
    np.testing.assert_allclose(found.centre, [50, 150], rtol=1e-8)
    np.testing.assert_allclose(found.mean, [0, c], atol=1e-8)
    np.testing.assert_allclose(np.diag(found.covariance), [4, 4 * c * (2 + 5 * c + 8)], rtol=1e-7)


@pytest.mark.parametrize("spike", [None, 12.0], ids=["bulk", "outlier"])
def test_two_populations_in_a_simulation(spike):
    """Means of 200 draws within 4 standard errors; variances within 40 %."""
    t = np.repeat([1.0, 3.0], 30)
    p, n = len(t) + (spike is not None), 200
    own = t if spike is None else np.append(t, spike)
    rng, sums, out = np.random.default_rng(0), [], []
    for _ in range(200):
        Z = rng.normal(size=(p, n)) * np.sqrt(own)[:, None]
        values = np.linalg.eigvalsh(Z @ Z.T / n)
        out.append(values[-1])
        values = values[: len(t)]
        sums.append([f(values).sum() for f in FUNCTIONS])
    law = sample_covariance(t, p / n)
    outliers = [] if spike is None else [np.mean(out)]
    found, sums = linear_statistics(law, FUNCTIONS, p, outliers), np.array(sums)
    error = sums.std(0) / np.sqrt(200)
    assert (np.abs(sums.mean(0) - found.centre - found.mean) < 4 * error).all()
    assert (np.abs(sums.var(0) / np.diag(found.covariance) - 1) < 0.4).all()


def test_a_far_outlier_takes_a_row_and_a_column():
    """Without k huge eigenvalues there remains a Wishart matrix of order p − k, with n − k rows."""
    p, n, k = 60, 300, 2
    found = linear_statistics(marchenko_pastur(p / n), FUNCTIONS[:2], p, [1e7, 2e7]).centre
    mean = (p - k) * (n - k) / n
    want = [mean, mean * (n - k) / n * (1 + (p - k) / (n - k))]
    np.testing.assert_allclose(found, want, atol=4 * k**2 / n)


def test_other_laws_are_told():
    with pytest.raises(NotSupported, match="sample_covariance"):
        linear_statistics(semicircle(1.0), FUNCTIONS[:1], 10)
