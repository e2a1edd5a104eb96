"""A backend for eigcore: Apple's MLX, on its CPU and its GPU."""

from functools import lru_cache, partial
from types import SimpleNamespace

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from eigcore.errors import NotDifferentiable
from eigcore.plugin import Backend, Capabilities, forward, hookimpl, window

ON_CPU = mx.default_device() == mx.Device(mx.cpu)


def cumulative_sum(a, /, *, axis, include_initial=False):
    # MLX has no include_initial: https://github.com/ml-explore/mlx/blob/main/mlx/ops.h
    total = mx.cumsum(a, axis)
    return mx.concat((mx.zeros_like(total[..., :1]), total), axis) if include_initial else total


class MlxBackend(Backend):
    """Eigenpairs by ``mlx.core.linalg.eigh``, which runs on the CPU; all else where MLX runs."""

    name = "mlx"
    plugin_api = 3
    capabilities = Capabilities(
        arrays=("mlx",),
        dtypes=("float64", "float32", "float16", "bfloat16")[0 if ON_CPU else 1 :],
        devices=("cpu", "gpu"),
        autodiff=True,
        second_order=True,
        compiled=True,
    )
    xp = SimpleNamespace(**{**vars(mx), "cumulative_sum": cumulative_sum})
    note = f"MLX on {mx.default_device()}"

    def asarray(self, a, *, like=None, dtype=None, device=None):
        if not isinstance(a, mx.array):
            a = np.asarray(a)
            a = mx.array(a, dtype=getattr(mx, a.dtype.name))
        if like is not None and mx.issubdtype(a.dtype, mx.floating):
            dtype = like.dtype
        if dtype is None:
            return a
        return a.astype(getattr(mx, dtype) if isinstance(dtype, str) else dtype)

    def to_numpy(self, a):
        return np.array(a)

    def is_concrete(self, a):
        try:
            mx.eval(a)
        except ValueError:  # inside mx.compile or mx.vmap
            return False
        return True

    def eigenpairs(self, M, lo, hi):
        eigh = partial(mx.linalg.eigh, stream=mx.cpu)
        return window(self.solve("mlx.core.linalg.eigh", eigh, M), lo, hi)

    def differentiable(self, rule):
        return _differentiable(self, rule)

    def undifferentiable(self, function):
        constant = mx.custom_function(function)
        constant.vjp(_refuse)
        return constant

    def detach(self, a):
        return mx.stop_gradient(a)

    def gradient(self, function, *arrays):
        found = mx.grad(function, argnums=list(range(len(arrays))))(*arrays)
        return tuple(found) if isinstance(found, (tuple, list)) else (found,)

    def compiled(self, function):
        return mx.compile(function)

    def wrap(self, model):
        return SpectralModule(model)

    def unwrap(self, obj):
        if not isinstance(obj, SpectralModule):
            return None
        return obj.static, [self.to_numpy(p) for p in obj.members], obj.provenance


class SpectralModule(nn.Module):
    """A `SpectralModel` whose matrices, `members`, are parameters that MLX trains."""

    def __init__(self, model):
        super().__init__()
        self._described = model.static, dict(model.provenance)
        self.members = [BACKEND.asarray(p) for p in model.params]

    static = property(lambda self: self._described[0])
    provenance = property(lambda self: self._described[1])

    def __call__(self, x):
        """Predictions (...) for rows x (..., columns)."""
        return forward(self.static, self.members, x, "mlx")


@lru_cache(maxsize=1024)
def _differentiable(backend, rule):
    curvature = backend.undifferentiable(lambda p: rule.curvature(backend, p))

    @mx.custom_function
    def value_and_gradient(p):
        return rule.value_and_gradient(backend, p)

    @value_and_gradient.vjp
    def _(p, cotangents, outputs):
        g, turn = cotangents
        turned = rule.gradient_cotangent(backend, curvature(p), turn)
        return rule.cotangent(backend, outputs[1], g) + turned

    @mx.custom_function
    def value(p):
        return rule.value(backend, p)

    @value.vjp
    def _(p, g, _):
        return rule.cotangent(backend, value_and_gradient(p)[1], g)

    return value


def _refuse(*_):
    raise NotDifferentiable("eigcore differentiates eigenvalues twice, and no eigenvectors.")


BACKEND = MlxBackend()


@hookimpl
def eigcore_backend():
    return BACKEND
