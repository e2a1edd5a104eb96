"""Laws of many parameters at once are those laws one by one."""

import numpy as np
import pytest
from arrays import host, jnp, torch

from eigcore import rmt
from eigcore.errors import InvalidInput, NotSupported
from eigcore.rmt import equation

jax = pytest.importorskip("jax")
X = np.linspace(-0.5, 6.0, 8)
Z = X.reshape(2, 4) + 0.3j
C = np.array([0.2, 0.5, 1.7])
T = [[1.0, 2.0, 4.0], [1.0, 1.0, 6.0], [2.0, 3.0, 3.0]]
CLASSES = [[1.0, 2.0, 4.0], [3.0, 0.5, 2.0]]
ROOTS = np.random.default_rng(0).normal(size=(3, 2, 3, 3))
MATRICES = (ROOTS @ np.swapaxes(ROOTS, -1, -2)).tolist()
LAWS = {
    "marchenko_pastur": lambda c: rmt.marchenko_pastur(c),
    "semicircle": lambda c: rmt.semicircle(c),
    "circular": lambda c: rmt.circular(c),
    "spiked": lambda c: rmt.spiked([2.0, 0.3], c),
    "discrete": lambda c: rmt.discrete(T, [0.5, 0.2, 0.3]),
    "sample_covariance": lambda c: rmt.sample_covariance(T, c),
    "one population": lambda c: rmt.sample_covariance([1.0, 4.0], c),
    "separable": lambda c: rmt.separable(T, [1.0, 2.0], c),
    "mixture": lambda c: rmt.mixture(CLASSES, [0.3, 0.7], c),
    "mixture of matrices": lambda c: rmt.mixture(MATRICES, [0.3, 0.7], c),
    "free_sum": lambda c: rmt.free_sum(rmt.semicircle(c), rmt.discrete(T)),
    "free_product": lambda c: rmt.free_product(rmt.marchenko_pastur(c), rmt.separable(T, [2.0], c)),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_transform_is_that_of_each_law(name):
    laws = LAWS[name](C)
    found, each = laws.stieltjes(Z), [law.stieltjes(Z) for law in laws]
    assert found.shape == (3, 2, 4)
    np.testing.assert_allclose(found, each, rtol=1e-12, atol=1e-12)
    assert abs(np.asarray(each[0]) - each[2]).max() > 1e-3
    if name in ("spiked", "sample_covariance", "separable"):
        np.testing.assert_allclose(laws.stieltjes(Z.conj()), found.conj())
        np.testing.assert_allclose(
            laws.stieltjes([-9.0]), [law.stieltjes([-9.0]) for law in laws], rtol=1e-12
        )


@pytest.mark.parametrize("name", ["marchenko_pastur", "circular", "sample_covariance", "separable"])
def test_what_has_one_shape_is_that_of_each_law(name):
    laws = LAWS[name](C)
    for ask, shape in [
        (lambda law: law.density(X.reshape(2, 4)), (3, 2, 4)),
        (lambda law: law.cdf(X), (3, 8)),
        (lambda law: law.quantile([0.9, 0.99]), (3, 2)),
        (lambda law: law.moments(3), (3, 3)),
    ]:
        assert ask(laws).shape == shape
        np.testing.assert_allclose(ask(laws), [ask(law) for law in laws], atol=1e-12)


def test_one_solve_serves_all_laws(monkeypatch):
    calls, solve = [], equation.fixed_point
    monkeypatch.setattr(equation, "fixed_point", lambda *a, **k: calls.append(1) or solve(*a, **k))

    def solves(laws):
        calls.clear()
        laws.stieltjes(Z)
        return len(calls)

    assert solves(rmt.sample_covariance(np.repeat(T, 20, axis=0), np.repeat(C, 20))) <= 2 * solves(
        rmt.sample_covariance(T[0], C[0])
    )


@pytest.mark.parametrize("name", ["spiked", "sample_covariance", "mixture of matrices"])
def test_torch_follows_each_law(name):
    c = torch.tensor(C, requires_grad=True)
    found = LAWS[name](c).stieltjes(Z)
    np.testing.assert_allclose(host(found), LAWS[name](C).stieltjes(Z), atol=1e-10)
    weights = np.random.default_rng(1).normal(size=(3, 2, 4))
    (gradient,) = torch.autograd.grad((found.imag * torch.tensor(weights)).sum(), c)
    h = 1e-4
    up, down = (LAWS[name](C + s * h).stieltjes(Z).imag * weights for s in (1, -1))
    np.testing.assert_allclose(gradient, (up - down).sum(axis=(1, 2)) / (2 * h), atol=1e-6)


def test_jax_and_torch_follow_all_parameters_alike():
    def total(xp, t, c):
        return xp.sum(xp.real(rmt.sample_covariance(t, c).stieltjes(Z[0])))

    gradients = jax.grad(lambda t, c: total(jnp, t, c), argnums=(0, 1))(
        jnp.asarray(T), jnp.asarray(C)
    )
    t, c = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (T, C))
    expected = torch.autograd.grad(total(torch, t, c), (t, c))
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def test_hessians_of_several_models():
    t = torch.tensor([1.0, 2.0], dtype=torch.float64)
    w = [[0.5, 1.0], [2.0, 0.0]]
    laws = rmt.hessian_glm("logistic", "logistic", None, [1.0, 0.0], w, t, [0.2, 0.5])
    each = [
        rmt.hessian_glm("logistic", "logistic", None, [1.0, 0.0], w[i], t, c)
        for i, c in enumerate([0.2, 0.5])
    ]
    np.testing.assert_array_equal(laws.stieltjes(-1.0), [law.stieltjes(-1.0) for law in each])
    assert laws.backend.name == "torch"
    assert laws.density([0.1, 0.2]).shape == (2, 2)
    assert abs(each[0].stieltjes(-1.0) - each[1].stieltjes(-1.0)) > 1e-3
    with pytest.raises(NotSupported, match=r"\[law.overlaps\(\) for law in laws\]"):
        laws.overlaps()


def test_vmap_is_told_to_pass_an_array():
    with pytest.raises(NotSupported, match=r"marchenko_pastur\(c\) with c \(b,\)"):
        jax.vmap(lambda c: rmt.marchenko_pastur(c).density(1.0))(jnp.asarray(C))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: rmt.marchenko_pastur(C).support(), NotSupported, r"\[law.support\(\) for law in"),
        (lambda: rmt.marchenko_pastur(C).atoms(), NotSupported, "one law"),
        (lambda: rmt.spiked([2.0], C).spikes(), NotSupported, "one law"),
        (lambda: rmt.sample_covariance(T, C[:2]), InvalidInput, "eigenvalues 3 and c 2"),
        (lambda: rmt.marchenko_pastur([]), InvalidInput, "c 0"),
        (lambda: rmt.marchenko_pastur([0.5, -1.0]), InvalidInput, "c is -1.0"),
        (lambda: rmt.marchenko_pastur([[0.5]]), InvalidInput, "one positive number"),
        (lambda: rmt.sample_covariance([T], C), InvalidInput, "vector"),
        (lambda: rmt.marchenko_pastur(C).stieltjes([1.0]), InvalidInput, "lies on the support"),
        (lambda: rmt.overlay([1.0, 2.0], rmt.marchenko_pastur(C)), InvalidInput, "3 of the"),
    ],
)
def test_what_many_laws_cannot_answer_is_told(call, error, said):
    with pytest.raises(error, match=said):
        call()
