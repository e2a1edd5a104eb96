"""Split conformal intervals of a model (math.md, section 10)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np

from eigcore.calibration.scores import Calibration, margin
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
    lower, upper : (...) array
        One of each per row, of the library of X.
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
    y : (rows,) numbers; per unit of exposure, if the model was fitted with one
        In units of the target.
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
        If the model predicts classes or several outputs; y is not one finite number per row; or
        `groups` is no category column.
    """
    _check(model)
    table = np.atleast_2d(model.encoding.table(X, codes))
    target = _numbers(y, len(table))
    found = np.asarray(model.predict(table, codes=True))
    kind, other = "absolute", ""
    if lower is not None:
        _check(lower)
        kind, other = "quantiles", parameters_sha256([own for _, own in lower.members])
        below = np.asarray(lower.predict(X, codes=codes)).reshape(found.shape)
        scores = np.maximum(below - target, target - found)
    elif model.static.link == "log":
        kind = "relative"
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.abs(target - found) / found
        scores = np.where(np.isnan(scores), 0.0, scores)  # y and its prediction are both 0
    else:
        scores = np.abs(target - found)
    places, count = np.zeros(len(table), dtype=int), 1
    if groups:
        j = _group_column(model, groups)
        places = group_of(model, j, table[:, j])
        count = len(_levels(model, j)) + 2
    each = tuple(tuple(np.sort(scores[places == g]).tolist()) for g in range(count))
    return Calibration(kind, each, groups, other)


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
    for calibrations with groups, in each group.

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
        The model of the lower quantile, if the calibration was made with one.
    backend, codes : as for `SpectralModel.predict`

    Returns
    -------
    Interval
        Of (...) arrays. An array of a framework gives arrays of its library.

    Raises
    ------
    InvalidInput
        If the model has no calibration, too few of its rows for this coverage, or another lower
        model; or as for `Encoding.table`.
    """
    own = model.calibration
    if own is None:
        raise InvalidInput(
            "The model has no calibration. Expected one, from rows that its fit has not used. "
            "Write model = model.calibrate(X, y) first, or fit(..., calibration=0.2)."
        )
    _check_lower(own, lower)
    table = is_table(X)
    chosen = get_backend("numpy") if table else infer(X, backend=backend)
    wide = _margins(model, own, X, coverage, codes, chosen)
    if box is None:
        above = model.predict(X, backend, codes=codes)
        below = above if lower is None else lower.predict(X, backend, codes=codes)
    else:
        below, above = _boxed(model, lower, X, box, codes)
    return _ends(own.kind, below, above, wide, chosen)


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


def _boxed(
    model: Calibratable, lower: Any, X: Any, box: Box, codes: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the certified ends of the predictions inside boxes: (rows,) each."""
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


def _margins(
    model: Calibratable, own: Calibration, X: Any, coverage: float, codes: bool, backend: Backend
) -> Any:
    """Return the margin of each row: a number without groups."""
    if not own.column:
        return margin(own.scores[0], coverage)
    j = model.encoding.names.index(own.column)
    host = X if is_table(X) else backend.to_numpy(X)
    table = model.encoding.table(host, codes)
    places = group_of(model, j, table[..., j])
    found = np.zeros(places.shape)
    names = [*map(repr, _levels(model, j)), "a missing cell", "a level never seen"]
    for g in np.unique(places):
        where = f" with {names[g]} in column {own.column!r}"
        found[places == g] = margin(own.scores[g], coverage, where)
    return found if is_table(X) else backend.asarray(found, like=X)


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
    if model.outputs > 1 or link not in ("identity", "log"):
        raise InvalidInput(
            f"The model has link {link!r} and {model.outputs} output(s). Expected one number per "
            "row, of which there can be an interval. For sets of classes, use MAPIE with "
            "eigcore.estimators.SpectralClassifier."
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


def _numbers(y: Any, rows: int) -> np.ndarray:
    try:
        found = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(0, np.nan)
    if found.shape != (rows,) or not np.isfinite(found).all():
        raise InvalidInput(
            f"y has shape {np.shape(y)} for {rows} row(s), or cells that are no finite numbers. "
            "Expected one number per row, in units of the target. Leave rows without it out."
        )
    return found
