"""The averages of a Hessian: nodes of g with the moments of x along w and w*."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.rmt.gaussian import gaussian_nodes
from eigcore.rmt.hessian_equation import Parts
from eigcore.rmt.inputs import floats, on_host
from eigcore.rmt.losses import Loss
from eigcore.rmt.responses import Response

SPACING, FINEST = {1: 0.25, 2: 0.35}, {1: 0.35, 2: 0.5}
"""Distance of nodes, in standard deviations of ξ and of s or h, by the number of variables."""
FOR_TAILS = {1: (0.01,), 2: (0.12, 0.12)}
"""The same along each variable for an unbounded g, whose nodes far out are eigenvalues one by one
unless they are dense: enough for densities above 1e-3 of the highest, for two variables 1e-2."""
FOR_LABELS = {1: (0.01,), 2: (0.01, 0.35)}
"""The same where g depends on h and on labels whose values are fixed."""
MANY = 8
"""Values of y from which on they fill the gaps between nodes."""
MOST = 10**7
"""Nodes at most."""
LIGHT = 1e-22
"""Weights of nodes below this are left out."""
PARALLEL = 1e-12
"""Squared sine below which w* counts as a multiple of w."""


class Plane(NamedTuple):
    """The plane of U = C^½[w, w*], with orthonormal axes E: (s, h) = means + L ξ.

    means : two () arrays
    L : (2, r), r ≤ 2; w* adds no axis if it is a multiple of w, nor does a vector that is 0
    columns : (p, r + 1), [μ, C^½ E], which spans what V = [μ, C w, C w*] spans
    """

    means: tuple[Array, Array]
    L: Array
    columns: Array


def plane_of(backend: Backend, vectors: Array, t: Array, uses_response: bool) -> Plane:
    """Return the plane of μ, w* and w (p, 3); w* belongs to it if g depends on the response."""
    xp = backend.xp
    mu, w_star, w = (vectors[:, i] for i in range(3))
    means = xp.sum(w_star * mu), xp.sum(w * mu)
    a, b, d = xp.sum(t * w * w), xp.sum(t * w * w_star), xp.sum(t * w_star * w_star)
    zero, columns, first = 0.0 * d, [mu], float(on_host(backend, a))
    left = d - b * b / a if first else d
    L = [[], []]
    if first:
        root = xp.sqrt(a)
        columns.append(t * w / root)
        L = [[b / root], [root]]
    if uses_response and float(on_host(backend, left)) > PARALLEL * float(on_host(backend, d)):
        rest = xp.sqrt(left)
        own = t * w_star - L[0][0] * columns[1] if first else t * w_star
        columns.append(own / rest)
        L = [[*L[0], rest], [*L[1], zero]]
    return Plane(means, _matrix(backend, L), xp.stack(columns, axis=-1))


def _matrix(backend: Backend, rows: list[list[Array]]) -> Array:
    if not rows[0]:
        return floats(backend, np.zeros((len(rows), 0)))
    return backend.xp.stack([backend.xp.stack(row) for row in rows])


def parts_of(
    backend: Backend, loss: Loss, response: Response, plane: Plane, vectors: Array, t: Array,
    c: Array, spacing: float | None,
) -> Parts:  # fmt: skip
    """Return the numbers of the equations."""
    xp, r = backend.xp, plane.L.shape[1]
    nodes, weights, merged = _grid(on_host(backend, plane.L), spacing, loss, response)
    xi, weight = floats(backend, nodes), floats(backend, weights)
    s, h = (m + xi @ row for m, row in zip(plane.means, (plane.L[0], plane.L[1]), strict=True))
    g, chance = response.curvatures(backend, loss, s, h)
    _check_curvature(on_host(backend, g), loss.name)
    score = xp.concat((xp.ones_like(weight)[:, None], xi), axis=-1)
    moment = (weight[:, None] * chance)[..., None, None] * (
        score[:, None, :, None] * score[:, None, None, :]
    )
    if merged:
        g = xp.reshape(g, (*merged, -1))[:, 0]
        moment = xp.sum(xp.reshape(moment, (*merged, *moment.shape[1:])), axis=1)
    value, moment = xp.reshape(g, (-1,)), xp.reshape(moment, (-1, r + 1, r + 1))
    own, share, gram = _geometry(backend, plane, vectors, t)
    precision = floats(backend, np.diag([0.0, *[1.0] * r]))
    return Parts(value, moment[:, 0, 0], moment, precision, own, share, gram, c)


def _grid(
    L: np.ndarray, spacing: float | None, loss: Loss, response: Response
) -> tuple[np.ndarray, np.ndarray, tuple[int, int] | None]:
    """Return nodes ξ (K, r), weights (K,), and the (k, K / k) nodes of which each row has one g.

    The rows are those of one h, if the response takes the same values for all s.
    """
    ends = [end for pair in loss.values or () for end in pair]
    unbounded = not np.isfinite(ends).all()
    fill = loss.uses_response and not response.fixed and _values(response) >= MANY
    tails = (FOR_LABELS if response.fixed else FOR_TAILS) if unbounded and not fill else None
    steps = _steps(L, spacing, tails)
    if math.prod(18.0 / step for step in steps) > MOST:
        raise InvalidInput(
            f"w and w_star span {np.abs(L).max():.3g} standard deviations, which takes more than "
            f"{MOST:.0e} nodes; expected shorter vectors. Divide them, or write spacing=0.1."
        )
    axes = [gaussian_nodes(step) for step in steps]
    nodes, weights = np.zeros((1, 0)), np.ones(1)
    for x, own in axes:
        count = len(nodes)
        nodes = np.column_stack([np.repeat(nodes, len(x), axis=0), np.tile(x, count)])
        weights = np.outer(weights, own).ravel()
    constant = loss.pieces is not None or _one_value(loss)
    if constant or (loss.uses_response and response.fixed):
        rows = len(axes[0][0]) if np.any(L[1]) and not constant else 1
        return nodes, weights, (rows, len(nodes) // rows)
    kept = weights > LIGHT
    return nodes[kept], weights[kept], None


def _one_value(loss: Loss) -> bool:
    return loss.values is not None and len({end for pair in loss.values for end in pair}) == 1


def _geometry(
    backend: Backend, plane: Plane, vectors: Array, t: Array
) -> tuple[Array, Array, Array]:
    """Return t, its shares, and the products of V and of the directions that are not zero."""
    xp = backend.xp
    lengths = on_host(backend, xp.sum(vectors * vectors, axis=0))
    directions = [vectors[:, i] for i in range(3) if lengths[i]]
    columns = [plane.columns[:, i] for i in range(plane.columns.shape[1])]
    all_columns = xp.stack([*columns, *directions], axis=-1)
    gram = all_columns[:, :, None] * all_columns[:, None, :]
    if t.shape[0] == 1:
        gram = xp.sum(gram, axis=0)[None]
    return t, floats(backend, np.full(t.shape[0], 1.0 / t.shape[0])), gram


def _values(response: Response) -> int:
    """Return the number of values of y that an average given s takes."""
    numpy = get_backend("numpy")
    return response.outcomes(numpy, np.zeros(1))[0].shape[-1]


def _steps(
    L: np.ndarray, spacing: float | None, tails: dict[int, tuple[float, ...]] | None
) -> tuple[float, ...]:
    """Return the distance of nodes along each variable: finer where s and h vary more."""
    if spacing is not None and not 0 < spacing <= 1:
        raise InvalidInput(f"spacing={spacing}; expected 0 < spacing ≤ 1, such as spacing=0.1.")
    r = L.shape[1]
    if spacing is not None:
        return (spacing,) * r
    if not r:
        return ()
    largest, own = (tails[r],) * 2 if tails else ((SPACING[r],) * r, (FINEST[r],) * r)
    lengths = np.maximum(np.abs(L).max(axis=0), 1e-300)
    return tuple(float(step) for step in np.minimum(largest, own / lengths))


def _check_curvature(g: np.ndarray, name: str) -> None:
    if not np.isfinite(g).all():
        raise InvalidInput(
            f"The second derivative of {name} is NaN or infinite at {np.sum(~np.isfinite(g))} of "
            f"{g.size} nodes; expected finite numbers. Make w or w_star shorter, or type: "
            "Loss(…).clipped(-10.0, 10.0)"
        )
    if not np.any(g):
        raise InvalidInput(
            f"The second derivative of {name} is 0 everywhere, so its Hessian is 0; expected a "
            'loss with curvature. Type: glm_loss("huber", threshold=0.1), or Loss(curvature=…)'
        )
