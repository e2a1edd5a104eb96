import numpy as np
import pytest

from eigcore import get_backend, rmt
from eigcore.errors import InvalidInput

SPIKES = {0.25: 0.4029, 0.5: 0.6047, 1.0: 1.0370, 1.5: 1.5075, 1.9: 1.9003}


@pytest.mark.parametrize("c", SPIKES)
def test_the_edge_of_the_optimal_preprocessing_is_c(c):
    found = rmt.spectral_initialisation(rmt.optimal_preprocessing(c), c)
    assert float(found.edge) == pytest.approx(c, abs=1e-10)
    assert float(found.spike) == pytest.approx(SPIKES[c], abs=1e-4)
    assert found.recovers
    assert 0 < float(found.overlap) < 1


def test_the_determinant_at_the_edge_is_1_less_root_2_over_c():
    """At δ = −1, φ = f / (1 − f) = (s² − 1) (c/2)^½ and z = c, so G = 1 − (2/c)^½."""
    from eigcore.rmt import hessian_equation as equation

    for c in (0.25, 1.0, 1.9):
        law = rmt.spectral_initialisation(rmt.optimal_preprocessing(c), c).law
        at = equation.outlier(law.backend, law.parts, np.array([-1.0]), np.array([c]))
        assert np.linalg.det(at.G) == pytest.approx(1 - (2 / c) ** 0.5, abs=1e-9)


def test_recovery_ends_at_the_threshold():
    f = rmt.optimal_preprocessing(1.9)
    threshold = float(rmt.spectral_initialisation(f, 1.0).threshold)
    assert threshold == pytest.approx(3.8**0.5, abs=1e-9)  # (2c)^½ for f of c
    assert rmt.spectral_initialisation(f, threshold - 0.01).recovers
    beyond = rmt.spectral_initialisation(f, threshold + 0.01)
    assert not beyond.recovers
    assert (beyond.spike, float(beyond.overlap)) == (None, 0.0)


def test_the_threshold_of_a_smooth_function_of_its_own():
    f = lambda y: np.tanh(y - 1.0)  # noqa: E731
    ask = lambda c: rmt.spectral_initialisation(f, c, bounds=(-1.0, 1.0), spacing=0.05)  # noqa: E731
    threshold = float(ask(0.3).threshold)
    assert ask(threshold * 0.98).recovers
    assert not ask(threshold * 1.02).recovers
    assert float(ask(0.3).law.spikes()[0]) == float(ask(0.3).spike)
    falling = rmt.spectral_initialisation(lambda y: -np.tanh(y), 0.3, bounds=(-1.0, 0.0))
    assert float(falling.threshold) == 0.0
    assert not falling.recovers


def test_a_sample_finds_the_signal():
    found = rmt.spectral_initialisation(rmt.optimal_preprocessing(0.25), 0.25)
    values, vectors = np.linalg.eigh(found.law.sample(1600, np.random.default_rng(0)))
    assert values[-1] == pytest.approx(float(found.spike), abs=0.06)  # λ (2/n)^½ = 0.014
    assert vectors[0, -1] ** 2 == pytest.approx(float(found.overlap), abs=0.08)


def test_gradients_by_c():
    torch = pytest.importorskip("torch")
    f, c = rmt.optimal_preprocessing(1.0), torch.tensor(0.8, dtype=torch.float64)
    c.requires_grad_()
    found = rmt.spectral_initialisation(f, c)
    for name in ("edge", "spike", "overlap"):
        (exact,) = torch.autograd.grad(getattr(found, name), c, retain_graph=True)
        high, low = (
            float(getattr(rmt.spectral_initialisation(f, 0.8 + h), name)) for h in (1e-4, -1e-4)
        )
        assert float(exact) == pytest.approx((high - low) / 2e-4, rel=1e-6)
    assert type(found.edge) is type(get_backend("torch").asarray(0.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rmt.optimal_preprocessing(2.0), "no preprocessing finds the signal. Type"),
        (lambda: rmt.optimal_preprocessing(-1.0), "expected 0 < c < 2"),
        (lambda: rmt.spectral_initialisation(np.tanh, 0.5), r"Type: .*bounds="),
        (
            lambda: rmt.spectral_initialisation(np.tanh, 0.5, bounds=(0.0, np.inf)),
            "need a bounded f",
        ),
        (lambda: rmt.spectral_initialisation(rmt.optimal_preprocessing(1.0), 0.0), "c is 0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
