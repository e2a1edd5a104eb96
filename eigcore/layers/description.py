"""What a layer computes, on any backend.

A layer has pencils M(x) = A_0 + Σ x_i A_i, those of an `EigSpec` with one output per pencil, and
takes one or several eigenvalues of each. Three things come on top of `eigcore.evaluate`:

- monotone terms: a matrix that is promised to be semidefinite is ±L Lᵀ, and the entries of the
  lower triangular L are stored in its place (a banded matrix has a factor in the same band);
- categories: ids and values, M = A_0 + Σ_s value_s · C_(id_s), only the touched C are gathered;
- a context z, the output of another network: all stored numbers are affine functions of z.

There is no calculus here: derivatives are those of `eigcore.core.rules` and of the framework.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api import evaluate_packed
from eigcore.core import rules, sources
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput, InvalidSpec, NotSupported
from eigcore.guarantees.slopes import shape_of
from eigcore.model import SpectralModel

Array = Any


@dataclass(frozen=True)
class Layer:
    """The description of a layer, without parameters; hashable. Made by `layer`.

    Parameters
    ----------
    specs : tuple of EigSpec
        One per eigenvalue taken of every pencil; equal but for the index.
    categories : int
        Number of further matrices, addressed by ids.
    context : int
        Size of z; 0 for none.

    Raises
    ------
    InvalidSpec
        If the parts contradict each other.
    """

    specs: tuple[EigSpec, ...]
    categories: int = 0
    context: int = 0

    def __post_init__(self) -> None:
        # filled here, because torch.compile cannot follow the lock of a cached property
        # (https://github.com/python/cpython/issues/87634)
        for spec in self.specs:
            _ = spec.packed_size, spec.layout.gather, spec.layout.scatter
        for name in ("categories", "context"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidSpec(f"{name} is {value!r}; expected an integer of at least 0.")
        if not self.spec.features and (self.context or not self.categories):
            raise InvalidSpec(
                "features is 0; expected at least 1, or categories instead. To take z alone, write "
                "features=... for its size and leave context out."
            )
        if self.context and self.categories:
            raise InvalidSpec(
                f"context={self.context} and categories={self.categories} were given; expected one "
                "of them. Embed the categories in the network that makes the context."
            )
        if any(self.spec.monotone) and not shape_of(self.spec).monotone:
            raise InvalidSpec(
                "monotone was given, but the weights have a negative entry, so that semidefinite "
                "matrices do not make the layer monotone. Expected weights >= 0."
            )

    @property
    def spec(self) -> EigSpec:
        """Spec of the pencils, with the first index."""
        return self.specs[0]

    @property
    def outputs(self) -> int:
        """Number of values: pencil by pencil, and within a pencil in the order of the indices."""
        return self.spec.outputs * len(self.specs)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters.

        "matrices" : (pencils, features + 1, K); with a context, where each of these numbers has
            its coefficients, (pencils · (features + 1), context + 1, K), the constant first
        "embedding" : (categories, pencils, K), if there are categories
        "bias" : (outputs,), if A_0 cannot move the mean of each output
        """
        pencils, rows, size = self.spec.params_shape
        shapes: dict[str, tuple[int, ...]] = {"matrices": (pencils, rows, size)}
        if self.context:
            shapes["matrices"] = (pencils * rows, self.context + 1, size)
        if self.categories:
            shapes["embedding"] = (self.categories, pencils, size)
        if len(self.specs) > 1 or self.spec.functional == "weighted":
            shapes["bias"] = (self.outputs,)
        return shapes

    def apply(
        self,
        params: Mapping[str, Array],
        x: Array | None = None,
        *,
        ids: Array | None = None,
        values: Array | None = None,
        context: Array | None = None,
    ) -> Array:
        """Return the outputs, (..., outputs).

        Parameters
        ----------
        params : mapping of arrays with the names and shapes of `shapes`
            float16 and bfloat16 are computed in float32.
        x : (..., features) array
            Left out where there are no features.
        ids : (..., s) array of int64 or int32, 0 ≤ id < categories
        values : (..., s) array, optional
            Factors of the matrices of these ids; default one. Zero means that there is none.
        context : (..., context) array
            z; its leading axes broadcast with those of x.

        Raises
        ------
        InvalidInput, NonFiniteInput
            On an array that is missing, not taken by the layer or of a wrong shape, dtype or
            library, on unknown ids, and if rows are not finite. Compiled functions return NaN
            for unknown ids and rows that are not finite.
        """
        given = {"x": x, "ids": ids, "values": values, "context": context}
        given = {name: a for name, a in given.items() if a is not None}
        backend = infer(*params.values(), *given.values())
        self._check(params, given)
        name = backend.dtype_name(params["matrices"])
        if "16" not in name:
            return self._outputs(backend, params, **given)
        wide = {
            key: a if key == "ids" else backend.asarray(a, dtype="float32")
            for key, a in {**params, **given}.items()
        }
        params, given = ({key: wide[key] for key in named} for named in (params, given))
        return backend.asarray(self._outputs(backend, params, **given), dtype=name)

    def model(self, params: Mapping[str, Any]) -> SpectralModel:
        """Return a layer of numbers alone as a model: predict, certify, explain, save.

        Parameters
        ----------
        params : mapping with "matrices", a NumPy array

        Raises
        ------
        NotSupported
            If the layer has categories, a context, or several eigenvalues of one pencil.
        """
        if self.context or set(self.shapes) != {"matrices"}:
            raise NotSupported(
                "A model file holds pencils of columns with one eigenvalue each; this layer has "
                "categories, a context or a bias. Save its parameters with the framework."
            )
        matrices = np.asarray(params["matrices"], dtype=np.float64)
        return SpectralModel(None, [(self.spec, self._pencils(infer(matrices), matrices))])

    def _check(self, params: Mapping[str, Array], given: Mapping[str, Array]) -> None:
        shapes = {name: tuple(a.shape) for name, a in params.items()}
        if shapes != self.shapes:
            raise InvalidInput(f"The parameters should have shapes {self.shapes}; got {shapes}.")
        sizes = {"x": self.spec.features, "context": self.context, "ids": self.categories}
        for name, size in sizes.items():
            if name in given and not size and name != "x":
                raise InvalidInput(f"{name} was given, but the layer takes none. Leave it out.")
            if name not in given and size:
                raise InvalidInput(f"{name} is missing. Write layer(..., {name}={name}).")
            if name in given and name != "ids" and tuple(given[name].shape[-1:]) != (size,):
                raise InvalidInput(
                    f"{name} should have trailing shape ({size},); got {tuple(given[name].shape)}."
                )
        if "values" in given and (
            "ids" not in given or given["values"].shape != given["ids"].shape
        ):
            raise InvalidInput("values should have the shape of ids, one factor for each.")
        kind = params["matrices"].dtype
        for name, a in given.items():
            if name != "ids" and a.dtype != kind:
                raise InvalidInput(
                    f"{name} has dtype {a.dtype}, the parameters {kind}. Convert one of them, "
                    "eigcore changes no dtype on its own."
                )

    def _outputs(self, backend: Backend, params: Mapping[str, Array], **given: Array) -> Array:
        packed = self._predicted if self.context else self._assembled
        p = packed(backend, params, **given)
        found = [evaluate_packed(spec, p)[..., None] for spec in self.specs]
        y = backend.xp.concat(found, axis=-1)
        y = backend.xp.reshape(y, (*y.shape[:-2], self.outputs))
        return y + params["bias"] if "bias" in params else y

    def _assembled(
        self,
        backend: Backend,
        params: Mapping[str, Array],
        x: Any = None,
        ids: Any = None,
        values: Any = None,
    ) -> Array:
        """M(x) packed: (..., pencils, K)."""
        pencils = self._pencils(backend, params["matrices"])
        p = pencils[:, 0, :]
        if x is not None:
            p = sources.assemble(backend.xp, pencils, x)
            p = p[..., None, :] if self.spec.outputs == 1 else p
        if ids is None:
            return p
        ids, factors = self._known(backend, ids, p)
        factors = factors if values is None else factors * values
        xp, table = backend.xp, params["embedding"]
        count, size = table.shape[0], math.prod(table.shape[1:])
        rows = xp.take(xp.reshape(table, (count, size)), xp.reshape(ids, (-1,)), axis=0)
        rows = xp.reshape(rows, (*ids.shape, size))
        total = (factors[..., None, :] @ rows)[..., 0, :]
        return p + xp.reshape(total, (*total.shape[:-1], *table.shape[1:]))

    def _predicted(
        self, backend: Backend, params: Mapping[str, Array], x: Array, context: Array
    ) -> Array:
        """M(x; z) packed, from numbers that are affine in z: (..., pencils, K)."""
        xp = backend.xp
        numbers = sources.assemble(xp, params["matrices"], context)
        numbers = xp.reshape(numbers, (*context.shape[:-1], *self.spec.params_shape))
        terms = self._pencils(backend, numbers)
        return terms[..., 0, :] + xp.sum(x[..., None, :, None] * terms[..., 1:, :], axis=-2)

    def _pencils(self, backend: Backend, numbers: Array) -> Array:
        """Packed matrices from stored numbers, ±L Lᵀ in monotone rows: (..., features + 1, K)."""
        lay, monotone = self.spec.layout, self.spec.monotone
        if not any(monotone):
            return numbers
        lower = backend.asarray(np.tril(np.ones((lay.dim, lay.dim))), like=numbers)
        L = rules.matrix(backend, lay, numbers) * lower
        # the packing is isometric, so its adjoint is its inverse
        definite = rules.packed_gradient(backend, lay, L @ L.mT)
        sign = backend.asarray([[0.0], *([float(s)] for s in monotone)], like=numbers)
        return definite * sign + numbers * (1.0 - abs(sign))

    def _known(self, backend: Backend, ids: Array, like: Array) -> tuple[Array, Array]:
        """Legal ids, and one for each of them; NaN where the id was not legal."""
        xp, name = backend.xp, backend.dtype_name(ids)
        if name not in ("int64", "int32"):
            raise InvalidInput(f"ids have dtype {name}; expected int64 or int32.")
        fine = (ids >= 0) & (ids < self.categories)
        if backend.is_concrete(ids) and not xp.all(fine):
            wrong = int((~backend.to_numpy(fine)).sum())
            raise InvalidInput(
                f"ids should be between 0 and {self.categories - 1}; {wrong} are not. "
                "For rows with fewer ids, fill up with id 0 and value 0."
            )
        return xp.where(fine, ids, 0), xp.where(fine, backend.asarray(1.0, like=like), math.nan)


