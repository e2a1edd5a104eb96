"""Which constraints go together, and with which eigenvalue and functional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eigcore.core.spec import EigSpec
from eigcore.core.weights import KINDS
from eigcore.errors import InvalidOption, InvalidSpec
from eigcore.fit.data.names import check_keys, check_names
from eigcore.fit.members.direction import sum_of_weights
from eigcore.fit.options import FitOptions
from eigcore.guarantees.slopes import shape_of

if TYPE_CHECKING:
    from eigcore.fit.constraints import Constraints

USUAL_DIM = 5
_PARAMETERS: dict[str, dict[str, Any]] = {
    "smooth": {"alpha": 0.1},
    "softmax": {"t": 1.0},
    "top_sum": {"r": 1},
    "bottom_sum": {"r": 1},
}
"""Parameters of functionals that would do."""
_FIELDS = ("alpha", "r", "t", "weights")


def check_monotone(options: FitOptions, ordered: Mapping[str, bool]) -> None:
    """Raise InvalidOption unless monotone columns have an order, and one direction each."""
    for option in ("increasing", "decreasing"):
        names: Sequence[str] = getattr(options, option)
        check_names(option, names, ordered)
        text = [name for name in names if not ordered[name]]
        if text:
            raise InvalidOption(
                option,
                list(names),
                "numeric columns, or categories whose order is given (order), because others have "
                "no order",
                [name for name in names if ordered[name]] or None,
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


def places_of(options: FitOptions, numeric: Sequence[str]) -> tuple[tuple[str, str | float], ...]:
    """Return where missing cells of monotone columns stand; raise InvalidOption for others."""
    given, monotone = options.missing, (*options.increasing, *options.decreasing)
    check_keys("missing", given, numeric)
    places = (
        given if isinstance(given, Mapping) else dict.fromkeys(monotone if given else (), given)
    )
    for name in places:
        if name not in monotone:
            raise InvalidOption(
                "missing",
                given,
                "increasing or decreasing columns, for others have no order of predictions",
                {monotone[0]: places[name]} if monotone else None,
                f"names {name!r}, which is neither increasing nor decreasing",
            )
        if tails_of(options, name) == "linear":
            raise InvalidOption(
                "missing",
                given,
                "columns that stay constant outside the fitted range",
                None,
                f"names {name!r}, whose predictions go on without end",
            )
    return tuple(places.items())


def check_outputs(options: FitOptions, classes: int) -> None:
    """Raise InvalidOption for a constraint that says nothing about a probability."""
    for option in ("increasing", "decreasing", "shape", "dominates"):
        if classes > 2 and getattr(options, option):
            raise InvalidOption(
                option,
                getattr(options, option),
                "none with the loss multinomial: the probability of a class depends on the "
                "decisions of all classes, so a constraint on the decisions guarantees nothing "
                "about a probability. Two classes, or one against the rest, allow it",
            )


def check_sum(found: Constraints, spec: EigSpec, outputs: int) -> None:
    """Raise InvalidOption for weights whose sum is 0 where a multiple of I must count, or all 0."""
    if sum_of_weights(spec):
        return
    if not any(spec.weights or ()):
        expected = "weights of which some are not 0"
    elif found.additive:
        expected = "weights whose sum is not 0 beside additive columns, whose matrices are p·I"
    elif outputs > 1:
        expected = "weights whose sum is not 0 for three classes or more, whose pencils are shifted"
    else:
        return
    neuron, problem = dict(found.neuron), "has weights with the sum 0"
    raise InvalidOption("neuron", neuron, expected, {"functional": "kth"}, problem)


def check_single(found: Constraints, outputs: int, options: FitOptions) -> None:
    """Raise InvalidOption for learned weights beside several decisions per row."""
    if outputs > 1 and found.learned is not None:
        raise InvalidOption(
            "neuron",
            options.neuron,
            "weights beside the functional: only one target, or two classes, can learn them",
            {"functional": "kth"},
            "learns weights",
        )


def check_neuron(found: Constraints, options: FitOptions) -> None:
    """Raise InvalidOption if φ does not keep the required monotonicity or shape."""
    neuron = dict(found.neuron)
    curved = found.curved
    promised = [name for name in KINDS if name in neuron]
    if promised and found.learned is None:
        problem = f"has {promised[0]}, and no weights to learn"
        expected = "the functional weighted without weights beside it"
        told = {promised[0]: True, "functional": "weighted"}
        raise InvalidOption("neuron", neuron, expected, told, problem)
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
    ordered = found.monotone or found.dominates
    needed = (ordered or found.shapes is not None) and not known.monotone
    if needed or (curved and not getattr(known, curved)):
        asked = "monotone" if ordered else curved or "convex"
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


def tails_of(options: FitOptions, name: str) -> str:
    """Name what numbers outside the fitted range mean in a column."""
    neuron: Mapping[str, Any] = options.neuron or {}
    own = options.shape
    shape = (own.get(name) if isinstance(own, Mapping) else own) or neuron.get("index")
    usual = "linear" if shape in ("convex", "concave") else "constant"
    given = options.tails or usual
    return given.get(name, usual) if isinstance(given, Mapping) else given
