import numpy as np
import pytest

from eigcore import get_backend, rmt
from eigcore.errors import InvalidInput
from eigcore.rmt.responses import as_response

NUMPY = get_backend("numpy")
S = np.array([-1.5, 0.0, 0.7])


@pytest.mark.parametrize(
    ("response", "mean", "variance"),
    [
        (rmt.glm_response("linear", noise=0.5), S, 0.25),
        (rmt.glm_response("phase_retrieval"), S**2, 0.0),
        (rmt.glm_response("logistic"), np.tanh(S / 2), 1 - np.tanh(S / 2) ** 2),
        (rmt.glm_response("poisson"), np.exp(S), np.exp(S)),
        (as_response(lambda s: np.sin(s)), np.sin(S), 0.0),
    ],
)
def test_outcomes_and_samples_have_the_moments_of_the_response(response, mean, variance):
    y, chance = response.outcomes(NUMPY, S)
    np.testing.assert_allclose(chance.sum(-1), 1.0, atol=1e-12)
    np.testing.assert_allclose((chance * y).sum(-1), mean, atol=1e-12)
    np.testing.assert_allclose((chance * y**2).sum(-1) - mean**2, variance, atol=1e-10)
    many = response.sample(NUMPY, np.repeat(S, 4000), np.random.default_rng(0)).reshape(3, -1)
    np.testing.assert_allclose(many.mean(-1), mean, atol=5 * np.max(variance) ** 0.5 / 4000**0.5)


def test_probit_and_own_outcomes():
    from scipy.stats import norm

    y, chance = rmt.glm_response("probit").outcomes(NUMPY, S)
    np.testing.assert_allclose((chance * (y > 0)).sum(-1), norm.cdf(S), atol=1e-12)
    own = as_response(lambda s: (np.array([[0.0, 2.0]] * len(s)), np.array([[0.5, 0.5]] * len(s))))
    assert set(own.sample(NUMPY, S, np.random.default_rng(0))) <= {0.0, 2.0}


def test_hubers_g_is_1_with_the_probability_of_a_small_residual():
    """Residuals are N(0, |w* − w|² + noise²) here, whatever the nodes."""
    from scipy.stats import norm

    law = rmt.hessian_glm(
        rmt.glm_loss("huber", threshold=0.7), rmt.glm_response("linear", noise=0.5),
        None, [1.0, 0.3], [0.4, -0.2], None, 0.5,
    )  # fmt: skip
    chance = float(law.parts.weight[law.parts.value == 1].sum())
    size = np.sqrt(0.36 + 0.25 + 0.25)
    assert chance == pytest.approx(2 * norm.cdf(0.7 / size) - 1, abs=1e-12)
    law = rmt.hessian_glm(
        rmt.glm_loss("huber", threshold=0.7), rmt.glm_response("linear", noise=0.5),
        None, [1.0, 0.3], [0.4, -0.2], None, 2.0,
    )  # fmt: skip
    assert law.atoms()[0][1] == pytest.approx(1 - chance / 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rmt.glm_response("gamma"), "There is no response 'gamma'. Expected linear"),
        (lambda: rmt.glm_response("linear", noise=-1.0), "noise=-1.0; expected"),
        (
            lambda: rmt.glm_response("poisson").outcomes(NUMPY, np.array([9.0])),
            "reaches counts of .*Make w_star shorter",
        ),
        (
            lambda: rmt.hessian_glm("huber", "logistic", None, [1.0], [1.0], None, 0.5),
            r'jumps.*Type: response=glm_response\("linear", noise=0.5\)',
        ),
    ],
)
def test_responses_that_cannot_be_served(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
