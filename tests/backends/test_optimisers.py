"""Optimisers of singular values: norms stay bounded, linear models are solved in one step."""

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput

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
    with pytest.raises(InvalidInput, match="lr is 0"):
        Sven([p], lr=0)


def test_residuals_that_are_not_finite_move_no_parameter():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    from eigcore_jax import sven_step
    from eigcore_torch import Sven

    def spoilt(p):
        return p * np.nan

    p = torch.ones(3, requires_grad=True)
    with pytest.raises(NonFiniteInput, match="have not moved"):
        Sven([p]).step(lambda: spoilt(p))
    assert (p == 1).all()
    start = jax.numpy.ones(3)
    with pytest.raises(NonFiniteInput, match="have not moved"):
        sven_step(spoilt, start)
    assert np.isnan(jax.jit(lambda p: sven_step(spoilt, p)[0])(start)).all()


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
    with pytest.raises(InvalidInput, match="c is -1"):
        spectral_clip(c=-1)


def test_a_clipped_optimiser_is_copied_and_pickled_whole_and_takes_hooks():
    """A copy shares nothing with the original, and goes on with its own settings."""
    import copy
    import pickle

    from eigcore_torch import SpectralClip

    p = torch.nn.Parameter(torch.tensor(RNG.normal(size=(4, 3))))
    step = SpectralClip(torch.optim.SGD([p], lr=0.1, momentum=0.9), c=0.5, decay=0.1, gradients=2.0)
    p.grad = torch.ones_like(p)
    seen = []
    step.register_step_post_hook(lambda *_: seen.append("hook"))
    step.step()
    for twin in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        [q] = twin.param_groups[0]["params"]
        assert twin.param_groups is twin.optimizer.param_groups
        before = p.detach().clone()
        q.grad = torch.ones_like(q)
        twin.step()
        assert (p == before).all()
        own = copy.deepcopy(step)
        own.param_groups[0]["params"][0].grad = torch.ones_like(p)
        own.step()
        torch.testing.assert_close(q, own.param_groups[0]["params"][0], rtol=0, atol=0)
    step.step()
    assert seen == ["hook"] * 2


def test_what_optimisers_refuse_is_told_with_what_to_type():
    from eigcore_jax import spectral_clip, sven_step
    from eigcore_torch import SpectralClip, Sven

    p = torch.nn.Parameter(torch.ones(3, 2))
    inner = torch.optim.SGD([p], lr=0.1)
    wrong = ("a", None, float("nan"), 1j, -1.0, [1.0])
    for name in ("c", "scale", "decay", "gradients"):
        for value in wrong:
            if (name, value) != ("gradients", None):
                with pytest.raises(InvalidInput, match=f"{name} is .* Write {name}="):
                    SpectralClip(inner, **{name: value})
            if name != "gradients":
                with pytest.raises(InvalidInput, match=f"{name} is .* Write {name}="):
                    spectral_clip(**{name: value})
    for name in ("lr", "k", "rtol"):
        for value in (*wrong, 0.5 if name == "k" else -0.5):
            if (name, value) != ("k", None):
                with pytest.raises(InvalidInput, match=f"{name} is .* Write {name}="):
                    Sven([p], **{name: value})
                own = "rate" if name == "lr" else name
                with pytest.raises(InvalidInput, match=f"{own} is .* Write {own}="):
                    sven_step(lambda q: q, jnp.ones(2), **{own: value})
    for other, message in ((p, "a Parameter"), (torch.optim.LBFGS([p]), "several steps")):
        with pytest.raises(InvalidInput, match=message):
            SpectralClip(other)
    for r in (3.0, torch.ones(3), p):
        with pytest.raises(InvalidInput, match="flatten"):
            Sven([p]).step(lambda r=r: r)


def test_empty_parameters_stay_as_they_are():
    pytest.importorskip("optax")
    from eigcore_jax import spectral_clip
    from eigcore_torch import SpectralClip

    p, empty = torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(3, 0))
    step = SpectralClip(torch.optim.SGD([p, empty], lr=0.1), gradients=1.0)
    p.grad, empty.grad = torch.ones(3, 2), torch.ones(3, 0)
    step.step()
    updates, _ = spectral_clip().update({"X": jnp.ones((3, 0))}, None)
    assert updates["X"].shape == (3, 0)
