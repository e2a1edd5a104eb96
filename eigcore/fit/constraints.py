"""Constraints: monotone columns, shapes, additive columns, the eigenvalue, columns left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eigcore.core.spec import EigSpec
from eigcore.encoding import Encoding
from eigcore.errors import InvalidOption, InvalidSpec
from eigcore.fit.data.names import check_keys, check_names
from eigcore.fit.options import FitOptions, Shape
from eigcore.guarantees.slopes import shape_of

SIGNS = {None: 0, "convex": 1, "concave": -1}
"""Sign of the second derivative of each shape."""
_MOST_DIM = 64
"""Largest order tried when an index or functional does not allow the usual ones."""
USUAL_DIM = 5
_PARAMETERS: dict[str, dict[str, Any]] = {
    "smooth": {"alpha": 0.1},
    "softmax": {"t": 1.0},
    "top_sum": {"r": 1},
    "bottom_sum": {"r": 1},
}
"""Parameters of functionals that would do."""
_FIELDS = ("alpha", "r", "t", "weights")


@dataclass(frozen=True)
class Constraints:
    """Constraints of one model; hashable.

    increasing, decreasing : names of monotone columns
    shape : None, "convex" or "concave", jointly in all numeric columns
    neuron : further fields of the members' EigSpec: index, structure, functional, its parameter
    without : labels of columns and projections without any effect; their matrices are zero
    convex, concave : names of columns with a shape of their own, whatever the others are
    additive : names of columns that are summands of their own
    """

    increasing: tuple[str, ...] = ()
    decreasing: tuple[str, ...] = ()
    shape: Shape | None = None
    neuron: tuple[tuple[str, Any], ...] = ()
    without: tuple[str, ...] = ()
    convex: tuple[str, ...] = ()
    concave: tuple[str, ...] = ()
    additive: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: FitOptions, encoding: Encoding, outputs: int) -> Constraints:
        """Read the constraints from the options of a fit, and check them.

        Raises
        ------
        InvalidOption
            Names that are not numeric columns, constraints that contradict each other, or fields
            of ``neuron`` that no EigSpec may have.
        """
        kinds = zip(encoding.names, encoding.columns, strict=True)
        numeric = {name: column.numeric for name, column in kinds}
        _check_monotone(options, numeric)
        check_keys("shape", options.shape, [name for name, own in numeric.items() if own])
        check_names("additive", options.additive, numeric)
        _check_outputs(options, outputs)
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
        )
        found = replace(found, additive=(*found.additive, *found.unlike))
        _check_neuron(found, options)
        return found

    @property
    def monotone(self) -> frozenset[str]:
        """Names of all monotone columns."""
        return frozenset((*self.increasing, *self.decreasing))

    @property
    def alone(self) -> frozenset[str]:
        """Names of columns with a constraint of their own, which are in no sum of columns."""
        return self.monotone.union(self.convex, self.concave, self.additive)

    @property
    def shapes(self) -> Shape | dict[str, Shape] | None:
        """Shapes as the option `shape` has them."""
        own: dict[str, Shape] = dict.fromkeys(self.convex, "convex")
        return self.shape or {**own, **dict.fromkeys(self.concave, "concave")} or None

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

    def sign(self, name: str) -> int:
        """Return −1 for a decreasing column, 0 for a free one, +1 for an increasing one."""
        return (name in self.increasing) - (name in self.decreasing)

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

    def spec(self, features: int, dim: int) -> EigSpec:
        """Spec of one pencil; a shape determines the eigenvalue. Raises InvalidSpec."""
        fields: dict[str, Any] = {"index": self.curved or "middle"} | dict(self.neuron)
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
        return asdict(self) | {"neuron": dict(self.neuron)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Constraints:
        """Inverse of `to_dict`; also reads the older names of the fields."""
        return cls(
            tuple(data["increasing"]),
            tuple(data["decreasing"]),
            data["shape"],
            tuple((key, _hashable(value)) for key, value in data["neuron"].items()),
            tuple(data["without"]),
            *(tuple(data.get(name, ())) for name in ("convex", "concave", "additive")),
        )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_monotone(options: FitOptions, numeric: Mapping[str, bool]) -> None:
    for option in ("increasing", "decreasing"):
        names: Sequence[str] = getattr(options, option)
        check_names(option, names, numeric)
        text = [name for name in names if not numeric[name]]
        if text:
            raise InvalidOption(
                option,
                list(names),
                "numeric columns, because categories have no order",
                [name for name in names if numeric[name]] or None,
                f"names {text[0]!r}, which holds categories",
            )
    both = sorted({*options.increasing} & {*options.decreasing})
    if both:
        raise InvalidOption(
            "decreasing",
            list(options.decreasing),
            "each column in one of the two lists",
            [name for name in options.decreasing if name not in both] or None,
            f"names {both[0]!r}, which is also among the increasing columns",
        )


def _check_outputs(options: FitOptions, outputs: int) -> None:
    for option in ("increasing", "decreasing", "shape"):
        if outputs > 1 and getattr(options, option):
            raise InvalidOption(
                option,
                getattr(options, option),
                "none with the loss multinomial: the probability of a class depends on the "
                "decisions of all classes, so a constraint on the decisions guarantees nothing "
                "about a probability. Two classes, or one against the rest, allow it",
            )


def _check_neuron(found: Constraints, options: FitOptions) -> None:
    """Raise InvalidOption if φ does not keep the required monotonicity or shape."""
    neuron = dict(found.neuron)
    curved = found.curved
    if curved and neuron.get("index", curved) != curved:
        raise InvalidOption(
            "neuron",
            neuron,
            "the index that the shape determines, or none",
            neuron | {"index": curved},
            f"has the index {neuron['index']!r} and the shape is {options.shape!r}",
        )
    spec = _spec_of(found, options)
    known = shape_of(spec)
    needed = (found.monotone or found.shapes is not None) and not known.monotone
    if needed or (curved and not getattr(known, curved)):
        asked = "monotone" if found.monotone else curved or "convex"
        raise InvalidOption(
            "neuron",
            neuron,
            f"a functional that keeps a model {asked} (math.md, section 2)",
            {"functional": "kth"},
            f"has the functional {spec.functional!r}, which cannot guarantee a monotone, convex "
            "or concave model",
        )


def _spec_of(found: Constraints, options: FitOptions) -> EigSpec:
    """Return the spec of a pencil of one term; raise with an example where there is none."""
    dim = options.dim or found.order(USUAL_DIM)
    try:
        return found.spec(1, dim)
    except InvalidSpec as exc:
        problem = f"cannot be made ({str(exc).rstrip('.')})"
        told = dict(found.neuron), "fields that go together", _example(found, dim), problem
        raise InvalidOption("neuron", *told) from exc


def _example(found: Constraints, dim: int) -> dict[str, Any]:
    """Return fields that would do, of those that are wrong."""
    neuron = dict(found.neuron)
    for name, value in (("index", "middle"), ("structure", "tridiagonal")):
        if replace(found, neuron=tuple((neuron | {name: value}).items())).allows(dim):
            return {name: value}
    functional = neuron.get("functional", "kth")
    parameters = _PARAMETERS | {"weighted": {"weights": [1.0] * dim}}
    if functional == "kth":  # the functional that has the parameter which was given
        functional = next((f for f, own in parameters.items() if own.keys() & neuron.keys()), "kth")
        given = {"functional": functional} | {n: neuron[n] for n in _FIELDS if n in neuron}
        if replace(found, neuron=tuple(given.items())).allows(dim):
            return given
    if functional not in parameters:
        return {"functional": "kth"}
    return {"functional": functional, **parameters[functional]}
