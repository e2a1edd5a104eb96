"""What every law promises: derivatives, equal backends, quantiles, pictures."""

import numpy as np
import pytest
from arrays import host, jnp, torch

import eigcore
from eigcore import rmt
from eigcore.errors import InvalidInput, NotSupported

jax = pytest.importorskip("jax")


def of_mixture(p):
    rows = eigcore.get_backend(library(p)).xp.stack((p[1:4], p[4:7]))
    return rmt.mixture(rows, [0.3, 0.7], p[0])


def library(p):
    return {"torch": "torch", "jax": "jax", "jaxlib": "jax"}.get(
        type(p).__module__.split(".")[0], "numpy"
    )


LAWS = {
    "marchenko_pastur": (lambda p: rmt.marchenko_pastur(p[0]), [0.4]),
    "wide": (lambda p: rmt.marchenko_pastur(p[0]), [1.6]),
    "semicircle": (lambda p: rmt.semicircle(p[0]), [1.3]),
    "sample_covariance": (lambda p: rmt.sample_covariance(p[1:], p[0]), [0.1, 1.0, 2.0, 6.0]),
    "separable": (lambda p: rmt.separable(p[1:3], p[3:], p[0]), [0.1, 1.0, 4.0, 1.0, 2.0]),
    "mixture": (of_mixture, [0.1, 1.0, 2.0, 4.0, 3.0, 1.0, 5.0]),
    "free_sum": (
        lambda p: rmt.free_sum(rmt.semicircle(p[0]), rmt.discrete(p[1:])),
        [0.6, -1.0, 1.5],
    ),
    "free_product": (
        lambda p: rmt.free_product(rmt.marchenko_pastur(p[0]), rmt.discrete(p[1:])),
        [0.1, 1.0, 4.0],
    ),
}
METHODS = {
    "stieltjes": lambda law: law.stieltjes(np.array([0.7 + 0.2j])).real.sum(),
    "real": lambda law: law.stieltjes(np.array([-7.5])).sum(),
    "density": lambda law: law.density(np.array([1.2, 1.3, 1.9])).sum(),
    "cdf": lambda law: law.cdf(np.array([1.2, 1.3])).sum(),
    "quantile": lambda law: law.quantile(np.array([0.7, 0.9])).sum(),
    "moments": lambda law: law.moments(3).sum(),
    "support": lambda law: (law.support()[:, 1] - 2 * law.support()[:, 0]).sum(),
}


def both(law, method):
    """The value of a method on NumPy, a direction, and the derivative along it by differences."""
    make, start = LAWS[law]
    p = np.array(start)
    turn = np.cos(np.arange(len(p)) + 0.3)

    def value(h):
        return METHODS[method](make(p + h * turn))

    h = 1e-4
    slope = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
    return value(0.0), turn, slope


CLOSED = [(law, method) for law in ("marchenko_pastur", "wide", "semicircle") for method in METHODS]
EQUATIONS = [("sample_covariance", method) for method in METHODS]
EQUATIONS += [
    *(("separable", method) for method in ("real", "density", "support")),
    *(("mixture", method) for method in ("stieltjes", "support")),
    ("free_sum", "density"),
    ("free_product", "support"),
]


@pytest.mark.parametrize(("law", "method"), CLOSED + EQUATIONS)
def test_torch_has_the_values_of_numpy_and_the_derivative_of_differences(law, method):
    value, turn, slope = both(law, method)
    p = torch.tensor(LAWS[law][1], dtype=torch.float64, requires_grad=True)
    found = METHODS[method](LAWS[law][0](p))
    (gradient,) = torch.autograd.grad(found, p)
    assert abs(host(found) - value) < 1e-10 * (1 + abs(value))
    assert abs(host(gradient) @ turn - slope) < 1e-6 * (1 + abs(slope))


@pytest.mark.parametrize(
    ("law", "method"),
    [
        ("marchenko_pastur", "moments"),
        ("sample_covariance", "density"),
        ("sample_covariance", "support"),
        ("mixture", "stieltjes"),
        ("free_product", "moments"),
    ],
)
def test_jax_has_the_values_of_numpy_and_the_derivative_of_differences(law, method):
    value, turn, slope = both(law, method)

    def call(p):
        return METHODS[method](LAWS[law][0](p))

    found, gradient = jax.value_and_grad(call)(jnp.asarray(LAWS[law][1]))
    assert abs(found - value) < 1e-10 * (1 + abs(value))
    assert abs(gradient @ turn - slope) < 1e-6 * (1 + abs(slope))


def test_a_density_is_differentiated_by_its_place():
    law = rmt.sample_covariance([1.0, 4.0], 0.3, backend="torch")
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(law.density(x).sum(), x)
    h, on = 1e-5, law.host
    expected = (on.density(host(x) + h) - on.density(host(x) - h)) / (2 * h)
    np.testing.assert_allclose(slope, expected, atol=1e-7)


def test_shapes_are_kept_and_half_planes_are_conjugate():
    law = rmt.sample_covariance([1.0, 4.0], 0.3)
    z = np.array([[0.5 + 0.1j], [2.0 - 0.2j]])
    assert law.stieltjes(z).shape == law.density(z.real).shape == law.cdf(z.real).shape == (2, 1)
    np.testing.assert_allclose(law.stieltjes(z.conj()), law.stieltjes(z).conj())
    assert law.quantile(0.5).shape == law.density(1.0).shape == ()


