import numpy as np
import pytest

from eigcore import rmt
from eigcore.errors import InvalidInput
from eigcore.rmt.covariance import SampleCovariance
from eigcore.rmt.curve import Curve
from eigcore.rmt.equation import EquationLaw

Z = np.array([0.5 + 0.1j, 1.0 + 1e-6j, -0.3 + 0j, 30.0 + 0j])
T = np.array([1.0, 1.0, 3.0, 7.0])


def companion_residual(law, t, c, z=Z):
    """The residual of m̃ = (−z + (1/n) tr C (I + m̃ C)⁻¹)⁻¹, with m̃ = c m − (1 − c)/z."""
    companion = c * law.stieltjes(z) - (1 - c) / z
    image = 1 / (-z + c * np.mean(t / (1 + companion[:, None] * t), axis=-1))
    return abs(companion - image).max()


@pytest.mark.parametrize("c", [0.1, 0.9, 2.5])
def test_the_equation_of_the_notes_holds(c):
    assert companion_residual(rmt.sample_covariance(T, c), T, c) < 1e-10


class WithoutC(SampleCovariance):
    def _step(self, d, z, *parameters):
        t, c = parameters
        return super()._step(d, z, t, c * 0 + 1)

    _slope = None


def test_delta_without_c_is_rejected():
    wrong = WithoutC(rmt.sample_covariance(T, 0.5).backend, (T, np.array(0.5)))
    assert companion_residual(wrong, T, 0.5, Z[:1]) > 1e-3


@pytest.mark.parametrize("c", [0.25, 1.0, 0.999, 2.0])
def test_white_data_have_the_marchenko_pastur_law(c):
    law, known = rmt.sample_covariance([1.0], c), rmt.marchenko_pastur(c)
    x = np.linspace(0.05, 5, 30)
    np.testing.assert_allclose(law.density(x), known.density(x), atol=1e-12)
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), atol=1e-10)
    np.testing.assert_allclose(law.support(), known.support(), atol=1e-12)
    np.testing.assert_allclose(law.moments(4), known.moments(4), rtol=1e-10)
    assert law.atoms() == known.atoms()


@pytest.mark.parametrize(("c", "bulks"), [(0.05, 2), (0.5, 1)])
def test_the_edges_are_zeros_of_the_discriminant(c, bulks):
    law = rmt.sample_covariance([1.0, 4.0], c)
    edges = law.support().reshape(-1)
    assert len(edges) == 2 * bulks
    for x in map(float, edges):
        # (x m̃ + 1)(1 + m̃)(1 + 4 m̃) = c m̃ ((1 + 4 m̃) + 4 (1 + m̃)) / 2, at z = x
        one, four, m = np.poly1d([1, 1]), np.poly1d([4, 1]), np.poly1d([1, 0])
        cubic = (m * x + 1) * one * four - m * (four + one * 4) * (c / 2)
        gaps = np.abs(np.subtract.outer(cubic.roots, cubic.roots))[np.triu_indices(3, 1)]
        assert gaps.min() < 1e-5  # the root of the error of x, which is then below 1e-10


def test_a_gap_is_found_however_narrow():
    # the gap between eigenvalues 1 and 4 closes where c ∫ t² H(dt) / (w − t)² has minimum 1
    closing = 18 / (1 + 16 ** (1 / 3)) ** 3
    narrow = rmt.sample_covariance([1.0, 4.0], 0.999 * closing).support()
    assert len(narrow) == 2
    assert 0 < narrow[1, 0] - narrow[0, 1] < 1e-3
    assert len(rmt.sample_covariance([1.0, 4.0], 1.001 * closing).support()) == 1


def test_the_mass_of_a_bulk_is_that_of_its_eigenvalues():
    law = rmt.sample_covariance([1.0, 1.0, 1.0, 9.0], 0.05)
    assert abs(law.cdf(4.0) - 0.75) < 1e-10


def test_null_directions_are_an_atom():
    law = rmt.sample_covariance([0.0, 1.0], 0.5)
    assert law.atoms() == [(0.0, 0.5)]
    np.testing.assert_allclose(law.cdf([0.0, 9.0]), [0.5, 1.0], atol=1e-10)
    wide = rmt.sample_covariance([0.0, 1.0], 4.0)
    assert wide.atoms() == [(0.0, 0.75)]
    assert abs(wide.cdf(50.0) - 1) < 1e-10


