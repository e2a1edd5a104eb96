"""torch.func: its transforms compose with the derivatives of eigcore."""

import pytest
from torch_cases import ALL, SPECS, middle, model, symmetric, torch

import eigcore
from eigcore.errors import NotDifferentiable

F = torch.func


def hessians(function, M):
    """Hessians (…, d, d, d, d) by differences of the gradient along each entry."""
    h, d = 1e-6, M.shape[-1]
    rows = []
    for i in range(d * d):
        E = torch.zeros(d * d, dtype=M.dtype)
        E[i] = h
        ends = [
            torch.autograd.grad(function(A).sum(), A)[0]
            for A in ((M + s * E.reshape(d, d)).requires_grad_() for s in (1, -1))
        ]
        rows.append((ends[0] - ends[1]) / (2 * h))
    return torch.stack(rows, -1).reshape(*M.shape, d, d)


@ALL
@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script.*:DeprecationWarning"
)  # torch's forward mode
def test_torch_func_transforms_compose(function):
    M = symmetric(3, 4, 4)
    leaf = M.clone().requires_grad_()
    (G,) = torch.autograd.grad(function(leaf).sum(), leaf)
    H = hessians(function, M)
    close = torch.testing.assert_close
    close(F.vmap(function)(M), function(M))
    close(F.vmap(F.vmap(function))(M[None].expand(2, 3, 4, 4)), function(M).expand(2, 3))
    with torch.no_grad():
        close(F.vmap(function)(M), function(M))
    close(F.grad(lambda A: function(A).sum())(M), G)
    close(F.vmap(F.grad(function))(M), G)
    close(F.vmap(F.grad_and_value(function))(M)[1], function(M))
    close(F.vmap(F.jacrev(function))(M), G)
    close(F.jacrev(function)(M)[1, 1], G[1])
    assert (F.jacrev(function)(M)[0, 1] == 0).all()
    close(F.vmap(F.jacfwd(function))(M), G)
    close(F.jvp(function, (M,), (M,))[1], (G * M).sum((-1, -2)))
    for second in (F.hessian, lambda f: F.jacrev(F.jacrev(f)), lambda f: F.jacrev(F.jacfwd(f))):
        close(F.vmap(second(function))(M), H, rtol=1e-5, atol=1e-5)
    close(F.hessian(function)(M[0]), H[0], rtol=1e-5, atol=1e-5)


def test_vmap_over_parameters_and_rows_of_a_model():
    spec = SPECS[4]
    params, x = model(spec, grad=False)
    many = torch.stack((params, 2 * params))
    values = F.vmap(lambda p: F.vmap(lambda row: eigcore.evaluate(spec, p, row))(x))(many)
    assert values.shape == (2, 3, 2)
    torch.testing.assert_close(values[1], eigcore.evaluate(spec, 2 * params, x))
    per_row = F.vmap(F.jacrev(lambda p, row: eigcore.evaluate(spec, p, row)), (None, 0))(params, x)
    assert per_row.shape == (3, 2, *spec.params_shape)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_what_torch_func_cannot_give_raises():
    M = symmetric(4, 4)
    with pytest.raises(NotDifferentiable, match="cannot nest forward modes"):
        F.jacfwd(F.jacfwd(middle))(M)
    with pytest.raises(NotDifferentiable):
        F.jacrev(F.hessian(middle))(M)
    for transform in (F.grad, F.jacrev, F.jacfwd):
        with pytest.raises(NotDifferentiable):
            transform(lambda A: eigcore.kth_eigenpair(A, 1)[1].sum())(M)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_dual_numbers_follow_the_rule_at_a_tie():
    forward_ad = torch.autograd.forward_ad
    direction = symmetric(3, 3)
    with forward_ad.dual_level():
        M = forward_ad.make_dual(torch.eye(3, dtype=torch.float64), direction)
        slope = forward_ad.unpack_dual(eigcore.kth_eigenvalue(M, 1)).tangent
        with pytest.raises(NotDifferentiable):
            eigcore.kth_eigenpair(M, 1)
    torch.testing.assert_close(slope, direction.trace() / 3)


@ALL
def test_vmap_over_autograd_grad_of_a_call_inside(function):
    M = symmetric(3, 4, 4, grad=True)
    rows = torch.eye(3, dtype=M.dtype)
    found = torch.vmap(lambda g: torch.autograd.grad(function(M), M, g)[0])(rows)
    [whole] = torch.autograd.grad(function(M).sum(), M)
    torch.testing.assert_close(found.sum(0), whole)
    torch.testing.assert_close(found, F.jacrev(function)(M.detach()))


def test_vmap_over_autograd_grad_of_a_model():
    params, x = model(SPECS[0])
    for wanted in (params, x):
        values = eigcore.evaluate(SPECS[0], params, x)
        apart = [torch.autograd.grad(v, wanted, retain_graph=True)[0] for v in values]
        rows = torch.eye(len(values), dtype=x.dtype)
        found = torch.vmap(
            lambda g, a=wanted: torch.autograd.grad(eigcore.evaluate(SPECS[0], params, x), a, g)[0]
        )(rows)
        torch.testing.assert_close(found, torch.stack(apart))
