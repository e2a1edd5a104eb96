"""From the columns of a table to the terms of the pencil (math.md, section 2b)."""

from eigcore.encoding.base import Column, Pieces
from eigcore.encoding.columns import (
    Categories,
    Linear,
    Periodic,
    PiecewiseLinear,
    column_from_dict,
)
from eigcore.encoding.encoding import Encoding
from eigcore.encoding.knots import quantile_knots

__all__ = [
    "Categories",
    "Column",
    "Encoding",
    "Linear",
    "Periodic",
    "Pieces",
    "PiecewiseLinear",
    "column_from_dict",
    "quantile_knots",
]
