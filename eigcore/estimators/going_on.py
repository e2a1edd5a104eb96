"""What must stay when a fit is resumed: the parameters that made the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.estimators.columns import names_of
from eigcore.estimators.labels import categories, named, signs
from eigcore.estimators.parameters import FUNCTIONAL_PARAMS
from eigcore.fit.origin import Origin, origin
from eigcore.model import SpectralModel

if TYPE_CHECKING:
    from eigcore.estimators.base import SpectralEstimator

FREE = frozenset(
    {"max_iter", "early_stopping", "validation_fraction", "n_iter_no_change", "tol", "cv"}
    | {"budget", "warm_start", "backend", "callback", "verbose", "random_state"}
)
"""Parameters that may change when a fit is resumed."""
_REASON = "because a resumed fit keeps the encoding, settings and constraints"
_SETTINGS = ("dim", "knots", "penalty")
_OF_LOSSES = ("quantile", "delta", "variance_power")
_UNKNOWN = object()


def kept(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that a resumed fit cannot change."""
    return {name: value for name, value in parameters.items() if name not in FREE}


def check_unchanged(estimator: SpectralEstimator, X: Any) -> None:
    """Raise InvalidInput for a parameter that differs from that of the model.

    X : the table, for its labels

    An estimator made by `from_model` knows what the file records. There, a parameter at its default
    means that of the model.
    """
    now, fixed = kept(estimator.get_params(deep=False)), estimator._fixed
    if fixed is None:
        _check_loaded(estimator, now, X)
        return
    for name, value in now.items():
        if not _same(value, fixed[name]):
            raise InvalidInput(
                f"{name} is {_plain(value)!r} and was {_plain(fixed[name])!r} when the model was "
                f"fitted; expected the same, {_REASON}. Put {name} back, or fit anew with "
                "warm_start=False."
            )


def _check_loaded(estimator: SpectralEstimator, now: Mapping[str, Any], X: Any) -> None:
    model, names = estimator.model_, names_of(estimator)
    known = origin(model)
    recorded = _recorded(model, known)
    usual = type(estimator)().get_params(deep=False)
    for name, value in {**now, **named(now, names, X)}.items():
        if _same(value, usual[name]):
            continue
        own = recorded.get(name, _UNKNOWN)
        if name == "categorical_features":
            alike = set(categories(value, names, X)) <= set(own)
        elif name == "monotone":
            alike = _signed(**signs(value, names, X)) == own
        else:
            alike = _same(value, own)
        if not alike:
            told = "the file does not record it" if own is _UNKNOWN else f"the model has {own!r}"
            raise InvalidInput(
                f"{name} is {_plain(value)!r} and {told}; expected the same, or the default, "
                f"{_REASON}. Leave {name} out, or fit a new estimator."
            )


def _recorded(model: SpectralModel, known: Origin) -> dict[str, Any]:
    """Parameters that the file of a model records."""
    spec, loss, constraints = model.static.specs[0], known.loss, known.constraints
    columns = zip(model.encoding.names, model.encoding.columns, strict=True)
    levels = {name: column for name, column in columns if isinstance(column, Categories)}
    fields = {n: own for n, own in constraints.neuron if n in FUNCTIONAL_PARAMS}
    found: dict[str, Any] = {name: getattr(loss, name, None) for name in _OF_LOSSES}
    found |= {name: _common([getattr(s, name) for s in known.settings]) for name in _SETTINGS}
    return found | {
        "loss": loss.name,
        "clip": model.static.clip,
        "n_estimators": len(model.members),
        "shape": constraints.shapes,
        "additive": constraints.additive,
        "smooth": constraints.smooth,
        "dominates": constraints.pairs,
        "missing": constraints.places,
        "monotone": _signed(constraints.increasing, constraints.decreasing),
        "index": dict(constraints.neuron).get("index"),
        "structure": spec.structure,
        "functional": spec.functional,
        "functional_params": fields,
        "categorical_features": [name for name, column in levels.items() if not column.of],
        "order": {name: c.levels for name, c in levels.items() if c.ordered} or None,
        "codes": {c.of: c.levels for c in levels.values() if c.of} or None,
        "on_unseen": _common([column.unseen for column in levels.values()]),
    }


def _common(values: list[Any]) -> Any:
    """Return the value that all are; otherwise the list of all."""
    return values[0] if values and all(each == values[0] for each in values) else values


def _signed(increasing: Any = (), decreasing: Any = ()) -> dict[str, int]:
    return dict.fromkeys(sorted(increasing), 1) | dict.fromkeys(sorted(decreasing), -1)


def _plain(value: Any) -> Any:
    """Return a series as a mapping of its labels."""
    return value.to_dict() if hasattr(value, "to_dict") else value


def _same(one: Any, other: Any) -> bool:
    """Whether two parameters are equal; they may contain arrays, and labels count."""
    one, other = _plain(one), _plain(other)
    if isinstance(one, Mapping):
        alike = isinstance(other, Mapping) and one.keys() == other.keys()
        return alike and all(_same(value, other[key]) for key, value in one.items())
    return np.array_equal(one, other)
