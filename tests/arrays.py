"""Arrays of each backend, and the numbers in them."""

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec

torch = pytest.importorskip("torch")
jnp = pytest.importorskip("jax.numpy")
BACKENDS = ("numpy", "torch", "jax")
KINDS = {"numpy": np.ndarray, "torch": torch.Tensor, "jax": jnp.ndarray}
SPEC = EigSpec(3, 4)


def symmetric(*shape, seed=0):
    M = np.random.default_rng(seed).normal(size=shape)
    return M + np.swapaxes(M, -1, -2)


def model(spec=SPEC, batch=(5,), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=spec.params_shape), rng.normal(size=(*batch, spec.features))


def on(backend, a, dtype="float64"):
    return eigcore.get_backend(backend).asarray(np.asarray(a), dtype=dtype)


def host(a):
    library = "jax" if isinstance(a, jnp.ndarray) else type(a).__module__.split(".")[0]
    return eigcore.get_backend(library).to_numpy(a)


def name_of(a):
    return str(a.dtype).removeprefix("torch.")
