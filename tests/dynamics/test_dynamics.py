"""Non-symmetric eigenproblems: exact oracles, and bounds that must hold."""

import numpy as np
import pytest
import scipy.linalg
from arrays import BACKENDS, KINDS, host, jnp, name_of, on, torch

import eigcore
from eigcore.dynamics import (
    banded,
    dmd,
    eig,
    eigenvalues,
    hippo,
    perturb_then_diagonalise,
    pseudospectrum,
    transfer,
)
from eigcore.dynamics.diagonal import conditions
from eigcore.errors import InvalidInput, NonFiniteInput, NotDifferentiable

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
JORDAN = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]])


@pytest.fixture(name="A", scope="module")
def square():
    return np.random.default_rng(0).normal(size=(5, 5))


@pytest.fixture(scope="module")
def robust():
    """LegS of order 16, perturbed by 0.01: at random, and along the gradient."""
    A = hippo(16).A
    return {best: perturb_then_diagonalise(A, optimise=best) for best in (False, True)}


# -- eigenvalues


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_vectors_and_condition_numbers(backend, A):
    found = eig(on(backend, A))
    assert isinstance(found.values, KINDS[backend])
    lam, X, Y, kappa = map(host, (found.values, found.right, found.left, found.condition))
    assert abs(A @ X - X * lam).max() < 1e-13
    assert abs(Y.conj().T @ A - lam[:, None] * Y.conj().T).max() < 1e-13
    assert np.allclose((Y.conj() * X).sum(axis=0), 1 / kappa)
    inverse = np.linalg.inv(X)
    assert np.allclose(kappa, np.linalg.norm(inverse, axis=1))  # Wilkinson 1965
    assert (np.diff(abs(lam)) < 1e-12).all()
    same = host(eigenvalues(on(backend, A)))
    assert abs(same - lam).max() < 1e-10
    assert abs(lam - eig(A).values).max() < 1e-10
    single = eig(on(backend, np.stack([A, A.T]), "float32"))
    assert name_of(single.values) == "complex64"
    assert tuple(single.condition.shape) == (2, 5)


def test_symmetric_matrices_are_perfectly_conditioned(A):
    found = eig(A + A.T)
    assert np.allclose(found.condition, 1)
    assert np.allclose(np.sort(found.values.real), np.linalg.eigvalsh(A + A.T))


def test_the_derivative_is_that_of_finite_differences_on_every_backend(A):
    E, g = np.random.default_rng(1).normal(size=(2, 5, 5))
    step = 1e-6
    slope = (eigenvalues(A + step * E) - eigenvalues(A - step * E)) / (2 * step)
    exact = eig(A).derivative(E)
    assert abs(slope - exact).max() < 1e-7
    g = g[0] + 1j * g[1]  # of Re Σ conj(g) λ

    def loss(M, g=g):
        lam = eigenvalues(M)
        return (g.real * lam.real + g.imag * lam.imag).sum()

    T = torch.tensor(A, requires_grad=True)
    loss(T, torch.tensor(g)).backward()
    by_jax = eigcore.get_backend("jax").gradient(lambda M: loss(M, jnp.asarray(g)), jnp.asarray(A))
    wanted = float((g.conj() * exact).real.sum())
    for gradient in (T.grad.numpy(), np.asarray(by_jax[0])):
        assert float((gradient * E).sum()) == pytest.approx(wanted, abs=1e-10)
    assert abs(T.grad.numpy() - np.asarray(by_jax[0])).max() < 1e-10
    _, turned = torch.func.jvp(lambda M: eigenvalues(M).real, (T.detach(),), (torch.tensor(E),))
    assert abs(turned.numpy() - exact.real).max() < 1e-10


def test_jax_compiles_and_maps_it(A):
    import jax

    pair = jnp.stack([jnp.asarray(A), jnp.asarray(A.T)])
    slope = jax.jit(jax.vmap(jax.grad(lambda M: eigenvalues(M).real[0])))(pair)
    lam, found = eig(A).values[0], eig(A)
    outer = np.outer(found.left[:, 0].conj(), found.right[:, 0]) * found.condition[0]
    assert abs(np.asarray(slope[0]) - outer.real).max() < 1e-10
    assert abs(np.asarray(slope[1]) - outer.real.T).max() < 1e-10
    assert abs(lam) == pytest.approx(max(abs(np.linalg.eigvals(A))))
    with pytest.raises(NotDifferentiable, match="no second"):
        jax.hessian(lambda M: eigenvalues(M).real.sum())(pair[0])


