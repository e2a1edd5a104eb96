"""PyTorch: CPU and CUDA, inside autograd, torch.func, torch.compile and torch.export."""

import math
from functools import partial
from typing import final

import torch

from eigcore import Backend, Capabilities, rules
from eigcore.errors import NotDifferentiable
from eigcore.hookspecs import hookimpl


@final
class TorchBackend(Backend):
    """Eigenpairs by ``torch.linalg``, on CUDA by CuPy where that is faster."""

    name = "torch"
    plugin_api = 1
    capabilities = Capabilities(
        arrays=("torch",),
        dtypes=("float64", "float32", "float16", "bfloat16"),
        devices=("cpu", "cuda"),
        autodiff=True,
        second_order=True,
        compiled=True,
    )
    xp = torch

    def asarray(self, a, *, like=None, dtype=None, device=None):
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype)
        a = torch.as_tensor(a)
        if like is not None:
            dtype, device = like.dtype if a.is_floating_point() else dtype, like.device
        return a.to(device=device, dtype=dtype)

    def to_numpy(self, a):
        return a.detach().cpu().numpy()

    def is_concrete(self, a):
        return not (
            torch.compiler.is_compiling()
            or torch._C._functorch.is_functorch_wrapped_tensor(a)
            or isinstance(a, torch._subclasses.FakeTensor)
        )

    def all_finite(self, a):
        return math.isfinite(a.sum().item()) or bool(torch.isfinite(a).all())

    def eigenpairs(self, M, lo, hi):
        values, vectors = self.solve("torch.linalg.eigh", torch.linalg.eigh, M)
        return values[..., lo : hi + 1], vectors[..., lo : hi + 1]

    def eigenvalues(self, M, lo, hi):
        return self.solve("torch.linalg.eigvalsh", torch.linalg.eigvalsh, M)[..., lo : hi + 1]

    def detach(self, a):
        return a.detach()

    def undifferentiable(self, function):
        def call(p):
            if torch.is_grad_enabled() and p.requires_grad:
                raise NotDifferentiable(ORDER)
            return function(p)

        return call

    def differentiable(self, rule):
        return partial(_differentiable, rule)


BACKEND = TorchBackend()
ORDER = (
    "eigcore gives first and second derivatives of eigenvalues, no third ones and none of "
    "eigenvectors. Use kth_eigenvalue, or detach the argument."
)


def _differentiable(rule, p):
    if torch.is_grad_enabled() and (
        p.requires_grad or torch._C._functorch.is_functorch_wrapped_tensor(p)
    ):
        return value_and_gradient(p, rule.key)[0]
    if torch.compiler.is_compiling():
        return value(p, rule.key)
    return rule.value(BACKEND, p)


def _operator(name, core, backward):
    """Make a method of `Rule` one node for autograd, vmap, compile and export.

    ``core(d, K)`` gives the trailing shape of each output. Compilers get an operator of
    ``torch.library``; eager calls an autograd function, which torch.func needs too.
    """

    def body(p, rule):
        result = getattr(rules.rule_from_key(rule), name)(BACKEND, p)
        return tuple(map(torch.Tensor.contiguous, result)) if many else result.contiguous()

    def fake(p, rule):
        shapes = core(rules.rule_from_key(rule).layout.dim, p.shape[-1])
        result = tuple(p.new_empty((*p.shape[:-1], *shape)) for shape in shapes)
        return result if many else result[0]

    def vmap(info, in_dims, p, rule):  # noqa: ARG001
        result = call(p.movedim(in_dims[0], 0), rule)
        return result, (0,) * len(result) if many else 0

    def keep(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.rule = inputs[1]
        ctx.save_for_backward(inputs[0], *(output if many else ()))

    many = len(core(1, 1)) > 1
    outputs = "(" + ", ".join(["Tensor"] * len(core(1, 1))) + ")" if many else "Tensor"
    operator = torch.library.custom_op(
        f"eigcore::{name}", body, mutates_args=(), schema=f"(Tensor p, str rule) -> {outputs}"
    )
    operator.register_fake(fake)
    operator.register_autograd(backward, setup_context=keep)
    operator.register_vmap(vmap)
    members = {"forward": body, "setup_context": keep, "backward": backward, "vmap": vmap}
    function = type(name, (torch.autograd.Function,), {k: staticmethod(f) for k, f in members.items()})

    def call(p, rule):
        return (operator if torch.compiler.is_compiling() else function.apply)(p, rule)

    return call


def _value_backward(ctx, g):
    (p,) = ctx.saved_tensors
    return rules.cotangent(value_and_gradient(p, ctx.rule)[1], g), None


def _value_and_gradient_backward(ctx, g, g_gradient):
    p, _, gradient = ctx.saved_tensors
    result = None if g is None else rules.cotangent(gradient, g)
    if g_gradient is not None:
        rule = rules.rule_from_key(ctx.rule)
        turn = rule.gradient_tangent(BACKEND, curvature(p, ctx.rule), g_gradient)
        result = turn if result is None else result + turn
    return result, None


def _curvature_backward(ctx, *_):  # noqa: ARG001
    raise NotDifferentiable(ORDER)


value = _operator("value", lambda d, K: [()], _value_backward)
value_and_gradient = _operator(
    "value_and_gradient", lambda d, K: [(), (K,)], _value_and_gradient_backward
)
curvature = _operator("curvature", lambda d, K: [(d, d)] * 3, _curvature_backward)


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return BACKEND
