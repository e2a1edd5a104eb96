"""Contributions relative to a baseline, with signs that hold (math.md, section 6).

A contribution says what a column adds to the decision because its cell is that of the row and not
that of the baseline. Contributions add up to f(row) − f(baseline); they do not depend on how
columns are centred, or on a basis; and a column that is certified never to lower the decision has
none below zero while its cell is at least that of the baseline.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees.baselines import baseline_rows, rows_of
from eigcore.guarantees.beyond import outside
from eigcore.guarantees.codes import code_columns
from eigcore.guarantees.integrated import integrated
from eigcore.guarantees.shapley import pairs, shapley
from eigcore.portable.description import Described
from eigcore.portable.predict import answer, decision
from eigcore.portable.tables import predict_table
from eigcore.portable.targets import output_of

METHODS = ("shapley", "integrated")
SIDES = ("lower", "higher")


class Reason(NamedTuple):
    """One reason why a prediction is on its side of the baseline.

    Parameters
    ----------
    column : str
    contribution : float
        In units of the decision; its sign is that of the side.
    value : number, special code or level
        The cell of the row, None where it is missing.
    baseline : number or level
        The cell of the baseline; None where it is missing, or where there are several baselines.
    """

    column: str
    contribution: float
    value: Any
    baseline: Any


@dataclass(frozen=True)
class Contributions:
    """Contributions of the columns, row by row. The axis [outputs] exists only where outputs > 1.

    Parameters
    ----------
    names : tuple of str
        The columns.
    method : {"shapley", "integrated"}
    prediction : (rows, [outputs]) float64
        In units of the target.
    decision : (rows, [outputs]) float64
        The prediction before the link.
    base : ([outputs]) float64
        The decision of the baseline, or its mean over several baselines.
    contributions : (rows, [outputs], columns) float64
        What a column adds by its special codes is in its own place, not in that of the codes.
        base + contributions.sum(-1) == decision, up to rounding.
    error : (rows, [outputs], columns) float64
        Shapley values of more than `eigcore.guarantees.shapley.EXACT` columns: the standard error
        of sampling. Integrated gradients: an estimate of the error of the split. Otherwise 0.
    table, baseline : (rows, columns), (baselines, columns) float64
        The cells, with codes for levels.
    model : SpectralModel
    """

    names: tuple[str, ...]
    method: str
    prediction: np.ndarray
    decision: np.ndarray
    base: np.ndarray
    contributions: np.ndarray
    error: np.ndarray
    table: np.ndarray
    baseline: np.ndarray
    model: Described = field(repr=False, compare=False)

    @property
    def importance(self) -> dict[str, float]:
        """Name -> mean |contribution| over rows and outputs, in units of the decision."""
        sizes = np.abs(self.contributions).mean(tuple(range(self.contributions.ndim - 1)))
        codes = code_columns(self.model.encoding)  # which count with their numbers
        return {n: float(sizes[j]) for j, n in enumerate(self.names) if j not in codes}

    def reasons(
        self, k: int = 4, side: str | None = None, output: Any = None
    ) -> list[tuple[Reason, ...]]:
        """Return the main reasons of each row, the strongest first.

        Parameters
        ----------
        k : int
            Largest number of reasons.
        side : {"lower", "higher"}, optional
            What the reasons argue for: a decision below or above that of the baseline. Columns that
            argue for the other side are never among them. Default: the side of each row.
        output : int, class or name of a target, optional
            Which output; needed where there are several. With the link "softmax", contributions
            are those to the score of this class beside the mean score of all classes.

        Raises
        ------
        InvalidInput
            If k is no positive number, side has another value, or output is missing or none.
        """
        if not isinstance(k, (int, np.integer)) or k < 1 or side not in (*SIDES, None):
            raise InvalidInput(
                f"reasons got k={k!r} and side={side!r}. Expected k of at least 1, and "
                f'side="lower", side="higher" or none. Write reasons(k=4).'
            )
        parts = self.of_output(output)
        signs = np.sign(parts.sum(-1)) if side is None else {"lower": -1, "higher": 1}[side]
        argued = parts * np.broadcast_to(signs, len(parts))[:, None]
        one = self.baseline[0] if len(self.baseline) == 1 else None
        found = []
        for row, each in enumerate(argued):
            order = [j for j in np.argsort(-each, kind="stable")[:k] if each[j] > 0]
            found.append(tuple(self._reason(row, int(j), parts[row, j], one) for j in order))
        return found

    def of_output(self, output: Any) -> np.ndarray:
        """Return the contributions to one output: (rows, columns); see `reasons`."""
        place = output_of(self.model.static, output)
        if self.model.outputs == 1:
            return self.contributions
        centred = self.model.static.link == "softmax"
        middle = self.contributions.mean(1) if centred else 0.0
        return self.contributions[:, place] - middle

    def _reason(self, row: int, j: int, amount: float, base: np.ndarray | None) -> Reason:
        value = self.held(j, self.table[row])
        other = None if base is None else self.held(j, base)
        return Reason(self.names[j], float(amount), value, other)

    def held(self, j: int, row: np.ndarray) -> Any:
        """Return what a row (columns,) holds in column j: as `cell`, or a special code."""
        places = {source: place for place, source in code_columns(self.model.encoding).items()}
        return (
            self.cell(j, row[j])
            if j not in places or not np.isnan(row[j])
            else self.cell(places[j], row[places[j]])
        )

    def cell(self, j: int, number: float) -> Any:
        """Return a cell of column j as its level or number; None if it is missing."""
        column = self.model.encoding.columns[j]
        if np.isnan(number):
            return None
        if isinstance(column, Categories):
            return column.levels[int(number)] if number >= 0 else "never seen"
        return float(number)

    def text(self, row: int = 0, k: int = 4, output: Any = None) -> str:
        """Return the prediction of one row in words; see `eigcore.guarantees.sentences.text`."""
        from eigcore.guarantees.sentences import text

        return text(self, row, k, output)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: arrays become lists, cells levels and numbers, missing ones None.

        "outside" has for each row the columns whose fitted range it leaves.
        """
        arrays = {
            name: getattr(self, name).tolist()
            for name in ("prediction", "decision", "base", "contributions", "error")
        }
        cells = {
            name: [
                [self.cell(j, cell) for j, cell in enumerate(row)] for row in getattr(self, name)
            ]
            for name in ("table", "baseline")
        }
        left = [[*map(asdict, outside(self.model.encoding, row))] for row in self.table]
        plain = {"names": list(self.names), "method": self.method, "outside": left}
        return plain | arrays | cells | {"importance": self.importance}


