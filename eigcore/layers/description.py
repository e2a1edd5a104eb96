"""The description of a layer, the same on all backends.

A layer has pencils M(x) = A_0 + Σ x_i A_i, as an `EigSpec` with one output per pencil, and takes
one or several eigenvalues of each. It adds four things to `eigcore.evaluate`:

- monotone features: the matrix of such a feature is ±L Lᵀ, and the layer stores the entries of the
  lower triangular L instead (a banded matrix has a factor in the same band);
- categories: ids and values give M = A_0 + Σ_s value_s · C_(id_s), and only the touched C are read;
- learned weights of the eigenvalues, Σ w_j λ_j, one w for each pencil;
- a context z, the output of another network: all stored numbers are affine functions of z.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eigcore.core import weights
from eigcore.core.arrays import Array
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidSpec, NotSupported
from eigcore.guarantees.slopes import shape_of
from eigcore.layers import arithmetic
from eigcore.model import SpectralModel


@dataclass(frozen=True)
class Layer:
    """The description of a layer, without parameters; hashable. `eigcore.layers.layer` makes one.

    Parameters
    ----------
    specs : tuple of EigSpec
        One per eigenvalue taken from each pencil; they differ only in the index.
    categories : int
        Number of further matrices, addressed by ids.
    context : int
        Size of z; 0 for none.
    learned : tuple of {"nonnegative", "ascending"}, optional
        What is promised of learned weights; None if the weights are constants. The weights of the
        spec are then those with which the first pencil starts.

    Attributes
    ----------
    plain : bool
        Whether the layer is `eigcore.evaluate` of its matrices, perhaps with a bias.
    names : tuple of str
        Those of the parameters, as in `shapes`.
    sizes : dict
        Of the inputs that a call needs: last axes of "x" and "context", number of "ids".

    Raises
    ------
    InvalidSpec
        If the parts contradict each other.
    """

    specs: tuple[EigSpec, ...]
    categories: int = 0
    context: int = 0
    learned: tuple[str, ...] | None = None
    plain: bool = field(init=False, repr=False, compare=False)
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    sizes: dict[str, int] = field(init=False, repr=False, compare=False)
    _shapes: dict[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # set here, because torch.compile cannot follow the lock of a cached property
        # (https://github.com/python/cpython/issues/87634)
        for spec in self.specs:
            _ = spec.packed_size, spec.layout.gather, spec.layout.scatter
        for name in ("categories", "context"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidSpec(
                    f"{name} is {value!r}; expected an integer of at least 0. Leave {name} out for "
                    "zero."
                )
        if not self.spec.features and (self.context or not self.categories):
            raise InvalidSpec(
                "features is 0; expected at least 1, or categories instead. To use z alone, pass "
                "it as x: write features=... for its size, and leave context out."
            )
        if self.context and self.categories:
            raise InvalidSpec(
                f"context={self.context} and categories={self.categories} were given; expected one "
                "of them. Embed the categories in the network that makes the context."
            )
        if any(self.spec.monotone) and self.learned is not None:
            if "nonnegative" not in self.learned:
                raise InvalidSpec(
                    "monotone was given, but learned weights can become negative; then "
                    "semidefinite matrices do not make the layer monotone. Write nonnegative=True."
                )
        elif any(self.spec.monotone) and not shape_of(self.spec).monotone:
            raise InvalidSpec(
                "monotone was given, but a weight is negative; then semidefinite matrices do not "
                "make the layer monotone. Expected weights >= 0. Leave monotone out, or change "
                "the weights."
            )
        object.__setattr__(self, "_shapes", self._found_shapes())
        object.__setattr__(self, "plain", self._is_plain())
        object.__setattr__(self, "names", tuple(self._shapes))
        sizes = {"x": self.spec.features, "context": self.context, "ids": self.categories}
        object.__setattr__(self, "sizes", {name: size for name, size in sizes.items() if size})

    @property
    def spec(self) -> EigSpec:
        """Spec of the pencils, with the first index."""
        return self.specs[0]

    @property
    def outputs(self) -> int:
        """Number of values: pencil by pencil, and within a pencil in the order of the indices."""
        return self.spec.outputs * len(self.specs)

    @property
    def summary(self) -> str:
        """The options of `layer`, in one line."""
        spec, indices = self.spec, tuple(spec.index for spec in self.specs)
        shown = {"dim": spec.dim, "index": indices if len(indices) > 1 else spec.index}
        shown |= {"structure": spec.structure, "functional": spec.functional}
        given = ("alpha", "r", "t", "weights")
        shown |= {name: a for name in given if (a := getattr(spec, name)) is not None}
        if self.learned is not None:
            shown |= {"weights": None, **dict.fromkeys(self.learned, True)}
        shown |= {"monotone": spec.monotone}
        given = ("categories", "context")
        shown |= {name: size for name in given if (size := getattr(self, name))}
        texts = [f"{name}={reprlib.repr(a)}" for name, a in shown.items()]
        return ", ".join([f"{spec.features}, {self.outputs}", *texts])

    @property
    def starts(self) -> tuple[EigSpec, ...]:
        """The specs as which the values of the pencils start; with learned weights, they recur."""
        if self.learned is None:
            return self.specs
        rows = weights.first(self.learned, self.spec.dim, self.spec.k, self.spec.outputs)
        return tuple(replace(self.spec, weights=tuple(row)) for row in rows)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters.

        "matrices" : (pencils, features + 1, K); with a context, the coefficients of each of these
            numbers, (pencils · (features + 1), context + 1, K), the constant first
        "embedding" : (categories, pencils, K), if there are categories
        "weights" : (pencils, d), if they are learned; see `eigcore.core.weights`
        "bias" : (outputs,), if A_0 alone cannot move the mean of each output
        """
        return dict(self._shapes)

    def _is_plain(self) -> bool:
        more = self.categories or self.context or self.learned is not None
        return not more and len(self.specs) == 1 and not any(self.spec.monotone)

    def _found_shapes(self) -> dict[str, tuple[int, ...]]:
        pencils, rows, size = self.spec.params_shape
        shapes: dict[str, tuple[int, ...]] = {"matrices": (pencils, rows, size)}
        if self.context:
            shapes["matrices"] = (pencils * rows, self.context + 1, size)
        if self.categories:
            shapes["embedding"] = (self.categories, pencils, size)
        if self.learned is not None:
            shapes["weights"] = (pencils, self.spec.dim)
        if len(self.specs) > 1 or self.spec.functional == "weighted":
            shapes["bias"] = (self.outputs,)
        return shapes

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` is the inverse."""
        specs = [json.loads(spec.to_json()) for spec in self.specs]
        found = {"specs": specs, "categories": self.categories, "context": self.context}
        return found | {"learned": None if self.learned is None else list(self.learned)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Layer:
        """Read what `to_dict` returned; raises InvalidSpec, KeyError, TypeError or ValueError."""
        specs = tuple(EigSpec.from_json(json.dumps(spec)) for spec in data["specs"])
        learned = data.get("learned")
        learned = learned if learned is None else tuple(learned)
        return cls(specs, data["categories"], data["context"], learned)

    def apply(
        self,
        params: Mapping[str, Array],
        x: Array | None = None,
        *,
        ids: Array | None = None,
        values: Array | None = None,
        context: Array | None = None,
        nonfinite: str = "raise",
    ) -> Array:
        """Return the values of the layer, (..., outputs).

        Parameters
        ----------
        params : mapping of arrays with the names and shapes of `shapes`
            float16 and bfloat16 are computed in float32.
        x : (..., features) array
            Leave it out if there are no features.
        ids : (..., s) array of int64 or int32, 0 ≤ id < categories
        values : (..., s) array, optional
            Factors of the matrices of these ids; default 1. With 0, an id has no effect.
        context : (..., context) array
            z; its leading axes broadcast with those of x.
        nonfinite : {"raise", "propagate"}
            As for `eigcore.evaluate`.

        Raises
        ------
        InvalidInput, NonFiniteInput
            If an array is missing or not expected, or has a wrong shape, dtype or library; if an id
            is unknown, or a row is not finite (see `nonfinite`). Compiled functions cannot raise;
            they return NaN for unknown ids and for rows that are not finite.
        """
        named = ("x", x), ("ids", ids), ("values", values), ("context", context)
        given = {name: a for name, a in named if a is not None}
        backend = infer(*params.values(), *given.values())
        arithmetic.check(self, params, given)
        name = backend.dtype_name(params["matrices"])
        if "16" not in name:
            return arithmetic.outputs(self, backend, params, given, nonfinite)
        wide = {
            key: a if key == "ids" else backend.asarray(a, dtype="float32")
            for key, a in {**params, **given}.items()
        }
        params, given = ({key: wide[key] for key in named} for named in (params, given))
        y = arithmetic.outputs(self, backend, params, given, nonfinite)
        return backend.asarray(y, dtype=name)

    def model(self, params: Mapping[str, Array]) -> SpectralModel:
        """Return a layer of plain features as a model, to predict, certify, explain and save.

        Parameters
        ----------
        params : mapping of NumPy arrays
            The parameters of the layer. Learned weights become constants.

        Raises
        ------
        NotSupported
            If the layer has categories, a context, several eigenvalues of one pencil, or weights
            and more than one output.
        """
        spec, weighted = self.spec, "bias" in self.shapes and len(self.specs) == 1
        if (
            self.context
            or self.categories
            or len(self.specs) > 1
            or (weighted and self.outputs > 1)
        ):
            raise NotSupported(
                "This layer has categories, a context, several eigenvalues of one pencil, or "
                "weights and several outputs, which a model does not have; expected plain features "
                "and one eigenvalue per pencil, or one output. Save its parameters with the "
                "framework."
            )
        params = {name: np.asarray(a, dtype=np.float64) for name, a in params.items()}
        if self.learned is not None:
            w = weights.weights(np, self.learned, params["weights"][0])
            spec = replace(spec, weights=tuple(w.tolist()))
        packed = arithmetic.pencils(spec, infer(params["matrices"]), params["matrices"])
        offset = float(params["bias"][0]) if weighted else 0.0
        return SpectralModel(None, [(spec, packed)], target_offset=offset)
