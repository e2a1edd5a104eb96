"""Split conformal intervals of a model (math.md, section 10)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np

from eigcore.calibration.scores import Calibration, class_scores, margin
from eigcore.core.arrays import Array
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend, infer
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.certificate import certify
from eigcore.portable.description import Described
from eigcore.portable.file import parameters_sha256
from eigcore.portable.tables import is_table

EPS = float(np.finfo(np.float64).eps)
Box = Any
"""A radius, as for `eigcore.guarantees.certificate.certify`, or (lower, upper) ends."""


class Interval(NamedTuple):
    """Ends of intervals, in units of the target.

    Parameters
    ----------
    lower, upper : (...) or (..., outputs) array
        One of each per row and output, of the library of X.
    """

    lower: Any
    upper: Any


class Calibratable(Described, Protocol):
    """A model that may have a calibration, such as `eigcore.SpectralModel`."""

    @property
    def calibration(self) -> Calibration | None:
        """Scores of the calibration rows."""
        ...

    def predict(self, X: Any, backend: Any = None, *, codes: bool = False) -> Array:
        """Return predictions in units of the target."""
        ...


def calibration_of(
    model: Calibratable, X: Any, y: Any, *, groups: str = "", lower: Any = None, codes: bool = False
) -> Calibration:
    """Return the scores of rows that the fit has not used.

    Parameters
    ----------
    model : SpectralModel
    X : table
        See `Encoding.table`.
    y : (rows,) or (rows, outputs) numbers, or (rows,) classes
        In units of the target; per unit of exposure, if the model was fitted with one.
    groups : str, optional
        A category column: each of its levels gets intervals of its own, with the coverage of its
        own (Vovk et al. 2005, Mondrian conformal prediction).
    lower : SpectralModel, optional
        The model of a lower quantile; `model` then is that of an upper one (Romano et al. 2019).
    codes : bool
        As for `SpectralModel.predict`.

    Raises
    ------
    InvalidInput
        If the model predicts probabilities that are not those of classes; y has other classes, or
        is not one finite number per row and output; or `groups` is no category column.
    """
    table = np.atleast_2d(model.encoding.table(X, codes))
    found = np.asarray(model.predict(table, codes=True)).reshape(len(table), model.outputs)
    other = ""
    if model.static.classes and lower is None:
        kind, scores = "classes", class_scores(model.static.classes, found, y)
    else:
        _check(model)
        below = None
        if lower is not None:
            _check(lower)
            other = parameters_sha256([own for _, own in lower.members])
            below = np.asarray(lower.predict(X, codes=codes)).reshape(found.shape)
        kind, scores = _scores(model, found, below, _numbers(y, found.shape))
    places, count = np.zeros(len(table), dtype=int), 1
    if groups:
        j = _group_column(model, groups)
        places = group_of(model, j, table[:, j])
        count = len(_levels(model, j)) + 2
    each = (np.sort(own[places == g]).tolist() for g in range(count) for own in scores.T)
    return Calibration(kind, tuple(map(tuple, each)), groups, other)


def _scores(
    model: Described, found: np.ndarray, below: np.ndarray | None, target: np.ndarray
) -> tuple[str, np.ndarray]:
    """Return the kind of the scores, and the scores: (rows, outputs)."""
    if below is not None:
        return "quantiles", np.maximum(below - target, target - found)
    if model.static.link != "log":
        return "absolute", np.abs(target - found)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.abs(target - found) / found
    # NaN where y and its prediction are both 0
    return "relative", np.where(np.isnan(scores), 0.0, scores)


def interval(
    model: Calibratable,
    X: Any,
    coverage: float = 0.9,
    *,
    box: Box = None,
    lower: Any = None,
    backend: str | Backend | None = None,
    codes: bool = False,
) -> Interval:
    """Return intervals that contain the target with a probability of at least `coverage`.

    This holds on average over calibration and new rows that are exchangeable, whatever the model;
    for calibrations with groups, in each group; with several outputs, for each output by itself.

    Parameters
    ----------
    model : SpectralModel
        With a calibration.
    X : array (..., columns), mapping of columns, or data frame
    coverage : float
        Between 0 and 1.
    box : radius, or (lower, upper) ends, optional
        See `eigcore.guarantees.certificate.certify`: the target is covered even if the true cells
        are anywhere inside the box around those of X. Only for tables.
    lower : SpectralModel, optional
        The model of the lower quantile, if the calibration was made with one; for the model of one
        of several targets that of all, as in the calibration.
    backend, codes : as for `SpectralModel.predict`

    Returns
    -------
    Interval
        Of (...) arrays. An array of a framework gives arrays of its library.

    Raises
    ------
    InvalidInput
        If the model predicts classes, or has no calibration, too few of its rows for this coverage,
        or another lower model; or as for `Encoding.table`.
    """
    _check(model)
    own = calibrated(model)
    _check_lower(own, lower)
    if lower is not None and model.outputs < lower.outputs:
        lower = lower.target(model.static.target_name)
    chosen = get_backend("numpy") if is_table(X) else infer(X, backend=backend)
    wide = margins(model, own, X, coverage, codes, chosen)
    if box is None:
        above = model.predict(X, backend, codes=codes)
        below = above if lower is None else lower.predict(X, backend, codes=codes)
    else:
        below, above = boxed(model, lower, X, box, codes)
    return _ends(own.kind, below, above, wide, chosen)


def calibrated(model: Calibratable) -> Calibration:
    """Return the calibration of a model; raise InvalidInput if there is none."""
    if model.calibration is None:
        raise InvalidInput(
            "The model has no calibration. Expected one, from rows that its fit has not used. "
            "Write model = model.calibrate(X, y) first, or fit(..., calibration=0.2)."
        )
    return model.calibration


def _ends(kind: str, below: Any, above: Any, wide: Any, backend: Backend) -> Interval:
    """Return the ends, by a rounding error further out, so that no score on the end is lost."""
    xp = backend.xp
    if kind == "relative":
        zero = xp.zeros_like(above)
        wide = wide + zero
        low = below * (1.0 - xp.where(wide < 1.0, wide, zero + 1.0)) - 4 * EPS * below
        whole = above * (1.0 + xp.where(wide < math.inf, wide, zero)) * (1 + 4 * EPS)
        high = xp.where(wide < math.inf, whole, wide)
        return Interval(xp.where(low > 0.0, low, zero), high)
    low = below - wide - 4 * EPS * (abs(below) + abs(wide))
    high = above + wide + 4 * EPS * (abs(above) + abs(wide))
    crossed = low > high  # of two quantile models; the empty interval becomes that between them
    return Interval(xp.where(crossed, high, low), xp.where(crossed, low, high))


def boxed(
    model: Calibratable, lower: Any, X: Any, box: Box, codes: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the certified ends of the predictions inside boxes: (rows, [outputs]) each."""
    if not is_table(X) or codes:
        raise InvalidInput(
            "box is given beside an array of a framework, or of codes. Expected a table: boxes are "
            "certified on the host. Pass a mapping of columns, a data frame or a NumPy array."
        )
    options: dict[str, Any] = {"radius": box}
    if isinstance(box, tuple):
        options = {"lower": box[0], "upper": box[1]}
    found = [certify(each, x=X, **options).local for each in (lower or model, model)]
    if found[0] is None or found[1] is None:
        raise AssertionError("a certificate of rows is local")
    return found[0].lower, found[1].upper


