"""The spec of a model: an eigenvalue, or a function of them, of an affine symmetric pencil."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from eigcore.core.functionals import FUNCTIONALS, Functional, Kth, Smooth
from eigcore.core.packing import Layout, packed
from eigcore.errors import InvalidSpec

CONVENTION = "lower-rowmajor-isometric"
"""Name of the convention for storing parameters; see `eigcore.core.packing.packed`."""

_NAMED_INDEX = ("middle", "convex", "concave")
_STRUCTURE = re.compile(r"dense|tridiagonal|diagonal|banded:(\d+)")


@dataclass(frozen=True)
class EigSpec:
    """f(x) = φ(λ(A₀ + Σ xᵢ Aᵢ)), the Aᵢ symmetric matrices of order `dim`.

    Frozen and hashable, so that it can be a static argument under ``jax.jit``.

    Parameters
    ----------
    features : int
        Number of terms n of the pencil, after encoding. May be zero.
    dim : int
        Order d of the matrices.
    outputs : int
        Number m of pencils, each with its own matrices and one value.
    index : {"middle", "convex", "concave"} or int
        Which eigenvalue the functional "kth" or "smooth" takes, ascending from zero: "middle" is
        d // 2, "convex" the largest, "concave" the smallest; negative integers count from the top.
    structure : {"dense", "tridiagonal", "banded:b", "diagonal"}
        Entries outside the structure are zero and are not stored; b is the number of
        subdiagonals.
    functional : {"kth", "smooth", "top_sum", "bottom_sum", "softmax", "weighted"}
        φ; see `eigcore.core.functionals`.
    alpha, r, t, weights
        The parameter of "smooth" (α > 0), of the sums (1 ≤ r ≤ d), of "softmax" (t > 0) and of
        "weighted" (d numbers, ascending order of eigenvalues).
    monotone : tuple of {-1, 0, +1}
        Per term: a promise that its matrix is negative semidefinite (-1) or positive semidefinite
        (+1), or none (0). Empty means none for all terms.

    Attributes
    ----------
    layout : Layout
        Map from packed parameters to the matrix.
    phi : Functional
        φ with its parameter.

    Raises
    ------
    InvalidSpec
        If a field is out of range or a parameter does not belong to the functional.
    """

    features: int
    dim: int
    outputs: int = 1
    index: Literal["middle", "convex", "concave"] | int = "middle"
    structure: str = "dense"
    functional: str = "kth"
    alpha: float | None = None
    r: int | None = None
    t: float | None = None
    weights: tuple[float, ...] | None = None
    monotone: tuple[int, ...] = ()

    if TYPE_CHECKING:
        layout: ClassVar[Layout]
        phi: ClassVar[Functional]

    def __post_init__(self) -> None:
        for name, least in (("features", 0), ("dim", 1), ("outputs", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InvalidSpec(
                    f"{name} is {value!r}; expected an integer of at least {least}. "
                    f"Write EigSpec({name}={max(least, 1)}, ...)."
                )
            object.__setattr__(self, name, int(value))
        self._check_index()
        match = _STRUCTURE.fullmatch(self.structure) if isinstance(self.structure, str) else None
        if match is None or (match[1] and not 0 <= int(match[1]) < self.dim):
            raise InvalidSpec(
                f'structure is {self.structure!r}; expected "dense", "tridiagonal", "diagonal" or '
                f'"banded:b" with 0 <= b < dim = {self.dim}.'
            )
        self._make_plain()
        if self.monotone and len(self.monotone) != self.features:
            raise InvalidSpec(
                f"monotone has {len(self.monotone)} entries; expected one per term, "
                f"{self.features}, or an empty tuple."
            )
        if not set(self.monotone) <= {-1, 0, 1}:
            raise InvalidSpec(f"monotone is {self.monotone}; expected only -1, 0 and +1.")
        object.__setattr__(self, "layout", packed(self.dim, self.bandwidth))
        parameters = {name: getattr(self, name) for name in ("alpha", "r", "t", "weights")}
        object.__setattr__(self, "phi", functional(self.functional, self.dim, self.k, **parameters))

    def _make_plain(self) -> None:
        """Turn NumPy numbers, lists and arrays into the Python numbers and tuples of JSON."""
        for name in ("alpha", "r", "t"):
            value = getattr(self, name)
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())
        for name, kind, expected in (
            ("weights", float, "a sequence of numbers"),
            ("monotone", int, "a sequence of -1, 0 and +1"),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            if getattr(value, "requires_grad", False):
                raise InvalidSpec(
                    f"{name} requires a gradient, but a spec would freeze it; expected constants. "
                    "A layer learns weights that are left out; elsewhere, write "
                    "(eigcore.eigenvalues(M) * weights).sum(-1)."
                )
            try:
                plain = tuple(map(kind, value))
                fine = all(a == b or a != a for a, b in zip(plain, value, strict=True))
            except (TypeError, ValueError, OverflowError):
                plain, fine = (), False
            if not fine:
                raise InvalidSpec(f"{name} is {value!r}; expected {expected}.")
            object.__setattr__(self, name, plain)

    def _check_index(self) -> None:
        if self.index in _NAMED_INDEX:
            return
        if isinstance(self.index, (bool, str)) or not isinstance(self.index, (int, np.integer)):
            raise InvalidSpec(
                f"index is {self.index!r}; expected one of {', '.join(map(repr, _NAMED_INDEX))} "
                "or an integer."
            )
        if not -self.dim <= self.index < self.dim:
            raise InvalidSpec(
                f"index is {self.index}; expected {-self.dim} <= index < {self.dim} = dim."
            )
        object.__setattr__(self, "index", int(self.index))

    @property
    def k(self) -> int:
        """The index as a number, 0 ≤ k < dim, ascending."""
        named = {"middle": self.dim // 2, "convex": self.dim - 1, "concave": 0}
        return named[self.index] if isinstance(self.index, str) else self.index % self.dim

    @property
    def bandwidth(self) -> int:
        """Number of subdiagonals that may be nonzero."""
        if self.structure.startswith("banded:"):
            return int(self.structure.removeprefix("banded:"))
        return {"diagonal": 0, "tridiagonal": min(1, self.dim - 1)}.get(
            self.structure, self.dim - 1
        )

    @property
    def packed_size(self) -> int:
        """K, the number of stored entries of one matrix."""
        return self.layout.size

    @property
    def params_shape(self) -> tuple[int, int, int]:
        """Shape (outputs, features + 1, K) of the parameters."""
        return (self.outputs, self.features + 1, self.packed_size)

    @property
    def rows(self) -> np.ndarray:
        """Row of each packed entry: (K,) integers."""
        return self.layout.rows

    @property
    def cols(self) -> np.ndarray:
        """Column of each packed entry: (K,) integers, at most the row."""
        return self.layout.cols

    def to_json(self) -> str:
        """Return a JSON object with every field."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> EigSpec:
        """Read what `to_json` wrote.

        Raises
        ------
        InvalidSpec
            If the text is not a JSON object, or has unknown or missing fields.
        """
        try:
            values = json.loads(text)
        except (TypeError, ValueError) as exc:
            raise InvalidSpec(
                f"The spec is not JSON ({exc}); expected the text that to_json() wrote."
            ) from exc
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not {"features", "dim"} <= set(values) <= known:
            raise InvalidSpec(
                f"The spec is {text[:80]!r}; expected a JSON object with features, dim and no "
                f"fields but {', '.join(sorted(known))}."
            )
        return cls(**values)


