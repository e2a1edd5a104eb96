"""PyTorch: CPU and CUDA, inside autograd, torch.func, torch.compile and torch.export."""

import copy
import importlib.util
import inspect
import math
from contextvars import ContextVar
from functools import partial
from typing import final

import eigcore_kernels
import numpy as np
import torch
import torch.autograd.forward_ad as forward_ad
from torch._C._functorch import (  # pyright: ignore
    TransformType,
    get_interpreter_stack,
    is_functorch_wrapped_tensor,
)

from eigcore import Backend, Capabilities, get_backend, rules
from eigcore.backend import window
from eigcore.errors import NotDifferentiable
from eigcore.hookspecs import hookimpl
from eigcore.model import SpectralModel, forward


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
    note = f"torch {torch.__version__}; {eigcore_kernels.NOTE}"

    def asarray(self, a, *, like=None, dtype=None, device=None):
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype)
        if not isinstance(a, torch.Tensor):
            a = (torch.as_tensor if torch.compiler.is_compiling() else torch.tensor)(a)
        if like is not None:
            dtype, device = like.dtype if a.is_floating_point() else dtype, like.device
        return a.to(device=device, dtype=dtype)

    def to_numpy(self, a):
        a = a.detach().cpu()
        return (a.float() if a.dtype is torch.bfloat16 else a).numpy()

    def is_concrete(self, a):
        return (
            not torch.compiler.is_compiling()
            and type(a) in PLAIN
            and not a.is_meta
            and not is_functorch_wrapped_tensor(a)
        )

    def all_finite(self, a):
        if not self.is_concrete(a):
            return False
        if a.numel() == 1:
            return math.isfinite(a.item())
        if a.is_cpu and a.numel() <= SMALL and a.dtype in NUMPY_FLOATS:
            return NUMPY.all_finite(a.detach().numpy())
        return math.isfinite(a.sum().item()) or bool(torch.isfinite(a).all())

    def solve(self, driver, routine, a, *rest, shape=None):
        if torch.compiler.is_compiling():
            return routine(a, *rest)
        return super().solve(driver, routine, a, *rest, shape=shape)

    def fused(self, rule, p, *, gradient):
        if p.device.type != "cpu" or not self.is_concrete(p) or not eigcore_kernels.serves(rule):
            return None
        result = eigcore_kernels.solve(
            NUMPY, rule, p.detach().numpy(), gradient, torch.get_num_threads()
        )
        return tuple(map(_shared, result)) if gradient else _shared(result)

    def eigenpairs(self, M, lo, hi):
        return self._solve_window("eigh", M, lo, hi)

    def eigenvalues(self, M, lo, hi):
        return self._solve_window("eigvalsh", M, lo, hi)

    def _solve_window(self, routine, M, lo, hi):
        library = cuda_library(M.shape[-1], M.shape[:-2].numel()) if M.is_cuda else "torch"
        solver = partial(_cupy, routine) if library == "cupy" else getattr(torch.linalg, routine)
        return window(self.solve(f"{library}.linalg.{routine}", solver, M), lo, hi)

    def call(self, function, static, *arrays):
        for a in arrays:
            if not _is_small(a):
                return function(self, *static, *arrays)
        result = NUMPY.call(function, static, *map(_viewed, arrays))
        return tuple(map(_shared, result)) if type(result) is tuple else _shared(result)

    def detach(self, a):
        return a.detach()

    def gradient(self, function, *arrays):
        leaves = [a if a.requires_grad else a.detach().requires_grad_() for a in arrays]
        depth = _DEPTH.get()
        token = _DEPTH.set(depth + 1)
        try:
            value = function(*leaves)
        finally:
            _DEPTH.reset(token)
        # compiled code has one derivative only, so no graph of the last one
        return torch.autograd.grad(value, leaves, create_graph=depth > 0, materialize_grads=True)

    def compiled(self, function):
        return torch.compile(function, fullgraph=True, backend="aot_eager")

    def wrap(self, model):
        return SpectralModule(model)

    def unwrap(self, obj):
        params = [self.to_numpy(p) for p in obj.members]
        return SpectralModel.from_static(obj.static, params, obj.provenance)

    def undifferentiable(self, function):
        def call(p):
            if _is_followed(p):
                raise NotDifferentiable(ORDER)
            return function(p)

        return call

    def differentiable(self, rule):
        return partial(_differentiable, rule)


