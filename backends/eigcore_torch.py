"""PyTorch: CPU and CUDA, inside autograd, torch.func, torch.compile and torch.export."""

import copy
from contextvars import ContextVar
from functools import partial
from typing import final

import eigcore_kernels
import torch
from eigcore_torch_cuda import cuda_library, cupy_solver
from eigcore_torch_layers import SpectralLayer as SpectralLayer
from eigcore_torch_nodes import ORDER, Kernel, differentiable
from eigcore_torch_tensors import (
    builds_graph,
    is_concrete,
    is_finite,
    is_followed,
    is_small,
    on_host,
    shared,
    viewed,
)

from eigcore import Backend, Capabilities, get_backend
from eigcore.dispatch.backend import window
from eigcore.dispatch.hookspecs import hookimpl
from eigcore.errors import NotDifferentiable
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

    is_concrete = staticmethod(is_concrete)  # pyright: ignore

    def all_finite(self, a):
        if not is_concrete(a):
            return False
        if a.numel() > 1 and on_host(a):
            return eigcore_kernels.all_finite(NUMPY, viewed(a))
        return is_finite(a)

    def solve(self, driver, routine, a, *rest, shape=None):
        if torch.compiler.is_compiling():
            return routine(a, *rest)
        return super().solve(driver, routine, a, *rest, shape=shape)

    def fused(self, rule, p, *, gradient):
        if not on_host(p) or not eigcore_kernels.serves(rule):
            return None
        result = eigcore_kernels.solve(NUMPY, rule, viewed(p), gradient, torch.get_num_threads())
        return tuple(map(shared, result)) if gradient else shared(result)

    def kernel(self, make, rule, *arrays):
        """Return the kernel that `make` gives, None where NumPy cannot read the arrays."""
        if not all(map(on_host, arrays)):
            return None
        return make(NUMPY, rule, *arrays, threads=torch.get_num_threads())

    def fused_pencil(self, rule, params, x):
        kernel = self.kernel(eigcore_kernels.pencil, rule, params, x)
        if kernel is None:
            return None
        values, pullback = kernel(viewed(params), viewed(x))
        return shared(values), lambda g: tuple(map(shared, pullback(g.numpy())))

    def differentiable_pencil(self, rule, params, x):
        composed = partial(super().differentiable_pencil, rule)
        return self.attached(eigcore_kernels.pencil, rule, composed, params, x)

    def differentiable_matrices(self, rule, M):
        composed = partial(super().differentiable_matrices, rule)
        return self.attached(eigcore_kernels.of_matrices, rule, composed, M)

    def attached(self, make, rule, composed, *arrays):
        """Return the values of the kernel that `make` gives as a node, else those composed."""
        kernel = self.kernel(make, rule, *arrays) if builds_graph(*arrays) else None
        return composed(*arrays) if kernel is None else Kernel.apply(kernel, composed, *arrays)

    def eigenpairs(self, M, lo, hi):
        return self._solve_window("eigh", M, lo, hi)

    def eigenvalues(self, M, lo, hi):
        return self._solve_window("eigvalsh", M, lo, hi)

    def _solve_window(self, routine, M, lo, hi):
        library = cuda_library(M.shape[-1], M.shape[:-2].numel()) if M.is_cuda else "torch"
        solver = (
            partial(cupy_solver, routine) if library == "cupy" else getattr(torch.linalg, routine)
        )
        return window(self.solve(f"{library}.linalg.{routine}", solver, M), lo, hi)

    def call(self, function, static, *arrays):
        for a in arrays:
            if not is_small(a):
                return function(self, *static, *arrays)
        result = NUMPY.call(function, static, *map(viewed, arrays))
        return tuple(map(shared, result)) if type(result) is tuple else shared(result)

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
            if is_followed(p):
                raise NotDifferentiable(ORDER)
            return function(p)

        return call

    def differentiable(self, rule):
        return partial(differentiable, self, rule)


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


_DEPTH = ContextVar("eigcore_torch_depth", default=0)
BACKEND = TorchBackend()
NUMPY = copy.copy(get_backend("numpy"))
NUMPY.name = "torch"  # pyright: ignore -- which `trace` then tells, with NumPy's driver


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return BACKEND