@pytest.mark.parametrize("make", [rmt.marchenko_pastur, lambda c: rmt.sample_covariance([1.0], c)])
def test_extreme_ratios_are_right(make):
    for c in (1e-12, 1e-6, 1 - 1e-4, 1 + 1e-4, 1e6):
        law, root = make(c), np.sqrt(c)
        np.testing.assert_allclose(law.support()[0], [(1 - root) ** 2, (1 + root) ** 2], atol=1e-8)
        np.testing.assert_allclose(law.cdf([-np.inf, np.inf]), [0, 1], atol=1e-8)
        assert law.quantile(0.0) == (0 if c > 1 else pytest.approx((1 - root) ** 2))
        assert law.density([-np.inf, np.inf]).tolist() == [0, 0]


def test_next_to_an_atom_the_transform_keeps_its_digits():
    z = np.array([1e-6j, -1e-30])
    near = -0.5 / z + 1 / 4 / (1 - 1 / 2) / 2
    np.testing.assert_allclose(rmt.marchenko_pastur(2.0).stieltjes(z), near, rtol=1e-6)


def test_densities_and_overlaps_are_not_negative():
    rng = np.random.default_rng(0)
    law = rmt.sample_covariance(rng.gamma(2.0, size=40), 0.3)
    edges = law.support().reshape(-1)
    assert (law.density(np.nextafter(edges, edges[::-1])) >= 0).all()
    model = rmt.hessian_glm("logistic", "logistic", [0.9, 0.0], [0.0, 0.0], [0.0, 1e-9], None, 0.25)
    assert all(((each >= 0) & (each <= 1)).all() for each in model.overlaps().values())


def test_an_endless_spectrum_is_drawn_as_far_as_it_shows():
    pytest.importorskip("matplotlib").use("Agg")
    x = unbounded().plot().lines[0].get_xdata()
    assert np.isfinite(x).all()
    assert 2 < x.max() < 100


def test_compiled_code_is_told_to_stay_outside():
    with pytest.raises(NotSupported, match=r"outside jax\.jit"):
        jax.jit(lambda c: rmt.marchenko_pastur(c).density(1.0))(0.5)


def test_the_choice_of_a_backend_chooses_the_arrays():
    law = rmt.marchenko_pastur(0.5, backend="torch")
    assert isinstance(law.density([1.0]), torch.Tensor)
    assert isinstance(law.support(), torch.Tensor)


@pytest.mark.parametrize(
    "law", [rmt.marchenko_pastur(2.0), rmt.sample_covariance([1.0, 9.0], 0.05), rmt.circular()]
)
def test_a_law_draws_itself(law):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    axes = plt.figure().add_subplot()
    assert law.plot(axes) is axes
    x, y = axes.lines[0].get_data()
    assert len(x) == len(y) == 400
    plt.close("all")


def unbounded():
    return rmt.hessian_glm("exponential", "logistic", None, [1.0, 0.0], [1.0, 0.0], None, 0.5)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: unbounded().moments(2), "bounded spectra only"),
        (lambda: unbounded().cdf(1.0), "bounded spectra only"),
        (lambda: unbounded().quantile(0.5), "bounded spectra only"),
        (lambda: unbounded().spikes(), "Theorem 2"),
        (lambda: rmt.marchenko_pastur(0.5).moments(-1), "integer of at least 0"),
        (lambda: rmt.marchenko_pastur(0.5).moments(2.5), "integer of at least 0"),
        (lambda: rmt.marchenko_pastur(0.5).stieltjes(np.nan), "finite numbers"),
        (lambda: rmt.separable([1.0], [1.0], 0.5).stieltjes([np.inf, 1j]), "finite numbers"),
        (lambda: rmt.separable([1.0], [1.0], 0.5).stieltjes(1.0), "lies on the support"),
        (lambda: rmt.semicircle().stieltjes(1e101j), "above 1e100"),
        (lambda: rmt.semicircle().density([np.nan]), "x holds NaN"),
        (lambda: rmt.semicircle().sample(0, np.random.default_rng(0)), "at least 1"),
        (lambda: rmt.semicircle().sample(5, 0), "expected a generator"),
        (lambda: rmt.semicircle(1e99), "1e-60 to 1e60"),
        (lambda: rmt.marchenko_pastur(1e-13), "from 1e-12 to 1e8"),
        (lambda: rmt.sample_covariance([1e300], 0.5), "1e-60 to 1e60"),
        (lambda: rmt.sample_covariance([1e-80, 1.0], 0.5), "within a factor of 1e60"),
        (lambda: rmt.marchenko_pastur(0.1).fluctuation(5), "at least 10"),
        (lambda: rmt.marchenko_pastur(1j), "real ones"),
        (lambda: rmt.mixture([[[1.0, 0.5], [0.0, 1.0]]], [1.0], 0.5), "not symmetric"),
    ],
)
def test_what_a_law_cannot_answer_is_told(ask, said):
    with pytest.raises(InvalidInput, match=said):
        ask()
