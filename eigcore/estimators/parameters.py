"""Parameters of the estimators: options of a fit, under scikit-learn's names where it has any."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from eigcore.core.weights import KINDS
from eigcore.errors import InvalidOption
from eigcore.fit.checks import Choice, Ends, Number, Whole
from eigcore.fit.losses import LOSSES
from eigcore.fit.of_classes import ClassWeights
from eigcore.fit.of_columns import Codes, Orders, Pairs, Words
from eigcore.fit.options import OPTIONS, EarlyStopping, FitOptions, Option
from eigcore.fit.signature import check_options
from eigcore.fit.texts import Text

Class = TypeVar("Class", bound=type)


class Difference(NamedTuple):
    """A parameter whose name is not that of an option of a fit.

    of : the options of `eigcore.fit.fit` that it sets; may be empty
    default : default of the parameter
    constraints : the checks of scikit-learn; empty: checked where it is used
    kind, meaning : for the documentation
    """

    of: tuple[str, ...]
    default: Any
    constraints: tuple[Any, ...]
    kind: str
    meaning: str


_STOPPING = EarlyStopping()
_NUMBERS = tuple(name for name, loss in LOSSES.items() if not loss.classified)
DIFFERENT: dict[str, Difference] = {
    "loss": Difference(
        ("loss",),
        "squared",
        (StrOptions(set(_NUMBERS)),),
        f"one of {', '.join(_NUMBERS)}",
        "What is minimised.",
    ),
    "monotone": Difference(
        ("increasing", "decreasing"),
        None,
        (),
        "mapping of columns to -1, 0, 1 (by label, or by index in an array), or one per column",
        "1: the prediction never falls when the column grows; -1: it never rises; 0: free. This "
        "holds exactly, everywhere.",
    ),
    "index": Difference(
        ("neuron",),
        None,
        (),
        "middle, convex, concave or a whole number",
        "Which eigenvalue to use; None: the middle one, or the one that the shape determines.",
    ),
    "structure": Difference(
        ("neuron",),
        "dense",
        (),
        "dense, tridiagonal, banded:b or diagonal",
        "Structure of the matrices, see `eigcore.EigSpec`.",
    ),
    "functional": Difference(
        ("neuron",),
        "kth",
        (),
        "kth, smooth, top_sum, bottom_sum, softmax or weighted",
        "Functional of the eigenvalues, see `eigcore.EigSpec`.",
    ),
    "functional_params": Difference(
        ("neuron",), None, (Mapping, None), "mapping", "Its parameter: ``{'alpha': 0.1}``."
    ),
    "n_estimators": Difference(("members",), None, (), "", ""),
    "categorical_features": Difference(
        ("categories",),
        None,
        (),
        "labels of columns (indices in an array), or one truth value per column",
        "Columns whose numbers are categories; text and the categories of a data frame always are.",
    ),
    "early_stopping": Difference(
        ("early_stopping",),
        False,
        ("boolean",),
        "True or False",
        "Hide `validation_fraction` of the rows from each neuron; stop when their loss has not "
        "fallen by `tol` (relative) for `n_iter_no_change` steps, and keep the best point.",
    ),
    "validation_fraction": Difference(
        ("early_stopping",),
        _STOPPING.part,
        (Interval(Real, 0, 1, closed="neither"),),
        "number between 0 and 1",
        "See early_stopping.",
    ),
    "n_iter_no_change": Difference(
        ("early_stopping",),
        _STOPPING.steps,
        (Interval(Integral, 1, None, closed="left"),),
        "a whole number of at least 1",
        "See early_stopping.",
    ),
    "tol": Difference(
        ("early_stopping",),
        _STOPPING.tolerance,
        (Interval(Real, 0, None, closed="left"),),
        "number of at least 0",
        "See early_stopping.",
    ),
    "cv": Difference(
        (),
        None,
        (),
        "a splitter of scikit-learn, or pairs of row numbers",
        "Rows to hide where settings are chosen and descents stop early; None: random ones, or as "
        "`fit` is told by groups and time.",
    ),
    "budget": Difference(("budget_seconds",), None, (), "", ""),
    "warm_start": Difference(
        (),
        False,
        ("boolean",),
        "True or False",
        "Resume from the fitted model when `fit` is called again. Its encoding, settings and "
        "constraints stay; parameters that would change them raise an error.",
    ),
    "verbose": Difference(
        ("verbose",),
        False,
        ("verbose",),
        "True, False, or a whole number of at least 0",
        "Write lines about the progress of the fit to standard error.",
    ),
    "callback": Difference(
        (),
        None,
        (callable, None),
        "callable",
        "Called with an `eigcore.fit.Progress` after every step; returning True ends the fit. "
        "For scikit-learn's callbacks (since 1.9), use `set_callbacks`.",
    ),
    "random_state": Difference(
        ("seed",),
        None,
        (),
        "a whole number, RandomState or Generator",
        "Determines all random numbers; None: another model at every fit.",
    ),
}
"""Names and defaults that scikit-learn defines; docs/estimators.md shows this table."""

FIXED: dict[str, Any] = {"validation": 0.0, "keep_constant": True}
"""Options with fixed values: scikit-learn holds out rows itself, and keeps every column."""

FUNCTIONAL_PARAMS = ("alpha", "r", "t", "weights", *KINDS)
_SHARED = ("knots", "penalty", "preset", "selection", "projections")
_STEPS = ("early_stopping", "validation_fraction", "n_iter_no_change", "tol")
COMMON = (
    *("monotone", "shape", "additive", "smooth", "dominates", "missing", "dim"),
    *("index", "structure", "functional", "functional_params"),
    *_SHARED,
    *("n_estimators", "categorical_features", "order", "codes", "on_unseen", "on_missing"),
    *("tails", "max_iter", *_STEPS, "cv"),
    *("budget", "warm_start", "backend", "callback", "verbose", "random_state"),
)
"""Parameters of every estimator, in the order of its signature."""


def difference(name: str) -> Difference:
    """Describe a parameter by its own entry, or by the option of a fit with that name."""
    own = DIFFERENT.get(name)
    if own is not None and own.meaning:
        return own
    (of,) = own.of if own else (name,)
    option = OPTIONS[of]
    kind = option.kind.expected()
    return Difference((of,), option.default, tuple(_constraints(option)), kind, option.meaning)


def _constraints(option: Option) -> Iterator[Any]:
    """Constraints with which scikit-learn checks an option."""
    kind = option.kind
    if isinstance(kind, Whole):
        closed = "left" if kind.most is None else "both"
        yield Interval(Integral, kind.least, kind.most, closed=closed)
    elif isinstance(kind, Number):
        high = None if kind.high == np.inf else kind.high
        yield Interval(Real, kind.low, high, closed="neither" if kind.positive else "left")
    elif isinstance(kind, Choice):
        yield StrOptions(set(kind.words))
    elif isinstance(kind, Text):
        yield str
    elif isinstance(kind, Words):
        yield from (StrOptions(set(kind.words)), Mapping)
    elif isinstance(kind, (Orders, Codes, Pairs)):
        yield Mapping
    elif isinstance(kind, Ends):
        yield from (tuple, list)
    elif isinstance(kind, ClassWeights):
        yield from (Mapping, StrOptions({"balanced"}))
    if option.optional:
        yield None


def has_parameters(*names: str) -> Callable[[Class], Class]:
    """Decorate an estimator: add its parameters, their checks and their documentation.

    The docstring of the class says ``{parameters}`` where the list belongs.
    """
    known = {name: difference(name) for name in names}
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    more = [inspect.Parameter(name, keyword, default=each.default) for name, each in known.items()]
    signature = inspect.Signature([*own, *more])

    def __init__(self: Any, **parameters: Any) -> None:  # noqa: N807
        check_options(type(self).__name__, parameters, known, "parameter")
        given = signature.bind(self, **parameters).arguments
        for name, each in known.items():
            setattr(self, name, given.get(name, each.default))

    __init__.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]

    def decorate(kind: Class) -> Class:
        setattr(kind, "__init__", __init__)  # noqa: B010 (pyright accepts no other way)
        checked = {name: list(each.constraints) for name, each in known.items()}
        kind._parameter_constraints = {name: each for name, each in checked.items() if each}
        text = inspect.cleandoc(kind.__doc__ or "")
        kind.__doc__ = text.replace("{parameters}", "\n".join(_described(known)))
        return kind

    return decorate


def _described(known: Mapping[str, Difference]) -> Iterable[str]:
    for name, each in known.items():
        yield f"{name} : {each.kind}, default {each.default!r}"
        yield textwrap.fill(each.meaning, 96, initial_indent="    ", subsequent_indent="    ")


def fit_options(parameters: Mapping[str, Any], **more: Any) -> FitOptions:
    """Return the options of a fit for the parameters of an estimator.

    more : options that depend on the data, such as increasing, categories, loss and classes
    """
    fields = ("index", "structure", "functional")
    given = {name: parameters[name] for name in fields}
    neuron = {name: own for name, own in given.items() if own != DIFFERENT[name].default}
    own = dict(parameters["functional_params"] or {})
    if not set(own) <= set(FUNCTIONAL_PARAMS):
        expected = f"a mapping of fields among {', '.join(FUNCTIONAL_PARAMS)}"
        raise InvalidOption("functional_params", own, expected, {"alpha": 0.1}, optional=True)
    neuron |= own
    same = [name for name in parameters if name in OPTIONS and name not in DIFFERENT]
    return FitOptions(
        **{name: parameters[name] for name in same},
        neuron=neuron,
        members=parameters["n_estimators"],
        budget_seconds=parameters["budget"],
        verbose=bool(parameters["verbose"]),
        seed=seed_of(parameters["random_state"]),
        early_stopping=stopping_of(parameters),
        **FIXED,
        **more,
    )


def stopping_of(parameters: Mapping[str, Any]) -> EarlyStopping | None:
    """Early stopping, or None, from the parameters of an estimator."""
    if not parameters["early_stopping"]:
        return None
    names = ("validation_fraction", "n_iter_no_change", "tol")
    return EarlyStopping(*(parameters[name] for name in names))


def seed_of(random_state: Any) -> int:
    """A seed from None, a number, a RandomState or a Generator."""
    if isinstance(random_state, (int, np.integer)):
        check_random_state(random_state)
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))
