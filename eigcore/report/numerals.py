"""Numbers as a page prints them: without exponents where that stays readable."""

from __future__ import annotations

import math

from eigcore.guarantees.text import above, below

DIGITS = 4


def plain(value: float, digits: int = DIGITS) -> str:
    """Write a number rounded to so many significant digits."""
    if value == 0.0 or not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits}g}".replace("-", "−")
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, places):.{max(0, places)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def most(value: float, digits: int = DIGITS) -> str:
    """Write a number rounded up."""
    return plain(float(above(value, digits)), digits)


def outward(value: float, digits: int = DIGITS) -> str:
    """Write a number with its sign, rounded away from zero."""
    ends = (above if value > 0 else below)(value, digits)
    return f"{'+' if value > 0 else ''}{plain(float(ends), digits)}"
