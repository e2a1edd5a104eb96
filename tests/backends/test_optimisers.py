"""Optimisers of singular values: norms stay bounded, linear models are solved in one step."""

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
jnp = jax.numpy
RNG = np.random.default_rng(0)


def test_a_clipped_update_is_the_published_step():
    from eigcore_torch import SpectralClip

    X, G = RNG.normal(size=(6, 4)), 5 * RNG.normal(size=(6, 4))
    p, b = torch.nn.Parameter(torch.tensor(X)), torch.nn.Parameter(torch.zeros(3))
    step = SpectralClip(torch.optim.SGD([p, b], lr=0.1), c=1.5, scale=2.0, decay=0.5)
    p.grad, b.grad = torch.tensor(G), torch.ones(3)
    step.step()
    expected = 0.95 * X - 0.2 * eigcore.spectral_map(G, "soft_clip", c=1.5)
    np.testing.assert_allclose(p.detach().numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(b.detach().numpy(), -0.1)
    with pytest.raises(InvalidInput, match="c is 0"):
        SpectralClip(torch.optim.SGD([p]), c=0)


def test_the_spectral_norm_stays_bounded_and_schedules_and_states_work():
    from eigcore_torch import SpectralClip

    p = torch.nn.Parameter(torch.zeros(5, 3, 1, 1))
    inner = torch.optim.SGD([p], lr=0.5, momentum=0.9)
    step = SpectralClip(inner, c=1.0, scale=1.0, decay=0.5, gradients=3.0)
    schedule = torch.optim.lr_scheduler.StepLR(step, 10, 0.5)
    gradient = torch.tensor(RNG.normal(size=(5, 3)), dtype=torch.float32).reshape(p.shape)
    for _ in range(40):
        p.grad = 100 * gradient
        step.step()
        schedule.step()
        assert torch.linalg.matrix_norm(p.flatten(1), 2) <= 2 + 1e-5
    assert torch.linalg.matrix_norm(p.flatten(1), 2) > 1.5
    assert inner.param_groups[0]["lr"] == 0.5 / 16
    step.load_state_dict(step.state_dict())
    step.zero_grad()
    assert p.grad is None


def linear(rows, columns):
    rng = np.random.default_rng(rows)
    return rng.normal(size=(rows, columns)), rng.normal(size=rows)


@pytest.mark.parametrize(("rows", "columns"), [(4, 9), (9, 4)])
def test_sven_solves_linear_models_in_one_step(rows, columns):
    """B < P: residual 0 at the solution of least norm; B ≥ P: Gauss–Newton, the least squares."""
    from eigcore_jax import sven_step
    from eigcore_torch import Sven

    A, y = linear(rows, columns)
    expected = np.linalg.lstsq(A, y, rcond=None)[0]
    p = torch.zeros(columns, dtype=torch.float64, requires_grad=True)
    loss = Sven([p]).step(lambda: torch.tensor(A) @ p - torch.tensor(y))
    assert float(loss) == pytest.approx((y**2).sum() / 2)
    np.testing.assert_allclose(p.detach(), expected, atol=1e-10)
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        params, r = sven_step(lambda q: jnp.asarray(A) @ q - jnp.asarray(y), jnp.zeros(columns))
    np.testing.assert_allclose(params, expected, atol=1e-10)
    np.testing.assert_allclose(r, -y)


def test_sven_with_few_singular_values_is_the_truncated_pseudo_inverse():
    from eigcore_torch import Sven

    A, y = linear(5, 8)
    p = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    Sven([p], lr=0.5, k=2).step(lambda: torch.tensor(A) @ p - torch.tensor(y))
    inverse = eigcore.spectral_map(eigcore.spectral_map(A, "truncate", rank=2), "pinv").T
    np.testing.assert_allclose(p.detach(), 0.5 * inverse @ y, atol=1e-10)
    with pytest.raises(InvalidInput, match="residuals"):
        Sven([p]).step(lambda: (p**2).sum())
    with pytest.raises(InvalidInput, match="lr > 0"):
        Sven([p], lr=0)


def test_the_transformation_of_optax_is_the_same_step():
    optax = pytest.importorskip("optax")
    from eigcore_jax import spectral_clip

    X, G = RNG.normal(size=(6, 4)).astype("f"), 5 * RNG.normal(size=(6, 4)).astype("f")
    own = spectral_clip(c=1.5, scale=2.0, decay=0.5)
    step = optax.chain(own, optax.scale_by_learning_rate(0.1))
    params = {"X": jnp.asarray(X), "b": jnp.zeros(3, "float32")}
    gradients = {"X": jnp.asarray(G), "b": jnp.ones(3, "float32")}
    updates, _ = step.update(gradients, step.init(params), params)
    expected = -0.05 * X - 0.2 * eigcore.spectral_map(G, "soft_clip", c=1.5)
    np.testing.assert_allclose(updates["X"], expected, atol=1e-5)
    np.testing.assert_allclose(updates["b"], -0.1, rtol=1e-6)
    with pytest.raises(InvalidInput, match="needs the parameters"):
        own.update(gradients, own.init(params))
    with pytest.raises(InvalidInput, match="c > 0"):
        spectral_clip(c=-1)
