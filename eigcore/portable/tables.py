"""Predictions of tables on the host: in chunks of rows, with a kernel if the backend has one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.rules import rule_of
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Encoding
from eigcore.encoding.bins import ensemble
from eigcore.encoding.cells import column_labels, read_columns
from eigcore.encoding.levels import UNSEEN_CODE, unseen_message
from eigcore.encoding.rows import Rows, kernel_serves
from eigcore.errors import InvalidInput, NonFiniteInput, UnseenLevels
from eigcore.portable.description import Described, ModelStatic
from eigcore.portable.predict import Forward, answer, combine, forward

CELLS = 2**20
"""Number of encoded numbers per chunk of rows."""
_passes: WeakKeyDictionary[Described, dict[str, Any]] = WeakKeyDictionary()
"""The kernels of models, by the name of the backend."""


def is_table(X: Any) -> bool:
    """Whether X is a table rather than an array of a framework."""
    frame = isinstance(X, (np.ndarray, Mapping, list, tuple))
    return frame or column_labels(X) is not None or not hasattr(X, "shape")


def predict_table(
    function: Forward, model: Described, X: Any, backend: Backend, codes: bool = False
) -> np.ndarray:
    """Return `forward` or `decision` of a table: float64 (...) or (..., outputs).

    The host encodes rows, sums the members and applies offset, scale and link, all in float64; the
    backend finds the eigenvalues, in float32 where it has no float64.
    """
    static = model.static
    plain = _is_plain(static.encoding, X, codes)
    table = X if plain else _table(static.encoding, X, codes)
    found = _in_one_pass(model, table.reshape(-1, table.shape[-1]), backend)
    if found is None:
        table = _table(static.encoding, X, codes) if plain else table
        flat = table.reshape(-1, table.shape[-1])
        params = [own for _, own in model.members]
        chunks = _chunks(static, flat, backend)
        found = np.concatenate([rows_decision(static, params, rows) for rows in chunks])
    whole = answer(static, found, get_backend("numpy")) if function is forward else found
    return whole.reshape((*table.shape[:-1], *whole.shape[1:]))


def _is_plain(encoding: Encoding, X: Any, codes: bool) -> bool:
    """Whether X is an array of cells as `Encoding.table` would return it, if they are in order."""
    if type(X) is not np.ndarray or X.dtype != np.float64 or X.ndim != 2:
        return False
    numeric = codes or all(column.numeric for column in encoding.columns)
    numeric &= not any(column.outside for column in encoding.columns)
    return numeric and X.shape[1] == len(encoding.columns)


def _table(encoding: Encoding, X: Any, codes: bool) -> np.ndarray:
    table = encoding.table(X, codes)
    if not codes:
        _warn_of_unseen(encoding, table, X)
    return table


def _in_one_pass(model: Described, flat: np.ndarray, backend: Backend) -> np.ndarray | None:
    """Return the decision of rows (N, columns) from a kernel for all members; None if none does.

    None too if a cell or a result is no number; the usual way says which.
    """
    known = _passes.setdefault(model, {})
    if backend.name not in known:
        specs, params = zip(*model.members, strict=True)
        static = model.static
        told = ensemble(static.encoding, tuple(map(rule_of, specs)), params, static.weights)
        known[backend.name] = told and backend.one_pass(told)
    one_pass = known[backend.name]
    sums = one_pass(flat) if one_pass else None
    if sums is None or not np.isfinite(sums).all():
        return None
    values = model.static.offset + model.static.scale * sums
    return values[:, 0] if model.outputs == 1 else values


def beside(
    X: Any, option: str, given: Any, like: Array, backend: Backend, targets: Sequence[str] = ()
) -> Array:
    """Return numbers that stand beside the rows of X, in the library of their predictions.

    Parameters
    ----------
    X : as for `eigcore.SpectralModel.predict`
    option : "exposure" or "offset"
    given : numbers, or the name of a column of X; for several targets a mapping of their names to
        such, zeros for others
    like : (...) array of predictions, one number per row, or (..., targets) where there are several
    backend : Backend of `like`
    targets : names of several targets

    Raises
    ------
    InvalidInput
        Several outputs, a column that X does not have, cells that are not finite numbers, or
        another number of rows.
    """
    several = bool(targets) and np.ndim(given) < like.ndim
    if isinstance(given, Mapping) and targets:
        each = {name: beside(X, option, own, like[..., 0], backend) for name, own in given.items()}
        unknown = [name for name in each if name not in targets]
        if unknown:
            raise InvalidInput(
                f"{option} names {unknown[0]!r}. Expected some of the targets {', '.join(targets)}."
            )
        zeros = 0.0 * like[..., 0]
        return backend.xp.stack([zeros + each.get(name, zeros) for name in targets], axis=-1)
    try:
        if isinstance(given, str):
            given = read_columns(X)[given]
        if not isinstance(like, np.ndarray) and isinstance(given, type(like)):
            own: Any = given
            return own[..., None] if several and own.ndim else own
        numbers = np.asarray(given, dtype=np.float64)
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidInput(
            f"{option} cannot be read: {exc!r}. Expected one number for each row, or the name of a "
            f"column of the table. Write predict(table, {option}=values)."
        ) from exc
    shape = tuple(like.shape[: like.ndim - several])
    if numbers.shape not in ((), shape) or not np.isfinite(numbers).all():
        raise InvalidInput(
            f"{option} has the shape {numbers.shape}, or cells that are not finite. Expected one "
            f"finite number for each row, in the shape {shape} of the predictions. Pass those."
        )
    found = backend.asarray(numbers, like=like)
    return found[..., None] if several and numbers.shape else found


def _warn_of_unseen(encoding: Encoding, table: np.ndarray, X: Any) -> None:
    category = [isinstance(column, Categories) for column in encoding.columns]
    if (table[..., category] == UNSEEN_CODE).any():
        # the caller of SpectralModel.predict
        told = unseen_message(encoding.unseen(X))
        advice = "They get the average of the levels; on_unseen='refuse' at the fit makes an error."
        warnings.warn(f"{told} {advice}", UnseenLevels, stacklevel=6)


def _chunks(static: ModelStatic, flat: np.ndarray, backend: Backend) -> Iterator[Rows]:
    binned = all(kernel_serves(spec, backend) for spec in set(static.specs))
    width = len(static.encoding.parts) if binned else static.encoding.terms
    step = max(1, CELLS // max(1, width))
    for start in range(0, max(1, len(flat)), step):
        yield Rows(static.encoding, flat[start : start + step], backend)


def rows_decision(static: ModelStatic, params: Sequence[np.ndarray], rows: Rows) -> np.ndarray:
    """Return the decision of encoded rows: float64 (rows,) or (rows, outputs).

    Raises
    ------
    NonFiniteInput
        If matrices overflow.
    """
    members = [rows.values(*pair) for pair in zip(static.specs, params, strict=True)]
    values = combine(static, [np.asarray(own, np.float64) for own in members])
    if not np.isfinite(values).all():
        raise overflowing()
    return values


def overflowing() -> NonFiniteInput:
    """Return the error for rows whose matrices are not finite."""
    return NonFiniteInput(
        "The matrices of some rows overflow; expected cells and parameters well below 1e308. Check "
        "the units of the columns."
    )
