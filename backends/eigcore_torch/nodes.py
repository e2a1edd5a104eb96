"""Derivatives of rules as nodes of torch, for eager calls, torch.func, compilers and kernels."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
from torch._C._functorch import (  # pyright: ignore
    TransformType,
    get_interpreter_stack,
    is_functorch_wrapped_tensor,
    peek_interpreter_stack,
)

from eigcore.errors import NotDifferentiable
from eigcore.plugin import Backend, Matrices, Rule, Source, rule_from_key
from eigcore_torch import flops, host
from eigcore_torch.tensors import (
    builds_graph,
    is_batched,
    is_concrete,
    is_followed,
    is_watched,
    shared,
    viewed,
)

ORDER = (
    "eigcore has first and second derivatives of eigenvalues and norms, but no third ones "
    "and none of eigenvectors. Use kth_eigenvalue, or detach the argument."
)


def kernel_node(backend: Backend, rule: Rule, source: Source) -> torch.Tensor | None:
    """Return the values of a source from a kernel with a pullback, as one node, or None."""
    if not builds_graph(*source.arrays) or not host.serves(rule, source):
        return None
    if peek_interpreter_stack() is not None:
        return None  # torch.func takes no function that decides in forward what to save
    return Kernel.apply(backend, rule, source.with_arrays, *source.arrays)


def differentiable(backend: Backend, rule: Rule, p: torch.Tensor) -> torch.Tensor:
    """Return ``rule.value(backend, p)`` with the derivatives of the rule attached."""
    compiling = torch.compiler.is_compiling()
    if compiling:
        refuse_compiled_gradient()
    wrapped = not compiling and is_functorch_wrapped_tensor(p)
    forward = forward_ad._current_level >= 0
    if wrapped and forward:
        _refuse_nested_forward_mode()
    followed = not forward and (wrapped or is_followed(p))
    if followed and not compiling:
        found = kernel_node(backend, rule, Matrices(p))
        if found is not None:
            return found
    functions = wrapped or is_concrete(p) or (forward and not compiling)
    node = FUNCTIONS if functions else OPERATORS
    if followed:
        return node["value_and_gradient"](p, rule.key)[0]
    if forward or node is OPERATORS:
        return node["value"](p, rule.key)
    if not isinstance(rule, Rule) and host.serves(rule, Matrices(p)):
        return host.call(_value, (rule,), p)
    return rule.value(backend, p)


def _value(backend: Backend, rule: Any, p: Any) -> Any:
    return rule.value(backend, p)


def refuse_compiled_gradient() -> None:
    """Raise NotDifferentiable where a compiler traces a derivative of torch.func."""
    # torch's own error speaks of setup_context (https://github.com/pytorch/pytorch/issues/170834)
    if any(level.key() != TransformType.Vmap for level in get_interpreter_stack() or ()):
        raise NotDifferentiable(
            "torch.compile cannot trace eigcore inside torch.func.grad, jacrev, jvp and the like. "
            "Use these in eager mode, or compile a function that calls torch.autograd.grad."
        )


# torch.compile runs it while it traces (torch._dynamo.assume_constant_result sets the same mark)
refuse_compiled_gradient._dynamo_marked_constant = True  # pyright: ignore


class Kernel(torch.autograd.Function):
    """Values of a kernel with a pullback; second derivatives come from the composition."""

    @staticmethod
    def forward(ctx, backend, rule, make, *arrays):
        ctx.save_for_backward(*arrays)
        ctx.backend, ctx.rule, ctx.make = backend, rule, make
        found = host.kernel(rule, make(*map(viewed, arrays)), "pullback")
        assert found is not None  # kernel_node has checked this
        ctx.pullback = found.pullback
        return shared(found.values)

    @staticmethod
    def backward(ctx, g):
        arrays, wanted = ctx.saved_tensors, ctx.needs_input_grad[3:]
        if not torch.is_grad_enabled() and not is_batched(g):
            return None, None, None, *map(shared, ctx.pullback(viewed(g), wanted))
        with torch.enable_grad():
            p = ctx.make(*arrays).assembled(ctx.backend)
            values = FUNCTIONS["value_and_gradient"](p, ctx.rule.key)[0]
        followed = [a for a, want in zip(arrays, wanted, strict=True) if want]
        found = iter(torch.autograd.grad(values, followed, g, create_graph=True))
        return None, None, None, *[next(found) if want else None for want in wanted]


def _refuse_nested_forward_mode():
    # torch returns zero for the second forward derivative of any autograd.Function.
    if sum(level.key() == TransformType.Jvp for level in get_interpreter_stack()) > 1:
        raise NotDifferentiable(
            "torch cannot nest forward modes over an autograd function. Use torch.func.hessian "
            "or torch.func.jacrev of torch.func.jacrev."
        )


OPERATORS: dict[str, Any] = {}
"""Rule methods as operators of torch.library: one node each for compile and export."""
FUNCTIONS: dict[str, Any] = {}
"""The same methods as autograd functions, for eager calls and torch.func."""


class Node:
    """A method of `Rule` that torch differentiates; subclasses define how.

    ``backward(nodes, ctx, *g)`` uses nodes of its own kind; ``forward(ctx, d_p, _)`` is the forward
    mode of eager calls.
    """

    name: str

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def backward(self, nodes, ctx, *g):
        raise NotDifferentiable(ORDER)

    def forward(self, ctx, d_p, _):
        raise NotDifferentiable(ORDER)

    def value(self, p: torch.Tensor, rule: str) -> Any:
        result = getattr(rule_from_key(rule), self.name)(self.backend, p)
        return tuple(map(_own, result)) if isinstance(result, tuple) else _own(result)


class Value(Node):
    name = "value"

    def backward(self, nodes, ctx, g):
        (p,) = ctx.saved_tensors
        _, gradient = nodes["value_and_gradient"](p, ctx.rule)
        return rule_from_key(ctx.rule).cotangent(self.backend, gradient, g), None

    def forward(self, ctx, d_p, _):
        (p,) = ctx.saved_tensors
        _, gradient = FUNCTIONS["value_and_gradient"](p, ctx.rule)
        return rule_from_key(ctx.rule).tangent(self.backend, gradient, d_p)


class ValueAndGradient(Node):
    name = "value_and_gradient"

    def backward(self, nodes, ctx, g, g_gradient):
        (p, _, gradient), rule = ctx.saved_tensors, rule_from_key(ctx.rule)
        result = None if g is None else rule.cotangent(self.backend, gradient, g)
        if g_gradient is not None:
            bend = nodes["curvature"](p, ctx.rule)
            turn = rule.gradient_cotangent(self.backend, bend, g_gradient)
            result = turn if result is None else result + turn
        return result, None

    def forward(self, ctx, d_p, _):
        (p, _, gradient), rule = ctx.saved_tensors, rule_from_key(ctx.rule)
        bend = FUNCTIONS["curvature"](p, ctx.rule)
        turn = rule.gradient_tangent(self.backend, bend, d_p)
        return rule.tangent(self.backend, gradient, d_p), turn


class Curvature(Node):
    name = "curvature"


def define(backend: Backend) -> None:
    """Define the operators and functions of a backend."""
    for kind in (Value, ValueAndGradient, Curvature):
        _define(kind(backend))
    flops.count(OPERATORS)


def _define(node: Node) -> None:
    name, outputs = node.name, {"value": 1, "value_and_gradient": 2, "curvature": 3}[node.name]

    def body(p, rule):
        return OPERATORS[name](p, rule) if is_watched() else node.value(p, rule)

    def fake(p, rule):
        made = rule_from_key(rule)
        lead = p.shape[: p.ndim - len(made.layout.core)]
        result = tuple(p.new_empty((*lead, *shape)) for shape in made.shapes(name))
        return result if outputs > 1 else result[0]

    def keep(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.rule = inputs[1]
        kept = (inputs[0], *(output if outputs > 1 else ()))
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    def vmap(nodes, info, in_dims, p, rule):
        result = nodes[name](p.movedim(in_dims[0], 0), rule)
        return result, (0,) * outputs if outputs > 1 else 0

    schema = f"(Tensor p, str rule) -> ({', '.join(['Tensor'] * outputs)})"
    define = torch.library.custom_op
    operator = define(f"eigcore::{name}", node.value, mutates_args=(), schema=schema)
    operator.register_fake(fake)
    operator.register_autograd(partial(node.backward, OPERATORS), setup_context=keep)
    operator.register_vmap(partial(vmap, OPERATORS))
    OPERATORS[name] = operator
    members = {"forward": body, "setup_context": keep, "jvp": node.forward}
    members |= {"backward": partial(node.backward, FUNCTIONS), "vmap": partial(vmap, FUNCTIONS)}
    # autograd.Function.apply reads it in every call; inspecting the code takes 40 µs
    body.__signature__ = inspect.signature(body)  # pyright: ignore
    static = {key: staticmethod(function) for key, function in members.items()}
    FUNCTIONS[name] = type(name, (torch.autograd.Function,), static).apply


def _own(a: torch.Tensor) -> torch.Tensor:
    """Return `a` with the memory layout of a new tensor."""
    return a.contiguous() if a.storage_offset() == 0 else a.clone().contiguous()