class SpectralModule(torch.nn.Module):
    """A `SpectralModel` whose matrices are trainable parameters.

    Parameters
    ----------
    model : SpectralModel
        Its parameters are copied, in float64; ``module.float()`` computes in float32.

    Attributes
    ----------
    static : ModelStatic
        Everything but the parameters.
    provenance : dict
        Where the model comes from.
    members : torch.nn.ParameterList
        One (outputs, features + 1, K) array per member.
    """

    def __init__(self, model):
        super().__init__()
        self.static, self.provenance = model.static, model.provenance
        self.members = torch.nn.ParameterList(torch.tensor(p) for _, p in model.members)

    def forward(self, x):
        """Predictions (...) for numeric rows x (..., columns), link included."""
        return forward(self.static, list(self.members), x, BACKEND)


def cuda_library(d, batch):
    """Name the library with the faster batched routine on CUDA for `batch` matrices of order d.

    torch hands small matrices to cuSOLVER's batched Jacobi routine and solves larger ones one by
    one (https://github.com/pytorch/pytorch/issues/175585); CuPy keeps the batched routine.
    """
    small = d <= 32 or batch == 1
    return "torch" if small or importlib.util.find_spec("cupy") is None else "cupy"


def _cupy(routine, M):
    cupy = importlib.import_module("cupy")
    with (
        cupy.cuda.Device(M.device.index),
        cupy.cuda.ExternalStream(torch.cuda.current_stream(M.device).cuda_stream),
    ):
        result = getattr(cupy.linalg, routine)(cupy.from_dlpack(M.contiguous()))
        many = isinstance(result, tuple)
        return tuple(map(torch.from_dlpack, result)) if many else torch.from_dlpack(result)


_DEPTH = ContextVar("eigcore_torch_depth", default=0)
BACKEND = TorchBackend()
NUMPY = copy.copy(get_backend("numpy"))
NUMPY.name = "torch"  # pyright: ignore -- which `trace` then tells, with NumPy's driver
NUMPY_FLOATS = (torch.float64, torch.float32)
PLAIN = (torch.Tensor, torch.nn.Parameter)
SMALL = 1024
"""Up to so many numbers a call of NumPy costs less than a call of torch."""
ORDER = (
    "eigcore gives first and second derivatives of eigenvalues, no third ones and none of "
    "eigenvectors. Use kth_eigenvalue, or detach the argument."
)


def _differentiable(rule, p):
    wrapped = not torch.compiler.is_compiling() and is_functorch_wrapped_tensor(p)
    node = FUNCTIONS if wrapped or BACKEND.is_concrete(p) else OPERATORS
    forward = forward_ad._current_level >= 0
    if wrapped and forward:
        _refuse_nested_forward_mode()
    if not forward and (wrapped or _is_followed(p)):
        return node["value_and_gradient"](p, rule.key)[0]
    if forward or node is OPERATORS:
        return node["value"](p, rule.key)
    return rule.value(BACKEND, p)


def _shared(a):
    """Return a NumPy array, or number, as a tensor on the same memory."""
    return torch.from_numpy(a) if isinstance(a, np.ndarray) else torch.as_tensor(a)


def _is_small(a):
    """Tell whether NumPy should do the work, on the same memory: a short call, no derivative."""
    return (
        a.is_cpu
        and a.numel() <= SMALL
        and a.dtype in NUMPY_FLOATS
        and not _is_followed(a)
        and BACKEND.is_concrete(a)
    )


def _viewed(a):
    """Return a tensor as a NumPy array on the same memory."""
    return a.detach().numpy() if a.requires_grad else a.numpy()


def _refuse_nested_forward_mode():
    # torch gives zero for the second forward derivative of any autograd.Function.
    if sum(level.key() == TransformType.Jvp for level in get_interpreter_stack()) > 1:
        raise NotDifferentiable(
            "torch cannot nest forward modes over an autograd function. Use torch.func.hessian "
            "or torch.func.jacrev of torch.func.jacrev."
        )


def _is_followed(p):
    """Tell whether autograd wants a derivative with respect to p, in reverse or forward mode."""
    if torch.is_grad_enabled() and p.requires_grad:
        return True
    if forward_ad._current_level < 0:
        return False
    return is_functorch_wrapped_tensor(p) or forward_ad.unpack_dual(p).tangent is not None


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
        result = getattr(rules.rule_from_key(rule), name)(BACKEND, p)
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
        turn = rules.rule_from_key(ctx.rule).gradient_tangent(BACKEND, bend, g_gradient)
        result = turn if result is None else result + turn
    return result, None


def _value_forward(ctx, d_p, _):
    (p,) = ctx.saved_tensors
    return rules.tangent(FUNCTIONS["value_and_gradient"](p, ctx.rule)[1], d_p)


def _value_and_gradient_forward(ctx, d_p, _):
    p, _, gradient = ctx.saved_tensors
    bend = FUNCTIONS["curvature"](p, ctx.rule)
    turn = rules.rule_from_key(ctx.rule).gradient_tangent(BACKEND, bend, d_p)
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


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return BACKEND
