"""Train a model with JAX on all devices; each has its part of every batch.

    python docs/examples/train_sharded.py --output house.eig

With one device it finds the same numbers to rounding. To see eight on one machine, set
XLA_FLAGS=--xla_force_host_platform_device_count=8.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from eigcore import SpectralModel
from eigcore.fit import fit

STEPS, BATCH, ROWS, RATE = 20, 512, 4096, 0.1
WHOLE, PARTS = PartitionSpec(), PartitionSpec("rows")
jax.config.update("jax_enable_x64", True)


def table() -> tuple[np.ndarray, np.ndarray]:
    """Rows (ROWS, 3) and targets (ROWS,); every machine reads its own in earnest."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3))
    return x, np.abs(x[:, 0]) * x[:, 1] + np.tanh(x[:, 2]) + 0.1 * rng.normal(size=ROWS)


def distributed(apply, mesh):
    """Compile (params, x, y) -> mean squared error and its gradient.

    The rows are split by hand, once, around everything: to the compiler a kernel of eigcore-native
    is a black box, for which it would bring all rows together on every device.
    """

    def loss(params, x, y):
        return jnp.mean((apply(params, x) - y) ** 2)

    def part(params, x, y):
        return jax.lax.pmean(jax.value_and_grad(loss)(params, x, y), "rows")

    # JAX cannot check what a kernel's results depend on: https://docs.jax.dev/en/latest/ffi.html
    split = {"in_specs": (WHOLE, PARTS, PARTS), "out_specs": WHOLE, "check_vma": False}
    return jax.jit(jax.shard_map(part, mesh=mesh, **split))


def main() -> None:
    """Start from a quick fit on some rows, go on with gradient descent on all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", default="model.eig")
    output = parser.parse_args().output

    x, y = table()
    start = fit(x[:500], y[:500], dim=3, knots=8, members=2, penalty=1e-3, max_iter=1).model
    mesh = jax.make_mesh((jax.device_count(),), ("rows",))
    params, apply = start.to_jax()
    params = jax.device_put(params, NamedSharding(mesh, WHOLE))
    step = distributed(apply, mesh)
    for number in range(STEPS):
        batch = np.random.default_rng([1, number]).integers(ROWS, size=BATCH)
        rows = jax.device_put((x[batch], y[batch]), NamedSharding(mesh, PARTS))
        if number == 0:
            gathers = step.lower(params, *rows).compile().as_text().count(" all-gather(")
            print(f"{jax.device_count()} devices, {gathers} gathers")
        value, slope = step(params, *rows)
        params = jax.tree.map(lambda p, g: p - RATE * g, params, slope)
        print(f"step {number}: {value:.6f}")
    SpectralModel.from_jax(start.static, params).save(output)


if __name__ == "__main__":
    main()
