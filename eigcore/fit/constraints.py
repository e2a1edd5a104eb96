"""Constraints: monotone columns, shapes, dominance, the eigenvalue, columns left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from eigcore.core.spec import EigSpec
from eigcore.core.weights import KINDS
from eigcore.encoding import Encoding
from eigcore.errors import InvalidSpec
from eigcore.fit.combinations import check_monotone, check_neuron, check_outputs, places_of
from eigcore.fit.data.encode import Sum
from eigcore.fit.data.names import check_keys, check_names
from eigcore.fit.dominance import Pair, pairs_of
from eigcore.fit.members.learned import Learned
from eigcore.fit.options import FitOptions, Shape

SIGNS = {None: 0, "convex": 1, "concave": -1}
"""Sign of the second derivative of each shape."""
_MOST_DIM = 64
"""Largest order tried when an index or functional does not allow the usual ones."""
INSIDE = 1.0 / 64.0
"""A value that a missing cell stands for is at least this part of the range away from its ends."""


@dataclass(frozen=True)
class Constraints:
    """Constraints of one model; hashable.

    increasing, decreasing : names of monotone columns
    shape : None, "convex" or "concave", jointly in all numeric columns
    neuron : further fields of the members' EigSpec: index, structure, functional, its parameter
    without : labels of columns and projections without any effect; their matrices are zero
    convex, concave : names of columns with a shape of their own, whatever the others are
    additive : names of columns that are summands of their own
    missing : where a missing cell of a monotone column stands in the order of predictions: lowest,
        highest, or as the value given; "between" until that value is known
    smooth : names of columns whose slopes change little from piece to piece
    dominates : pairs of columns, the slopes in one at least so many times those in the other
    """

    increasing: tuple[str, ...] = ()
    decreasing: tuple[str, ...] = ()
    shape: Shape | None = None
    neuron: tuple[tuple[str, Any], ...] = ()
    without: tuple[str, ...] = ()
    convex: tuple[str, ...] = ()
    concave: tuple[str, ...] = ()
    additive: tuple[str, ...] = ()
    missing: tuple[tuple[str, str | float], ...] = ()
    dominates: tuple[Pair, ...] = ()
    smooth: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: FitOptions, encoding: Encoding, classes: int) -> Constraints:
        """Read the constraints from the options of a fit, and check them.

        Raises
        ------
        InvalidOption
            Names that are not numeric columns, constraints that contradict each other, or fields
            of ``neuron`` that no EigSpec may have.
        """
        kinds = dict(zip(encoding.names, encoding.columns, strict=True))
        numeric = [name for name, column in kinds.items() if column.numeric]
        rising = {n: c.numeric or getattr(c, "ordered", False) for n, c in kinds.items()}
        check_monotone(options, rising)
        check_keys("shape", options.shape, numeric)
        check_names("additive", options.additive, kinds)
        others = dict.fromkeys(set(kinds) - set(numeric), "a column of categories")
        check_names("smooth", options.smooth, kinds, others)
        check_outputs(options, classes)
        neuron = {} if options.neuron is None else options.neuron
        several = isinstance(options.shape, Mapping)
        own: Mapping[str, Shape] = options.shape if several else {}
        joint: Shape | None = None if several else options.shape
        found = cls(
            tuple(options.increasing),
            tuple(options.decreasing),
            joint,
            tuple((key, _hashable(value)) for key, value in neuron.items()),
            convex=tuple(name for name, each in own.items() if each == "convex"),
            concave=tuple(name for name, each in own.items() if each == "concave"),
            additive=tuple(options.additive),
            missing=places_of(options, numeric),
            dominates=pairs_of(options, numeric),
            smooth=tuple(options.smooth),
        )
        found = replace(found, additive=(*found.additive, *found.unlike))
        check_neuron(found, options)
        return found

    @property
    def monotone(self) -> frozenset[str]:
        """Names of all monotone columns."""
        return frozenset((*self.increasing, *self.decreasing))

    @property
    def alone(self) -> frozenset[str]:
        """Names of columns with a constraint of their own, which are in no sum of columns."""
        pairs = [name for pair in self.dominates for name in pair[:2]]
        own = (self.convex, self.concave, self.additive, self.smooth)
        return self.monotone.union(pairs, *own)

    @property
    def shapes(self) -> Shape | dict[str, Shape] | None:
        """Shapes as the option `shape` has them."""
        own: dict[str, Shape] = dict.fromkeys(self.convex, "convex")
        return self.shape or {**own, **dict.fromkeys(self.concave, "concave")} or None

    @property
    def places(self) -> dict[str, str] | None:
        """Places of missing cells as the option `missing` has them."""
        told = {n: w if isinstance(w, str) else "between" for n, w in self.missing}
        return told or None

    @property
    def pairs(self) -> dict[str, dict[str, float]] | None:
        """Pairs of columns as the option `dominates` has them."""
        return {each.column: {each.over: each.factor} for each in self.dominates} or None

    @property
    def curved(self) -> Shape | None:
        """The shape that φ must have: that of the columns that are not additive; None: any."""
        if self.shape:
            return self.shape
        both = (self.convex, self.concave)
        convex, concave = (set(each).difference(self.additive) for each in both)
        if not convex and not concave:
            return None
        asked = dict(self.neuron).get("index")
        if convex and concave and asked in ("convex", "concave"):
            return asked
        return "convex" if len(convex) >= len(concave) else "concave"

    @property
    def unlike(self) -> tuple[str, ...]:
        """Names of columns whose shape φ cannot have beside that of the others.

        φ(A + p·I) = φ(A) + p·Σw has the shape of p, whatever φ is: these columns must be additive.
        """
        curved = self.curved
        other = {"convex": self.concave, "concave": self.convex}.get(curved or "", ())
        return tuple(name for name in other if name not in self.additive)

    def way(self, name: str) -> int:
        """Return −1 for a decreasing column, 0 for a free one, +1 for an increasing one."""
        return (name in self.increasing) - (name in self.decreasing)

    @cached_property
    def _signs(self) -> dict[str, int | None]:
        return {n: s for pair in self.dominates for n, s in pair.signs(self.way).items()}

    def sign(self, name: str) -> int:
        """Return the sign of the matrices of a column or sum, 0 where they are free."""
        return self._signs.get(name, self.way(name)) or 0

    @property
    def sums(self) -> tuple[Sum, ...]:
        """The sums that carry what the columns of a pair do together."""
        return tuple(p.sum for p in self.dominates if self._signs[p.label] is not None)

    @property
    def carried(self) -> frozenset[str]:
        """Names of columns that act through a sum alone; their own matrices are zero."""
        return frozenset(name for name, sign in self._signs.items() if sign is None)

    def bend(self, name: str) -> int:
        """Return −1 for a concave column or projection, 0 for a free one, +1 for a convex one."""
        if self.shape:
            return SIGNS[self.shape]
        return (name in self.convex) - (name in self.concave)

    def notes(self, options: FitOptions) -> list[str]:
        """Return a sentence about columns that became additive, if any did."""
        names = ", ".join(name for name in self.additive if name not in options.additive)
        told = f"Additive: {names}, since no eigenvalue bends both up and down."
        return [told] if names else []

    @property
    def learned(self) -> Learned | None:
        """What must hold of the weights of the eigenvalues, if they are learned."""
        neuron = dict(self.neuron)
        if neuron.get("functional") != "weighted" or "weights" in neuron:
            return None
        rising = self.monotone or self.dominates or self.shapes is not None
        bend = SIGNS[self.curved] or int(bool(neuron.get("ascending")))
        return Learned(bool(rising or neuron.get("nonnegative")), bend)

    def spec(self, features: int, dim: int) -> EigSpec:
        """Spec of one pencil; a shape determines the eigenvalue. Raises InvalidSpec.

        Learned weights are those of the start.
        """
        fields: dict[str, Any] = {"index": self.curved or "middle"} | dict(self.neuron)
        if self.learned is not None:
            fields = {name: each for name, each in fields.items() if name not in KINDS}
            k = EigSpec(features, dim, index=fields["index"]).k
            fields["weights"] = self.learned.first(dim, k)
        return EigSpec(features=features, dim=dim, **fields)

    def allows(self, dim: int) -> bool:
        """Whether matrices of this order fit the index and the functional."""
        try:
            return bool(self.spec(1, dim).dim)
        except InvalidSpec:
            return False

    def order(self, dim: int) -> int:
        """Return this order if it is allowed, else the smallest that is; itself if none is."""
        if self.allows(dim):
            return dim
        return next(filter(self.allows, range(1, _MOST_DIM)), dim)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        return asdict(self) | {"neuron": dict(self.neuron), "missing": dict(self.missing)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Constraints:
        """Inverse of `to_dict`; also reads the older names of the fields."""
        return cls(
            tuple(data["increasing"]),
            tuple(data["decreasing"]),
            data["shape"],
            tuple((key, _hashable(value)) for key, value in data["neuron"].items()),
            tuple(data["without"]),
            convex=tuple(data.get("convex", ())),
            concave=tuple(data.get("concave", ())),
            additive=tuple(data.get("additive", ())),
            missing=tuple(data.get("missing", {}).items()),
            dominates=tuple(Pair(*each) for each in data.get("dominates", ())),
            smooth=tuple(data.get("smooth", ())),
        )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
