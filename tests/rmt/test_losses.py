import numpy as np
import pytest

from eigcore import get_backend, rmt
from eigcore.errors import InvalidInput
from eigcore.rmt.losses import as_loss

H = np.linspace(-3, 3, 13)


def softplus(xp):
    return lambda y, h: xp.log(1.0 + xp.exp(-y * h))


PLAIN = {
    "squared": (lambda xp: lambda y, h: 0.5 * (y - h) ** 2, 0.3),
    "logistic": (softplus, -1.0),
    "exponential": (lambda xp: lambda y, h: xp.exp(-y * h), 1.0),
    "poisson": (lambda xp: lambda y, h: xp.exp(h) - y * h, 2.0),
    "phase_retrieval": (lambda xp: lambda y, h: 0.25 * (y - h * h) ** 2, 1.5),
}


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("name", PLAIN)
def test_a_function_is_differentiated_twice_and_equals_the_built_in_loss(name, framework):
    pytest.importorskip(framework)
    backend = get_backend(framework)
    make, y = PLAIN[name]
    h = backend.asarray(H)
    labels = backend.asarray(np.full(H.shape, y))
    found = as_loss(make(backend.xp)).second(backend, labels, h)
    expected = rmt.glm_loss(name).second(backend, labels, h)
    np.testing.assert_allclose(backend.to_numpy(found), backend.to_numpy(expected), atol=1e-12)


@pytest.mark.parametrize("name", ["squared", "logistic", "exponential", "phase_retrieval"])
def test_a_built_in_curvature_is_the_second_difference_of_its_loss(name):
    make, y = PLAIN[name]
    loss, step, backend = make(np), 1e-4, get_backend("numpy")
    difference = (loss(y, H + step) - 2 * loss(y, H) + loss(y, H - step)) / step**2
    g = rmt.glm_loss(name).second(backend, np.full(H.shape, y), H)
    np.testing.assert_allclose(g, difference, atol=2e-6)


def test_probit_and_huber():
    from scipy.stats import norm

    backend, step = get_backend("numpy"), 1e-3
    loss = lambda h: -norm.logcdf(-h)  # noqa: E731
    difference = (loss(H + step) - 2 * loss(H) + loss(H - step)) / step**2
    g = rmt.glm_loss("probit").second(backend, np.full(H.shape, -1.0), H)
    np.testing.assert_allclose(g, difference, atol=1e-6)
    g = rmt.glm_loss("huber", threshold=0.7).second(backend, 0.1 + 0.0 * H, H)
    np.testing.assert_array_equal(g, np.abs(H - 0.1) <= 0.7)


def test_gradients_pass_through_a_loss_given_as_a_function():
    torch = pytest.importorskip("torch")
    w = torch.tensor([1.0, 0.5], dtype=torch.float64, requires_grad=True)
    own = rmt.Loss(softplus(torch), values=((0.0, 0.25),))
    grads = []
    for loss in (own, "logistic"):
        law = rmt.hessian_glm(loss, "logistic", [0.3, 0.2], [0.5, -1.0], w, None, 0.2)
        grads.append(torch.autograd.grad(law.support().sum(), w)[0])
    torch.testing.assert_close(*grads, atol=1e-7, rtol=0)


def test_a_clipped_loss_has_clipped_values():
    loss = rmt.glm_loss("phase_retrieval").clipped(-1.0, 4.0)
    assert loss.values == ((-1.0, 4.0),)
    g = loss.second(get_backend("numpy"), 0.0 * H + 2.0, H)
    assert (g.min(), g.max()) == (-1.0, 4.0)
    assert rmt.Loss(curvature=lambda y, h: h).clipped(0, 2).values == ((0.0, 2.0),)
    with pytest.raises(InvalidInput, match="expected low < high"):
        loss.clipped(1.0, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rmt.glm_loss("hinge"), r"no second derivative.*Type: glm_loss\(\"huber\""),
        (lambda: rmt.glm_loss("absolute"), "no second derivative"),
        (lambda: rmt.glm_loss("cauchy"), "There is no loss 'cauchy'.*huber"),
        (lambda: rmt.glm_loss("huber", threshold=0.0), "positive number"),
        (lambda: rmt.Loss().second(get_backend("numpy"), H, H), r"neither.*Type: Loss\("),
        (
            lambda: as_loss(lambda y, h: h * h).second(get_backend("numpy"), H, H),
            r"'numpy' does not differentiate. Type: Loss\(curvature=",
        ),
    ],
)
def test_a_loss_without_second_derivative_is_an_error(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_a_function_without_curvature_is_an_error():
    torch = pytest.importorskip("torch")
    vectors = [torch.tensor([1.0, 0.0], dtype=torch.float64)] * 3
    for loss in (lambda y, h: torch.abs(y - h), lambda y, h: y * h):
        with pytest.raises(InvalidInput, match="is 0 everywhere"):
            rmt.hessian_glm(loss, "linear", *vectors, None, 0.2)
