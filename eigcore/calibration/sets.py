"""Sets of classes that contain the true one as often as promised (math.md, section 10)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from eigcore.calibration.interval import EPS, Box, Calibratable, boxed, calibrated, margins
from eigcore.calibration.scores import probabilities
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend, infer
from eigcore.errors import InvalidInput
from eigcore.portable.tables import is_table


class PredictionSets(NamedTuple):
    """Sets of classes, one per row.

    Parameters
    ----------
    classes : tuple
    included : (..., classes) bool
        Whether the class is in the set of the row; an array of the library of X.
    """

    classes: tuple[Any, ...]
    included: Any

    @property
    def labels(self) -> list[tuple[Any, ...]]:
        """The classes of each set, one tuple per row."""
        rows = np.asarray(self.included).reshape(-1, len(self.classes))
        return [tuple(c for c, own in zip(self.classes, row, strict=True) if own) for row in rows]


def prediction_sets(
    model: Calibratable,
    X: Any,
    coverage: float = 0.9,
    *,
    box: Box = None,
    backend: str | Backend | None = None,
    codes: bool = False,
) -> PredictionSets:
    """Return sets that contain the true class with a probability of at least `coverage`.

    A class belongs to the set if 1 − its probability is at most the margin (Sadinle, Lei &
    Wasserman, JASA 114, 2019); the most probable one always does. The promise is that of
    `eigcore.calibration.interval.interval`.

    Parameters
    ----------
    model : SpectralModel
        With classes and a calibration.
    X : array (..., columns), mapping of columns, or data frame
    coverage : float
        Between 0 and 1.
    box : radius, or (lower, upper) ends, optional
        The true class is covered even if the true cells are anywhere inside the box around those of
        X: a class belongs to the set if its probability may be large enough in there.
    backend, codes : as for `SpectralModel.predict`

    Returns
    -------
    PredictionSets

    Raises
    ------
    InvalidInput
        If the model has no classes, no calibration, or too few of its rows for this coverage; or as
        for `Encoding.table`.
    """
    if not model.static.classes:
        raise InvalidInput(
            f"The model has link {model.static.link!r} and no classes. Expected classes, of which "
            "there can be a set. Write model.interval(X) for numbers."
        )
    own, outputs = calibrated(model), model.outputs
    chosen = get_backend("numpy") if is_table(X) else infer(X, backend=backend)
    wide = margins(model, own, X, coverage, codes, chosen)
    xp = chosen.xp
    if box is None:
        found = model.predict(X, backend, codes=codes)
        likely = probabilities(found if outputs > 1 else found[..., None], xp)
    else:
        low, high = boxed(model, None, X, box, codes)
        likely = high if outputs > 1 else np.stack([1.0 - low, high], axis=-1)
    least = 1.0 - wide - 8 * EPS
    if own.column:
        least = least[..., None]
    most = likely == xp.max(likely, axis=-1, keepdims=True)
    return PredictionSets(model.static.classes, (likely >= least) | most)
