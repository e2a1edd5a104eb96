"""The one solver of fixed-point equations: Newton where it helps, damping elsewhere.

The derivative is that of the implicit function theorem. It never passes through the iterations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.errors import NotConverged, NotSupported

Step = Callable[..., Array]
Test = Callable[[Array], Array]
ROUGH, FINE = 1e-7, 3e-4
"""Relative steps of the difference quotients of first and of fourth order."""

LARGEST = 1e9
"""Times 1 + |initial δ|, more than any δ; who runs away would have a small relative residual."""


def fixed_point(
    backend: Backend,
    step: Step,
    start: Array,
    parameters: tuple[Array, ...] = (),
    *,
    slope: Step | None = None,
    system: bool = False,
    inside: Test | None = None,
    tol: float = 1e-13,
    promised: float = 1e-10,
    most: int = 400,
    what: str = "fixed point",
) -> Array:
    """Return δ with step(δ, *parameters) = δ, for many equations at once.

    An equation takes the Newton step if that halves its residual and stays inside, and otherwise
    goes half of the way to step(δ). The residual is ‖step(δ) − δ‖∞ / (1 + ‖δ‖∞).

    Parameters
    ----------
    backend : Backend
    step : callable
        ``step(δ, *parameters)``, an array like δ; each equation sees its own entry only. For
        complex δ it is holomorphic.
    start : (...) array, or (..., k) array for systems
        The initial δ, real or complex, of the shape of the result.
    parameters : tuple of arrays
        Whatever the result is differentiated by; `step` takes nothing else that is followed.
    slope : callable, optional
        ``slope(δ, *parameters)``, the derivative of step by δ: (...), or (..., k, k) for systems.
        By default difference quotients.
    system : bool
        Whether the last axis of δ holds the k unknowns of one system.
    inside : callable, optional
        ``inside(δ)``, booleans like δ: where a Newton step may lead, such as Im δ > 0.
    tol, promised : float
        Residual at which the iteration ends, and the largest that may be left where rounding
        keeps it from getting there.
    most : int
        Number of iterations.
    what : str
        Name of the unknown in errors.

    Returns
    -------
    (...) or (..., k) array
        Its first and second derivatives by the parameters are right, in every framework; third
        ones are not.

    Raises
    ------
    NotConverged
        If a residual above `promised` is left.
    NotSupported
        If the numbers are symbols of a compiler, such as inside ``jax.jit``.
    """
    fixed = tuple(map(backend.detach, parameters))
    solver = _Solver(backend, step, fixed, slope, system, inside)
    found = solver.solve(backend.detach(start), tol, promised, most, what)
    if not backend.capabilities.autodiff or not parameters:
        return found
    jacobian = backend.detach(solver.jacobian(found, fine=True))
    for _ in range(2):
        # the chord step δ − J⁻¹F(δ, θ) with J held fixed: each gains one order of the derivative
        found = found - solver.divided(step(found, *parameters) - found, jacobian)
    return found


class Kept:
    """A function of an iterate that computes no equation anew where the iterate has not moved.

    Parameters
    ----------
    function : callable
        ``function(d, i)`` of iterates d (k, ...) of the equations i (k,), returns (k, j), on NumPy.
    """

    def __init__(self, function: Callable[[Any, Any], Any]):
        self.function = function
        self.kept: list[tuple[Any, Any]] = []

    def __call__(self, d: Any) -> Any:
        """Return the function of all iterates: (k, j)."""
        new, found = np.ones(len(d), bool), None
        for known, values in self.kept:
            same = new & (known == d).reshape(len(d), -1).all(axis=1)
            found = np.empty_like(values) if found is None else found
            found[same], new = values[same], new & ~same
        if new.any() or found is None:
            own = self.function(d[new], np.flatnonzero(new))
            found = np.empty((len(d), *own.shape[1:]), own.dtype) if found is None else found
            found[new] = own
        self.kept = [(d, found), *self.kept[:1]]
        return found


class _Solver:
    """The iteration on parameters that nothing follows."""

    def __init__(
        self,
        backend: Backend,
        step: Step,
        fixed: tuple[Array, ...],
        slope: Step | None,
        system: bool,
        inside: Test | None,
    ):
        self.backend, self.xp = backend, backend.xp
        self.step = lambda d: step(d, *fixed)
        self.slope = slope and (lambda d: slope(d, *fixed))
        self.system, self.inside, self.largest = system, inside, LARGEST

    def solve(self, d: Array, tol: float, promised: float, most: int, what: str) -> Array:
        """Return the solution from an initial δ, or raise."""
        self._check(image := self.step(d))
        self.largest = LARGEST * (1.0 + self._largest(self.xp.abs(d)))
        left = self.residual(d, image)
        best, since = float("inf"), 0
        for _ in range(most):
            worst = self._largest(left)
            best, since = (worst, 0) if worst < 0.9 * best else (best, since + 1)
            if worst <= tol or (worst <= promised and since > 5):
                break
            d, image, left = self._next(d, image, left, fine=since > 2)
        worst = self._largest(left)
        if not worst <= promised:
            raise NotConverged(
                f"The {what} has residual {worst:.1e} after {most} iterations; expected at most "
                f"{promised:.0e}. Move the argument off the edges of the support, or pass a nearer "
                "initial value."
            )
        return d

    def _next(self, d: Array, image: Array, left: Array, fine: bool) -> tuple[Array, Array, Array]:
        """Return δ, step(δ) and the residual after one iteration; a residual at rounding stays."""
        xp = self.xp
        newton = d - self.divided(image - d, self.jacobian(d, fine))
        newton = xp.where(left < 1e-15, d, newton)
        new_image = self.step(newton)
        new_left = self.residual(newton, new_image)
        better = (new_left < 0.5 * left) | ((left < 1e-13) & (new_left <= left))
        if self.inside is not None:
            allowed = self.inside(newton)
            better = better & (xp.all(allowed, axis=-1, keepdims=True) if self.system else allowed)
        done = left < 1e-13
        if self.backend.is_concrete(better) and not bool(xp.all(better | done)):
            damped = xp.where(better, newton, xp.where(done, d, 0.5 * (d + image)))
            damped_image = self.step(damped)
            return damped, damped_image, self.residual(damped, damped_image)
        return (
            xp.where(better, newton, d),
            xp.where(better, new_image, image),
            xp.where(better, new_left, left),
        )

    def residual(self, d: Array, image: Array) -> Array:
        """Return the residual of each equation, infinite where δ is no number or runs away."""
        xp = self.xp
        gap, size = xp.abs(image - d), xp.abs(d)
        if self.system:
            gap = xp.max(gap, axis=-1, keepdims=True)
            size = xp.max(size, axis=-1, keepdims=True)
        found = gap / (1 + size)
        return xp.where(xp.isfinite(found) & (size < self.largest), found, float("inf"))

    def jacobian(self, d: Array, fine: bool = False) -> Array:
        """Return the derivative of step(δ) − δ: like δ, or (..., k, k) for systems."""
        if not self.system:
            found = self.slope(d) if self.slope else self._quotient(d, 1.0, fine)
            return found - 1.0
        k = d.shape[-1]
        eye = self.backend.asarray([[float(i == j) for j in range(k)] for i in range(k)], like=d)
        if self.slope:
            return self.slope(d) - eye
        columns = [self._quotient(d, eye[j, :], fine) for j in range(k)]
        return self.xp.stack(columns, axis=-1) - eye

    def _quotient(self, d: Array, along: Any, fine: bool) -> Array:
        """Return the derivative of step along one unknown, by differences."""
        size = self.xp.abs(d)
        if self.system:
            size = self.xp.sum(size * self.xp.abs(along), axis=-1, keepdims=True)
        h = (FINE if fine else ROUGH) * (size + 1e-3)
        if not fine:
            return (self.step(d + h * along) - self.step(d)) / h
        near = self.step(d + h * along) - self.step(d - h * along)
        far = self.step(d + 2 * h * along) - self.step(d - 2 * h * along)
        return (8 * near - far) / (12 * h)

    def divided(self, value: Array, jacobian: Array) -> Array:
        """Return J⁻¹ value."""
        if not self.system:
            return value / jacobian
        return self.xp.linalg.solve(jacobian, value[..., None])[..., 0]

    def _largest(self, left: Array) -> float:
        return float(self.xp.max(left)) if 0 not in left.shape else 0.0

    def _check(self, image: Array) -> None:
        if not self.backend.is_concrete(image):
            raise NotSupported(
                "A fixed point was asked for inside compiled code, where the number of iterations "
                "cannot depend on numbers. Call it outside jax.jit; jax.grad and jax.jacobian work."
            )
