"""Predictions of tables on the host: in chunks of rows, with a kernel if the backend has one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Encoding
from eigcore.encoding.cells import column_labels
from eigcore.encoding.levels import UNSEEN_CODE, unseen_message
from eigcore.encoding.rows import Rows, kernel_serves
from eigcore.errors import NonFiniteInput, UnseenLevels
from eigcore.portable.description import ModelStatic
from eigcore.portable.predict import Forward, combine, forward, link_inverse

CELLS = 2**20
"""Number of encoded numbers per chunk of rows."""


def is_table(X: Any) -> bool:
    """Whether X is a table rather than an array of a framework."""
    frame = isinstance(X, (np.ndarray, Mapping, list, tuple))
    return frame or column_labels(X) is not None or not hasattr(X, "shape")


def predict_table(
    function: Forward,
    static: ModelStatic,
    params: Sequence[np.ndarray],
    X: Any,
    backend: Backend,
    codes: bool = False,
) -> np.ndarray:
    """Return `forward` or `decision` of a table: float64 (...) or (..., outputs).

    The host encodes rows, sums the members and applies offset, scale and link, all in float64; the
    backend finds the eigenvalues, in float32 where it has no float64.
    """
    table = static.encoding.table(X, codes)
    if not codes:
        _warn_of_unseen(static.encoding, table, X)
    flat = table.reshape(-1, table.shape[-1])
    link = static.link if function is forward else "identity"
    parts = [
        link_inverse(link, rows_decision(static, params, rows), get_backend("numpy"))
        for rows in _chunks(static, flat, backend)
    ]
    whole = np.concatenate(parts)
    return whole.reshape((*table.shape[:-1], *whole.shape[1:]))


def _warn_of_unseen(encoding: Encoding, table: np.ndarray, X: Any) -> None:
    category = [isinstance(column, Categories) for column in encoding.columns]
    if (table[..., category] == UNSEEN_CODE).any():
        # the caller of SpectralModel.predict
        told = unseen_message(encoding.unseen(X))
        advice = "They get the average of the levels; on_unseen='refuse' at the fit makes an error."
        warnings.warn(f"{told} {advice}", UnseenLevels, stacklevel=5)


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
    pairs = zip(static.specs, params, strict=True)
    values = combine(static, [np.float64(rows.values(spec, own)) for spec, own in pairs])
    if not np.isfinite(values).all():
        raise overflowing()
    return values


def overflowing() -> NonFiniteInput:
    """Return the error for rows whose matrices are not finite."""
    return NonFiniteInput(
        "The matrices of some rows overflow; expected cells and parameters well below 1e308. Check "
        "the units of the columns."
    )
