"""Convert the input of scikit-learn to named columns, and merge equal rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_n_features, validate_data

from eigcore.encoding.cells import (
    NAN,
    Cells,
    cells_of,
    check_labels,
    column_labels,
    columns_of,
    in_memory,
    unmasked,
)
from eigcore.errors import InvalidInput
from eigcore.fit.data.beside import Beside
from eigcore.fit.data.names import listed
from eigcore.fit.data.several import name_of
from eigcore.fit.data.together import Together

if TYPE_CHECKING:
    from eigcore.estimators.base import SpectralEstimator

MERGED = 50_000
"""Up to this many rows, equal rows are merged."""
_HEAVY, _FEWER = 1e300, 64
"""Above this, weights are divided by 2⁶⁴, so that sums of them are finite."""


def read(estimator: SpectralEstimator, X: Any, *, reset: bool) -> Cells:
    """Columns of cells by name, after scikit-learn's checks.

    The columns of a frame keep their kinds. An array must hold numbers, unless the estimator has
    `categorical_features`. The columns of a frame are called by their labels, those of an array x0,
    x1, …
    """
    records = getattr(getattr(X, "dtype", None), "names", None)
    if records or type(X) is dict:
        raise InvalidInput(
            f"X is a {'record array' if records else 'dict'}; expected an array of one type, or a "
            "data frame. Pass pandas.DataFrame(X)."
        )
    X = unmasked(X)
    if _is_frame(X):
        X = in_memory(X)
        columns = _labelled(estimator, X, reset)
    else:
        free = vars(estimator)["categorical_features"] is not None
        free |= not reset and not all(c.numeric for c in estimator.model_.encoding.columns)
        dtype: Any = None if free else [np.float64, np.float32]
        options: Any = {"dtype": dtype, "ensure_all_finite": "allow-nan"}
        columns = list(np.asarray(validate_data(estimator, X, reset=reset, **options)).T)
        if reset:
            estimator._labels = None
    pairs = zip(names_of(estimator), columns, strict=True)
    return {name: cells_of(column) for name, column in pairs}


def _is_frame(X: Any) -> bool:
    # a sparse matrix of keys is a mapping; scikit-learn reports what is wrong with it
    return not isinstance(X, Mapping) and column_labels(X) is not None


def plain_target(y: Any) -> Any:
    """Return a target; raise InvalidInput for masked cells, dates and durations."""
    if isinstance(y, np.ma.MaskedArray):
        absent = int(np.ma.getmaskarray(y).sum())
        if absent:
            raise InvalidInput(
                f"y is masked in {absent} of {y.size} rows; expected a value in every row. Leave "
                "those rows out."
            )
        return y.data
    y = _with_nan(y)
    kind = str(getattr(y, "dtype", ""))
    if kind.startswith(("datetime", "timedelta")):
        raise InvalidInput(
            f"y holds {kind}; expected numbers or labels. Convert it, a date to days for example."
        )
    return y


def _with_nan(y: Any) -> Any:
    """Return a target with NaN for None and pandas.NA, of which scikit-learn says less."""
    cells = np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None)
    if cells.dtype != object:
        return y
    flat = cells.ravel().tolist()
    absent = [cell is None or type(cell).__name__ == "NAType" for cell in flat]
    return np.where(np.reshape(absent, cells.shape), NAN, cells) if any(absent) else y


def _labelled(estimator: SpectralEstimator, X: Any, reset: bool) -> list[Any]:
    """Return the columns of a frame in the order of the fit, by labels of any type."""
    labels, columns = column_labels(X) or [], columns_of(X)
    check_labels(labels)
    if not reset and _are_ours(estimator, labels):
        _check_n_features(estimator, X, reset=False)
    else:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    if reset:
        estimator._labels = labels
    known = getattr(estimator, "_labels", None)
    if known is None or labels == known:
        return columns
    if set(map(str, labels)) != set(map(str, known)):
        raise InvalidInput(
            f"X has the columns {listed(map(str, labels))}; expected those of the fit, "
            f"{listed(map(str, known))}. Rename the columns of X, or pass an array."
        )
    place = {str(label): number for number, label in enumerate(labels)}
    return [columns[place[str(label)]] for label in known]


def _are_ours(estimator: SpectralEstimator, labels: list[Any]) -> bool:
    """Whether labels are those of the fit, in any order, where scikit-learn cannot compare them.

    A file keeps labels as text, and does not tell x0, x1, … of a frame from those of an array.
    """
    known = getattr(estimator, "_labels", None) or ()
    named = hasattr(estimator, "feature_names_in_") and all(isinstance(n, str) for n in labels)
    return not named and sorted(map(str, labels)) == sorted(map(str, known))


def names_of(estimator: SpectralEstimator) -> list[str]:
    """Names of the columns that an estimator was fitted with."""
    known = getattr(estimator, "_labels", None)
    if known is None:
        known = getattr(estimator, "feature_names_in_", None)
    places = range(estimator.n_features_in_)
    return [f"x{j}" for j in places] if known is None else list(map(str, known))


class Data(NamedTuple):
    """Rows to fit, equal ones merged.

    columns : by name
    y : (rows,) target, or (rows, targets)
    beside : weights (rows,), None for all 1, and the rest
    count : number of rows before equal ones were merged, without those of weight zero
    names : of the targets, if y had any
    """

    columns: Cells
    y: np.ndarray
    beside: Beside
    count: int
    names: tuple[str, ...] = ()

    def target(self, names: Sequence[str] = ()) -> Any:
        """Return the target as `eigcore.fit.fit` takes it: by name, these or its own, if any."""
        known, each = tuple(names) or self.names, np.atleast_2d(self.y.T)
        return dict(zip(known, each, strict=True)) if len(known) == len(each) else self.y


def names_of_targets(y: Any) -> tuple[str, ...]:
    """Return the names of the columns of a frame, or that of other values."""
    labels = column_labels(y)
    return (name_of(y),) if labels is None else tuple(map(str, labels))


def counted(columns: Cells, y: np.ndarray, beside: Beside) -> Data:
    """Merge equal rows and add their weights: a weight of 2 equals two rows to the last bit.

    The rows are sorted, so that a fit does not depend on their order. With more than `MERGED` rows,
    only those of weight zero are removed. A splitter sees all others before, in their order.
    """
    weights, given = beside.weights, beside._replace(weights=None, cv=None)
    others = {o: cells_of(each) for o, each in given._asdict().items() if each is not None}
    if weights is None:
        weights = np.ones(len(y))
    elif weights.max(initial=0.0) > _HEAVY:
        weights = np.ldexp(weights, -_FEWER)
    chosen = np.flatnonzero(weights > 0.0)
    count = len(chosen)
    together = Together.of(beside, y, weights > 0.0)
    weights = weights[chosen]
    if 0 < count <= MERGED:
        targets = y.reshape(len(y), -1).T
        beside_each = [own for each in others.values() for own in each.reshape(len(y), -1).T]
        every = [cells[chosen] for cells in (*targets, *columns.values(), *beside_each)]
        roles = () if together.roles is None else together.roles.T
        keys = np.stack([_ranks(cells) for cells in (*every, *roles)])
        order = np.lexsort(keys)
        changes = (np.diff(keys[:, order], axis=1) != 0).any(0)
        first = np.flatnonzero(np.concatenate([[True], changes]))
        weights = np.add.reduceat(weights[order], first)
        together, chosen = together.part(order[first]), chosen[order[first]]
    columns = {name: cells[chosen] for name, cells in columns.items()}
    others = {option: each[chosen] for option, each in others.items()}
    cv = None if together.roles is None else together.pairs()
    weights = None if (weights == 1.0).all() else weights
    beside = beside._replace(weights=weights, cv=cv, **others)
    return Data(columns, y[chosen], beside, count)


def _ranks(cells: np.ndarray) -> np.ndarray:
    """Number the distinct cells; all missing cells count as equal."""
    if cells.dtype == object:
        cells = np.array([repr(cell) for cell in cells.tolist()])
    return np.unique(cells, return_inverse=True)[1]


def as_numbers(columns: Cells, names: Sequence[str]) -> np.ndarray | None:
    """Return the columns as one array, if they have these names in this order and are float64."""
    if tuple(columns) != tuple(names) or any(c.dtype != np.float64 for c in columns.values()):
        return None
    return np.stack(list(columns.values()), axis=-1)


def is_single(columns: Cells) -> bool:
    """Whether all numbers are float32 or shorter; then predictions are float32 too."""
    kinds = [cells.dtype for cells in columns.values() if cells.dtype.kind in "fiu"]
    return bool(kinds) and all(kind.kind == "f" and kind.itemsize <= 4 for kind in kinds)