def margins(
    model: Calibratable, own: Calibration, X: Any, coverage: float, codes: bool, backend: Backend
) -> Any:
    """Return the margin of each row and output; without groups, that of all rows."""
    lists = 1 if own.kind == "classes" else model.outputs
    if not own.column:
        each = [margin(scores, coverage) for scores in own.scores]
        return each[0] if lists == 1 else _like(X, np.array(each), backend)
    j = model.encoding.names.index(own.column)
    host = X if is_table(X) else backend.to_numpy(X)
    table = model.encoding.table(host, codes)
    places = group_of(model, j, table[..., j])
    found = np.zeros((*places.shape, lists))
    names = [*map(repr, _levels(model, j)), "a missing cell", "a level never seen"]
    for g in np.unique(places):
        where = f" with {names[g]} in column {own.column!r}"
        each = own.scores[g * lists : (g + 1) * lists]
        found[places == g] = [margin(scores, coverage, where) for scores in each]
    return _like(X, found[..., 0] if lists == 1 else found, backend)


def _like(X: Any, values: np.ndarray, backend: Backend) -> Any:
    return values if is_table(X) else backend.asarray(values, like=X)


def group_of(model: Described, j: int, codes: np.ndarray) -> np.ndarray:
    """Return the group of each code of a category column: levels, missing cells, never seen."""
    count = len(_levels(model, j))
    found = np.where(np.isnan(codes), count, codes)
    return np.where(found < 0, count + 1, found).astype(int)


def _levels(model: Described, j: int) -> tuple[Any, ...]:
    column = model.encoding.columns[j]
    return column.levels if isinstance(column, Categories) else ()


def _group_column(model: Described, name: str) -> int:
    pairs = zip(model.encoding.names, model.encoding.columns, strict=True)
    known = [own for own, column in pairs if isinstance(column, Categories)]
    if name not in known:
        raise InvalidInput(
            f"groups is {name!r}. Expected a category column, one of {', '.join(known) or 'none'}. "
            "Leave groups out for one coverage of all rows."
        )
    return model.encoding.names.index(name)


def _check(model: Described) -> None:
    link = model.static.link
    if link not in ("identity", "log"):
        raise InvalidInput(
            f"The model has link {link!r} and predicts probabilities. Expected numbers, of which "
            "there can be an interval. For classes, calibrate with them and write "
            "model.prediction_sets(X)."
        )


def _check_lower(own: Calibration, lower: Any) -> None:
    found = "" if lower is None else parameters_sha256([params for _, params in lower.members])
    if found != own.lower:
        wanted = "the lower model that it was calibrated with" if own.lower else "no lower model"
        raise InvalidInput(
            f"interval got {'another' if found else 'no'} lower model. Expected {wanted}. "
            + (
                "Write upper.interval(X, lower=lower)."
                if own.lower
                else "Write upper = upper.calibrate(X, y, lower=lower) first."
            )
        )


def _numbers(y: Any, shape: tuple[int, int]) -> np.ndarray:
    try:
        found = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(0, np.nan)
    wanted = shape if shape[1] > 1 else shape[:1]
    if found.shape != wanted or not np.isfinite(found).all():
        raise InvalidInput(
            f"y has shape {np.shape(y)} for {shape[0]} row(s), or cells that are no finite "
            f"numbers. Expected one number per row{' and output' * (shape[1] > 1)}, in units of "
            "the target. Leave rows without it out."
        )
    return found.reshape(shape)
