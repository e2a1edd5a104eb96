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
    directions = [rng.normal(size=arrays[number].shape) for number in followed]
    slopes = [
        _difference(function, arrays, number, step * direction) / step
        for number, direction in zip(followed, directions, strict=True)
    ]
    for name in BACKENDS[1:]:
        given = [on(name, a) for a in arrays]

        def of_followed(*moved, given=given):
            own = dict(zip(followed, moved, strict=True))
            return function(*(own.get(number, a) for number, a in enumerate(given)))

        gradients = eigcore.get_backend(name).gradient(of_followed, *(given[n] for n in followed))
        found = [float(np.sum(host(g) * d)) for g, d in zip(gradients, directions, strict=True)]
        np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-8, err_msg=name)


def _difference(function, arrays, number, move):
    def at(k):
        moved = list(arrays)
        moved[number] = arrays[number] + k * move
        return float(function(*moved))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12
