"""`Backend.with_vjp` and `gradient` are all that the derivatives of a backend need."""

import numpy as np
import pytest

import eigcore
from eigcore.dispatch.backend import Backend
from eigcore.errors import NotDifferentiable, NotSupported
from eigcore.plugin import Capabilities
from eigcore.testing.wrapped import Wrapped

torch = pytest.importorskip("torch")


class Plain(Wrapped):
    """Torch, with no more than a plugin must write."""

    differentiable = Backend.differentiable
    undifferentiable = Backend.undifferentiable

    def with_vjp(self, function, vjp):
        class Attached(torch.autograd.Function):
            @staticmethod
            def forward(ctx, p):
                outputs = function(p)
                ctx.save_for_backward(p)
                ctx.outputs = outputs
                return outputs

            @staticmethod
            def backward(ctx, *cotangents):
                return vjp(*ctx.saved_tensors, ctx.outputs, *cotangents)

        return Attached.apply


@pytest.fixture
def plain():
    return Plain(eigcore.get_backend("torch"))


def derivatives(backend, M, direction):
    """The value, gradient and Hessian times a direction of a sum of two eigenvalues of M."""
    M = M.clone().requires_grad_()
    value = eigcore.eigenvalues(M, 1, 2, backend=backend) @ M.new_tensor([1.0, 2.0])
    (G,) = torch.autograd.grad(value, M, create_graph=True)
    return value, G, torch.autograd.grad((G * direction).sum(), M)[0]


def test_two_orders_of_derivatives_come_from_one_method(plain):
    rng = np.random.default_rng(0)
    M, direction = (torch.tensor(a + a.T) for a in rng.normal(size=(2, 4, 4)))
    found = derivatives(plain, M, direction)
    for got, expected in zip(found, derivatives("torch", M, direction), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_vectors_have_no_derivative_and_a_backend_without_the_method_says_what_is_missing(plain):
    M = torch.eye(3, dtype=torch.float64).requires_grad_()
    with pytest.raises(NotDifferentiable, match="none of eigenvectors"):
        eigcore.kth_eigenpair(M, 1, backend=plain)[1].sum().backward()
    with pytest.raises(NotSupported, match="declares autodiff, but defines no with_vjp"):
        Backend.with_vjp(plain, len, len)


def test_without_autodiff_nothing_is_attached(plain):
    plain.capabilities = Capabilities(arrays=("torch",))
    assert Backend.undifferentiable(plain, len) is len
    value = eigcore.kth_eigenvalue(torch.eye(3, dtype=torch.float64), 1, backend=plain)
    assert float(value) == 1.0


def test_batches_of_unknown_size_come_in_one_piece(plain):
    class Symbol:
        shape, dtype = (None, 3, 3), torch.float64

    assert plain.map_rows(lambda p: p.shape, Symbol(), 2, 9) == (None, 3, 3)
