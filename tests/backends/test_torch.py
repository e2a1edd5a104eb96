"""torch.autograd: first and second derivatives, ties, dtypes, bad rows, training."""

import warnings

import pytest
from torch_cases import ALL, BYNAME, SPECS, Neuron, model, smooth, symmetric, torch

import eigcore
from eigcore import EigSpec
from eigcore.errors import NonFiniteInput, NotDifferentiable


@pytest.mark.parametrize("spec", **BYNAME)
def test_gradients_of_models_pass_gradcheck(spec):
    assert torch.autograd.gradcheck(lambda p, x: eigcore.evaluate(spec, p, x), model(spec))


@pytest.mark.parametrize("spec", **BYNAME)
def test_second_derivatives_of_models_pass_gradgradcheck(spec):
    assert torch.autograd.gradgradcheck(lambda p, x: eigcore.evaluate(spec, p, x), model(spec))


@ALL
def test_derivatives_of_eigenvalues_pass_both_checks(function):
    M = symmetric(2, 4, 4, grad=True)
    assert torch.autograd.gradcheck(function, (M,))
    assert torch.autograd.gradgradcheck(function, (M,))


def test_autograd_agrees_with_vjp():
    for spec in SPECS:
        params, x = model(spec)
        values = eigcore.evaluate(spec, params, x)
        g = torch.randn_like(values)
        wanted = torch.autograd.grad(values, (params, x), g)
        again, pullback = eigcore.vjp(spec, params, x)
        torch.testing.assert_close(again, values.detach())
        for ours, theirs in zip(pullback(g), wanted, strict=True):
            assert not ours.requires_grad
            torch.testing.assert_close(ours, theirs)


def test_a_gradient_penalty_can_be_trained():
    # d/dA of ‖∂λ/∂A‖² would be silently wrong with once_differentiable; compare with differences
    spec = EigSpec(3, 4)
    params, x = model(spec)

    def penalty(params):
        (g,) = torch.autograd.grad(eigcore.evaluate(spec, params, x).sum(), x, create_graph=True)
        return g.square().sum()

    (ours,) = torch.autograd.grad(penalty(params), params)
    direction = torch.randn_like(params)
    h = 1e-5
    ends = [penalty(params.detach() + s * h * direction).detach() for s in (1, -1)]
    assert (ours * direction).sum().item() == pytest.approx(
        ((ends[0] - ends[1]) / (2 * h)).item(), rel=1e-6
    )


def test_at_a_tie_the_gradient_is_the_projector_over_its_rank():
    Q = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    M = (Q * torch.tensor([0.0, 1.0, 1.0, 2.0])) @ Q.T
    M = ((M + M.T) / 2).requires_grad_()
    (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 1), M)
    torch.testing.assert_close(G, Q[:, 1:3] @ Q[:, 1:3].T / 2)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_second_derivative_at_a_tie_is_never_a_number(k):
    M = torch.diag(torch.tensor([1.0, 1.0, 1.0, 3.0], dtype=torch.float64)).requires_grad_()
    (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, k), M, create_graph=True)
    assert torch.isfinite(G).all()
    (H,) = torch.autograd.grad((G * torch.randn(4, 4, dtype=torch.float64)).sum(), M)
    assert torch.isnan(H).any()


def test_the_smoothed_eigenvalue_has_a_second_derivative_at_a_tie():
    base = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.2], dtype=torch.float64))
    M = base.clone().requires_grad_()
    D, E = symmetric(4, 4, seed=1), symmetric(4, 4, seed=2)

    def slope(M, create=False):
        value = eigcore.smooth_kth_eigenvalue(M, 1, 0.9)
        return (torch.autograd.grad(value, M, create_graph=create)[0] * D).sum()

    (H,) = torch.autograd.grad(slope(M, True), M)
    h = 1e-6
    ends = [slope((base + s * h * E).requires_grad_()) for s in (1, -1)]
    assert (H * E).sum().item() == pytest.approx(((ends[0] - ends[1]) / (2 * h)).item(), rel=1e-5)


@ALL
def test_third_derivatives_raise(function):
    M = symmetric(4, 4, grad=True)
    (G,) = torch.autograd.grad(function(M), M, create_graph=True)
    (H,) = torch.autograd.grad(G.square().sum() + G[0, 1], M, create_graph=True)
    with pytest.raises(NotDifferentiable, match="no third ones"):
        torch.autograd.grad(H.sum(), M)


def test_eigenpairs_refuse_derivatives():
    M = symmetric(3, 3, grad=True)
    with pytest.raises(NotDifferentiable, match=r"none of eigenvectors\. Use kth_eigenvalue"):
        eigcore.kth_eigenpair(M, 0)
    with torch.no_grad():
        _, vector = eigcore.kth_eigenpair(M, 0)
    value, _ = eigcore.kth_eigenpair(M.detach(), 0)
    (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 0), M)
    torch.testing.assert_close(G, torch.outer(vector, vector))
    assert not value.requires_grad
    with pytest.raises(NotDifferentiable):
        torch.func.grad(lambda A: eigcore.kth_eigenpair(A, 0)[1].sum())(M)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_gradients_keep_the_dtype_of_the_matrix(dtype):
    M = symmetric(2, 3, 3).to(dtype).requires_grad_()
    values = eigcore.kth_eigenvalue(M, 1)
    (G,) = torch.autograd.grad(values.sum(), M)
    assert values.dtype == G.dtype == dtype
    tolerance = 4 * torch.finfo(dtype).eps
    trace = G.diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(trace, torch.ones(2, dtype=dtype), rtol=0, atol=tolerance)


def test_float32_second_derivatives_agree_with_float64():
    double = symmetric(3, 3)
    results = []
    for M in (double, double.float()):
        M = M.clone().requires_grad_()
        (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 1), M, create_graph=True)
        results.append(torch.autograd.grad(G[0, 1], M)[0])
    torch.testing.assert_close(results[1], results[0].float(), rtol=1e-4, atol=1e-4)


def test_an_expanded_and_a_transposed_matrix_are_fine():
    M = symmetric(4, 4)
    wanted = eigcore.kth_eigenvalue(M, 1)
    views = (M.expand(3, 4, 4), M.repeat(2, 2)[:4, :4][None], M.clone().mT[None])
    for view in views:
        torch.testing.assert_close(eigcore.kth_eigenvalue(view, 1), wanted.expand(len(view)))
        leaf = view.detach().requires_grad_()
        assert torch.isfinite(
            torch.autograd.grad(eigcore.kth_eigenvalue(leaf, 1).sum(), leaf)[0]
        ).all()


def test_bad_rows_raise_with_gradients_too():
    M = symmetric(3, 4, 4)
    M[1, 0, 0] = torch.nan
    with pytest.raises(NonFiniteInput, match=r"1 of 3 rows.*index 1"):
        eigcore.kth_eigenvalue(M.requires_grad_(), 1)


def test_inference_mode_and_no_grad_work():
    M = symmetric(3, 4, 4)
    wanted = eigcore.kth_eigenvalue(M, 1)
    for context in (torch.inference_mode, torch.no_grad):
        with context():
            torch.testing.assert_close(eigcore.kth_eigenvalue(symmetric(3, 4, 4), 1), wanted)


def test_a_model_trains_inside_a_sequential_network():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), Neuron(SPECS[0]).float())
    x = torch.randn(64, 3)
    y = x[:, :1].abs()
    step = torch.optim.Adam(net.parameters(), lr=0.03)
    losses = []
    for _ in range(60):
        step.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_eigcore_gives_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leaf = symmetric(3, 4, 4, grad=True)
        smooth(leaf).sum().backward()
