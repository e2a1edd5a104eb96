"""Laws that compare with reference values: from the definition, and from mpmath (50 digits)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import eigcore
from eigcore.testing import exact
from eigcore.testing.cases import MODELS, Case
from eigcore.testing.golden import Golden, Spectrum, stored
from eigcore.testing.kit import host, law, put
from eigcore.testing.tolerance import EPS, agree, bound


@dataclass(frozen=True)
class Stored(Case):
    """A golden vector in one dtype."""

    vector: Any = None


def _stored(kind: type, dtypes: tuple[str, ...]) -> tuple[Stored, ...]:
    return tuple(
        Stored(vector.name, dtype, vector.structure, vector)
        for vector in stored()
        if isinstance(vector, kind)
        for dtype in dtypes
    )


@law(MODELS)
def values_agree_with_the_definition(backend, case):
    """f(x) = φ(λ(A₀ + Σ xᵢ Aᵢ)), each functional written out for one matrix at a time."""
    arrays = put(backend, case.params, case.dtype), put(backend, case.x, case.dtype)
    got = host(backend, eigcore.evaluate(case.spec, *arrays, backend=backend))
    expected = exact.values(case.spec, case.params, case.x)
    agree("f", got, expected, bound(case.spec.dim, case.dtype, 2 * case.norm))


@law(_stored(Golden, ("float64", "float32")))
def golden_vectors_are_met(backend, case):
    """Values and gradients agree with those of mpmath (50 digits), for exact inputs."""
    vector: Golden = case.vector
    arrays = put(backend, vector.params, case.dtype), put(backend, vector.x, case.dtype)
    values, pullback = eigcore.vjp(vector.spec, *arrays, backend=backend)
    d_params, d_x = pullback(put(backend, vector.cotangent, case.dtype))
    plain = eigcore.evaluate(vector.spec, *arrays, backend=backend)
    d = vector.spec.dim
    allowed = bound(d, case.dtype, vector.norm)
    agree("f by evaluate", host(backend, plain), vector.values, allowed)
    agree("f by vjp", host(backend, values), vector.values, allowed)
    size = bound(d, case.dtype, vector.norm * max(1, 1 / vector.gap) * vector.cotangent.sum())
    agree("d_params", host(backend, d_params), vector.d_params, size)
    agree("d_x", host(backend, d_x), vector.d_x, size)


@law(_stored(Golden, ("float16", "bfloat16")))
def golden_vectors_are_met_in_half_precision(backend, case):
    """The stored inputs are exact in 16 bits; only the result is rounded to them."""
    vector: Golden = case.vector
    arrays = put(backend, vector.params, case.dtype), put(backend, vector.x, case.dtype)
    got = host(backend, eigcore.evaluate(vector.spec, *arrays, backend=backend))
    allowed = EPS[case.dtype] * abs(vector.values) + bound(vector.spec.dim, "float32", vector.norm)
    agree("f", got, vector.values, allowed)


@law(_stored(Spectrum, ("float64", "float32")))
def golden_spectra_are_met(backend, case):
    """Hard tridiagonal matrices: every eigenvalue within C·d·ε·‖T‖ of mpmath's."""
    vector: Spectrum = case.vector
    diag, off = (put(backend, np.array(a), case.dtype) for a in (vector.diag, vector.off))
    d = len(vector.diag)
    allowed = bound(d, case.dtype, abs(vector.values).max())
    got = host(backend, backend.eigenvalues_tridiagonal(diag, off, 0, d - 1))
    agree("λ of bands", got, vector.values, allowed)
    M = put(backend, vector.matrix, case.dtype)
    agree("λ", host(backend, backend.eigenvalues(M, 0, d - 1)), vector.values, allowed)
