"""The rule's derivatives as nodes of torch: for eager calls, torch.func, compilers and kernels."""

import inspect
from functools import partial

import eigcore_kernels
import torch
import torch.autograd.forward_ad as forward_ad
from eigcore_torch_tensors import is_batched, is_concrete, is_followed, shared, viewed
from torch._C._functorch import (  # pyright: ignore
    TransformType,
    get_interpreter_stack,
    is_functorch_wrapped_tensor,
)

from eigcore import get_backend
from eigcore.core import rules
from eigcore.errors import NotDifferentiable

ORDER = (
    "eigcore gives first and second derivatives of eigenvalues, no third ones and none of "
    "eigenvectors. Use kth_eigenvalue, or detach the argument."
)


def differentiable(backend, rule, p):
    """Return ``rule.value(backend, p)`` with the derivatives of the rule attached."""
    wrapped = not torch.compiler.is_compiling() and is_functorch_wrapped_tensor(p)
    node = FUNCTIONS if wrapped or is_concrete(p) else OPERATORS
    forward = forward_ad._current_level >= 0
    if wrapped and forward:
        _refuse_nested_forward_mode()
    if not forward and (wrapped or is_followed(p)):
        kernel = backend.kernel(eigcore_kernels.with_pullback, rule, p)
        composed = partial(_first, node, rule)
        return composed(p) if kernel is None else Kernel.apply(kernel, composed, p)
    if forward or node is OPERATORS:
        return node["value"](p, rule.key)
    return rule.value(backend, p)


def _first(node, rule, p):
    return node["value_and_gradient"](p, rule.key)[0]


class Kernel(torch.autograd.Function):
    """Values of a kernel that knows its pullback; the composition gives second derivatives."""

    @staticmethod
    def forward(ctx, kernel, composed, *arrays):
        ctx.save_for_backward(*arrays)
        ctx.composed = composed
        values, ctx.pullback = kernel(*map(viewed, arrays))
        return shared(values)

    @staticmethod
    def backward(ctx, g):
        arrays, wanted = ctx.saved_tensors, ctx.needs_input_grad[2:]
        if not torch.is_grad_enabled() and not is_batched(g):
            found = ctx.pullback(g.numpy(), *wanted[1:])
            return None, None, *[None if a is None else shared(a) for a in found]
        with torch.enable_grad():
            values = ctx.composed(*arrays)
        followed = [a for a, want in zip(arrays, wanted, strict=True) if want]
        found = iter(torch.autograd.grad(values, followed, g, create_graph=True))
        return None, None, *[next(found) if want else None for want in wanted]


def _refuse_nested_forward_mode():
    # torch gives zero for the second forward derivative of any autograd.Function.
    if sum(level.key() == TransformType.Jvp for level in get_interpreter_stack()) > 1:
        raise NotDifferentiable(
            "torch cannot nest forward modes over an autograd function. Use torch.func.hessian "
            "or torch.func.jacrev of torch.func.jacrev."
        )


OPERATORS = {}
"""Rule methods as operators of torch.library: one node each for compile and export."""
FUNCTIONS = {}
"""The same as autograd functions, which eager calls and torch.func need."""


def _define(name, core, backward, forward):
    """Make both from the method `name` of `Rule`.

    ``core(d, K)`` gives the trailing shape of each output; ``backward(nodes, ctx, *g)`` uses the
    nodes of the kind it belongs to; ``forward(ctx, d_p, _)`` is the forward mode of eager calls.
    """
    many = len(core(1, 1)) > 1

    def body(p, rule):
        result = getattr(rules.rule_from_key(rule), name)(get_backend("torch"), p)
        return tuple(map(_own, result)) if many else _own(result)

    def fake(p, rule):
        shapes = core(rules.rule_from_key(rule).layout.dim, p.shape[-1])
        result = tuple(p.new_empty((*p.shape[:-1], *shape)) for shape in shapes)
        return result if many else result[0]

    def keep(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.rule = inputs[1]
        kept = (inputs[0], *(output if many else ()))
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    def vmap(nodes, info, in_dims, p, rule):
        result = nodes[name](p.movedim(in_dims[0], 0), rule)
        return result, (0,) * len(result) if many else 0

    schema = f"(Tensor p, str rule) -> ({', '.join(['Tensor'] * len(core(1, 1)))})"
    operator = torch.library.custom_op(f"eigcore::{name}", body, mutates_args=(), schema=schema)
    operator.register_fake(fake)
    operator.register_autograd(partial(backward, OPERATORS), setup_context=keep)
    operator.register_vmap(partial(vmap, OPERATORS))
    OPERATORS[name] = operator
    members = {
        "forward": body,
        "setup_context": keep,
        "backward": partial(backward, FUNCTIONS),
        "jvp": forward,
        "vmap": partial(vmap, FUNCTIONS),
    }
    # autograd.Function.apply asks for it in every call; reading it off the code takes 40 µs
    body.__signature__ = inspect.signature(body)
    members = {key: staticmethod(function) for key, function in members.items()}
    FUNCTIONS[name] = type(name, (torch.autograd.Function,), members).apply


def _own(a):
    """Return `a` with the memory layout that a fresh tensor has."""
    return a.contiguous() if a.storage_offset() == 0 else a.clone().contiguous()


def _value_backward(nodes, ctx, g):
    (p,) = ctx.saved_tensors
    return rules.cotangent(nodes["value_and_gradient"](p, ctx.rule)[1], g), None


def _value_and_gradient_backward(nodes, ctx, g, g_gradient):
    p, _, gradient = ctx.saved_tensors
    result = None if g is None else rules.cotangent(gradient, g)
    if g_gradient is not None:
        bend = nodes["curvature"](p, ctx.rule)
        turn = rules.rule_from_key(ctx.rule).gradient_tangent(
            get_backend("torch"), bend, g_gradient
        )
        result = turn if result is None else result + turn
    return result, None


def _value_forward(ctx, d_p, _):
    (p,) = ctx.saved_tensors
    return rules.tangent(FUNCTIONS["value_and_gradient"](p, ctx.rule)[1], d_p)


def _value_and_gradient_forward(ctx, d_p, _):
    p, _, gradient = ctx.saved_tensors
    bend = FUNCTIONS["curvature"](p, ctx.rule)
    turn = rules.rule_from_key(ctx.rule).gradient_tangent(get_backend("torch"), bend, d_p)
    return rules.tangent(gradient, d_p), turn


def _refuse(*_):
    raise NotDifferentiable(ORDER)


_define("value", lambda d, K: [()], _value_backward, _value_forward)
_define(
    "value_and_gradient",
    lambda d, K: [(), (K,)],
    _value_and_gradient_backward,
    _value_and_gradient_forward,
)
_define("curvature", lambda d, K: [(d, d)] * 3, _refuse, _refuse)
