"""Certificates: guarantees for the whole pipeline, in the units of the columns and the target.

Bounds come from full symmetric eigensolves in float64 plus a rounding margin, never from iterations
that approach from below (math.md, sections 5 and 9). They hold for the real function of the
stored numbers; how far numbers in floating point can be from it stands beside them.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from eigcore.encoding import Encoding
from eigcore.errors import InvalidInput
from eigcore.guarantees.asked import Radius, check_complete, radii_of
from eigcore.guarantees.attained import anywhere
from eigcore.guarantees.bands import Dominance, dominances
from eigcore.guarantees.beyond import Beyond, everywhere
from eigcore.guarantees.box import LocalCertificate, local
from eigcore.guarantees.column import ColumnCertificate, column_of
from eigcore.guarantees.evaluation import DTYPES, largest_rounding
from eigcore.guarantees.reached import Reached, reached
from eigcore.guarantees.slopes import (
    EPS,
    MemberSlopes,
    box_constant,
    constant,
    feature_norms,
    member_slopes,
)
from eigcore.portable.description import Described

__all__ = ["Certificate", "ColumnCertificate", "LocalCertificate", "certify", "feature_norms"]


@dataclass(frozen=True)
class Certificate:
    """Results of `certify`. Slopes and constants refer to the decision, before the link.

    Parameters
    ----------
    columns : tuple of ColumnCertificate
    l1, l2 : float
        |change of the decision| ≤ l1 · Σ|ε_j| and ≤ l2 · (Σ ε_j²)^½ for changes ε_j of the numeric
        columns, each in its own unit; categories and missing cells stay as they are.
    l2_simple : float
        (Σ bound_j²)^½; l2 is never larger.
    l2_reached : Reached
        The largest quotient with (Σ ε_j²)^½ that a search found, and its two rows.
    convex, concave : bool
        Proven: the decision is jointly convex (concave) in the numeric columns.
    link, target : str
    rounding : dict
        dtype -> how far a decision in floating point is from the real function at most, for cells
        between the first and the last knot; see `eigcore.guarantees.evaluation`.
    box : float or None
        Bound of |change of the decision| for changes within the radii, anywhere; None without
        radius.
    box_reached : Reached or None
        How far apart the decisions of two rows are that differ by at most the radii.
    local : LocalCertificate or None
    clipped : bool
        Whether predictions have bounds; what is said of the decision holds before them.
    dominances : tuple of Dominance
        Proven: a unit of one column raises the decision at least as much as so many of another.
    beyond : tuple of Beyond
        Columns that go on outside the fitted range; all but `rounding` holds there too.
    """

    columns: tuple[ColumnCertificate, ...]
    l1: float
    l2: float
    l2_simple: float
    l2_reached: Reached
    convex: bool
    concave: bool
    link: str
    target: str
    rounding: dict[str, float]
    box: float | None = None
    box_reached: Reached | None = None
    local: LocalCertificate | None = None
    clipped: bool = False
    dominances: tuple[Dominance, ...] = ()
    beyond: tuple[Beyond, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; arrays become lists."""
        return _json(asdict(self))

    def __str__(self) -> str:
        from eigcore.guarantees.text import text

        return text(self)


def certify(
    model: Described,
    *,
    x: Any = None,
    radius: Radius | None = None,
    lower: Any = None,
    upper: Any = None,
    threshold: float | None = None,
) -> Certificate:
    """Prove guarantees from the matrices of a model.

    Parameters
    ----------
    model : SpectralModel
    x : table or (columns,) array, optional
        Rows to certify locally; needs `radius` or ends. See `Encoding.table`.
    radius : float, mapping of column names, or (columns,) array, optional
        Radius of the box, in the unit of each column. One number applies to all numeric columns;
        columns that a mapping leaves out do not change. Categories and missing cells never change.
    lower, upper : mapping of column names, or (columns,) or (rows, columns) array, optional
        Ends of the boxes, beside x instead of `radius`, in units of the columns; a mapping has one
        number, or one per row, for each column. What is left out, or NaN, does not move.
    threshold : float, optional
        In units of the prediction. Default: 0.5 with the link "logistic", otherwise none. With the
        link "softmax", a row is decided if its most probable class stays the same.

    Returns
    -------
    Certificate

    Raises
    ------
    InvalidInput
        If x comes without radius and ends, or threshold or ends without x, names of columns are
        unknown, or radii are negative; or as for `Encoding.table`.
    """
    members, encoding = member_slopes(model), model.encoding
    check_complete(x, radius, lower, upper, "certify")
    radii = radii_of(encoding, radius)
    if threshold is not None and x is None:
        raise InvalidInput(
            "certify got threshold without x. Expected the rows to compare with it. Write "
            f"model.certify(x=..., radius=0.1, threshold={threshold!r})."
        )
    near = None if x is None else local(model, x, radii, threshold, (lower, upper))
    numeric = [j for j, column in enumerate(encoding.columns) if column.numeric]
    each, together = reached(model, members)
    columns = tuple(column_of(model, members, j, found) for j, found in enumerate(each))
    bounds = np.array([columns[j].bound for j in numeric])
    simple = math.hypot(*bounds.tolist()) * (1 + 4 * len(bounds) * EPS)
    box = found = None
    if x is None and radii is not None:
        box = _anywhere(encoding, members, bounds, radii)
        found = anywhere(model, members, radii)
    return Certificate(
        columns,
        l1=float(bounds.max(initial=0.0)),
        l2=min(simple, constant(encoding, members, numeric)),
        l2_simple=simple,
        l2_reached=together,
        convex=_joint(members, [columns[j].convex for j in numeric], encoding, "convex"),
        concave=_joint(members, [columns[j].concave for j in numeric], encoding, "concave"),
        link=model.static.link,
        target=model.static.target_name,
        rounding={dtype: largest_rounding(model, members, dtype) for dtype in DTYPES},
        box=box,
        box_reached=found,
        local=near,
        clipped=model.static.clip is not None,
        dominances=dominances(model),
        beyond=everywhere(encoding),
    )


def _anywhere(
    encoding: Encoding, members: list[MemberSlopes], bounds: np.ndarray, radii: np.ndarray
) -> float:
    """Return a bound of the change of the decision inside a box around any row."""
    numeric = [j for j, column in enumerate(encoding.columns) if column.numeric]
    projections = range(len(encoding.columns), len(encoding.parts))
    reach = np.concatenate([radii, np.abs(encoding.mixing) @ radii])
    sharp = box_constant(members, reach, [*numeric, *projections])
    return float(min(bounds @ radii[numeric], sharp))


def _joint(
    members: list[MemberSlopes],
    each: list[bool],
    encoding: Encoding,
    what: Literal["convex", "concave"],
) -> bool:
    affine = all(part.affine for part in encoding.parts if part.numeric)
    shapes = all(getattr(m.shape, what) and (affine or m.shape.monotone) for m in members)
    return shapes and all(each)


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return _json(value.tolist()) if isinstance(value, (np.ndarray, np.generic)) else value