def functional(
    name: str,
    dim: int,
    k: int,
    *,
    alpha: float | None = None,
    r: int | None = None,
    t: float | None = None,
    weights: tuple[float, ...] | None = None,
) -> Functional:
    """Return the functional `name`, with its parameter checked.

    Raises
    ------
    InvalidSpec
        If the name is unknown, or a parameter is missing, out of range or of another functional.
    """
    if not isinstance(name, str) or name not in FUNCTIONALS:
        raise InvalidSpec(
            f"functional is {name!r}; expected one of {', '.join(map(repr, FUNCTIONALS))}."
        )
    wanted = {"smooth": "alpha", "top_sum": "r", "bottom_sum": "r", "softmax": "t"}.get(
        name, "weights" if name == "weighted" else None
    )
    given = {"alpha": alpha, "r": r, "t": t, "weights": weights}
    extra = [key for key, value in given.items() if value is not None and key != wanted]
    if extra:
        raise InvalidSpec(
            f"{extra[0]} was given for functional {name!r}, which takes "
            f"{wanted or 'no parameter'}. Leave {extra[0]} out."
        )
    if wanted is None:
        return Kth(dim, k)
    value = given[wanted]
    _check_parameter(name, wanted, value, dim)
    return Smooth(dim, (k, float(value))) if name == "smooth" else FUNCTIONALS[name](dim, value)


def _check_parameter(name: str, wanted: str, value: Any, dim: int) -> None:
    if wanted == "r":
        fine = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= dim
        expected = f"an integer with 1 <= r <= dim = {dim}"
    elif wanted == "weights":
        fine = value is not None and len(value) == dim and np.isfinite(value).all()
        expected = f"{dim} finite numbers, one per eigenvalue in ascending order"
    else:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fine = number and math.isfinite(value) and value > 0
        expected = "a positive finite number"
    if not fine:
        raise InvalidSpec(f"{wanted} is {value!r}; functional {name!r} expects {expected}.")
