"""Several eigenvalues from one solve, beside those of LAPACK; Hermitian and lower matrices."""

import numpy as np
import pytest
from arrays import BACKENDS, host, on, symmetric

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
F = torch.func
# torch's forward mode
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


def hermitian(*shape, seed=0):
    re, im = np.random.default_rng(seed).normal(size=(2, *shape))
    C = re + 1j * im
    return C + np.conj(np.swapaxes(C, -1, -2))


def tied(*values, seed=0):
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values),) * 2))[0]
    return Q @ np.diag(values) @ Q.T


# -- values


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_values_are_those_of_eigh(backend):
    for M, lo, hi in (
        (symmetric(2, 3, 6, 6), 1, 3),
        (symmetric(40, 40), 0, -1),
        (hermitian(2, 3, 6, 6), -3, 4),
    ):
        d, wanted = M.shape[-1], np.linalg.eigvalsh(M)
        given = eigcore.get_backend(backend).asarray(M)
        found = host(eigcore.eigenvalues(given, lo, hi))
        close = {"rtol": 0, "atol": 1e-14 * d * abs(wanted).max()}
        np.testing.assert_allclose(found, wanted[..., lo % d : hi % d + 1], **close)
        np.testing.assert_allclose(host(eigcore.kth_eigenvalue(given, lo)), found[..., 0], **close)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_solve_gives_values_and_gradient(backend):
    M = on(backend, symmetric(60, 60))
    with eigcore.trace() as calls:
        values = eigcore.eigenvalues(M, 0, 30)
        if backend == "torch":
            values = eigcore.eigenvalues(M.requires_grad_(), 0, 30)
            values.square().sum().backward()
    assert len(calls) == (2 if backend == "torch" else 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_rows_are_errors_or_nan(backend):
    M = symmetric(3, 4, 4)
    M[1, 2, 0] = np.nan
    with pytest.raises(NonFiniteInput, match="1 of 3 rows"):
        eigcore.eigenvalues(on(backend, M), 1, 2)
    found = host(eigcore.eigenvalues(on(backend, M), 1, 2, nonfinite="propagate"))
    assert np.isnan(found).all(1).tolist() == [False, True, False]
    np.testing.assert_allclose(found[::2], np.linalg.eigvalsh(M[::2])[:, 1:3])


# -- derivatives


def weighted(M):
    """⟨g, λ_1 … λ_3⟩ with a fixed g."""
    values = eigcore.eigenvalues(M, 1, 3)
    return (values * (values + 3.0)).sum(-1).sum()


def singly(M):
    """The same, one index after the other."""
    return sum((v * (v + 3.0)).sum() for k in (1, 2, 3) for v in [eigcore.kth_eigenvalue(M, k)])


@pytest.mark.parametrize(
    "M",
    [symmetric(2, 5, 5), tied(0.0, 1.0, 1.0, 2.0, 4.0)[None], tied(1.0, 1.0, 1.0, 3.0, 3.0)[None]],
    ids=["simple", "tied inside", "tied across"],
)
def test_gradients_are_those_of_single_eigenvalues(M):
    wanted = F.grad(singly)(torch.tensor(M))
    leaf = torch.tensor(M, requires_grad=True)
    for found in (
        torch.autograd.grad(weighted(leaf), leaf)[0],
        F.grad(weighted)(leaf.detach()),
        F.jacfwd(weighted)(leaf.detach()),
        np.array(jax.jit(jax.grad(weighted))(M)),
    ):
        torch.testing.assert_close(torch.as_tensor(found), wanted, rtol=1e-10, atol=1e-10)


def test_second_derivatives_agree_with_differences_and_everywhere():
    M = torch.tensor(symmetric(5, 5), requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda M: eigcore.eigenvalues(M, 1, 3), (M,))
    assert torch.autograd.gradgradcheck(lambda M: eigcore.eigenvalues(M), (M,))
    M = M.detach()
    wanted = F.hessian(singly)(M)
    seconds = F.jacrev(F.jacrev(weighted))(M), F.jacfwd(F.jacrev(weighted))(M)
    on_jax = (
        jax.jit(jax.hessian(weighted))(M.numpy()),
        jax.jit(jax.jacrev(jax.jacrev(weighted)))(M.numpy()),
    )
    for found in (*seconds, *map(np.array, on_jax)):
        torch.testing.assert_close(torch.as_tensor(found), wanted, rtol=1e-9, atol=1e-9)


def test_a_second_derivative_at_a_tie_is_a_number_only_where_nothing_depends_on_it():
    inside = torch.tensor(tied(0.0, 1.0, 1.0, 2.0, 4.0))
    assert F.hessian(weighted)(inside).isnan().all()
    outside = torch.tensor(tied(0.0, 1.0, 2.0, 3.0, 4.0, 4.0), requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda M: eigcore.eigenvalues(M, 1, 3), (outside,))
    across = F.hessian(weighted)(torch.tensor(tied(0.0, 1.0, 2.0, 3.0, 3.0)))
    assert across.isnan().all()


def test_compiled_code_has_values_and_gradients():
    M = torch.tensor(symmetric(3, 5, 5), requires_grad=True)
    compiled = torch.compile(weighted, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(M), weighted(M))
    for one, two in zip(
        torch.autograd.grad(compiled(M), M), torch.autograd.grad(weighted(M), M), strict=True
    ):
        torch.testing.assert_close(one, two)


def test_gap_statistics_can_be_trained():
    """The least gap of a random matrix grows under gradient ascent."""
    M = torch.tensor(symmetric(6, 6), requires_grad=True)
    least = []
    for _ in range(20):
        gap = eigcore.eigenvalues(M).diff().min()
        least.append(gap.item())
        M.data += 0.1 * torch.autograd.grad(gap, M)[0]
    assert least[-1] > least[0] + 0.5


# -- Hermitian matrices


def test_hermitian_matrices_have_the_derivatives_of_torch_and_jax():
    C = torch.tensor(hermitian(3, 4, 4), requires_grad=True)
    for ours, theirs in (
        (eigcore.eigenvalues, torch.linalg.eigvalsh),
        (lambda C: eigcore.kth_eigenvalue(C, 2), lambda C: torch.linalg.eigvalsh(C)[..., 2]),
    ):
        slopes = [torch.autograd.grad((f(C) ** 3).sum(), C)[0] for f in (ours, theirs)]
        torch.testing.assert_close(*slopes)
        assert torch.autograd.gradcheck(ours, (C,))
        assert torch.autograd.gradgradcheck(ours, (C[:1].detach().requires_grad_(),))
    on_jax = C.detach().numpy()
    slopes = [
        jax.jit(jax.grad(lambda C, f=f: (f(C) ** 3).sum()))(on_jax)
        for f in (eigcore.eigenvalues, jax.numpy.linalg.eigvalsh)
    ]
    np.testing.assert_allclose(*slopes, atol=1e-10)


def test_a_tied_eigenvalue_of_a_hermitian_matrix_has_the_projector_over_m():
    U = np.linalg.qr(hermitian(4, 4))[0]
    C = torch.tensor(U @ np.diag([0.0, 1.0, 1.0, 2.0]) @ U.conj().T, requires_grad=True)
    (slope,) = torch.autograd.grad(eigcore.kth_eigenvalue(C, 1), C)
    np.testing.assert_allclose(slope, U[:, 1:3] @ U[:, 1:3].conj().T / 2, atol=1e-12)


# -- matrices of which one triangle counts


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_lower_triangle_alone_can_be_read(backend):
    for M in (np.random.default_rng(0).normal(size=(2, 4, 4)), np.triu(hermitian(4, 4), -1)):
        given = eigcore.get_backend(backend).asarray(M)
        wanted = np.linalg.eigvalsh(M)
        np.testing.assert_allclose(host(eigcore.eigenvalues(given, lower=True)), wanted)
        found = host(eigcore.kth_eigenvalue(given, -1, lower=True))
        np.testing.assert_allclose(found, wanted[..., -1])
    assert eigcore.kth_eigenvalue([[0.0, 9.0], [1.0, 0.0]], 1, lower=True) == pytest.approx(1.0)


def test_the_derivative_is_that_of_the_triangle():
    M = torch.tensor(np.random.default_rng(0).normal(size=(4, 4)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda M: eigcore.kth_eigenvalue(M, 1, lower=True), (M,))
    assert torch.autograd.gradcheck(lambda M: eigcore.eigenvalues(M, lower=True), (M,))
    (slope,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 1, lower=True), M)
    assert not slope.triu(1).any()


# -- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1), "lo is 2 and hi is 1; expected lo <= hi"),
        ((0, 4), "hi is 4; expected -4 <= hi < 4"),
        ((0.5, 1), "lo is 0.5; expected an integer"),
    ],
)
def test_ranges_that_are_none_are_refused(arguments, message):
    for M in (symmetric(4, 4), hermitian(4, 4)):
        with pytest.raises(InvalidInput, match=message):
            eigcore.eigenvalues(M, *arguments)


@pytest.mark.parametrize("M", [np.zeros((2, 3)), np.zeros((2, 3)) * 1j, np.array(1j), 1.0])
@pytest.mark.parametrize("lower", [False, True])
def test_what_is_no_square_matrix_is_refused(M, lower):
    for function in (eigcore.eigenvalues, eigcore.kth_eigenvalue):
        with pytest.raises(InvalidInput, match=r"M should have shape \(\.\.\., d, d\)"):
            function(M, 0, lower=lower)


def test_functions_of_real_matrices_name_those_of_hermitian_ones():
    with pytest.raises(InvalidInput, match=r"eigcore\.eigenvalues\(M, lo, hi\)"):
        eigcore.smooth_kth_eigenvalue(hermitian(4, 4), 1, 0.5)
    with pytest.raises(InvalidInput, match="expected -4 <= k < 4"):
        eigcore.kth_eigenvalue(hermitian(4, 4), 5)
