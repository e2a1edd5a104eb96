"""PyTorch: CPU and CUDA, inside autograd, torch.func, torch.compile and torch.export."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, final

import eigcore_kernels
import numpy as np
import torch

from eigcore.errors import NotDifferentiable
from eigcore.plugin import (
    Answer,
    Backend,
    Capabilities,
    Ensemble,
    Processes,
    Rule,
    Source,
    Want,
    hookimpl,
    window,
)
from eigcore_torch import cuda, host, namespace, nodes, processes
from eigcore_torch.compression import Factors as Factors
from eigcore_torch.compression import TorchNetwork
from eigcore_torch.compression import load_compressed as load_compressed
from eigcore_torch.encoding import StableEncoding as StableEncoding
from eigcore_torch.layer import SpectralLayer as SpectralLayer
from eigcore_torch.module import SpectralModule as SpectralModule
from eigcore_torch.module import frozen
from eigcore_torch.optimisers import SpectralClip as SpectralClip
from eigcore_torch.optimisers import Sven as Sven
from eigcore_torch.tensors import (
    NAMES,
    NUMPY_FLOATS,
    autocasts,
    is_concrete,
    is_finite,
    is_followed,
    is_small,
    shared,
    viewed,
)

Pairs = tuple[torch.Tensor, torch.Tensor]
SVD = partial(torch.linalg.svd, full_matrices=False)
_DEPTH = ContextVar("eigcore_torch_depth", default=0)


@final
class TorchBackend(Backend):
    """Eigenpairs by the kernels on the CPU and by ``torch.linalg``."""

    name = "torch"
    plugin_api = 3
    capabilities = Capabilities(
        arrays=("torch",),
        dtypes=("float64", "float32", "float16", "bfloat16"),
        devices=("cpu", "cuda"),
        autodiff=True,
        second_order=True,
        compiled=True,
    )
    xp = namespace
    note = f"torch {torch.__version__}; {eigcore_kernels.NOTE}"

    def asarray(
        self, a: Any, *, like: Any = None, dtype: Any = None, device: Any = None
    ) -> torch.Tensor:
        if like is dtype is device is None and isinstance(a, torch.Tensor):
            return a
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype)
        if not isinstance(a, torch.Tensor):
            make = torch.as_tensor if torch.compiler.is_compiling() else torch.tensor
            a = make(a, dtype=dtype)
        if like is not None:
            dtype, device = like.dtype if a.is_floating_point() else dtype, like.device
        return a.to(device=device, dtype=dtype)

    def to_numpy(self, a: torch.Tensor) -> np.ndarray:
        a = a.detach().cpu()
        return (a.float() if a.dtype is torch.bfloat16 else a).numpy()

    def dtype_name(self, a: torch.Tensor) -> str:
        return NAMES.get(a.dtype) or str(a.dtype).removeprefix("torch.")

    is_concrete = staticmethod(is_concrete)  # pyright: ignore

    def all_finite(self, a: torch.Tensor) -> bool:
        if not is_concrete(a):
            return False
        if a.is_cpu and a.dtype in NUMPY_FLOATS and a.numel() > 1:
            return eigcore_kernels.all_finite(viewed(a))
        return is_finite(a)

    def solve(
        self,
        driver: str,
        routine: Callable[..., Any],
        a: torch.Tensor,
        *rest: Any,
        shape: tuple[int, ...] | None = None,
    ) -> Any:
        if torch.compiler.is_compiling():
            return routine(a, *rest)
        return super().solve(driver, routine, a, *rest, shape=shape)

    def kernel(self, rule: Rule, source: Source, want: Want) -> Answer | None:
        found = host.kernel(rule, source, want)
        if found is None or isinstance(source.arrays[0], np.ndarray):
            return found
        values, vectors, pull, gradient = found
        values = shared(values)
        if pull is None or want != "pullback":
            return Answer(values, shared(vectors), gradient=shared(gradient))
        return Answer(values, pullback=lambda g, *own: tuple(map(shared, pull(viewed(g), *own))))

    def one_pass(self, model: Ensemble) -> Callable[[np.ndarray], np.ndarray | None] | None:
        return eigcore_kernels.one_pass(self, model)

    autocasts = staticmethod(autocasts)  # pyright: ignore

    def evaluate(self, rule: Rule, source: Source) -> torch.Tensor:
        if all(map(is_small, source.arrays)):
            return host.evaluate(rule, source)
        if autocasts(source.arrays[0]):
            with torch.autocast(source.arrays[0].device.type, enabled=False):
                return self.evaluate(rule, source)
        if torch.compiler.is_compiling():
            nodes.refuse_compiled_gradient()
        if not any(map(is_followed, source.arrays)):
            found = self.kernel(rule, source, "values")
            if found is not None:
                return found.values
        node = nodes.kernel_node(self, rule, source)
        return super().evaluate(rule, source) if node is None else node

    def differentiable(self, rule: Rule) -> Callable[[torch.Tensor], torch.Tensor]:
        return partial(nodes.differentiable, self, rule)

    def eigenpairs(self, M: torch.Tensor, lo: int, hi: int) -> Pairs:
        found = host.eigenpairs(M, lo, hi, vectors=True)
        return self._solved("eigh", M, lo, hi) if found is None else found

    def eigenvalues(self, M: torch.Tensor, lo: int, hi: int) -> torch.Tensor:
        found = host.eigenpairs(M, lo, hi, vectors=False)
        return self._solved("eigvalsh", M, lo, hi) if found is None else found[0]

    def eigenpairs_tridiagonal(
        self, diag: torch.Tensor, off: torch.Tensor, lo: int, hi: int
    ) -> Pairs:
        found = host.eigenpairs_tridiagonal(diag, off, lo, hi, vectors=True)
        return found or super().eigenpairs_tridiagonal(diag, off, lo, hi)

    def eigenvalues_tridiagonal(
        self, diag: torch.Tensor, off: torch.Tensor, lo: int, hi: int
    ) -> torch.Tensor:
        found = host.eigenpairs_tridiagonal(diag, off, lo, hi, vectors=False)
        return found[0] if found else super().eigenvalues_tridiagonal(diag, off, lo, hi)

    def svd(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        found = host.svd(X)
        return tuple(self.solve("torch.linalg.svd", SVD, X)) if found is None else found

    def _solved(self, routine: str, M: torch.Tensor, lo: int, hi: int) -> Any:
        found = self.solve(f"torch.linalg.{routine}", getattr(torch.linalg, routine), M)
        return cuda.checked(self, M, found, lo, hi) if cuda.is_checked(M) else window(found, lo, hi)

    def call(
        self, function: Callable[..., Any], static: tuple[Any, ...], *arrays: torch.Tensor
    ) -> Any:
        for a in arrays:
            if autocasts(a):
                with torch.autocast(a.device.type, enabled=False):
                    return self.call(function, static, *arrays)
            if not is_small(a):
                return function(self, *static, *arrays)
        return host.call(function, static, *arrays)

    def detach(self, a: torch.Tensor) -> torch.Tensor:
        return a.detach()

    def undifferentiable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(p: torch.Tensor) -> Any:
            if is_followed(p):
                raise NotDifferentiable(nodes.ORDER)
            return function(p)

        return call

    def gradient(
        self, function: Callable[..., torch.Tensor], *arrays: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        leaves = [a if a.requires_grad else a.detach().requires_grad_() for a in arrays]
        depth = _DEPTH.get()
        token = _DEPTH.set(depth + 1)
        try:
            value = function(*leaves)
        finally:
            _DEPTH.reset(token)
        # compiled code has only one derivative, so the last one needs no graph
        return torch.autograd.grad(value, leaves, create_graph=depth > 0, materialize_grads=True)

    def hessian_products(
        self,
        function: Callable[..., torch.Tensor],
        outputs: Callable[..., Any] = lambda arrays, *_: arrays,
    ) -> Callable[..., tuple[torch.Tensor, ...]]:
        # jacrev, as torch.func.grad fails here: https://github.com/pytorch/pytorch/issues/123996
        slope = torch.func.jacrev(function)

        def products(arrays: Any, vectors: Any, *more: Any) -> Any:
            def model(own: Any) -> Any:
                return outputs(own, *more)

            def one(v: Any) -> Any:
                at, moved = torch.func.jvp(model, (arrays,), (v,))[:2]
                bent = torch.func.jvp(lambda own: slope(own, *more), (at,), (moved,))[1]
                return torch.func.vjp(model, arrays)[1](bent)[0]

            return torch.func.vmap(one, randomness="same")(vectors)

        return products

    def network(self, model: Any, apply: Callable[..., Any] | None) -> TorchNetwork:
        return TorchNetwork(model, apply)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(function, fullgraph=True, backend="aot_eager")

    def processes(self) -> Processes | None:
        return processes.processes()

    def wrap(self, model: Any) -> SpectralModule:
        return SpectralModule(model)

    def program(self, model: Any) -> bytes:
        return frozen(self.wrap(model))

    def unwrap(self, obj: Any) -> tuple[Any, list[np.ndarray], dict[str, Any]] | None:
        if not isinstance(obj, SpectralModule):
            return None
        return obj.static, [self.to_numpy(p) for p in obj.members], obj.provenance


BACKEND = TorchBackend()
nodes.define(BACKEND)


@hookimpl
def eigcore_backend() -> Backend:
    """Return the backend."""
    return BACKEND
