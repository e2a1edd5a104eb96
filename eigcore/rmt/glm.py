"""The Hessian of a generalised linear model: from its loss, response and vectors to its law."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.gaussian import gaussian_nodes
from eigcore.rmt.hessian import HessianLaw
from eigcore.rmt.hessian_equation import Parts
from eigcore.rmt.inputs import check_ratio, check_spectrum, floats, numbers, on_host
from eigcore.rmt.losses import Loss, as_loss
from eigcore.rmt.real_axis import grouped
from eigcore.rmt.responses import Response, as_response
from eigcore.rmt.sampled import Model

SPACING = {1: 0.25, 2: 0.35}
"""Distance of nodes, in standard deviations, by the number of variables."""
LIGHT = 1e-22
"""Weights of nodes below this are left out."""
PARALLEL = 1e-12
"""Squared sine below which w* counts as a multiple of w."""


def hessian_glm(
    loss: Any,
    response: Any,
    mu: Any,
    w_star: Any,
    w: Any,
    covariance: Any,
    c: Any,
    *,
    spacing: float | None = None,
    backend: str | Backend | None = None,
) -> HessianLaw:
    """Return the law of the Hessian (1/n) Σ ℓ″(yᵢ, wᵀxᵢ) xᵢxᵢᵀ for xᵢ ~ N(μ, C), yᵢ given w*ᵀxᵢ.

    Liao and Mahoney, Hessian Eigenspectra of More Realistic Nonlinear Models (arXiv:2103.01519),
    Theorems 1 to 4.

    Parameters
    ----------
    loss : str, Loss, or function ℓ(y, h)
        See `glm_loss`; the backend differentiates a function twice.
    response : str, Response, or function of s = w*ᵀx
        See `glm_response`; a function returns y (K,), or y and probabilities (K, m).
    mu : (p,) array or None
        Mean of x; None is 0.
    w_star, w : (p,) array
        The vector behind the responses, and the one at which the Hessian is taken.
    covariance : None, number, (p,) array, pair, or (p, p) array
        C: the identity, a multiple of it, its eigenvalues along the axes, (eigenvalues, basis) with
        eigenvectors in columns, or a matrix. Laws are not differentiated by a matrix.
    c : float
        Limit of p / n.
    spacing : float, optional
        Distance of the nodes of Gaussian averages, in standard deviations; by default 0.25 for one
        variable and 0.35 for two, and less for long w. Halve it to see how accurate a law is.
    backend : str or Backend, optional

    Returns
    -------
    HessianLaw

    Raises
    ------
    InvalidInput
        If the shapes differ, c is not positive, C is no covariance, or the loss has no finite second
        derivative.

    Examples
    --------
    >>> from eigcore import rmt
    >>> law = rmt.hessian_glm("logistic", "logistic", [0.8**0.5, 0.0], [0.0, 0.0], [0.0, 0.0], None, 0.25)
    >>> [round(float(spike), 6) for spike in law.spikes()]
    [0.590625]
    """
    made, smooth = as_loss(loss), as_response(response)
    given = [a for a in (mu, w_star, w) if a is not None]
    own, _ = numbers(backend, *given, c, *_arrays(covariance))
    ratio = floats(own, c)
    check_ratio(own, ratio)
    vectors = _vectors(own, mu, w_star, w)
    t, basis = _spectrum(own, covariance, vectors.shape[0])
    rotated = vectors if basis is None else own.xp.matrix_transpose(basis) @ vectors
    plane = _plane(own, rotated, t, made.uses_response)
    parts = _parts(own, made, smooth, plane, rotated, t, ratio, spacing)
    lengths = on_host(own, own.xp.sum(rotated * rotated, axis=0))
    names = [name for name, length in zip(("mu", "w_star", "w"), lengths, strict=True) if length]
    if not own.capabilities.autodiff:
        parts = grouped(parts)
    model = Model(
        own, plane.columns, t, basis, on_host(own, rotated), _curvature(own, made, smooth)
    )
    return HessianLaw(own, parts, made.values, tuple(names), model, made.name)


def _arrays(covariance: Any) -> tuple[Any, ...]:
    if covariance is None:
        return ()
    return covariance if isinstance(covariance, tuple) else (covariance,)


def _vectors(backend: Backend, mu: Any, w_star: Any, w: Any) -> Array:
    """Return μ, w* and w as the columns of a (p, 3) array."""
    w = floats(backend, w)
    each = [0.0 * w if mu is None else floats(backend, mu), floats(backend, w_star), w]
    shapes = [tuple(a.shape) for a in each]
    if len({*shapes}) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
        raise InvalidInput(
            f"mu, w_star and w have shapes {', '.join(map(str, shapes))}; expected three vectors "
            "(p,) of one length. Write mu=None if the mean is 0."
        )
    found = backend.xp.stack(each, axis=-1)
    if not np.isfinite(on_host(backend, found)).all():
        raise InvalidInput("mu, w_star or w holds NaN or infinity; expected finite numbers.")
    return found


def _spectrum(backend: Backend, covariance: Any, p: int) -> tuple[Array, Array | None]:
    """Return the eigenvalues of C, (p,) or (1,) if all are equal, and its basis or None."""
    if covariance is None:
        return floats(backend, [1.0]), None
    if isinstance(covariance, tuple):
        t, basis = (floats(backend, a) for a in covariance)
        _check_basis(on_host(backend, basis), p)
    else:
        t, basis = floats(backend, covariance), None
    if len(t.shape) == 0:
        t = t[None]
    elif len(t.shape) == 2:
        matrix = on_host(backend, t)
        if matrix.shape != (p, p) or not np.allclose(matrix, matrix.T, atol=1e-10):
            raise InvalidInput(
                f"covariance is a matrix of shape {matrix.shape}, symmetric: "
                f"{matrix.shape == matrix.T.shape and np.allclose(matrix, matrix.T)}; expected a "
                f"symmetric ({p}, {p}). Write covariance=(C + C.T) / 2."
            )
        values, vectors = np.linalg.eigh(matrix)
        values[np.abs(values) < 1e-12 * np.abs(values).max()] = 0.0
        t, basis = floats(backend, values), floats(backend, vectors)
    if t.shape[0] not in (1, p):
        raise InvalidInput(
            f"covariance has {t.shape[0]} eigenvalues, but the vectors have {p} coordinates; "
            "expected as many. Write covariance=None for the identity."
        )
    check_spectrum(backend, "covariance", t)
    return t, basis


def _check_basis(basis: np.ndarray, p: int) -> None:
    if basis.shape != (p, p) or not np.allclose(basis.T @ basis, np.eye(p), atol=1e-8):
        raise InvalidInput(
            f"The basis of the covariance has shape {basis.shape}; expected ({p}, {p}) with "
            "orthonormal columns. Type: covariance=tuple(numpy.linalg.eigh(C))"
        )


class _Plane(NamedTuple):
    """The plane of U = C^½[w, w*]: (s, h) = means + L ξ, and V = [μ, C w, C w*] without copies."""

    means: tuple[Array, Array]
    L: Array
    """(2, r), r ≤ 2."""
    inverse: Array
    """(r, r): U⁺z = inverse ξ."""
    columns: Array
    """(p, r + 1): V; w* adds nothing if it is a multiple of w, nor does a vector that is 0."""


def _plane(backend: Backend, vectors: Array, t: Array, uses_response: bool) -> _Plane:
    xp = backend.xp
    mu, w_star, w = (vectors[:, i] for i in range(3))
    means = xp.sum(w_star * mu), xp.sum(w * mu)
    a, b, d = xp.sum(t * w * w), xp.sum(t * w * w_star), xp.sum(t * w_star * w_star)
    zero, columns, first = 0.0 * d, [mu], float(on_host(backend, a))
    left = d - b * b / a if first else d
    two = uses_response and float(on_host(backend, left)) > PARALLEL * float(on_host(backend, d))
    if first:
        root = xp.sqrt(a)
        columns.append(t * w)
        L, inverse = [[b / root], [root]], [[1.0 / root]]
    else:
        L, inverse = [[], []], []
    if two:
        rest = xp.sqrt(left)
        columns.append(t * w_star)
        L = [[*L[0], rest], [*L[1], zero]]
        inverse = [[1.0 / root, -b / (a * rest)], [zero, 1.0 / rest]] if first else [[1.0 / rest]]
    return _Plane(
        means, _matrix(backend, L), _matrix(backend, inverse), xp.stack(columns, axis=-1)
    )


def _matrix(backend: Backend, rows: list[list[Array]]) -> Array:
    if not rows or not rows[0]:
        return floats(backend, np.zeros((len(rows), 0)))
    return backend.xp.stack([backend.xp.stack(row) for row in rows])


def _parts(
    backend: Backend, loss: Loss, response: Response, plane: _Plane, vectors: Array, t: Array,
    c: Array, spacing: float | None,
) -> Parts:  # fmt: skip
    """Return the numbers of the equations."""
    xp, r = backend.xp, plane.L.shape[1]
    nodes, weights, merged = _grid(on_host(backend, plane.L), spacing, loss, response)
    xi, weight = floats(backend, nodes), floats(backend, weights)
    s, h = (m + xi @ row for m, row in zip(plane.means, (plane.L[0], plane.L[1]), strict=True))
    g, chance = response.curvatures(backend, loss, s, h)
    _check_curvature(on_host(backend, g), loss.name)
    score = xp.concat((xp.ones_like(weight)[:, None], xi @ xp.matrix_transpose(plane.inverse)), -1)
    moment = (weight[:, None] * chance)[..., None, None] * (
        score[:, None, :, None] * score[:, None, None, :]
    )
    if merged:
        g = xp.reshape(g, (*merged, -1))[:, 0]
        moment = xp.sum(xp.reshape(moment, (*merged, *moment.shape[1:])), axis=1)
    value, moment = xp.reshape(g, (-1,)), xp.reshape(moment, (-1, r + 1, r + 1))
    shapes = _geometry(backend, plane, vectors, t)
    return Parts(value, moment[:, 0, 0], moment, _precision(backend, plane.inverse), *shapes, c)


def _grid(
    L: np.ndarray, spacing: float | None, loss: Loss, response: Response
) -> tuple[np.ndarray, np.ndarray, tuple[int, int] | None]:
    """Return nodes ξ (K, r), weights (K,), and the (k, K / k) nodes of which each row has one g.

    The rows are those of one h, if the response takes the same values for all s.
    """
    axes = [gaussian_nodes(step) for step in _steps(L, spacing)]
    nodes, weights = np.zeros((1, 0)), np.ones(1)
    for x, own in axes:
        count = len(nodes)
        nodes = np.column_stack([np.repeat(nodes, len(x), axis=0), np.tile(x, count)])
        weights = np.outer(weights, own).ravel()
    if loss.pieces is not None or (loss.uses_response and response.fixed):
        rows = len(axes[0][0]) if loss.pieces is None and np.any(L[1]) else 1
        return nodes, weights, (rows, len(nodes) // rows)
    kept = weights > LIGHT
    return nodes[kept], weights[kept], None


def _precision(backend: Backend, inverse: Array) -> Array:
    """Return 0 ⊕ (UᵀU)⁺ = 0 ⊕ inverse inverseᵀ."""
    r = inverse.shape[0]
    lift = floats(backend, np.eye(r + 1)[:, 1:])
    return lift @ inverse @ backend.xp.matrix_transpose(inverse) @ backend.xp.matrix_transpose(lift)


def _geometry(backend: Backend, plane: _Plane, vectors: Array, t: Array) -> tuple[Array, ...]:
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


def _steps(L: np.ndarray, spacing: float | None) -> tuple[float, ...]:
    """Return the distance of nodes along each variable: finer where s and h vary more."""
    if spacing is not None and not 0 < spacing <= 1:
        raise InvalidInput(f"spacing={spacing}; expected 0 < spacing ≤ 1, such as spacing=0.1.")
    r = L.shape[1]
    if spacing is not None:
        return (spacing,) * r
    finest = {1: 0.35, 2: 0.5}
    return tuple(min(SPACING[r], finest[r] / max(float(x), 1e-300)) for x in np.abs(L).max(axis=0))


def _check_curvature(g: np.ndarray, name: str) -> None:
    if not np.isfinite(g).all():
        raise InvalidInput(
            f"The second derivative of {name} is NaN or infinite at {np.sum(~np.isfinite(g))} of "
            f"{g.size} nodes; expected finite numbers. Make w or w_star shorter, or type: "
            "Loss(…).clipped(-10.0, 10.0)"
        )
    if not np.any(g):
        raise InvalidInput(
            f"The second derivative of {name} is 0 everywhere, so its Hessian is 0; expected a loss "
            'with curvature. Type: glm_loss("huber", threshold=0.1), or Loss(curvature=…)'
        )


def _curvature(backend: Backend, loss: Loss, response: Response) -> Any:
    """Return the function that draws g of samples."""

    def draw(s: np.ndarray, h: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        y = response.sample(backend, s, rng)
        return on_host(backend, loss.second(backend, backend.asarray(y), backend.asarray(h)))

    return draw