def test_a_defective_matrix_has_no_derivative_where_it_is_defective():
    found = eig(JORDAN)
    assert found.simple.tolist() == [True, False, False]
    assert found.condition[0] == pytest.approx(1)
    assert min(found.condition[1:]) > 1e10
    change = found.derivative(np.eye(3))
    assert change[0] == pytest.approx(1)
    assert np.isnan(change[1:]).all()
    T = torch.tensor(JORDAN, requires_grad=True)
    eigenvalues(T).real[0].backward()
    assert np.isnan(T.grad.numpy()).all()  # 0 · NaN: the two others are in the sum
    assert not eig(np.eye(3)).simple.any()
    nilpotent = eig(np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert np.isnan(nilpotent.derivative(np.eye(2))).all()


@pytest.mark.parametrize("call", [eig, eigenvalues, perturb_then_diagonalise, pseudospectrum])
def test_bad_matrices_are_one_error(call):
    with pytest.raises(NonFiniteInput):
        call(np.array([[1.0, np.nan], [0.0, 1.0]]))
    with pytest.raises(InvalidInput, match=r"shape \(2, 3\)"):
        call(np.ones((2, 3)))
    with pytest.raises(InvalidInput, match="real numbers"):
        call(np.eye(2) * 1j)


# -- HiPPO


def test_hippo_is_normal_up_to_rank_one():
    A, B, P = hippo(8)
    skew = A + np.outer(P, P) + np.eye(8) / 2
    assert abs(skew + skew.T).max() < 1e-13
    assert np.array_equal(eig(A).values.real, -np.arange(8, 0, -1.0))
    assert A[3, 1] == pytest.approx(-np.sqrt(7 * 3))
    assert np.allclose(B**2, 2 * P**2)
    with pytest.raises(InvalidInput, match="n is 0"):
        hippo(0)


def test_a_small_perturbation_makes_eigenvectors_well_conditioned(robust):
    A = hippo(16).A
    plain = perturb_then_diagonalise(hippo(8).A, relative=0).condition
    assert plain == pytest.approx(7.7e4, rel=0.01)
    assert perturb_then_diagonalise(A, relative=0).condition == pytest.approx(8.3e10, rel=0.01)
    for found in robust.values():
        whole = (found.vectors * found.values) @ found.inverse
        assert abs(whole - A - found.perturbation).max() < 1e-10
        assert np.linalg.norm(found.perturbation, 2) == pytest.approx(
            0.01 * np.linalg.norm(A, 2), rel=1e-9
        )
        assert found.condition == pytest.approx(np.linalg.cond(found.vectors))
    assert robust[True].condition < 30 < robust[False].condition
    with pytest.raises(InvalidInput, match="defective"):
        perturb_then_diagonalise(JORDAN, relative=0)
    with pytest.raises(InvalidInput, match="relative is -1"):
        perturb_then_diagonalise(A, relative=-1)


@pytest.mark.parametrize(("n", "published", "typical"), [(8, 52, 119), (16, 481, 138)])
def test_random_perturbations_have_the_published_condition_numbers(n, published, typical):
    """One draw had 52 for n = 8 and 481 for n = 16, of 7.7e4 and 8.3e10; here are forty."""
    A, found = hippo(n).A, []
    for seed in range(40):
        one = perturb_then_diagonalise(A, relative=0.01, optimise=False, seed=seed)
        E = np.random.default_rng(seed).normal(size=(n, n))
        E *= 0.01 * np.linalg.norm(A, 2) / np.linalg.norm(E, 2)
        vectors = scipy.linalg.eig(A + E)[1]
        assert one.condition == pytest.approx(np.linalg.cond(vectors), rel=1e-6)
        found.append(one.condition)
    least, fifth, middle, most = np.quantile(found, [0, 0.05, 0.5, 1])
    assert middle == pytest.approx(typical, rel=0.02)
    assert least < fifth < published < most < 2 * 481


def test_the_gradient_of_the_sum_of_condition_numbers(A):
    E, step = np.random.default_rng(1).normal(size=(5, 5)), 1e-6
    value, slope = conditions(A)
    assert value == pytest.approx(eig(A).condition.sum())
    ends = [conditions(A + sign * step * E)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx((slope * E).sum(), rel=1e-6)


def test_diagonal_forms_come_back_in_the_library_of_the_matrix():
    found = perturb_then_diagonalise(torch.tensor(hippo(4).A), optimise=False)
    other = perturb_then_diagonalise(jnp.asarray(hippo(4).A), optimise=False)
    assert found.values.dtype == torch.complex128
    assert abs(found.vectors.numpy() - np.asarray(other.vectors)).max() < 1e-10


@pytest.mark.parametrize("n", [8, 32])
def test_the_transfer_function_moves_less_than_the_bounds(n):
    A, B, _ = hippo(n)
    C = np.random.default_rng(0).normal(size=n)
    C /= np.linalg.norm(C)
    size = 0.2
    near = perturb_then_diagonalise(A, size / np.linalg.norm(A, 2), optimise=False)
    s = 1j * np.linspace(-40, 40, 41)
    exact = transfer(A, B, C, s)
    assert exact[3] == pytest.approx(C @ np.linalg.solve(s[3] * np.eye(n) - A, B))
    G, bound = transfer(near, B, C, s, near=A)
    whole = A + near.perturbation
    assert abs(G - transfer(whole, B, C, s)).max() < 1e-10
    first, second = (np.linalg.inv(s[3] * np.eye(n) - M) for M in (A, whole))
    product = np.linalg.norm(C @ first) * size * np.linalg.norm(second @ B)
    assert bound[3] == pytest.approx(product, rel=1e-6)
    moved = abs(G - exact)
    assert (moved <= bound).all()
    assert bound.max() <= 2 * size / (1 - 2 * size)
    assert moved.max() <= (2 * np.log(n) + 4) * size  # arXiv 2310.01698
    assert moved.max() > 0.01 * bound.max()


def test_what_a_transfer_function_refuses():
    A, B, _ = hippo(3)
    with pytest.raises(InvalidInput, match="pole"):
        transfer(perturb_then_diagonalise(np.diag([1.0, 2.0]), 0), [1, 1], [1, 1], 2.0)
    with pytest.raises(InvalidInput, match="B has shape"):
        transfer(A, B[:2], B, 1j)
    with pytest.raises(InvalidInput, match="s is NaN"):
        transfer(A, B, B, np.nan)
    with pytest.raises(InvalidInput, match="near has shape"):
        transfer(A, B, B, 1j, near=np.eye(2))


# -- modes


@pytest.mark.parametrize("backend", BACKENDS)
def test_modes_are_those_of_the_linear_map(backend):
    rng = np.random.default_rng(0)
    Q, K = np.linalg.qr(rng.normal(size=(40, 4)))[0], rng.normal(size=(4, 4))
    A = Q @ K @ Q.T
    X = Q @ rng.normal(size=(4, 12))
    found = dmd(on(backend, X), on(backend, A @ X), 4)
    lam, modes = host(found.values), host(found.modes)
    assert abs(lam - eig(K).values).max() < 1e-10
    assert abs(A @ modes - modes * lam).max() < 1e-10
    assert found.error < 1e-12
    path = [X[:, 0]]
    for _ in range(5):
        path.append(A @ path[-1])
    assert abs(host(found.predict(6)) - np.stack(path, axis=1)).max() < 1e-8
    with pytest.raises(InvalidInput, match="1 to 4"):
        dmd(X, A @ X, 5)


def test_modes_of_value_zero_and_other_shapes():
    X = np.eye(3)
    found = dmd(X, np.diag([2.0, 1.0, 0.0]), 3)
    assert abs(found.values - [2, 1, 0]).max() < 1e-14
    assert np.allclose(abs(found.modes), np.eye(3))
    assert dmd(X, np.diag([2.0, 1.0, 0.0]), 1).error > 0
    with pytest.raises(InvalidInput, match="one shape"):
        dmd(X, X[:2], 1)


# -- pseudospectra


def test_pseudospectra_are_disks_of_normal_matrices_and_hold_perturbed_eigenvalues(A):
    normal = np.diag([1.0, -1.0])
    found = pseudospectrum(normal, points=11)
    z = found.x + 1j * found.y[:, None]
    assert np.allclose(found.smallest, np.minimum(abs(z - 1), abs(z + 1)))
    E = np.random.default_rng(2).normal(size=(5, 5))
    E *= 0.1 / np.linalg.norm(E, 2)
    moved = np.linalg.eigvals(A + E)[0]
    box = (moved.real, moved.real + 1, moved.imag, moved.imag + 1)
    assert pseudospectrum(A, box=box, points=2).smallest[0, 0] <= 0.1
    with pytest.raises(InvalidInput, match="box is"):
        pseudospectrum(A, box=(0, 0, 1, 1))


def test_a_pseudospectrum_is_drawn():
    axes = pseudospectrum(scipy.linalg.toeplitz([0, 0, 0, 0], [0, 1, 0, 0]), points=8).plot()
    assert axes.get_xlabel() == "real part"
    assert len(axes.lines[0].get_xdata()) == 4


# -- random matrices


def test_banded_matrices_follow_the_circular_law():
    n, width = 300, 60
    M = banded(n, width)
    inside = abs(np.subtract.outer(np.arange(n), np.arange(n)))
    assert np.array_equal(M != 0, np.minimum(inside, n - inside) <= width)
    assert M.var() * n == pytest.approx(1, rel=0.05)
    radius = np.sort(abs(eigenvalues(M)))
    law = eigcore.rmt.circular().cdf(radius)
    assert abs(law - (np.arange(n) + 0.5) / n).max() < 0.05
    assert np.array_equal(banded(9, 2, backend="torch").numpy(), banded(9, 2))
    with pytest.raises(InvalidInput, match="width is 5"):
        banded(9, 5)
