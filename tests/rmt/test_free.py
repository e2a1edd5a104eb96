import numpy as np
import pytest
import scipy.integrate

from eigcore import rmt
from eigcore.errors import InvalidInput, NotConverged

X = np.array([0.4, 1.0, 2.0, 3.0])


def test_semicircles_add_their_variances():
    law, known = rmt.free_sum(rmt.semicircle(1.0), rmt.semicircle(2.0)), rmt.semicircle(5**0.5)
    np.testing.assert_allclose(law.support(), known.support(), atol=1e-8)
    np.testing.assert_allclose(law.density(X), known.density(X), atol=1e-10)
    np.testing.assert_allclose(law.cdf(X), known.cdf(X), atol=1e-10)
    np.testing.assert_allclose(law.moments(4), known.moments(4), atol=1e-10)


def test_two_signs_add_to_the_arcsine_law():
    law = rmt.free_sum(rmt.discrete([-1.0, 1.0]), rmt.discrete([-1.0, 1.0]))
    x = np.array([-1.9, 0.0, 1.0])
    np.testing.assert_allclose(law.support(), [[-2, 2]], atol=1e-8)
    np.testing.assert_allclose(law.density(x), 1 / np.pi / np.sqrt(4 - x**2), rtol=1e-10)
    np.testing.assert_allclose(law.cdf(x), 0.5 + np.arcsin(x / 2) / np.pi, atol=1e-8)


@pytest.mark.parametrize("c", [0.05, 0.25, 1.5])
def test_white_noise_times_a_covariance_is_its_sample_covariance(c):
    law = rmt.free_product(rmt.marchenko_pastur(c), rmt.discrete([1.0, 4.0]))
    known = rmt.sample_covariance([1.0, 4.0], c)
    np.testing.assert_allclose(law.support(), known.support(), atol=1e-8)
    np.testing.assert_allclose(law.density(X), known.density(X), atol=1e-10)
    assert [(float(a), float(b)) for a, b in law.atoms()] == known.atoms()


def test_a_product_of_two_has_fuss_catalan_moments_and_no_square_root_at_zero(monkeypatch):
    law = rmt.free_product(rmt.marchenko_pastur(1.0), rmt.marchenko_pastur(1.0))
    np.testing.assert_allclose(law.moments(4), [1, 3, 12, 55], rtol=1e-10)
    np.testing.assert_allclose(law.support(), [[0, 6.75]], atol=1e-8)
    assert law.cdf(7.0) == pytest.approx(1.0, abs=2e-8)  # an edge like x^(−2/3)
    monkeypatch.setattr("eigcore.rmt.series.ROUNDS", 3)
    with pytest.raises(NotConverged, match="piece by piece"):
        type(law)(law.a, law.b).cdf(1.0)


def test_the_distribution_at_a_cusp():
    law = rmt.free_sum(rmt.discrete([-1.0, 1.0]), rmt.semicircle(1.0))
    np.testing.assert_allclose(law.support(), [[-1.5 * 3**0.5, 1.5 * 3**0.5]], atol=1e-8)
    # the density is like |x|^(1/3) at 0, and even
    np.testing.assert_allclose(law.cdf([-3.0, 0.0, 3.0]), [0.0, 0.5, 1.0], atol=1e-9)
    part = scipy.integrate.quad(
        lambda u: float(law.density(u**3)) * 3 * u * u, 0, 0.5, epsabs=1e-11
    )
    np.testing.assert_allclose(law.cdf(0.125), 0.5 + part[0], atol=1e-9)


def test_a_law_with_an_equation_joins_another_in_one_system():
    law = rmt.free_sum(rmt.semicircle(0.1), rmt.sample_covariance([1.0, 4.0], 0.05))
    z = np.array([1.0 + 0.1j, 3.0 + 1e-4j])
    w = law.solution(z)[:, 0]
    a, b = rmt.semicircle(0.1), rmt.sample_covariance([1.0, 4.0], 0.05)
    second = z - 1 / a.stieltjes(w) - w
    assert abs(a.stieltjes(w) - b.stieltjes(second)).max() < 1e-10
    assert abs(law.stieltjes(z) - a.stieltjes(w)).max() < 1e-12


