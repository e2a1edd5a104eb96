"""Encodings: from the columns of a table to the terms of a pencil (math.md, section 2b)."""

from eigcore.encoding.columns import (
    Categories,
    Linear,
    Periodic,
    PiecewiseLinear,
    column_from_dict,
)
from eigcore.encoding.encoding import Encoding
from eigcore.encoding.knots import LARGEST, is_constant, quantile_knots
from eigcore.encoding.projection import Projection
from eigcore.encoding.terms import Column, Pieces

__all__ = [
    "LARGEST",
    "Categories",
    "Column",
    "Encoding",
    "Linear",
    "Periodic",
    "Pieces",
    "PiecewiseLinear",
    "Projection",
    "column_from_dict",
    "is_constant",
    "quantile_knots",
]
