"""Linear probes on principal components: where the signal of features ends.

"The malignant tail" (arXiv 2603.02293): components beyond the signal let a probe memorise wrong
labels, and cutting them off afterwards undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, returned
from eigcore.core.arrays import Array
from eigcore.core.options import classes
from eigcore.core.scalars import is_whole
from eigcore.errors import InvalidInput, NonFiniteInput


@dataclass(frozen=True)
class Probe:
    """Accuracies of linear probes on the first j principal components.

    Parameters
    ----------
    train, test : (k + 1,) arrays
        Accuracy for j = 0 … k; `test` is None without test rows.
    mean, components : (D,) and (D, k) arrays
        Mean of the features, and the principal directions.
    """

    train: np.ndarray
    test: np.ndarray | None
    mean: np.ndarray
    components: np.ndarray

    @property
    def best(self) -> int:
        """The smallest number of components with the best accuracy, on test rows if there are."""
        return int(np.argmax(self.train if self.test is None else self.test))

    def truncate(self, F: Array, components: int | None = None) -> Array:
        """Return features (N, D) with the first components only; default: the best number."""
        j, most = self.best if components is None else components, self.components.shape[1]
        if not is_whole(j) or not 0 <= j <= most:
            raise InvalidInput(
                f"components is {j!r:.80}; expected an integer from 0 to {most}. "
                "Leave it out for the best number."
            )
        V, X = self.components[:, :j], _features(F, "F", len(self.mean))
        return returned(self.mean + (X - self.mean) @ V @ V.T, F)


def spectral_probe(F: Any, y: Any, F_test: Any = None, y_test: Any = None) -> Probe:
    """Return the accuracy of a linear probe as a function of the number of principal components.

    One singular value decomposition: in the basis of principal components the coefficients of least
    squares do not depend on one another. With all components it is the interpolant of least norm
    where there is one.

    Parameters
    ----------
    F : (N, D) array of any backend
        Features.
    y : (N,) array of classes
    F_test, y_test : arrays, optional
        Rows that the probe is not fitted to.

    Returns
    -------
    Probe

    Raises
    ------
    InvalidInput, NonFiniteInput
        Other lengths, or features that are not finite.
    """
    X = hosted(F, "F")
    kinds, own = _classes(y, len(X))
    mean = X.mean(axis=0)
    U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
    rank = int((s > 8 * max(X.shape) * np.finfo(float).eps * s[0]).sum())
    U, s, Vt = U[:, :rank], s[:rank], Vt[:rank]
    target = np.eye(len(kinds))[own]
    slopes = U.T @ (target - target.mean(axis=0))

    def accuracy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        parts = scores[:, :, None] * slopes[None]
        none = np.zeros((len(scores), 1, len(kinds)))
        summed = np.cumsum(np.concatenate((none, parts), axis=1), axis=1)
        guess = (target.mean(axis=0) + summed).argmax(axis=-1)
        return (kinds[guess] == labels[:, None]).mean(axis=0)

    test = None
    if F_test is not None:
        scores = (_features(F_test, "F_test", len(mean)) - mean) @ Vt.T / s
        labels = classes("y_test", y_test)
        if labels.shape != (len(scores),):
            raise InvalidInput(
                f"y_test has shape {labels.shape}; expected ({len(scores)},), one class per row of "
                "F_test. Type: y_test.ravel()"
            )
        test = accuracy(scores, labels)
    return Probe(accuracy(U, kinds[own]), test, mean, Vt.T)


def _features(F: Any, what: str, columns: int) -> np.ndarray:
    X = hosted(F, what)
    if X.shape[1] != columns:
        raise InvalidInput(
            f"{what} has {X.shape[1]} columns; expected {columns}, as the probe was fitted to. "
            f"Type: {what}[:, :{columns}]"
        )
    return X


def _classes(y: Any, rows: int) -> tuple[np.ndarray, np.ndarray]:
    labels = classes("y", y)
    if labels.shape != (rows,):
        raise InvalidInput(
            f"y has shape {labels.shape}; expected ({rows},), one class per row of F. "
            "Type: y.ravel()"
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise NonFiniteInput("y holds NaN or infinity; expected classes. Drop these rows.")
    kinds, own = np.unique(labels, return_inverse=True)
    if len(kinds) < 2:
        raise InvalidInput("y holds one class; expected at least two. Give rows of both.")
    return kinds, own