def test_atoms_of_large_mass_meet():
    one, two = rmt.discrete([0.0, 1.0], [0.8, 0.2]), rmt.discrete([1.0, 3.0], [0.7, 0.3])
    np.testing.assert_allclose(rmt.free_sum(one, two).atoms(), [(1.0, 0.5), (3.0, 0.1)])
    assert rmt.free_product(one, two).atoms() == [(0.0, 0.8)]


def test_projections_have_an_atom_beside_the_interval_and_a_hard_edge():
    """Voiculescu: of two projections of rank q the sum reaches from 1 − s to 1 + s."""
    one = rmt.discrete([0.0, 1.0], [0.4, 0.6])
    law = rmt.free_sum(one, one)
    np.testing.assert_allclose(law.support(), [[1 - 0.96**0.5, 1 + 0.96**0.5]], atol=1e-8)
    np.testing.assert_allclose(law.cdf([1.0, 1.99, 2.0]), [0.4, 0.8, 1.0], atol=1e-8)
    law = rmt.free_product(one, one)
    assert law.support().shape == (1, 2)
    assert law.support()[0, 0] == 0
    assert law.support()[0, 1] == pytest.approx(0.96, abs=1e-8)
    one = rmt.discrete([0.0, 1.0], [0.6, 0.4])
    law, x = rmt.free_product(one, one), np.array([1e-8, 1e-4, 0.5])
    density = np.sqrt((0.96 - x) / x) / (2 * np.pi * (1 - x))
    np.testing.assert_allclose(law.density(x), density, rtol=1e-9)
    # with x = 0.96 sin² u: ∫ 0.96 cos² u / (π (1 − 0.96 sin² u)) du = (u − 0.2 arctan(0.2 tan u))/π
    u = np.arcsin(np.sqrt(np.array([1e-8, 0.48, 0.95]) / 0.96))
    want = 0.6 + (u - 0.2 * np.arctan(0.2 * np.tan(u))) / np.pi
    np.testing.assert_allclose(law.cdf([1e-8, 0.48, 0.95]), want, atol=1e-8)


def test_sums_of_multiples_of_the_identity_are_atoms():
    law = rmt.free_sum(rmt.discrete([0.0]), rmt.discrete([0.0]))
    assert repr(law) == "<free sum on atoms>"
    np.testing.assert_allclose(law.stieltjes([2.0, 1j]), [-0.5, 1j], atol=1e-12)
    assert not len(rmt.free_sum(rmt.discrete([1.0]), rmt.discrete([2.0])).support())


@pytest.mark.parametrize("operation", [rmt.free_sum, rmt.free_product])
def test_a_simulation_has_the_law(operation):
    law = operation(rmt.marchenko_pastur(0.3), rmt.discrete([1.0, 2.0]))
    values = np.linalg.eigvalsh(law.sample(300, np.random.default_rng(0)))
    x = np.quantile(values, [0.1, 0.3, 0.5, 0.7, 0.9])
    assert abs((values[:, None] <= x).mean(axis=0) - law.cdf(x)).max() < 6 / len(values)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rmt.free_sum(rmt.semicircle(), 1.0), "two laws"),
        (lambda: rmt.free_sum(rmt.circular(), rmt.semicircle()), "real eigenvalues"),
        (lambda: rmt.free_product(rmt.discrete([0.0]), rmt.marchenko_pastur(1)), "but 0"),
        (lambda: rmt.free_product(rmt.semicircle(), rmt.marchenko_pastur(1)), "non-negative"),
        (
            lambda: rmt.free_sum(rmt.semicircle(), rmt.semicircle(backend="torch")),
            "backends numpy and torch",
        ),
    ],
)
def test_wrong_input_is_one_clear_error(call, said):
    with pytest.raises(InvalidInput, match=said):
        call()
