"""A certificate as text that a person can read."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS = 10
SCALES = {"identity": "", "logistic": "log-odds", "log": "logarithm", "softmax": "score of a class"}
"""What the decision is called, where it is not the prediction."""


def text(certificate: Any) -> str:
    """Return the certificate as lines of text."""
    target = certificate.target or "the prediction"
    scale = SCALES[certificate.link] and f" ({SCALES[certificate.link]})"
    lines = [f"Guarantees for {target}, proven from the matrices. Slopes are per unit{scale}.", ""]
    width = max([len(_label(c)) for c in certificate.columns] + [6])
    lines.append(f"  {'column':<{width}}  {'largest slope':>13}  guarantee")
    lines += [
        f"  {_label(c):<{width}}  {c.bound:>13.6g}  {_guarantee(c)}" for c in certificate.columns
    ]
    lines += [
        "",
        f"  sum of |changes|       change of {target} at most {certificate.l1:.6g} per unit",
        f"  root of squares        at most {certificate.l2:.6g} per unit "
        f"(search reached {certificate.l2_reached:.6g})",
    ]
    if certificate.convex or certificate.concave:
        kinds = [name for name in ("convex", "concave") if getattr(certificate, name)]
        where = ", before the link" if scale else ""
        lines.append(f"  jointly {' and '.join(kinds)} in the numeric columns{where}")
    if certificate.box is not None:
        lines.append(f"  inside the given box   at most {certificate.box:.6g}, anywhere")
    return "\n".join(lines + _local(certificate.local))


def _label(column: Any) -> str:
    return f"{column.name} [{column.unit}]" if column.unit else column.name


def _guarantee(column: Any) -> str:
    if column.kind == "categories":
        return "largest change between two levels"
    if column.increasing and column.decreasing:
        return "has no effect"
    found = [word for word in ("increasing", "decreasing") if getattr(column, word)]
    if column.convex and column.concave:
        found.append("linear")
    else:
        found += [word for word in ("convex", "concave") if getattr(column, word)]
    named = {"increasing": "never decreasing", "decreasing": "never increasing"}
    return ", ".join(named.get(word, word) for word in found) or "slope bound only"


def _local(local: Any) -> list[str]:
    if local is None:
        return []
    box = ", ".join(f"{name} ± {r:g}" for name, r in local.radius.items() if r) or "no movement"
    lines = ["", f"Inside the box {box}:"]
    for row in range(min(ROWS, len(local.lower))):
        low, high = np.atleast_1d(local.lower[row]), np.atleast_1d(local.upper[row])
        spans = "  ".join(f"[{a:.6g}, {b:.6g}]" for a, b in zip(low, high, strict=True))
        lines.append(f"  row {row}: {spans}{_decided(local, row)}")
    if len(local.lower) > ROWS:
        lines.append(f"  … and {len(local.lower) - ROWS} more rows")
    return lines


def _decided(local: Any, row: int) -> str:
    if local.scale is None:
        return ""
    what = "to another class" if local.threshold is None else f"{local.threshold:g}"
    verdict = "cannot cross" if local.decided[row] else "may cross"
    return f"  {verdict} {what}; proven up to {local.scale[row]:.3g} × the box"
