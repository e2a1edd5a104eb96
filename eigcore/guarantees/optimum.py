"""Range and optimum of a model over a domain, by branch and bound (math.md, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.guarantees.beyond import Beyond, told, within
from eigcore.guarantees.codes import as_given
from eigcore.guarantees.domain import axes
from eigcore.guarantees.objective import Objective, Term
from eigcore.guarantees.search import Limits, Search
from eigcore.guarantees.telling import Teller, Verbose
from eigcore.guarantees.text import above, span
from eigcore.guarantees.units import clipped_ends
from eigcore.portable.description import Described
from eigcore.portable.predict import answer
from eigcore.portable.targets import output_of, static_of

Domain = Mapping[str, Any]
"""Column name -> (low, high), levels, or one value; None among them allows a missing cell."""


@dataclass(frozen=True)
class Optimum:
    """The smallest or largest value of the decision over a domain.

    Parameters
    ----------
    kind : {"minimum", "maximum"}
    value : float
        The decision at `point`, before the link.
    bound : float
        Proven: no point of the domain has a smaller (larger) decision.
    point : dict
        Column name -> value, in the caller's units; None is a missing cell.
    predicted, predicted_bound : float or None
        The same two numbers as predictions; None for scores of "softmax" and for differences.
    boxes : int
        Boxes that were bounded.
    stopped : {"tolerance", "seconds", "boxes", "interrupted"}
        Why the search ended.
    beyond : tuple of Beyond
        Columns that go on outside the fitted range, where no domain says how far; and those whose
        domain leaves it.
    """

    kind: str
    value: float
    bound: float
    point: dict[str, Any]
    predicted: float | None
    predicted_bound: float | None
    boxes: int
    stopped: str
    beyond: tuple[Beyond, ...] = ()

    @property
    def gap(self) -> float:
        """How far `value` may be from the optimum: |bound − value|, of the decision."""
        return abs(self.bound - self.value)

    def __str__(self) -> str:
        return "\n".join([self.words, *(f"  {each}" for each in told(self.beyond))])

    @property
    def words(self) -> str:
        """The value, how far it may be from the optimum, and the point."""
        where = ", ".join(f"{name} = {value!r}" for name, value in self.point.items())
        why = {"tolerance": "", "interrupted": "; interrupted"}.get(
            self.stopped, f"; stopped by the limit of {self.stopped}"
        )
        value, of = f"decision {self.value + 0.0:.6g}", " of the decision"
        if self.predicted == self.value:
            value, of = f"prediction {self.value + 0.0:.6g}", ""
        elif self.predicted is not None:
            value += f", prediction {self.predicted:.6g}"
        within = f"optimal within {above(self.gap, 2)}{of}{why}"
        return f"{self.kind}: {value}, {within}\n  at {where}"


@dataclass(frozen=True)
class Range:
    """All values over a domain lie between the ends.

    Parameters
    ----------
    lower, upper : float or (outputs,) float64
        Proven ends of the decision, before the link.
    predicted_lower, predicted_upper : float or (outputs,) float64, or None
        Proven ends of the prediction; None for differences of models.
    minima, maxima : tuple of Optimum, one per output
        The points that come nearest to the ends.
    names : tuple
        Classes, targets or numbers of several outputs.
    beyond : tuple of Beyond
        As in `Optimum`.
    """

    lower: Any
    upper: Any
    predicted_lower: Any
    predicted_upper: Any
    minima: tuple[Optimum, ...]
    maxima: tuple[Optimum, ...]
    names: tuple[Any, ...] = ()
    beyond: tuple[Beyond, ...] = ()

    @property
    def gap(self) -> float:
        """How far an end of the decision may be from the nearest value that is attained."""
        return max(each.gap for each in self.minima + self.maxima)

    def __str__(self) -> str:
        lines = []
        for o, (low, high) in enumerate(zip(self.minima, self.maxima, strict=True)):
            name = f"{self.names[o]}: " if len(self.minima) > 1 else ""
            said = [f"decision from {span(low.bound, high.bound, 9)}"]
            if self.predicted_lower is not None:
                least, most = np.atleast_1d(self.predicted_lower, self.predicted_upper)
                same = (least[o], most[o]) == (low.bound, high.bound)  # without a link
                said = [*([] if same else said), f"prediction from {span(least[o], most[o], 9)}"]
            lines += [name + "; ".join(said), low.words, high.words]
        return "\n".join([*lines, *told(self.beyond)])


def value_range(
    model: Described,
    domain: Domain | None = None,
    *,
    tol: float = 1e-6,
    budget_seconds: float = 10.0,
    max_boxes: int = 200_000,
    verbose: Verbose = False,
) -> Range:
    """Bound the decision and the prediction over a domain.

    Parameters
    ----------
    model : SpectralModel
    domain : mapping of column names, optional
        (low, high) for numbers, a list of levels for categories, or a single value; None among them
        allows a missing cell. Columns left out: from the first to the last knot, all levels.
    tol : float
        Stop when the gap is at most tol times the spread of the values.
    budget_seconds, max_boxes : float, int
        Stop there, for each of the two ends of each output; both stay proven, and `Range.gap` says
        how far they may be off.
    verbose : bool or function
        True: lines about the progress on standard error; a function gets each of them.

    Returns
    -------
    Range

    Raises
    ------
    InvalidInput
        If the domain names unknown columns or impossible values, or leaves out a column without
        knots.
    """
    limits = Limits(tol, budget_seconds, max_boxes, Teller(verbose))
    minima, maxima = _both([(model, 1.0)], domain, limits)
    low, high = (np.array([each.bound for each in side]) for side in (minima, maxima))
    ends = clipped_ends(model.static, low, high)
    a, b, c, d = (float(end[0]) if model.outputs == 1 else end for end in (low, high, *ends))
    return Range(a, b, c, d, minima, maxima, model.static.labels, minima[0].beyond)


def difference(
    model: Described,
    other: Described,
    domain: Domain | None = None,
    *,
    tol: float = 1e-6,
    budget_seconds: float = 10.0,
    max_boxes: int = 200_000,
    verbose: Verbose = False,
) -> Range:
    """Bound the decision of a model minus that of another one over a domain.

    If `lower` is at least 0, the first never predicts less: an upper quantile does not cross the
    lower one.

    Parameters
    ----------
    model, other : SpectralModel
        With the same column names, link, clip and number of outputs; knots and levels may differ.
    domain, tol, budget_seconds, max_boxes, verbose : see `value_range`

    Raises
    ------
    InvalidInput
        If the two models cannot be compared; or as for `value_range`.
    """
    kinds = [(m.static.link, m.outputs, m.static.clip) for m in (model, other)]
    if kinds[0] != kinds[1]:
        raise InvalidInput(
            f"The models have (link, outputs, clip) {kinds}. Expected the same for both. Fit them "
            "with the same link, targets and clip."
        )
    limits = Limits(tol, budget_seconds, max_boxes, Teller(verbose))
    minima, maxima = _both([(model, 1.0), (other, -1.0)], domain, limits)
    ends = (np.array([each.bound for each in side]) for side in (minima, maxima))
    low, high = (float(end[0]) if model.outputs == 1 else end for end in ends)
    names = model.static.labels if model.outputs > 1 else ()
    return Range(low, high, None, None, minima, maxima, names, minima[0].beyond)


def _both(
    models: Sequence[tuple[Described, float]], domain: Domain | None, limits: Limits
) -> tuple[tuple[Optimum, ...], tuple[Optimum, ...]]:
    """Return the minima and the maxima of a signed sum of models, output by output."""
    terms = [[(m, o, sign) for m, sign in models] for o in range(models[0][0].outputs)]
    low, high = (
        tuple(_optimum(each, domain, None, limits, kind) for each in terms)
        for kind in ("minimum", "maximum")
    )
    return low, high


def optimum(
    model: Described,
    kind: str,
    bounds: Domain | None = None,
    fixed: Domain | None = None,
    *,
    output: int | str | None = None,
    minus: int | str | None = None,
    tol: float = 1e-6,
    budget_seconds: float = 10.0,
    max_boxes: int = 200_000,
    verbose: Verbose = False,
) -> Optimum:
    """Find the minimum or maximum of the decision over a domain, with a proof of its distance.

    The links "identity", "logistic" and "log" increase: the point is optimal for the prediction
    too.

    Parameters
    ----------
    model : SpectralModel
    kind : {"minimum", "maximum"}
    bounds : mapping, optional
        As the domain of `value_range`.
    fixed : mapping of column names, optional
        Column name -> its only value; None is a missing cell.
    output : int, or name of a class or target, optional
        Which output, needed if there are several.
    minus : int or name, optional
        Subtract this output: with the link "softmax", the margin of class `output` over it.
    tol, budget_seconds, max_boxes, verbose : see `value_range`

    Returns
    -------
    Optimum

    Raises
    ------
    InvalidInput
        If an output does not exist; or as for `value_range`.
    """
    terms: list[Term] = [(model, output_of(model.static, output), 1.0)]
    if minus is not None:
        terms.append((model, output_of(model.static, minus, "minus"), -1.0))
    limits = Limits(tol, budget_seconds, max_boxes, Teller(verbose))
    return _optimum(terms, bounds, fixed, limits, kind)


def _optimum(
    terms: Sequence[Term], domain: Domain | None, fixed: Domain | None, limits: Limits, kind: str
) -> Optimum:
    sign = 1.0 if kind == "maximum" else -1.0
    turned = [(model, output, sign * own) for model, output, own in terms]
    found = axes([model for model, _, _ in terms], domain, fixed)
    search = Search(Objective(turned, found), limits).run()
    point = {axis.name: axis.cell(v) for axis, v in zip(found, search.point, strict=True)}
    point = as_given(terms[0][0].encoding, point)
    asked = {*map(str, domain or ()), *map(str, fixed or ())}
    value, bound = sign * search.best, sign * search.bound
    beyond = within([model for model, _, _ in terms], found, asked)
    result = Optimum(kind, value, bound, point, None, None, search.tried, search.stopped, beyond)
    static = terms[0][0].static
    if static.targets:
        static = static_of(static, terms[0][1])
    if static.link == "softmax" or len(terms) > 1:
        return result
    ends = clipped_ends(static, np.array([bound]), np.array([bound]))
    predicted = answer(static, np.array([value]), get_backend("numpy"))[0]
    outer = ends[1][0] if kind == "maximum" else ends[0][0]
    return replace(result, predicted=float(predicted), predicted_bound=float(outer))
