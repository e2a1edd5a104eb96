import numpy as np
import pytest
from scipy.stats import norm

from eigcore import get_backend
from eigcore.rmt.gaussian import gaussian_nodes, inverse_mills, normal_cdf


def test_averages_of_analytic_functions_are_exact():
    x, weight = gaussian_nodes(0.25)
    for power, moment in ((0, 1.0), (1, 0.0), (2, 1.0), (4, 3.0), (6, 15.0)):
        assert weight @ x**power == pytest.approx(moment, abs=1e-13)
    assert weight @ np.exp(2 * x) == pytest.approx(np.exp(2.0), rel=1e-13)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_the_normal_distribution_in_both_tails(name):
    pytest.importorskip(name)
    backend, x = get_backend(name), np.array([-30.0, -5.0, -1.0, 0.0, 2.0, 7.9, 8.1, 40.0])
    cdf = backend.to_numpy(normal_cdf(backend, backend.asarray(x)))
    ratio = backend.to_numpy(inverse_mills(backend, backend.asarray(x)))
    np.testing.assert_allclose(cdf, norm.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(ratio, np.exp(norm.logpdf(x) - norm.logcdf(x)), rtol=1e-11)
