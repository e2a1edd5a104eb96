"""A certificate in words, the same in `str(certificate)` and in the command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eigcore.guarantees.box import LocalCertificate

if TYPE_CHECKING:
    from eigcore.guarantees.bands import Dominance
    from eigcore.guarantees.certificate import Certificate, ColumnCertificate
    from eigcore.guarantees.column import Missing
    from eigcore.guarantees.reached import Reached
    from eigcore.portable.description import Described

ROWS = 10
"""Largest number of rows of a local certificate to print."""
SCALES = {"identity": "", "logistic": "log-odds", "log": "logarithm", "softmax": "score of a class"}
"""Names of the decision, where it is not the prediction."""
UNCLIPPED = "before its bounds"
"""What is said of a prediction that `clip` keeps between two numbers."""

WAYS = ("falls", "rises")
PER_SCORE = {"logistic": 4, "softmax": 2}
"""Links with probabilities, of which a change δ changes them by at most tanh(δ / this)."""
FAR = 1.001
"""From here on bound / reached has three digits, nearer to 1 seven."""


class Guarantee(NamedTuple):
    """What is guaranteed for one column, in words.

    Parameters
    ----------
    column : str
        Name and unit.
    bound : float
        Largest slope of the decision; for categories, its largest change between two levels.
    tightness : str
        The bound over what the model reaches between two rows, rounded up.
    words : str
        Everything else that is proven.
    """

    column: str
    bound: float
    tightness: str
    words: str


def above(value: float, digits: int = 6) -> str:
    """Write a number rounded up to so many digits."""
    return _rounded(value, digits, ROUND_CEILING)


def below(value: float, digits: int = 6) -> str:
    """Write a number rounded down to so many digits."""
    return _rounded(value, digits, ROUND_FLOOR)


def _rounded(value: float, digits: int, rounding: str) -> str:
    if not np.isfinite(value):
        return f"{value:g}"
    return readable(float(Context(digits, rounding).plus(Decimal(float(value)))), digits)


def readable(value: float, digits: int, sign: str = "") -> str:
    """Write a number with so many digits, without an exponent below 10⁹; sign "+": with it."""
    told = f"{value:{sign}.{digits}g}"
    return f"{float(told):{sign}.0f}" if "e+" in told and abs(value) < 1e9 else told


def exactly(value: Any) -> str:
    """Write a value with all its digits."""
    value = value.item() if isinstance(value, np.generic) else value
    return repr(value).removesuffix(".0") if isinstance(value, float) else repr(value)


def value(cell: Any, codes: tuple[Any, ...] = ()) -> str:
    """Write a cell of a column with these special codes."""
    if cell is None:
        return "a missing cell"
    return f"{'the special code ' * (cell in codes)}{exactly(cell)}"


def span(low: Any, high: Any, digits: int = 6) -> str:
    """Write "LOW to HIGH", rounded outward; of several outputs with commas between."""
    pairs = zip(np.atleast_1d(low).tolist(), np.atleast_1d(high).tolist(), strict=True)
    return ", ".join(f"{below(a, digits)} to {above(b, digits)}" for a, b in pairs)


def guarantees(certificate: Certificate) -> list[Guarantee]:
    """Return the guarantees of a certificate, column by column."""
    return [
        Guarantee(_label(c), c.bound, tightness(c.bound, c.reached), _words(c))
        for c in certificate.columns
    ]


def tightness(bound: float, reached: Reached) -> str:
    """Return bound / reached, rounded up; empty if nothing was reached."""
    if reached.value <= bound * 1e-9:
        return ""
    ratio = max(float(np.nextafter(bound / reached.value, np.inf)), 1.0)
    return above(ratio, 3 if ratio > FAR else 7)


def scale(certificate: Certificate) -> str:
    """Return the unit of slopes and bounds."""
    target = certificate.target or "the prediction"
    return SCALES[certificate.link] or (f"{target} {UNCLIPPED}" if certificate.clipped else target)


def decision_name(certificate: Certificate) -> str:
    """Return what slopes and shapes are of, where that is not the prediction."""
    return SCALES[certificate.link] or UNCLIPPED * certificate.clipped


def joint(certificate: Certificate) -> str:
    """Return what is proven for all numeric columns jointly; empty if nothing is."""
    shapes = [name for name in ("convex", "concave") if getattr(certificate, name)]
    if not shapes:
        return ""
    where = ", before the link" if SCALES[certificate.link] else f", {UNCLIPPED}"
    where = where if decision_name(certificate) else ""
    return f"jointly {' and '.join(shapes)} in the numeric columns{where}"


def dominance(pair: Dominance) -> str:
    """Return a dominance in words, with all digits of its factor."""
    times = f"{exactly(pair.factor)} times " * (pair.factor != 1)
    return f"slope in {pair.column} at least {times}that in {pair.over}"


def everywhere(certificate: Certificate) -> list[str]:
    """Return the columns that go on, where everything holds too; no line if none does."""
    from eigcore.guarantees.beyond import told

    return [f"holds {each}" for each in told(certificate.beyond)]


def text(certificate: Certificate) -> str:
    """Return the certificate as lines of text."""
    target = certificate.target or "the prediction"
    unit = decision_name(certificate) and f" ({decision_name(certificate)})"
    lines = [f"Guarantees for {target}, proven from the matrices. Slopes are per unit{unit}.", ""]
    of = f"the {scale(certificate)}" if SCALES[certificate.link] else scale(certificate)
    rows = guarantees(certificate)
    width = max([len(row.column) for row in rows] + [6])
    lines.append(f"  {'column':<{width}}  {'largest slope':>13}  {'/ reached':>9}  guarantee")
    lines += [
        f"  {row.column:<{width}}  {above(row.bound):>13}  {row.tightness:>9}  {row.words}"
        for row in rows
    ]
    steepest = max([c.reached.value for c in certificate.columns if c.kind != "categories"] + [0.0])
    lines += [
        "",
        f"  sum of |changes| = 1   changes {of} by at most {above(certificate.l1)} "
        f"(two rows reach {below(steepest)})",
        f"  root of squares = 1    by at most {above(certificate.l2)} "
        f"(two rows reach {below(certificate.l2_reached.value)})",
    ]
    if certificate.link in PER_SCORE:
        most = math.nextafter(math.tanh(certificate.l1 / PER_SCORE[certificate.link]), 1.0)
        lines.append(
            f"  probabilities          change by at most {above(most)} where |changes| add up to 1"
        )
    if proven := joint(certificate):
        lines.append(f"  {proven}")
    lines += [f"  {dominance(each)}" for each in certificate.dominances]
    lines += [f"  {each}" for each in everywhere(certificate)]
    if certificate.box is not None and certificate.box_reached is not None:
        lines.append(
            f"  inside the given box   at most {above(certificate.box)}, anywhere "
            f"(two rows reach {below(certificate.box_reached.value)})"
        )
    lines += [
        f"  {dtype:<21}  within {above(error, 3)} of this function, in the fitted range"
        for dtype, error in certificate.rounding.items()
    ]
    if certificate.local is not None:
        lines += _local(certificate.local)
    return "\n".join(lines)


def _label(column: ColumnCertificate) -> str:
    return f"{column.name} [{column.unit}]" if column.unit else column.name


def _words(column: ColumnCertificate) -> str:
    place = column.missing
    moves = place is not None and (place.low < 0 or place.high > 0)
    among = " among known values" * (moves or bool(column.codes))
    where = f"; missing: {missing(place)}" if place and moves else ""
    if column.codes:
        where += f"; special codes ({', '.join(map(exactly, column.codes))}) aside"
    levels = column.kind == "categories"
    if column.increasing and column.decreasing:
        return f"has no effect{among}{where}"
    falls, rises = (f"never {way}{' from level to level' * levels}" for way in WAYS)
    if column.slack:
        falls, rises = (f"{way} by at most {above(column.slack, 2)} per unit" for way in WAYS)
    words = ["largest change between two levels"] * levels
    words += [falls + among] * column.increasing + [rises + among] * column.decreasing
    if column.convex and column.concave:
        words.append("linear")
    else:
        words += [word for word in ("convex", "concave") if getattr(column, word)]
    words += ["additive"] * column.additive
    return (", ".join(words) or "slope bound only") + where


def missing(place: Missing) -> str:
    """Return where a missing cell stands beside the known values of a monotone column."""
    words = {
        "never above them": place.lowest,
        "never below them": place.highest,
        "between them": place.between,
    }
    numbers = f"{span(place.low, place.high)} more than at {exactly(place.start)}"
    return next((each for each, proven in words.items() if proven), numbers)


def predicts(model: Described, output: int) -> str:
    """Return what an output predicts, in words."""
    static = model.static
    target = static.targets[output] if static.targets else static.target_name
    target = target or "the prediction"
    if not static.classes:
        return target
    label = static.classes[1 if static.link == "logistic" else output]
    return f"the probability of {target} = {label!r}"


def where(domain: Mapping[str, Any] | None) -> str:
    """Return in words of which rows something is proven: of all, or of those in a domain."""
    if domain is None:
        return "whatever the rest"
    named = [f"while {name} is {_place(values)}" for name, values in domain.items()]
    return ", ".join([*named, "all others within their knots and levels"])


def _place(values: Any) -> str:
    if isinstance(values, tuple) and len(values) == 2 and None not in values:
        return f"from {value(values[0])} to {value(values[1])}"
    several = np.iterable(values) and not isinstance(values, str)
    return " or ".join(map(value, values)) if several else value(values)


def _local(local: LocalCertificate) -> list[str]:
    box = "of each row"
    if local.radius is not None:
        radii = ", ".join(f"{name} ± {below(r)}" for name, r in local.radius.items() if r)
        box = radii or "no movement"
    lines = ["", f"Inside the box {box}:"]
    for row in range(min(ROWS, len(local.lower))):
        low, high = np.atleast_1d(local.lower[row]), np.atleast_1d(local.upper[row])
        names = [f"{name} " for name in local.outputs] or [""] * len(low)
        ends = zip(names, low, high, strict=True)
        spans = "  ".join(f"{name}[{below(a)}, {above(b)}]" for name, a, b in ends)
        name = f"row {row}" if len(local.lower) > 1 else "prediction"
        lines.append(f"  {name}: {spans}{_decided(local, row)}{_tight(local, row)}")
    if len(local.lower) > ROWS:
        lines.append(f"  … and {len(local.lower) - ROWS} more rows")
    return lines


def _tight(local: LocalCertificate, row: int) -> str:
    pairs = zip(local.width(row).tolist(), local.reached[row], strict=True)
    each = [tightness(wide, found) for wide, found in pairs]
    return f"  (width of the decision / reached: {', '.join(each)})" if all(each) else ""


def _decided(local: LocalCertificate, row: int) -> str:
    if local.scale is None or local.decided is None:
        return ""
    verdict = "cannot" if local.decided[row] else "may"
    what = "change class" if local.threshold is None else f"cross {exactly(local.threshold)}"
    return f"  {verdict} {what}; proven up to {below(local.scale[row], 3)} × the box"
