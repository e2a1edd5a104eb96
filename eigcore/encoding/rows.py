"""Encoded rows of a table, made once and evaluated many times during training."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import Rule, matrix, packed_gradient, rule_of
from eigcore.core.sources import Answer, Bins, Encoded, Pencil, Want
from eigcore.core.spec import EigSpec
from eigcore.core.spectrum import Spectrum, spectrum
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding.bins import bins
from eigcore.encoding.encoding import Encoding
from eigcore.encoding.read import checked
from eigcore.errors import InvalidInput

Pullback = Callable[[Array], Array]


class Rows:
    """Rows of a table, encoded for one backend and element type.

    Parameters
    ----------
    encoding : Encoding
    numbers : (N, columns) array
        As from `Encoding.table`, with codes; encoded in float64 whatever the dtype.
    backend : str or Backend, optional
        Default: the default backend.
    dtype : str

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `Encoding.table`.
    """

    def __init__(
        self,
        encoding: Encoding,
        numbers: Any,
        backend: str | Backend | None = None,
        dtype: str = "float64",
    ) -> None:
        self.encoding, self.dtype = encoding, dtype
        self.numbers = checked(encoding, numbers)
        self.backend = get_backend(backend)

    @cached_property
    def terms(self) -> Array:
        """Terms (N, terms), an array of the backend."""
        if self.bins is not None:
            return self._array(self.bins.dense(self.encoding.terms))
        return self._array(self.encoding(self.numbers, get_backend("numpy"), codes=True))

    @cached_property
    def bins(self) -> Bins | None:
        """The `Bins` of the cells in the dtype of the rows; None if the encoding has none."""
        found = bins(self.encoding, self.numbers)
        return found and found._replace(fractions=found.fractions.astype(self.dtype))

    def part(self, rows: np.ndarray) -> Rows:
        """Return some of the rows, row numbers (n,)."""
        other = Rows(self.encoding, self.numbers[rows], self.backend, self.dtype)
        if self.bins is not None:
            other.bins = self.bins.part(rows)
        return other

    def values(self, spec: EigSpec, params: Any) -> np.ndarray:
        """Return the values of a model, NumPy (N,) or (N, m), without the pullback; see `vjp`."""
        rule, host = rule_of(spec), self._checked(spec, np.asarray(params, self.dtype))
        parts = [self._kernel(rule, host[m : m + 1], "values") for m in range(spec.outputs)]
        if None in parts:
            found = self.backend.call(_values, (rule,), self._array(params), self.terms)
            return self.backend.to_numpy(found)
        columns = [part.values for part in parts if part is not None]
        return np.stack(columns, axis=-1) if columns[1:] else columns[0]

    def vjp(self, spec: EigSpec, params: Any) -> tuple[Array, Pullback]:
        """Return the values of a model and their pullback to the parameters.

        Parameters
        ----------
        spec : EigSpec
        params : (m, terms + 1, K) array

        Returns
        -------
        values : (N,) or (N, m) array of the backend; not finite where the parameters overflow
        pullback : callable
            Takes a cotangent g of the shape of `values`, returns d_params of that of `params`.

        Raises
        ------
        InvalidInput
            If the shape of `params` is not ``spec.params_shape``, or has another number of terms.
        """
        params, rule = self._checked(spec, self._array(params)), rule_of(spec)
        found = self._kernel(rule, params, "pullback") if spec.outputs == 1 else None
        if found is None or found.pullback is None:
            return self._composed(rule, params)
        pull = found.pullback
        return found.values, lambda g: pull(self._array(g))[0]

    def spectrum(self, spec: EigSpec, params: Any) -> tuple[Array, Pullback]:
        """Return all eigenvalues of one pencil and their pullback; the functional does not count.

        Parameters and errors as for `vjp`, with m = 1.

        Returns
        -------
        values : (N, d) array of the backend, ascending
        pullback : callable
            Takes a cotangent g (N, d), returns d_params (1, terms + 1, K).
        """
        params, backend, terms = self._checked(spec, self._array(params)), self.backend, self.terms
        rules = rule_of(spec), spectrum(spec.dim, 0, spec.dim - 1)
        values, frame = backend.call(_spectrum, rules, params, terms)

        def pullback(g: Array) -> Array:
            return backend.call(_pulled_spectrum, rules, params, terms, frame, self._array(g))

        return values, pullback

    def _kernel(self, rule: Rule, params: Array, want: Want) -> Answer | None:
        if self.bins is None:
            return None
        return self.backend.kernel(rule, Encoded(self.bins, params), want)

    def _checked(self, spec: EigSpec, params: Array) -> Array:
        wanted = (spec.outputs, self.encoding.terms + 1, spec.packed_size)
        if tuple(params.shape) != wanted or spec.features != self.encoding.terms:
            raise InvalidInput(
                f"params should have the shape {wanted} of a spec with {self.encoding.terms} "
                f"features, one per term of the encoding; got {tuple(params.shape)} and "
                f"{spec.features} features. Write EigSpec(features=encoding.terms, ...)."
            )
        return params

    def _composed(self, rule: Rule, params: Array) -> tuple[Array, Pullback]:
        backend, terms = self.backend, self.terms
        values, gradient = backend.call(_values_and_gradient, (rule,), params, terms)

        def pullback(g: Array) -> Array:
            return backend.call(_pulled_back, (rule,), params, terms, gradient, self._array(g))

        return values, pullback

    def _array(self, a: Any) -> Array:
        return self.backend.detach(self.backend.asarray(a, dtype=self.dtype))


def kernel_serves(spec: EigSpec, backend: str | Backend) -> bool:
    """Whether a kernel of the backend computes a pass over encoded rows."""
    nothing = Bins(np.zeros((0, 1), np.int32), np.zeros((0, 1)), (), ())
    source = Encoded(nothing, np.zeros((1, 2, spec.packed_size)))
    return get_backend(backend).kernel(rule_of(spec), source, "values") is not None


def _values(backend: Backend, rule: Rule, params: Array, x: Array) -> Array:
    return rule.solve(backend, Pencil(params, x), "values").values


def _values_and_gradient(
    backend: Backend, rule: Rule, params: Array, x: Array
) -> tuple[Array, Array]:
    return rule.value_and_gradient(backend, Pencil(params, x).assembled(backend))


def _spectrum(
    backend: Backend, rule: Rule, whole: Spectrum, params: Array, x: Array
) -> tuple[Array, Array]:
    packed = Pencil(params, x).assembled(backend)
    return whole.value_and_gradient(backend, matrix(backend, rule.layout, packed))


def _pulled_spectrum(
    backend: Backend,
    rule: Rule,
    whole: Spectrum,
    params: Array,
    x: Array,
    frame: Array,
    g: Array,
) -> Array:
    packed = packed_gradient(backend, rule.layout, whole.cotangent(backend, frame, g))
    return Pencil(params, x).pulled_back(backend, packed, with_x=False)[0]


def _pulled_back(
    backend: Backend, rule: Rule, params: Array, x: Array, gradient: Array, g: Array
) -> Array:
    d_p = rule.cotangent(backend, gradient, g)
    return Pencil(params, x).pulled_back(backend, d_p, with_x=False)[0]
