"""Calibration scores and their order statistics (math.md, section 10)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from eigcore.encoding import Encoding
from eigcore.errors import InvalidInput, InvalidSpec

KINDS = ("absolute", "relative", "quantiles", "classes")


@dataclass(frozen=True)
class Calibration:
    """Scores of rows that no fit has used; they travel in the model file.

    Parameters
    ----------
    kind : {"absolute", "relative", "quantiles", "classes"}
        The score of a row: |y − f|; |y − f| / f; max(lower − y, y − f), for the model f of an
        upper quantile and another of a lower one; or 1 − the probability of the true class.
    scores : tuple of tuple of float
        Ascending, one tuple per group, and in it per output: one group in all without a column;
        otherwise each level of the column, then missing cells, then levels never seen. The kind
        "classes" has one tuple per group.
    column : str
        The category column of the groups; empty without.
    lower : str
        For "quantiles": SHA-256 of the parameters of the lower model.

    Raises
    ------
    InvalidSpec
        If the kind is unknown, or scores are not ascending numbers.
    """

    kind: str
    scores: tuple[tuple[float, ...], ...]
    column: str = ""
    lower: str = ""

    def __post_init__(self) -> None:
        for own in self.scores:
            values = np.asarray(own, dtype=np.float64)
            if np.isnan(values).any() or (values[1:] < values[:-1]).any():
                raise InvalidSpec("calibration scores are not ascending numbers")
        if self.kind not in KINDS or (self.kind == "quantiles") != bool(self.lower):
            raise InvalidSpec(f"a calibration of kind {self.kind!r} cannot be read")

    @property
    def rows(self) -> int:
        """Number of calibration rows."""
        return sum(map(len, self.scores))

    def check(self, encoding: Encoding, outputs: int = 1) -> None:
        """Raise InvalidSpec if the groups are not those of a column, for so many outputs."""
        lists = count = 1 if self.kind == "classes" else outputs
        if self.column:
            j = encoding.names.index(self.column) if self.column in encoding.names else -1
            levels = getattr(encoding.columns[j], "levels", None) if j >= 0 else None
            count = 0 if levels is None else lists * (len(levels) + 2)
        if len(self.scores) != count:
            raise InvalidSpec(
                f"the calibration has {len(self.scores)} lists of scores for column "
                f"{self.column!r} and {outputs} output(s), which do not have as many"
            )

    def of_output(self, place: int, outputs: int) -> Calibration:
        """Return the scores of one of so many outputs, in every group."""
        return replace(self, scores=self.scores[place::outputs])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` is the inverse."""
        scores = [list(own) for own in self.scores]
        return {"kind": self.kind, "scores": scores, "column": self.column, "lower": self.lower}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Calibration:
        """Read what `to_dict` returned; raise InvalidSpec, KeyError, TypeError or ValueError."""
        scores = tuple(tuple(float(score) for score in own) for own in data["scores"])
        return cls(str(data["kind"]), scores, str(data["column"]), str(data["lower"]))


def class_scores(classes: Sequence[Any], found: np.ndarray, y: Any) -> np.ndarray:
    """Return 1 − the probability of the true class (Sadinle, Lei & Wasserman, JASA 2019).

    Parameters
    ----------
    classes : of the model
    found : (rows, outputs) float64
        Predictions: the probability of the second class, or of each.
    y : (rows,) classes

    Returns
    -------
    (rows, 1) float64

    Raises
    ------
    InvalidInput
        If y has another length or other classes.
    """
    places = {name: place for place, name in enumerate(classes)}
    given = np.asarray(y).tolist() if np.ndim(y) == 1 else []
    strange = [name for name in given if name not in places]
    if len(given) != len(found) or strange:
        held = f"the class {strange[0]!r}" if strange else f"shape {np.shape(y)}"
        raise InvalidInput(
            f"y has {held} for {len(found)} row(s). Expected one of {list(classes)} for each. Pass "
            "the labels of these rows."
        )
    own = np.array([places[name] for name in given], dtype=int)
    return 1.0 - probabilities(found)[np.arange(len(own)), own, None]


def probabilities(found: Any, xp: Any = np) -> Any:
    """Return the probability of each class: (..., 1) or (..., classes) -> (..., classes)."""
    return found if found.shape[-1] > 1 else xp.concat([1.0 - found, found], axis=-1)


def rank(count: int, coverage: float) -> int:
    """Return ⌈(count + 1) · coverage⌉, from the decimals of the coverage and so without rounding.

    With (9 + 1) · 0.7 the number 8 would be wrong; in floating point 0.7 is more than seven tenths.
    """
    return math.ceil((count + 1) * Fraction(repr(float(coverage))))


def margin(scores: tuple[float, ...], coverage: float, where: str = "") -> float:
    """Return the score below which a further one is with probability of at least `coverage`.

    It is the ⌈(n + 1) · coverage⌉-th smallest of n exchangeable scores (Vovk, Gammerman & Shafer
    2005; Lei et al. 2018, theorem 2.2).

    Parameters
    ----------
    scores : ascending
    coverage : float
        Between 0 and 1.
    where : str
        Which rows these are, for the error.

    Raises
    ------
    InvalidInput
        If the coverage is not between 0 and 1, or needs more rows: its margin would be infinite.
    """
    if not (isinstance(coverage, (int, float, np.floating)) and 0 < coverage < 1):
        raise InvalidInput(
            f"coverage is {coverage!r}. Expected a number between 0 and 1. Write coverage=0.9."
        )
    count, k = len(scores), rank(len(scores), coverage)
    if k > count:
        share = Fraction(repr(float(coverage)))
        least = math.ceil(share / (1 - share))
        advice = f", or write coverage={math.floor(1000 * count / (count + 1)) / 1000}"
        raise InvalidInput(
            f"Intervals of coverage {coverage} need at least {least} calibration rows{where}; "
            f"there are {count}. Calibrate with more rows{advice if count else ''}."
        )
    return float(scores[k - 1])


def attained(
    count: int, rows: int, coverage: float, probability: float = 0.95
) -> tuple[float, float]:
    """Return between which shares of new rows are covered with a given probability.

    Of `rows` new rows, a beta-binomial number is covered if `count` rows calibrate and no scores
    are equal: that of k and n + 1 − k, k = ⌈(n + 1) · coverage⌉ (Vovk 2012, proposition 2a).

    Parameters
    ----------
    count, rows : int
        Of calibration, and new.
    coverage, probability : float

    Returns
    -------
    low, high : float
        Of the central interval.
    """
    from scipy import stats

    k = rank(count, coverage)
    law = stats.betabinom(rows, k, count + 1 - k)
    tail = (1 - probability) / 2
    return float(law.ppf(tail)) / rows, float(law.ppf(1 - tail)) / rows
