"""A backend for eigcore: Apple's MLX, on its CPU and its GPU."""

import math
from functools import partial
from types import SimpleNamespace

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from eigcore.plugin import Backend, Capabilities, forward, hookimpl, window

ON_CPU = mx.default_device() == mx.Device(mx.cpu)  # where alone MLX has float64
EIGH = partial(mx.linalg.eigh, stream=mx.cpu)


def exp(a):
    """Return e to the power a."""
    # MLX computes exp of float64 in float32: https://github.com/ml-explore/mlx/issues/3047
    return mx.power(math.e, a) if a.dtype == mx.float64 else mx.exp(a)


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
    # without linalg.eig, which is optional: MLX has no complex numbers of double precision
    xp = SimpleNamespace(**{**vars(mx), "exp": exp, "linalg": None})
    note = f"MLX on {mx.default_device()}"

    def asarray(self, a, *, like=None, dtype=None, device=None):
        if not isinstance(a, mx.array):
            a = np.asarray(a)
            a = mx.array(a, dtype=mx.float64 if a.dtype == np.float64 else None)
        if like is not None and mx.issubdtype(a.dtype, mx.floating):
            dtype = like.dtype
        if isinstance(dtype, str):
            dtype = getattr(mx, dtype)
        return a if dtype is None else a.astype(dtype)

    def to_numpy(self, a):
        return np.array(a)

    def is_concrete(self, a):
        try:
            mx.eval(a)
        except ValueError:  # inside mx.compile or mx.vmap
            return False
        return True

    def eigenpairs(self, M, lo, hi):
        return window(self.solve("mlx.core.linalg.eigh", EIGH, M), lo, hi)

    def with_vjp(self, function, vjp):
        attached = mx.custom_function(function)

        @attached.vjp
        def _(p, cotangents, outputs):
            many = isinstance(outputs, (tuple, list))
            return vjp(p, outputs, *(cotangents if many else (cotangents,)))

        return attached

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
        if isinstance(obj, SpectralModule):
            static, provenance = obj.described
            return static, [self.to_numpy(p) for p in obj.members], provenance
        return None


class SpectralModule(nn.Module):
    """A `SpectralModel` whose matrices, `members`, are parameters that MLX trains."""

    def __init__(self, model):
        super().__init__()
        self.described = model.static, dict(model.provenance)
        self.members = [BACKEND.asarray(p) for p in model.params]

    def __call__(self, x):
        """Predictions (...) for rows x (..., columns)."""
        return forward(self.described[0], self.members, x, "mlx")


BACKEND = MlxBackend()


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return BACKEND
