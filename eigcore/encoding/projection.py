"""A shape function of a weighted sum of columns (projection pursuit, Friedman & Stuetzle 1981)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eigcore.encoding.columns import Linear, PiecewiseLinear, column_from_dict
from eigcore.encoding.terms import Column, numbers_of
from eigcore.errors import InvalidSpec


@dataclass(frozen=True)
class Projection:
    """z = Σ_i weights_i · (column_i − centers_i), with terms of its own.

    It adds A_z(z) to the pencil. If A_z is monotone, so is its effect in each of its columns; if
    A_z is matrix-convex, the decision stays jointly convex. The bound of the slope in column i
    grows by |weights_i| times the bound of the slope in z (math.md, section 2b).

    Parameters
    ----------
    names : tuple of str
        Numeric columns of the table, at least one, all different.
    weights : tuple of float
        One per name, per unit of the column; none is zero.
    column : Linear or PiecewiseLinear
        The terms as functions of z. If a cell of one of the columns is missing, so is z.
    centers : tuple of float
        One per name, in units of the column; zeros when empty. They are subtracted first, so that
        z keeps its digits in float32.

    Raises
    ------
    InvalidSpec
        If the numbers of names, weights and centers differ, a weight is zero, or column is of
        another kind.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    column: Column
    centers: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.names)
        weights = numbers_of(self.weights, "Projection.weights")
        centers = numbers_of(self.centers, "Projection.centers") or (0.0,) * len(names)
        for field, value in (("names", names), ("weights", weights), ("centers", centers)):
            object.__setattr__(self, field, value)
        if not names or len(set(names)) < len(names):
            raise InvalidSpec(
                f"Projection.names is {names}. Expected at least one column, each once. Write "
                'names=("longitude", "latitude"), for example.'
            )
        if not len(names) == len(weights) == len(centers) or not all(weights):
            raise InvalidSpec(
                f"A projection of {names} has the weights {weights} and the centers {centers}. "
                "Expected one of each per name, and no zero weight. Leave such columns out."
            )
        if not isinstance(self.column, (Linear, PiecewiseLinear)):
            raise InvalidSpec(
                f"Projection.column is {self.column!r}. Expected a numeric column that is not "
                "periodic. Write Linear(...) or PiecewiseLinear(...)."
            )

    @property
    def label(self) -> str:
        """The sum as text, like "0.5 longitude - 0.47 latitude"."""
        signed = zip(self.weights, self.names, strict=True)
        summands = [f"{'-' if w < 0 else '+'} {abs(w):.4g} {name}" for w, name in signed]
        return " ".join(summands).removeprefix("+ ")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` is the inverse."""
        return {
            "names": list(self.names),
            "weights": list(self.weights),
            "centers": list(self.centers),
            "column": self.column.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Projection:
        """Return the projection that `to_dict` described."""
        names, weights, centers = (tuple(data[key]) for key in ("names", "weights", "centers"))
        return cls(names, weights, column_from_dict(data["column"]), centers)
