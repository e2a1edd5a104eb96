import functools

import numpy as np
import pytest

from eigcore import get_backend, rmt
from eigcore.errors import InvalidInput, NotConverged
from eigcore.rmt import hessian_equation as equation

RNG = np.random.default_rng(3)
MU, W_STAR, W = (size * v / np.linalg.norm(v) for size, v in zip(
    (1.5, 1.0, 1.2), RNG.normal(size=(3, 6)), strict=True
))  # fmt: skip
T = np.array([1.0, 1.2, 0.8, 1.0, 1.3, 0.9])


def data_spike(rho=0.8, c=0.25):
    """Corollary 1: logistic regression before training, at w = w* = 0."""
    zero = [0.0, 0.0]
    return rmt.hessian_glm("logistic", "logistic", [rho**0.5, 0.0], zero, zero, None, c)


def model_spike(length, c=0.1, **options):
    """Corollary 2: logistic regression at w, with mean 0."""
    w = [length, 0.0]
    return rmt.hessian_glm("logistic", "logistic", None, [0.0, 0.0], w, None, c, **options)


def general(c=0.2, loss="probit", mu=MU, w_star=W_STAR, w=W, t=T):
    return rmt.hessian_glm(loss, "logistic", mu, w_star, w, t, c)


def two_bulks(strength, p=40):
    w = np.zeros(p)
    t = np.repeat([1.0, strength], p // 2)
    return rmt.hessian_glm("logistic", "logistic", None, w, w, t, 0.05)


# -- oracles


def corollary_1():
    for rho in (0.8, 2.0):
        law = data_spike(rho)
        np.testing.assert_allclose(law.support(), [[0.0625, 0.5625]], atol=1e-12)
        place, overlap = 0.25 * (1 + rho + 0.25 * (rho + 1) / rho), (rho**2 - 0.25) / rho
        np.testing.assert_allclose(law.spikes(), [place], atol=1e-12)
        np.testing.assert_allclose(law.overlaps()["mu"], [overlap / (rho + 0.25)], atol=1e-12)
    np.testing.assert_allclose(data_spike().spikes(), [0.590625], atol=1e-12)
    np.testing.assert_allclose(data_spike().overlaps()["mu"], [0.4642857], atol=1e-7)


def corollary_2():
    law = model_spike(2.0)
    assert law.support()[0, 0] == pytest.approx(0.064207, abs=1e-6)
    np.testing.assert_allclose(law.spikes(), [0.0520934], atol=1e-7)
    np.testing.assert_allclose(law.overlaps()["w"], [0.851949], atol=1e-6)


def top_left_of_the_mean_is_the_mean_of_g():
    law = rmt.hessian_glm("logistic", "logistic", [3.0, 0, 0], [0, 0, 0], [0, 1.0, 0], None, 0.5)
    g = np.exp(np.linspace(-12, 12, 4801))
    e = np.exp(-(np.log(g) ** 2) / 2) * g / (1 + g) ** 2
    mean = law.mean()
    expected = e.sum() * 0.005 / np.sqrt(2 * np.pi)
    assert float(mean[0, 0]) == pytest.approx(
        expected * 10.0, abs=1e-10
    )  # E[g] (1 + |μ|²), not 1 + |μ|²
    assert float(mean[2, 2]) == pytest.approx(expected, abs=1e-10)


def test_a_mean_makes_an_outlier_from_rho_root_c_on():
    corollary_1()
    assert len(data_spike(rho=0.49).spikes()) == 0
    assert len(data_spike(rho=0.51).spikes()) == 1
    assert data_spike(rho=0.49).overlaps()["mu"].shape == (0,)


def test_a_model_makes_an_outlier_on_the_left_and_the_gap_is_not_monotone():
    corollary_2()
    assert len(model_spike(1.0).spikes()) == 0
    gaps, aligned = [], []
    for length in (2.0, 3.0, 10.0):
        law = model_spike(length)
        (spike,) = law.spikes()
        gaps.append(law.support()[0, 0] - spike)
        aligned.append(float(law.overlaps()["w"][0]))
    np.testing.assert_allclose(gaps, [0.012114, 0.018943, 0.0054495], atol=1e-6)
    assert aligned == sorted(aligned)


def test_the_equation_of_corollary_2_holds_at_the_outlier():
    length, c = 2.0, 0.1
    law = model_spike(length, c)
    spike = float(law.spikes()[0])
    m = float(law.stieltjes(spike))
    r = np.linspace(-12, 12, 2401) * length
    weight = np.exp(-0.5 * (r / length) ** 2)
    weight /= weight.sum()
    f = 1 / (c * m + 2 + np.exp(-r) + np.exp(r))
    assert m == pytest.approx(1 / (weight @ f - spike), abs=1e-10)
    assert 1 + m * (weight @ (f * (r**2 - length**2))) / length**2 == pytest.approx(0, abs=1e-10)


def test_the_top_left_entry_of_the_mean_is_the_mean_of_g():
    top_left_of_the_mean_is_the_mean_of_g()


def without_c(xp, p, e, z, power, more=1):
    return TRACE(xp, p, e, z, power, more) / p.c


def g_taken_for_1(backend, p, phi):
    found = LAMBDA(backend, p, phi)
    found[..., 0, 0] = 1.0
    return found


def no_centring(backend, p, phi):
    return LAMBDA(backend, p, phi) + p.precision * equation.average(np, p, phi)[..., None, None]


def g_without_delta(p, d):
    return p.value + 0.0 * d[..., None]


TRACE, LAMBDA = equation.trace, equation.lambda_matrix
MUTANTS = [
    ("trace", without_c, corollary_1),
    ("trace", without_c, corollary_2),
    ("lambda_matrix", g_taken_for_1, corollary_1),
    ("lambda_matrix", g_taken_for_1, top_left_of_the_mean_is_the_mean_of_g),
    ("lambda_matrix", no_centring, corollary_2),
    ("ratios", g_without_delta, corollary_1),
]


@pytest.mark.parametrize(("name", "mutant", "check"), MUTANTS)
@pytest.mark.filterwarnings("ignore")
def test_wrong_mathematics_is_rejected(monkeypatch, name, mutant, check):
    monkeypatch.setattr(equation, name, mutant)
    with pytest.raises((AssertionError, NotConverged)):
        check()


# -- spectra


def test_without_weights_it_is_the_law_of_sample_covariances():
    law = rmt.hessian_glm("squared", "linear", None, [1.0, 0.0], [0.0, 1.0], None, 0.5)
    x = np.linspace(0.09, 2.9, 200)
    low, high = (1 - 0.5**0.5) ** 2, (1 + 0.5**0.5) ** 2
    np.testing.assert_allclose(law.support(), [[low, high]], atol=1e-10)
    expected = np.sqrt((x - low) * (high - x)) / (np.pi * x)
    np.testing.assert_allclose(law.density(x), expected, atol=1e-10)
    z = np.array([0.7 + 0.1j, -1.0 + 1e-3j, 2.0 - 0.5j])
    m = law.stieltjes(z)
    np.testing.assert_allclose(0.5 * z * m * m - (0.5 - z) * m + 1, 0, atol=1e-10)
    more = rmt.hessian_glm("squared", "linear", None, [1.0, 0.0], [0.0, 1.0], None, 4.0)
    np.testing.assert_allclose(more.support(), [[1.0, 9.0]], atol=1e-10)
    ((place, mass),) = more.atoms()
    assert (place, mass) == (0.0, pytest.approx(0.75))
    assert more.cdf(0.5) == pytest.approx(0.75)


def test_the_equations_of_theorem_1_hold_with_their_own_quadrature():
    law = general()
    x, weight = np.polynomial.hermite_e.hermegauss(80)
    weight = weight / weight.sum()
    mean, size = W @ MU, np.sqrt(W @ (T * W))
    star, both, own = W_STAR @ MU, W_STAR @ (T * W), W_STAR @ (T * W_STAR)
    h = mean + size * x
    s = star + both / size * x[:, None] + np.sqrt(own - both**2 / size**2) * x
    up = (weight / (1 + np.exp(-s))).sum(-1)  # P(y = 1 | h)
    from scipy.stats import norm

    def g(u):
        r = np.exp(norm.logpdf(u) - norm.logcdf(u))
        return r * (r + u)

    z = np.array([0.5 + 1e-3j, 1.0 + 0.5j, -1 + 0.1j])
    m = law.stieltjes(z)
    for each, found in zip(z, m, strict=True):
        d = law._delta(np.array([each]))[0]
        phi = [k / (1 + k * d) for k in (g(h), g(-h))]
        e = weight @ (up * phi[0] + (1 - up) * phi[1])
        assert d == pytest.approx(0.2 * np.mean(T / (T * e - each)), abs=1e-9)
        assert found == pytest.approx(np.mean(1 / (T * e - each)), abs=1e-9)


def test_two_bulks_for_two_far_eigenvalues_of_the_covariance():
    assert two_bulks(1.5).support().shape == (1, 2)
    law = two_bulks(4.0)
    support = law.support()
    assert support.shape == (2, 2)
    for edge in support.reshape(-1):  # the density is a root there, and 0 beyond
        inward = 1 if edge in support[:, 0] else -1
        near, far = law.density(edge + inward * np.array([1e-6, 4e-6]))
        assert far / near == pytest.approx(2.0, rel=1e-2)
        assert law.density(edge - inward * 1e-9) == 0
    np.testing.assert_allclose(law.cdf(0.5 * support[0, 1] + 0.5 * support[1, 0]), 0.5, atol=1e-8)
    assert law.bounded


def test_an_unbounded_g_has_an_unbounded_support_and_says_so():
    law = general(loss="exponential")
    assert not law.bounded
    assert law.support().shape == (1, 2)
    assert 0 < law.support()[0, 0] < np.inf == law.support()[0, 1]
    assert law.density(law.support()[0, 0] - 0.01) == 0
    phases = rmt.hessian_glm(
        "phase_retrieval", "phase_retrieval", None, W_STAR, W, None, 0.2, spacing=0.6
    )
    np.testing.assert_array_equal(phases.support(), [[-np.inf, np.inf]])
    assert phases.density(1.0) > 0


def test_theorem_2_needs_a_bounded_g():
    with pytest.raises(InvalidInput, match=r'"exponential"\).clipped\(0.0, 10.0\)'):
        general(loss="exponential").spikes()
    law = general(loss=rmt.glm_loss("exponential").clipped(0.0, 5.0))
    assert law.bounded
    assert law.spikes().shape == (1,)


def test_the_values_of_an_own_loss_are_asked_for_where_they_matter():
    loss = rmt.Loss(curvature=lambda y, h: 1 / (2 + np.exp(h) + np.exp(-h)))
    law, known = (rmt.hessian_glm(each, "logistic", MU, W_STAR, W, T, 0.2) for each in (
        loss, "logistic"
    ))  # fmt: skip
    x = np.linspace(0.1, 0.4, 5)
    np.testing.assert_allclose(law.density(x), known.density(x), atol=1e-8)
    for ask in (law.support, law.spikes, lambda: law.bounded, lambda: law.stieltjes(-1.0)):
        with pytest.raises(InvalidInput, match=r"Type: Loss\(…, values="):
            ask()
    assert "not known" in repr(law)


def test_z_on_the_support_is_an_error():
    law = data_spike()
    with pytest.raises(InvalidInput, match=r"z = 0.3 lies on the support"):
        law.stieltjes([0.3, 1.0])
    m = law.stieltjes([-1.0, 0.58, 0.03])
    assert m.dtype == float
    np.testing.assert_allclose(
        m, law.stieltjes(np.array([-1.0, 0.58, 0.03]) + 1e-9j).real, atol=1e-6
    )


# -- simulations


def test_spectra_outliers_and_eigenvectors_of_samples():
    """An outlier λ has standard deviation ≈ λ (2/n)^½ = 0.05, the mean of eight 0.02."""
    p, n, rng = 300, 1500, np.random.default_rng(1)
    mu, w_star, w = rng.normal(size=(3, p)) / p**0.5
    law = rmt.hessian_glm("probit", "logistic", 1.2 * mu, 0.6 * w_star + 0.8 * w, w, None, 0.2)
    grid = np.linspace(*law.support()[0], 20)
    tops, overlaps = [], []
    for _ in range(8):
        values, vectors = np.linalg.eigh(law.sample(n, rng))
        assert np.abs(np.searchsorted(values, grid) / p - law.cdf(grid)).max() < 0.02
        # Tracy–Widom: edges move by n^(−2/3) = 0.008
        np.testing.assert_allclose([values[0], values[-2]], law.support()[0], atol=0.06)
        tops.append(values[-1])
        overlaps.append((mu @ vectors[:, -1]) ** 2 / (mu @ mu))
    np.testing.assert_allclose([np.mean(tops)], law.spikes(), atol=0.06)
    np.testing.assert_allclose([np.mean(overlaps)], law.overlaps()["mu"], atol=0.05)


def test_the_published_simulation_of_corollary_1_is_in_the_band():
    law = data_spike()
    rng = np.random.default_rng(0)
    top = [np.linalg.eigvalsh(law.sample(1024, rng))[-1] for _ in range(8)]
    assert np.mean(top) == pytest.approx(0.590625, abs=0.02)


# -- frameworks

READINGS = {
    "edges": lambda law: law.support(),
    "spikes": lambda law: law.spikes(),
    "overlaps": lambda law: law.overlaps()["mu"],
    "density": lambda law: law.density(np.array([0.3, 0.8])),
    "transform": lambda law: law.backend.xp.real(law.stieltjes(np.array([0.5 + 0.1j, 1 - 0.3j]))),
    "real transform": lambda law: law.stieltjes(np.array([-1.0, 5.0])),
    "mean": lambda law: law.mean(),
}


def total(name, backend, *arguments):
    mu, w_star, w, t, c = arguments
    found = READINGS[name](general(c, mu=mu, w_star=w_star, w=w, t=t))
    return backend.xp.sum(found)


ARGUMENTS = (MU, W_STAR, W, T, np.array(0.2))


@functools.cache
def gradients(name):
    backend = get_backend("torch")
    arrays = [backend.asarray(a).requires_grad_() for a in ARGUMENTS]
    return [a.numpy() for a in backend.gradient(lambda *a: total(name, backend, *a), *arrays)]


@pytest.mark.parametrize("name", READINGS)
def test_gradients_are_those_of_differences(name):
    pytest.importorskip("torch")
    numpy = get_backend("numpy")
    for i, exact in enumerate(gradients(name)):
        spot, h = (0,) * exact.ndim if exact.ndim == 0 else (2,), 1e-4

        def at(step, i=i, spot=spot):
            moved = [a.copy() for a in ARGUMENTS]
            moved[i][spot] += step
            return float(total(name, numpy, *moved))

        slope = (at(h) - at(-h)) / (2 * h)
        assert float(exact[spot]) == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_jax_has_the_gradients_of_torch():
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    found = []
    for backend in map(get_backend, ("torch", "jax")):

        def reading(w, c, backend=backend):
            w_star, t = backend.asarray(W_STAR), backend.asarray(T)
            law = general(c, loss="logistic", mu=None, w_star=w_star, w=w, t=t)
            m = law.stieltjes(np.array([0.5 + 0.1j]))
            return backend.xp.sum(backend.xp.imag(m))

        w, c = backend.asarray(2 * W), backend.asarray(0.2)
        found.append([backend.to_numpy(a) for a in backend.gradient(reading, w, c)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_backends_agree(name):
    pytest.importorskip(name)
    backend = get_backend(name)
    law, known = general(backend.asarray(0.2), mu=None, w_star=backend.asarray(W_STAR),
                         w=backend.asarray(W), t=backend.asarray(T)), general(mu=None)  # fmt: skip
    for key in ("edges", "spikes", "density", "transform", "mean"):
        found = READINGS[key](law)
        assert type(found) is type(backend.asarray(0.2))
        np.testing.assert_allclose(backend.to_numpy(found), READINGS[key](known), atol=1e-10)