def test_the_curve_leads_where_the_continuation_leads():
    t = np.random.default_rng(0).gamma(2.0, size=300)
    law = rmt.sample_covariance(t, 0.4)
    x = np.linspace(*law.support()[0], 40)[1:-1] + 0j
    slow = law._value(EquationLaw.started(law, x), x, *law.parameters).imag / np.pi
    np.testing.assert_allclose(law.density(x.real), slow, atol=1e-12)
    assert abs(law.cdf(99.0) - 1) < 1e-6


def test_a_density_costs_few_evaluations_of_the_equation(monkeypatch):
    rows = []

    def count(where, name):
        plain = getattr(where, name)

        def counted(self, d, *rest):
            rows.append(d.shape[0])
            return plain(self, d, *rest)

        monkeypatch.setattr(where, name, counted)

    count(SampleCovariance, "_step")
    count(Curve, "_map")
    law = rmt.sample_covariance(np.linspace(1, 3, 2000), 0.3)
    law.density(np.linspace(0.1, 8, 1000))
    assert sum(rows) < 3 * 1000


@pytest.mark.parametrize("apart", [-1e-6, 3e-8, -1e-9, 1e-11, -1e-13, 1e-16])
def test_as_many_columns_as_rows_or_nearly(apart):
    """The lower edge, some (1 − c)²/4, has few digits in the usual form of the inverse map."""
    c, x = 1 + apart, np.array([1e-4, 0.1, 1.0, 3.9])
    white = rmt.sample_covariance([1.0], c)
    np.testing.assert_allclose(white.support(), rmt.marchenko_pastur(c).support(), rtol=1e-12)
    np.testing.assert_allclose(white.cdf(x), rmt.marchenko_pastur(c).cdf(x), atol=1e-12)
    # at c = 1 the mass up to 4 sin² φ is (2 φ + sin 2φ) / π
    phi = np.arcsin(np.sqrt(x) / 2)
    expected = (2 * phi + np.sin(2 * phi)) / np.pi
    np.testing.assert_allclose(white.cdf(x), expected, atol=1e-9 + 2 * abs(apart))
    np.testing.assert_allclose(white.cdf(white.quantile(expected)), expected, atol=1e-11)
    for t, ratio in (([1e-3, 1.0, 2.0], c), ([0.0, 3.0, 5.0], 1.5 * c)):
        assert abs(rmt.sample_covariance(t, ratio).cdf(99.0) - 1) < 1e-11


def test_a_simulation_has_the_law():
    law = rmt.sample_covariance([1.0, 4.0], 0.2)
    values = np.linalg.eigvalsh(law.sample(1500, np.random.default_rng(0)))
    x = np.linspace(0.4, 7, 12)
    # linear statistics fluctuate by O(1/p): far below 1/√p
    assert abs((values[:, None] <= x).mean(axis=0) - law.cdf(x)).max() < 5 / len(values)


def test_the_inverse_is_biased():
    np.testing.assert_allclose(rmt.inversion_bias([0.25, 0.5]), [4 / 3, 2])
    assert abs(rmt.inversion_bias(0.25, 40) - 40 / (40 - 10 - 1)) < 1e-12
    assert abs(rmt.sample_covariance([1.0], 0.25).stieltjes(0.0) - 4 / 3) < 1e-10
    rng = np.random.default_rng(0)
    traces = []
    for _ in range(400):
        Z = rng.normal(size=(10, 40))
        traces.append(np.trace(np.linalg.inv(Z @ Z.T / 40)) / 10)
    assert abs(np.mean(traces) - 40 / 29) < 4 * np.std(traces) / 20
    with pytest.raises(InvalidInput, match="inverse"):
        rmt.inversion_bias(1.0)


@pytest.mark.parametrize(
    ("eigenvalues", "c", "said"),
    [
        ([1.0], -0.5, "c is -0.5"),
        ([1.0, -0.1], 0.5, "none negative"),
        ([0.0], 0.5, "not all zero"),
        ([[[1.0]]], 0.5, "vector"),
        ([np.nan], 0.5, "finite"),
    ],
)
def test_wrong_input_is_one_clear_error(eigenvalues, c, said):
    with pytest.raises(InvalidInput, match=said):
        rmt.sample_covariance(eigenvalues, c)