def layer(
    features: int,
    outputs: int,
    dim: int,
    *,
    index: Any = "middle",
    categories: int = 0,
    context: int = 0,
    **options: Any,
) -> Layer:
    """Describe a layer.

    Parameters
    ----------
    features : int
        Size n of x; 0 for a layer of categories alone.
    outputs : int
        Number of values.
    dim : int
        Order d of the matrices.
    index : {"middle", "convex", "concave"}, int, or a sequence of them
        Which eigenvalue, see `EigSpec`. A sequence takes several of each pencil, so that there
        are outputs / len(index) pencils; with len(index) = outputs all share one.
    categories : int
        Number of further matrices, addressed by ids.
    context : int
        Size of z; the pencil is then A_0(z) + Σ x_i A_i(z).
    **options
        structure, functional, alpha, r, t, weights and monotone, see `EigSpec`.

    Raises
    ------
    InvalidSpec
        If the description contradicts itself.
    """
    single = isinstance(index, str) or not isinstance(index, Sequence)
    indices: tuple[Any, ...] = (index,) if single else tuple(index)
    if not indices or isinstance(outputs, bool) or outputs % len(indices):
        raise InvalidSpec(
            f"outputs is {outputs!r} and index {index!r}; expected as many outputs as indices, or "
            "a multiple, one group for each pencil."
        )
    functional = options.get("functional", "kth")
    if len(indices) > 1 and functional not in ("kth", "smooth"):
        raise InvalidSpec(
            f"index is {index!r}, and the functional {functional!r} takes no index: all would be "
            "the same. Leave index out."
        )
    pencils = outputs // len(indices)
    specs = tuple(EigSpec(features, dim, pencils, index=i, **options) for i in indices)
    return Layer(specs, categories, context)
