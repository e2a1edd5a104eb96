"""The Hessian of a generalised linear model: from its loss, response and vectors to its law."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput
from eigcore.rmt.batch import batches
from eigcore.rmt.glm_parts import parts_of, plane_of
from eigcore.rmt.hessian import HessianLaw
from eigcore.rmt.inputs import check_ratio, check_spectrum, floats, numbers, on_host
from eigcore.rmt.losses import Loss, as_loss
from eigcore.rmt.real_axis import grouped
from eigcore.rmt.responses import Response, as_response
from eigcore.rmt.sampled import Model


@batches(mu=1, w_star=1, w=1, c=0)
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
        variable and 0.35 for two, 0.01 and 0.12 if the second derivative is unbounded, and less for
        long w. Halve it to see how accurate a law is. Where the density of an unbounded spectrum
        is below 1e-3 of its highest, or 1e-2 of it for two variables, the nodes show as a comb.
    backend : str or Backend, optional

    Returns
    -------
    HessianLaw
        Or `Laws` of them: mu, w_star and w may be (b, p), and c (b,).

    Raises
    ------
    InvalidInput
        If the shapes differ, c is not positive, C is no covariance, or the loss has no finite
        second derivative.

    Examples
    --------
    >>> from eigcore import rmt
    >>> mean, zero = [0.8**0.5, 0.0], [0.0, 0.0]
    >>> law = rmt.hessian_glm("logistic", "logistic", mean, zero, zero, None, c=0.25)
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
    plane = plane_of(own, rotated, t, made.uses_response)
    parts = parts_of(own, made, smooth, plane, rotated, t, ratio, spacing)
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


def _curvature(backend: Backend, loss: Loss, response: Response) -> Any:
    """Return the function that draws g of samples."""

    def draw(s: np.ndarray, h: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        y = response.sample(backend, s, rng)
        return on_host(backend, loss.second(backend, backend.asarray(y), backend.asarray(h)))

    return draw
