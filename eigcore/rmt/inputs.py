"""What the room takes: numbers and arrays of one backend, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, NotSupported

RATIOS, SCALE, FARTHEST = (1e-12, 1e8), 1e60, 1e100
"""Of c; of eigenvalues, which are raised to the fourth power; of places on the real line."""


def numbers(backend: str | Backend | None, *values: Any) -> tuple[Backend, tuple[Array, ...]]:
    """Choose the backend of a call, and return its arguments as float64 arrays."""
    chosen = infer(*values, backend=backend)
    if off := chosen.switched_off("float64"):
        raise NotSupported(f"eigcore.rmt computes in float64. {off}")
    return chosen, tuple(floats(chosen, value) for value in values)


def floats(backend: Backend, value: Any) -> Array:
    """Return numbers as a float64 array of a backend."""
    if _is_complex(value):
        raise InvalidInput(
            f"Got complex numbers, such as {value!s:.60}; expected real ones. Take their real part."
        )
    try:
        return backend.asarray(value, dtype="float64")
    except (TypeError, ValueError, RuntimeError) as exc:
        raise InvalidInput(
            f"The {type(value).__name__} is no array of real numbers: {exc}. Expected a number, "
            "an array or a list."
        ) from exc


def _is_complex(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_is_complex, value))
    return isinstance(value, complex) or "complex" in str(getattr(value, "dtype", ""))


def on_host(backend: Backend, a: Array) -> Any:
    """Return the numbers of an array, which nothing follows, as a NumPy array."""
    a = backend.detach(a)
    if not backend.is_concrete(a):
        raise NotSupported(
            "A law was asked for inside compiled code, where its support cannot depend on numbers. "
            "Call it outside jax.jit and jax.vmap; jax.grad and jax.jacobian work, and an array of "
            "parameters makes many laws at once: marchenko_pastur(c) with c (b,)."
        )
    return np.asarray(backend.to_numpy(a))


def complexes(backend: Backend, value: Any) -> tuple[Array, bool]:
    """Return an argument z as a complex array, and whether it was real."""
    z = value if hasattr(value, "dtype") else np.asarray(value)
    z = backend.asarray(z)
    if "complex" in backend.dtype_name(z):
        return backend.asarray(z, dtype="complex128"), False
    return floats(backend, z) + 0j, True


def places_on_line(backend: Backend, value: Any) -> Array:
    """Return real places x, perhaps infinite, as a float64 array; raise InvalidInput for NaN."""
    x = floats(backend, value)
    if np.isnan(on_host(backend, x)).any():
        raise InvalidInput("x holds NaN; expected real numbers. Drop them: x[~numpy.isnan(x)]")
    return backend.xp.clip(x, -FARTHEST, FARTHEST)


def check_finite(z: np.ndarray) -> None:
    """Raise InvalidInput unless complex z (...) are finite, and powers of them are."""
    if not (np.abs(z) <= FARTHEST).all():
        raise InvalidInput(
            "z holds NaN, infinity or a modulus above 1e100; expected finite numbers, such as "
            "z=-1.0."
        )


def check_outside(x: np.ndarray, intervals: list[tuple[float, float]]) -> None:
    """Raise InvalidInput unless real places (k,) lie outside of intervals."""
    for lo, hi in intervals:
        bad = x[(x >= lo) & (x <= hi)]
        if bad.size:
            raise InvalidInput(
                f"z = {bad[0]:.9g} lies on the support, in [{lo:.9g}, {hi:.9g}]; expected a "
                "complex z, or a real one off the support. Type law.density(x) for the "
                "density, or law.stieltjes(x + 1e-3j)."
            )


def check_scale(name: str, found: np.ndarray) -> None:
    """Raise InvalidInput if the largest number is so large or small that its powers are not."""
    largest = np.abs(found).max(initial=0.0)
    if largest and not SCALE**-1 <= largest <= SCALE:
        raise InvalidInput(
            f"The largest of {name} is {largest:.3g}; expected 1e-60 to 1e60, since powers of it "
            f"are computed. Divide by it: {name} / {largest:.3g}, and multiply the spectrum."
        )


def check_ratio(backend: Backend, c: Array) -> None:
    """Raise InvalidInput unless c = p / n is one positive number."""
    value = on_host(backend, c)
    if value.shape != () or not value > 0 or not RATIOS[0] <= value <= RATIOS[1]:
        raise InvalidInput(
            f"c is {value.tolist()}; expected one positive number, the ratio p / n of dimension to "
            "samples, from 1e-12 to 1e8, or a vector of them for as many laws. Write c=0.5."
        )


def check_count(name: str, value: Any, least: int) -> None:
    """Raise InvalidInput unless a value is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInput(
            f"{name} is {value!r}; expected an integer of at least {least}. "
            f"Write {name}={max(least, 4)}."
        )


def check_rng(rng: Any) -> None:
    """Raise InvalidInput unless a value is a generator of NumPy."""
    if not isinstance(rng, np.random.Generator):
        raise InvalidInput(
            f"rng is {rng!r:.60}; expected a generator. Write rng=numpy.random.default_rng(0)."
        )


def check_bounded(name: str, hull: tuple[float, float], asked: str) -> None:
    """Raise InvalidInput unless the spectrum of a law is bounded."""
    if not np.isfinite(hull).all():
        raise InvalidInput(
            f"The {name} reaches from {hull[0]:.6g} to {hull[1]:.6g}, and its {asked} is found "
            "here for bounded spectra only. Type law.density(x) for the density, or bound the "
            "second derivative: glm_loss(…).clipped(-10.0, 10.0)"
        )


def check_positive(backend: Backend, name: str, value: Array) -> None:
    """Raise InvalidInput unless a number is positive."""
    found = on_host(backend, value)
    if found.shape != () or not np.isfinite(found) or found <= 0:
        raise InvalidInput(
            f"{name} is {found.tolist()}; expected one positive number. Write {name}=1.0."
        )
    check_scale(name, found)


def check_spectrum(backend: Backend, name: str, values: Array) -> None:
    """Raise InvalidInput unless values are the eigenvalues of a covariance, not all zero."""
    check_eigenvalues(name, on_host(backend, values))


def check_eigenvalues(name: str, found: np.ndarray) -> None:
    """Raise InvalidInput unless numbers are the eigenvalues of a covariance, not all zero."""
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise InvalidInput(
            f"{name} has shape {found.shape}; expected a vector (p,) of finite eigenvalues. Write "
            f"{name}=numpy.linalg.eigvalsh(C)."
        )
    if found.min() < 0 or found.max() <= 0:
        raise InvalidInput(
            f"{name} reaches from {found.min():.3g} to {found.max():.3g}; expected the eigenvalues "
            "of a covariance: none negative, and not all zero. Write "
            f"{name}=numpy.clip({name}, 0, None) if rounding made them negative."
        )
    check_scale(name, found)
    least = found[found > 0].min()
    if least < found.max() / SCALE:
        raise InvalidInput(
            f"{name} reaches from {least:.3g} to {found.max():.3g}; expected positive ones within "
            f"a factor of 1e60. Write {name}=numpy.where({name} < {found.max() / SCALE:.3g}, 0, "
            f"{name})."
        )
