"""The arithmetic of a layer: checks, matrices, eigenvalues.

There is no calculus here: derivatives come from `eigcore.core.rules` and from the framework.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from eigcore.api.inputs import bad_rows, raising
from eigcore.core import rules, sources
from eigcore.core.arrays import Array
from eigcore.core.spectrum import spectrum_of
from eigcore.core.weights import weights
from eigcore.dispatch.backend import Backend
from eigcore.errors import InvalidInput, NonFiniteInput

if TYPE_CHECKING:
    from eigcore.core.spec import EigSpec
    from eigcore.layers.description import Layer

Arrays = Mapping[str, Array]


def check(layer: Layer, params: Arrays, given: Arrays) -> None:
    """Raise InvalidInput unless parameters and inputs match the layer."""
    shapes = {name: a.shape for name, a in params.items()}
    if shapes != layer.shapes:
        shapes = {name: tuple(shape) for name, shape in shapes.items()}
        raise InvalidInput(
            f"The parameters should have shapes {layer.shapes}; got {shapes}. Make them with the "
            "layer's own initialisation."
        )
    for name in layer.sizes:
        if name not in given:
            raise InvalidInput(
                f"{name} is missing, and the layer needs it. Write layer(..., {name}={name})."
            )
    dtype = params["matrices"].dtype
    for name, a in given.items():
        size = layer.sizes.get(name, 0)
        if not hasattr(a, "dtype"):
            raise InvalidInput(
                f"{name} is of type {type(a).__name__}; expected an array of the library of the "
                "parameters. Convert it, for example: torch.tensor(values)"
            )
        if not size and name in ("context", "ids"):
            raise InvalidInput(f"{name} was given, but the layer takes none. Leave {name} out.")
        if name in ("x", "context") and a.shape[-1:] != (size,):
            raise InvalidInput(
                f"{name} should have trailing shape ({size},); got {tuple(a.shape)}."
            )
        if name != "ids" and a.dtype != dtype:
            raise InvalidInput(
                f"{name} has dtype {a.dtype}, but the parameters have {dtype}. Expected one dtype; "
                "eigcore converts no arrays. Convert one of them."
            )
    if "values" in given and ("ids" not in given or given["values"].shape != given["ids"].shape):
        raise InvalidInput("values should have the shape of ids, one factor for each id.")


def outputs(layer: Layer, backend: Backend, params: Arrays, given: Arrays, nonfinite: str) -> Array:
    """Return the values of a layer: (..., outputs)."""
    raises = nonfinite == "raise" or raising(nonfinite)
    if layer.plain:
        spec, pencil = layer.spec, sources.Pencil(params["matrices"], given["x"])
        y = backend.evaluate(rules.rule_of(spec), pencil)
        y = y[..., None] if spec.outputs == 1 else y
    else:
        y = _values(layer, backend, params, given)
    if raises and not backend.all_finite(y) and backend.is_concrete(y):
        _refuse(backend, params, given, y)
    return y + params["bias"] if "bias" in params else y


def _values(layer: Layer, backend: Backend, params: Arrays, given: Arrays) -> Array:
    """Return the values of every pencil, those of one beside each other: (..., outputs)."""
    spec, xp = layer.spec, backend.xp
    indices = [each.k for each in layer.specs]
    lo, hi = min(indices), max(indices)
    if layer.learned is not None:
        lam = _spectrum(layer, backend, params, given, 0, spec.dim - 1)
        lam = lam[..., None, :] if spec.outputs == 1 else lam
        return xp.sum(lam * weights(xp, layer.learned, params["weights"]), axis=-1)
    if spec.functional == "kth" and 0 < hi - lo == len(set(indices)) - 1:  # neighbours: one solve
        y = _spectrum(layer, backend, params, given, lo, hi)
        if indices != [*range(lo, hi + 1)]:
            y = xp.concat([y[..., k - lo : k - lo + 1] for k in indices], axis=-1)
        return y if spec.outputs == 1 else xp.reshape(y, (*y.shape[:-2], layer.outputs))
    p = sources.Matrices(_matrices(layer, backend, params, given))
    found = [backend.evaluate(rules.rule_of(each), p) for each in layer.specs]
    if len(found) == 1:
        return found[0]
    y = xp.concat([y[..., None] for y in found], axis=-1)
    return xp.reshape(y, (*y.shape[:-2], layer.outputs))


def _spectrum(
    layer: Layer, backend: Backend, params: Arrays, given: Arrays, lo: int, hi: int
) -> Array:
    """Return λ_lo … λ_hi of every pencil (..., pencils, m), or of one (..., m)."""
    rule = spectrum_of(layer.spec.layout, lo, hi)
    if layer.context or layer.categories:
        p = _matrices(layer, backend, params, given)
        p = p[..., 0, :] if layer.spec.outputs == 1 else p
        return backend.evaluate(rule, sources.Matrices(p))
    matrices = pencils(layer.spec, backend, params["matrices"])
    return backend.evaluate(rule, sources.Pencil(matrices, given["x"]))


def _matrices(layer: Layer, backend: Backend, params: Arrays, given: Arrays) -> Array:
    """Return M(x) of every pencil, packed: (..., pencils, K)."""
    return (_predicted if layer.context else _assembled)(layer, backend, params, **given)


def _refuse(backend: Backend, params: Arrays, given: Arrays, y: Array) -> None:
    """Raise NonFiniteInput for values y of a layer that are not finite."""
    finite = {
        name: np.isfinite(backend.to_numpy(a)).all() for name, a in {**params, **given}.items()
    }
    names = [name for name, fine in finite.items() if not fine] or ["M(x), which overflows"]
    raise NonFiniteInput(
        f"{', '.join(names)}: {bad_rows(backend, y, y)}. Expected finite numbers in a layer. In "
        "training, lower the learning rate or the scale of the loss; to let such rows through as "
        'NaN, as a scaler of losses needs, make the layer with nonfinite="propagate".'
    )


def pencils(spec: EigSpec, backend: Backend, numbers: Array) -> Array:
    """Return packed matrices from stored numbers: ±L Lᵀ for monotone features.

    numbers : (..., features + 1, K) -> the same shape
    """
    lay, monotone = spec.layout, spec.monotone
    if not any(monotone):
        return numbers
    lower = backend.asarray(np.tril(np.ones((lay.dim, lay.dim))), like=numbers)
    L = rules.matrix(backend, lay, numbers) * lower
    # the packing is isometric, so its adjoint is its inverse
    definite = rules.packed_gradient(backend, lay, L @ backend.xp.matrix_transpose(L))
    sign = backend.asarray([[0.0], *([float(s)] for s in monotone)], like=numbers)
    return definite * sign + numbers * (1.0 - abs(sign))


def _assembled(
    layer: Layer,
    backend: Backend,
    params: Arrays,
    x: Array | None = None,
    ids: Array | None = None,
    values: Array | None = None,
) -> Array:
    """M(x) packed: (..., pencils, K)."""
    matrices = pencils(layer.spec, backend, params["matrices"])
    p = matrices[:, 0, :]
    if x is not None:
        p = sources.assemble(backend.xp, matrices, x)
        p = p[..., None, :] if layer.spec.outputs == 1 else p
    if ids is None:
        return p
    legal, factors = _known(layer, backend, ids, p)
    factors = factors if values is None else factors * values
    xp, table = backend.xp, params["embedding"]
    count, size = table.shape[0], math.prod(table.shape[1:])
    touched = xp.take(xp.reshape(table, (count, size)), xp.reshape(legal, (-1,)), axis=0)
    touched = xp.reshape(touched, (*legal.shape, size))
    total = (factors[..., None, :] @ touched)[..., 0, :]
    return p + xp.reshape(total, (*total.shape[:-1], *table.shape[1:]))


def _predicted(layer: Layer, backend: Backend, params: Arrays, x: Array, context: Array) -> Array:
    """M(x; z) packed, from numbers that are affine in z: (..., pencils, K)."""
    xp = backend.xp
    numbers = sources.assemble(xp, params["matrices"], context)
    numbers = xp.reshape(numbers, (*context.shape[:-1], *layer.spec.params_shape))
    terms = pencils(layer.spec, backend, numbers)
    return terms[..., 0, :] + xp.sum(x[..., None, :, None] * terms[..., 1:, :], axis=-2)


def _known(layer: Layer, backend: Backend, ids: Array, like: Array) -> tuple[Array, Array]:
    """Return valid ids, and 1 for each of them; NaN where an id was invalid."""
    xp, name = backend.xp, backend.dtype_name(ids)
    if name not in ("int64", "int32"):
        raise InvalidInput(
            f"ids have dtype {name}; expected int64 or int32. Convert them to integers."
        )
    fine = (ids >= 0) & (ids < layer.categories)
    if backend.is_concrete(ids) and not xp.all(fine):
        wrong = int((~backend.to_numpy(fine)).sum())
        raise InvalidInput(
            f"ids should be between 0 and {layer.categories - 1}; {wrong} are not. To give a row "
            "fewer ids than others, pad it with id 0 and value 0."
        )
    return xp.where(fine, ids, 0), xp.where(fine, backend.asarray(1.0, like=like), math.nan)
