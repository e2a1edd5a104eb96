"""One function on every backend: equal values, and gradients against finite differences."""

import numpy as np
from arrays import BACKENDS, host, on

import eigcore


def same_everywhere(function, *arrays, followed=None, step=1e-4):
    """Check a scalar function: values to 1e-10, gradients along random directions to 1e-6."""
    arrays = [np.asarray(a, float) for a in arrays]
    followed = range(len(arrays)) if followed is None else followed
    expected = float(function(*arrays))
    for name in BACKENDS:
        found = function(*(on(name, a) for a in arrays))
        np.testing.assert_allclose(host(found), expected, rtol=1e-10, atol=1e-12, err_msg=name)
    rng = np.random.default_rng(0)
    for number in followed:
        direction = rng.normal(size=arrays[number].shape)
        slope = _difference(function, arrays, number, step * direction) / step
        for name in BACKENDS[1:]:
            given = [on(name, a) for a in arrays]

            def alone(a, given=given, number=number):
                return function(*given[:number], a, *given[number + 1 :])

            (gradient,) = eigcore.get_backend(name).gradient(alone, given[number])
            found = float(np.sum(host(gradient) * direction))
            message = f"{name}, argument {number}"
            np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-8, err_msg=message)


def _difference(function, arrays, number, move):
    def at(k):
        moved = list(arrays)
        moved[number] = arrays[number] + k * move
        return float(function(*moved))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12
