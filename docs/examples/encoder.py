"""Matrices predicted by another network, in JAX: ``python docs/examples/encoder.py``.

Demand depends on the price and on the last 24 hours. A network reads the hours and gives z; the
pencil is A(z) − price · L(z) L(z)ᵀ, so that demand falls with the price for any hours and any
weights of the network, trained or not.
"""

import jax
import jax.numpy as jnp
import optax
from eigcore_jax import spectral_layer

HOURS, WIDTH = 24, 8
init, apply = spectral_layer(1, 1, dim=5, context=WIDTH, monotone=(-1,))


def data(key, rows):
    """Return hours (rows, 24), price (rows, 1) and demand (rows,)."""
    one, two, three = jax.random.split(key, 3)
    phase = jax.random.uniform(one, (rows, 1), maxval=2 * jnp.pi)
    hours = jnp.sin(2 * jnp.pi * jnp.arange(HOURS) / HOURS + phase)
    hours = hours + 0.1 * jax.random.normal(two, hours.shape)
    price = jax.random.normal(three, (rows, 1))
    steep = 2 + 1.5 * jnp.sin(phase)
    demand = 2 * jax.nn.sigmoid(-steep * (price - jnp.cos(phase)))
    return hours, price, demand[:, 0]


def start(key):
    """Return the weights of the encoder, and the parameters of the layer on top."""
    one, two, three = jax.random.split(key, 3)
    return {
        "hidden": jax.random.normal(one, (HOURS, 32)) / HOURS**0.5,
        "context": jax.random.normal(two, (32, WIDTH)) / 32**0.5,
        "layer": init(three),
    }


@jax.jit
def predict(params, hours, price):
    """Return demand (rows,)."""
    z = jnp.tanh(hours @ params["hidden"]) @ params["context"]
    return apply(params["layer"], price, context=z)[:, 0]


def rises(params, hours, prices=200):
    """Return by how much demand rises at most between neighbours on a grid of prices."""
    grid = jnp.linspace(-4, 4, prices)
    curves = jax.vmap(lambda p: predict(params, hours, jnp.full((len(hours), 1), p)))(grid)
    return float(jnp.maximum(jnp.diff(curves, axis=0), 0).max())


def main(rows=1000, steps=300, seed=0):
    """Return 1 − R² on new rows, and the largest rise of demand before and after training."""
    key, new = jax.random.split(jax.random.key(seed))
    hours, price, demand = data(key, rows)
    params = start(key)
    untrained = rises(params, hours[:50])
    adam = optax.adam(optax.cosine_decay_schedule(0.01, steps))

    @jax.jit
    def step(params, state):
        def error(params):
            return ((predict(params, hours, price) - demand) ** 2).mean()

        updates, state = adam.update(jax.grad(error)(params), state, params)
        return optax.apply_updates(params, updates), state

    state = adam.init(params)
    for _ in range(steps):
        params, state = step(params, state)
    hours, price, demand = data(new, rows)
    error = ((predict(params, hours, price) - demand) ** 2).mean() / demand.var()
    return float(error), untrained, rises(params, hours[:50])


if __name__ == "__main__":
    error, before, after = main()
    print(f"1 - R² on new rows {error:.3f}; largest rise of demand {before:.1e}, then {after:.1e}")