def contributions(
    model: Described,
    X: Any,
    baseline: Any,
    method: str = "shapley",
    *,
    sample: Any = None,
    backend: str | Backend | None = None,
    permutations: int = 64,
    seed: int = 0,
) -> Contributions:
    """Explain what distinguishes each row from a baseline.

    Parameters
    ----------
    model : SpectralModel
    X : table
        See `Encoding.table`.
    baseline : row, table, or {"mean", "highest", "lowest"}
        A row; a table, over whose rows contributions are averaged; or a case made of the rows of
        `sample`. "mean": the mean of each numeric column without its missing cells, the commonest
        level of each category column. "highest" ("lowest"): the row with the highest (lowest)
        decision, with certified monotone columns moved to the end that raises (lowers) it most.
    method : {"shapley", "integrated"}
        Baseline Shapley values (`eigcore.guarantees.shapley`), exact up to 14 columns that differ,
        sampled beyond; or integrated gradients (`eigcore.guarantees.integrated`).
    sample : table, optional
        The rows that a case is made of. Default: X, if it has more than one row.
    backend : str or Backend, optional
        Finds the eigenvalues. Default: the default backend.
    permutations, seed : int
        Number of sampled orders of the columns, and where the sampling starts.

    Returns
    -------
    Contributions

    Raises
    ------
    InvalidInput, NonFiniteInput
        If the method is unknown, the baseline has no rows, or a case is made of the only row; or as
        for `Encoding.table`.
    """
    if method not in METHODS:
        raise InvalidInput(
            f"method is {method!r}. Expected one of {', '.join(map(repr, METHODS))}. Write "
            'method="shapley".'
        )
    chosen = get_backend(backend)
    table, base = _tables(model, X, baseline, sample, chosen)
    if method == "shapley":
        parts, error = shapley(model, table, base, chosen, permutations, seed)
    else:
        parts, error = integrated(model, table, base, chosen)
    own = _decisions(model, table, chosen)
    return Contributions(
        model.encoding.names,
        method,
        answer(model.static, own, get_backend("numpy")),
        own,
        _decisions(model, base, chosen).mean(0),
        parts[:, 0] if model.outputs == 1 else parts,
        error[:, 0] if model.outputs == 1 else error,
        table,
        base,
        model,
    )


def interactions(
    model: Described,
    X: Any,
    baseline: Any,
    *,
    sample: Any = None,
    backend: str | Backend | None = None,
) -> np.ndarray:
    """Return what pairs of columns contribute together; see `eigcore.guarantees.shapley.pairs`.

    Parameters
    ----------
    model, X, baseline, sample, backend
        As for `contributions`.

    Returns
    -------
    (rows, [outputs], columns, columns) float64
        Symmetric; each row of a matrix adds up to the Shapley value of its column.

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `contributions`, or if more than 14 columns differ from the baseline.
    """
    chosen = get_backend(backend)
    found = pairs(model, *_tables(model, X, baseline, sample, chosen), chosen)
    return found[:, 0] if model.outputs == 1 else found


def _tables(
    model: Described, X: Any, baseline: Any, sample: Any, backend: Backend
) -> tuple[np.ndarray, np.ndarray]:
    table = rows_of(model, X)
    known = table if sample is None else rows_of(model, sample)
    return table, baseline_rows(model, baseline, known, backend)


def _decisions(model: Described, table: np.ndarray, backend: Backend) -> np.ndarray:
    return predict_table(decision, model, table, backend, codes=True)
