"""One prediction in words, for the person it concerns and for those who check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eigcore.errors import InvalidInput
from eigcore.guarantees.beyond import listed, outside
from eigcore.guarantees.certificate import certify
from eigcore.guarantees.codes import codes_of
from eigcore.guarantees.text import above, missing, predicts, readable
from eigcore.portable.targets import output_of

if TYPE_CHECKING:
    from eigcore.guarantees.certificate import ColumnCertificate
    from eigcore.guarantees.contributions import Contributions, Reason

DIGITS = 4
"""Significant digits of printed numbers."""
SCALES = {
    "logistic": "the log-odds",
    "log": "the logarithm of the prediction",
    "softmax": "the score of the class beside the mean score of all classes",
}
"""What contributions are counted in, where that is not the prediction."""
SIDES = {"higher": "What raises it:", "lower": "What lowers it:"}


def text(given: Contributions, row: int = 0, k: int = 4, output: Any = None) -> str:
    """Return the prediction of one row, its main reasons and what is proven of their columns.

    Parameters
    ----------
    given : Contributions
    row : int
    k : int
        Largest number of columns to name on either side.
    output : int or class, optional
        As for `Contributions.reasons`; of classes, the most probable one by default.

    Returns
    -------
    str
        Lines of text. Bounds are rounded outward to four digits, other numbers to the nearest.

    Raises
    ------
    InvalidInput
        If there is no such row or output.
    """
    count = len(given.table)
    if not 0 <= row < count:
        raise InvalidInput(
            f"row is {row} of {count} explained row(s). Expected a number from 0 to {count - 1}. "
            "Write text(0) for the first."
        )
    if output is None and given.model.static.link == "softmax":
        output = int(np.argmax(given.prediction[row]))
    output = output_of(given.model.static, output)
    parts = given.of_output(output)[row]
    errors = given.error[row] if given.model.outputs == 1 else given.error[row, output]
    names = given.model.static.targets
    own = given.model.target(names[output]) if names else given.model
    proven = {column.name: column for column in certify(own).columns}
    lines, rest = _head(given, row, output), float(parts.sum())
    for side, title in SIDES.items():
        reasons = given.reasons(k, side, output)[row]
        lines += [title] if reasons else []
        for each in reasons:
            rest -= each.contribution
            error = errors[given.names.index(each.column)]
            lines.append(f"  {_told(given, each, error, proven[each.column])}")
    if abs(rest) > 1e-9 * np.abs(parts).sum():
        lines.append(f"All other columns together: {_signed(rest)}")
    return "\n".join([*lines, *_tail(given), *_outside(given, row)])


def _head(given: Contributions, row: int, output: int) -> list[str]:
    static, target = given.model.static, predicts(given.model, output)
    value = np.atleast_1d(given.prediction[row])[output]
    count = len(given.baseline)
    compared = "the baseline" if count == 1 else f"the average of {count} baseline rows"
    total = float(given.of_output(output)[row].sum())
    unit = f" in {SCALES[static.link]}" if static.link in SCALES else ""
    if static.clip is not None:
        low, high = (np.broadcast_to(end, given.model.outputs)[output or 0] for end in static.ends)
        unit += f", before predictions are kept between {low:.{DIGITS}g} and {high:.{DIGITS}g}"
    target = target[0].upper() + target[1:] if target.startswith("the ") else target
    first = f"{target} is {_number(float(value))}."  # names of columns stay as they are
    return [f"{first} Compared with {compared}: {_signed(total)}{unit}."]


def _told(given: Contributions, reason: Reason, error: float, proven: ColumnCertificate) -> str:
    codes = codes_of(given.model.encoding, reason.column)[1]
    own, other = (_cell(each, codes) for each in (reason.value, reason.baseline))
    known = [f"{own} instead of {other}" if len(given.baseline) == 1 else own]
    if reason.value not in codes and reason.baseline not in codes:
        known += _proven(given, reason, proven)
    about = f" ± {above(error, DIGITS)}" if error > 0 else ""
    return f"{reason.column}: {_signed(reason.contribution)}{about} ({'; '.join(known)})"


def _proven(given: Contributions, reason: Reason, proven: ColumnCertificate) -> list[str]:
    single = len(given.baseline) == 1
    if reason.value is None or (single and reason.baseline is None):
        place = proven.missing
        return [f"proven: beside known values, missing is {missing(place)}"] if place else []
    known = []
    if proven.increasing != proven.decreasing and not proven.slack:
        known.append(f"more never {'lowers' if proven.increasing else 'raises'} it")
    bound = above(proven.bound * _spread(given), DIGITS)
    if proven.kind == "categories":
        known.append(f"another level changes it by at most {bound}")
    else:
        known.append(f"at most {bound} per {proven.unit or 'unit'}")
    return [f"proven: {', '.join(known)}"] * bool(known)


def _spread(given: Contributions) -> float:
    """Return by how much more a centred score may change than each score."""
    count = given.model.outputs
    return 2 * (1 - 1 / count) * (1 + 1e-15) if given.model.static.link == "softmax" else 1.0


def _tail(given: Contributions) -> list[str]:
    if not given.error.any():
        return []
    if given.method == "shapley":
        return ["After ±: the standard error of sampled orders of the columns."]
    return ["After ±: an estimate of the error of the split."]


def _outside(given: Contributions, row: int) -> list[str]:
    """Say of which columns the row is outside the fitted range, and what the model does there."""
    found = outside(given.model.encoding, given.table[row])
    ways = {True: "there the model goes on", False: "there the model stays constant"}
    return [
        f"The row is outside the fitted range of {listed(some)}: {way}."
        for goes_on, way in ways.items()
        if (some := [each for each in found if each.goes_on == goes_on])
    ]


def _cell(value: object, codes: tuple[object, ...]) -> str:
    if value is None:
        return "missing"
    told = _number(value) if isinstance(value, float) else str(value)
    return f"the special code {told}" if value in codes else told


def _signed(number: float) -> str:
    return _number(number, "+")


def _number(number: float, sign: str = "") -> str:
    return readable(number, DIGITS, sign).replace("-", "−", number < 0)
