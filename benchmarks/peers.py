"""The same model written plainly in each framework: what a user would type without eigcore.

Each function takes a spec, dense matrices A (n + 1, d, d) and x (N, n), and returns a callable
without arguments that does the work once and waits for the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import eigcore

Work = Callable[[], object]


def arrays(spec: eigcore.EigSpec, batch: int, dtype: str, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return packed parameters, dense matrices and inputs with semicircle scaling."""
    rng = np.random.default_rng(seed)
    params = rng.normal(size=spec.params_shape) / np.sqrt(spec.dim * (spec.features + 1))
    entry, factor = spec.layout.gather
    dense = (params[0][:, entry] * factor).reshape(-1, spec.dim, spec.dim)
    x = rng.normal(size=(batch, spec.features))
    return tuple(a.astype(dtype) for a in (params, dense, x))


def numpy_value(spec: eigcore.EigSpec, A: np.ndarray, x: np.ndarray) -> Work:
    def work() -> object:
        return np.linalg.eigvalsh(A[0] + np.tensordot(x, A[1:], 1))[:, spec.k]

    return work


def numpy_gradient(spec: eigcore.EigSpec, A: np.ndarray, x: np.ndarray) -> Work:
    def work() -> object:
        _, V = np.linalg.eigh(A[0] + np.tensordot(x, A[1:], 1))
        G = V[:, :, spec.k, None] * V[:, None, :, spec.k]
        return G.sum(0), np.tensordot(x.T, G, 1), np.tensordot(G, A[1:], [[1, 2], [1, 2]])

    return work


def torch_value(spec: eigcore.EigSpec, A: np.ndarray, x: np.ndarray) -> Work:
    import torch

    B, y = torch.tensor(A), torch.tensor(x)

    def work() -> object:
        return torch.linalg.eigvalsh(B[0] + torch.tensordot(y, B[1:], 1))[:, spec.k]

    return work


def torch_gradient(spec: eigcore.EigSpec, A: np.ndarray, x: np.ndarray) -> Work:
    import torch

    B, y = torch.tensor(A, requires_grad=True), torch.tensor(x, requires_grad=True)

    def work() -> object:
        f = torch.linalg.eigvalsh(B[0] + torch.tensordot(y, B[1:], 1))[:, spec.k]
        return torch.autograd.grad(f.sum(), (B, y))

    return work


def jax_value(spec: eigcore.EigSpec, A: np.ndarray, x: np.ndarray) -> Work:
    import jax
    import jax.numpy as jnp

    B, y = jnp.asarray(A), jnp.asarray(x)
    value = jax.jit(lambda B, y: jnp.linalg.eigvalsh(B[0] + jnp.tensordot(y, B[1:], 1))[:, spec.k])
    return lambda: value(B, y).block_until_ready()


def jax_gradient(spec: eigcore.EigSpec, A: np.ndarray, x: np.ndarray) -> Work:
    import jax
    import jax.numpy as jnp

    B, y = jnp.asarray(A), jnp.asarray(x)

    def total(B: object, y: object) -> object:
        return jnp.linalg.eigvalsh(B[0] + jnp.tensordot(y, B[1:], 1))[:, spec.k].sum()

    gradient = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))
    return lambda: jax.block_until_ready(gradient(B, y))


def eigcore_value(spec: eigcore.EigSpec, backend: str, params: np.ndarray, x: np.ndarray) -> Work:
    library = eigcore.get_backend(backend)
    p, y = library.asarray(params), library.asarray(x)
    if backend == "jax":
        import jax

        value = jax.jit(lambda p, y: eigcore.evaluate(spec, p, y))
        return lambda: value(p, y).block_until_ready()
    return lambda: eigcore.evaluate(spec, p, y)


def eigcore_gradient(
    spec: eigcore.EigSpec, backend: str, params: np.ndarray, x: np.ndarray
) -> Work:
    library = eigcore.get_backend(backend)
    p, y = library.asarray(params), library.asarray(x)
    if backend == "torch":
        import torch

        p.requires_grad_()
        y.requires_grad_()
        return lambda: torch.autograd.grad(eigcore.evaluate(spec, p, y).sum(), (p, y))
    if backend == "jax":
        import jax

        gradient = jax.jit(
            jax.value_and_grad(lambda p, y: eigcore.evaluate(spec, p, y).sum(), argnums=(0, 1))
        )
        return lambda: jax.block_until_ready(gradient(p, y))
    ones = np.ones(len(x), x.dtype)
    return lambda: eigcore.vjp(spec, p, y)[1](ones)


PLAIN = {
    ("numpy", "value"): numpy_value,
    ("numpy", "gradient"): numpy_gradient,
    ("torch", "value"): torch_value,
    ("torch", "gradient"): torch_gradient,
    ("jax", "value"): jax_value,
    ("jax", "gradient"): jax_gradient,
}
OURS = {"value": eigcore_value, "gradient": eigcore_gradient}
