"""Pictures as SVG: axes, lines, areas and bars. Their colours are those of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

LEFT, RIGHT, TOP, BOTTOM = 62.0, 14.0, 10.0, 40.0
"""Margins around the axes, in the units of the picture."""
WIDE = 480.0
ROW, NAMES = 24.0, 150.0
"""Height of a bar that lies, and width of the names beside such bars."""
LONG = 19
"""Largest number of letters of a name in a picture."""
Numbers = Sequence[float] | np.ndarray


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from low to high, at most so many."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(f for f in (1, 2, 5, 10, 20) if (high - low) / (f * step) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * n for n in range(first, last + 1)]


def span(*values: Numbers) -> tuple[float, float]:
    """Return the ends of an axis that shows all these numbers, never equal."""
    flat = np.concatenate([np.ravel(each) for each in values])
    flat = flat[np.isfinite(flat)]
    low, high = (float(flat.min()), float(flat.max())) if len(flat) else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    return low, high


def short(name: str) -> str:
    """Cut a long name."""
    return name if len(name) <= LONG else f"{name[: LONG - 1]}…"


class Chart:
    """A picture with two axes.

    Parameters
    ----------
    said : str
        The picture in a sentence, for those who do not see it.
    x, y : (float, float)
        Ends of the axes.
    labels : (str, str)
        Below and beside the axes.
    tall : float
        Height of the picture, which is `WIDE` wide.
    """

    def __init__(
        self,
        said: str,
        x: tuple[float, float],
        y: tuple[float, float],
        labels: tuple[str, str] = ("", ""),
        tall: float = 230.0,
    ) -> None:
        pad = 0.05 * (y[1] - y[0])
        self.x, self.y, self.tall = x, (y[0] - pad, y[1] + pad), tall
        self.root = canvas(said, WIDE, tall)
        for value in ticks(*self.x):
            place, bottom = self._x(value), tall - BOTTOM
            _line(self.root, "grid", place, TOP, place, bottom)
            _text(self.root, place, bottom + 16, _tick(value), "middle")
        for value in ticks(*self.y, most=5):
            place = self._y(value)
            _line(self.root, "grid" if value else "zero", LEFT, place, WIDE - RIGHT, place)
            _text(self.root, LEFT - 6, place + 4, _tick(value), "end")
        _text(self.root, (LEFT + WIDE - RIGHT) / 2, tall - 6, labels[0], "middle", "label")
        middle = (TOP + tall - BOTTOM) / 2
        side = _text(self.root, 12, middle, labels[1], "middle", "label")
        side.set("transform", f"rotate(-90 12 {middle:g})")

    def _x(self, value: float) -> float:
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + share * (WIDE - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        share = (min(max(value, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        return self.tall - BOTTOM - share * (self.tall - TOP - BOTTOM)

    def _path(self, xs: Numbers, ys: Numbers) -> str:
        pairs = zip(xs, ys, strict=True)
        return "M" + "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in pairs)

    def line(self, xs: Numbers, ys: Numbers, kind: str = "one") -> None:
        """Draw a line through points (n,), (n,)."""
        SubElement(self.root, "path", {"class": f"line {kind}", "d": self._path(xs, ys)})

    def area(self, xs: Numbers, low: Numbers, high: Numbers, kind: str = "one") -> None:
        """Fill between two lines (n,), which share their points."""
        path = self._path([*xs, *reversed(list(xs))], [*low, *reversed(list(high))])
        SubElement(self.root, "path", {"class": f"area {kind}", "d": f"{path}Z"})

    def bars(self, edges: Numbers, heights: Numbers, kind: str = "one") -> None:
        """Draw standing bars (n,) between edges (n + 1,)."""
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            ends = sorted((self._y(height), self._y(0.0)))
            wide = max(self._x(right) - self._x(left) - 1, 0.5)
            _bar(self.root, kind, self._x(left), ends[0], wide, ends[1] - ends[0])

    def points(self, xs: Numbers, ys: Numbers, kind: str = "one") -> None:
        """Draw a disc at each point."""
        for x, y in zip(xs, ys, strict=True):
            place = {"cx": f"{self._x(x):.1f}", "cy": f"{self._y(y):.1f}", "r": "3.5"}
            SubElement(self.root, "circle", {"class": f"point {kind}", **place})

    def rug(self, xs: Iterable[float]) -> None:
        """Mark numbers at the foot of the picture."""
        foot = self.tall - BOTTOM
        for x in xs:
            if self.x[0] <= x <= self.x[1]:
                _line(self.root, "rug", self._x(x), foot - 6, self._x(x), foot)

    def __str__(self) -> str:
        return drawn(self.root)


def lying(said: str, names: Sequence[str], values: Numbers, words: Sequence[str]) -> str:
    """Return a picture of lying bars, one for each name, with words at their ends.

    Parameters
    ----------
    said : str
        As for `Chart`.
    names, words : sequences of str
    values : (n,) numbers
    """
    root = canvas(said, WIDE, ROW * len(names) + 4)
    low, high = min(0.0, *values), max(0.0, *values)
    start, room = NAMES + 60 * (low < 0), WIDE - NAMES - 60 - 60 * (low < 0)
    unit = room / ((high - low) or 1.0)
    for number, (name, value, word) in enumerate(zip(names, values, words, strict=True)):
        top, zero = ROW * number + 4, start - unit * low
        label = _text(root, NAMES - 8, top + 13, short(name), "end", "name")
        SubElement(label, "title").text = name
        _bar(
            root,
            "two" if value < 0 else "one",
            zero + min(0, unit * value),
            top,
            unit * abs(value),
            17,
        )
        place = zero + unit * value + (-5 if value < 0 else 5)
        _text(root, place, top + 13, word, "end" if value < 0 else "start")
    return drawn(root)


def canvas(said: str, wide: float, tall: float) -> Element:
    """Return an empty picture."""
    root = Element("svg", {"viewBox": f"0 0 {wide:g} {tall:g}", "role": "img"})
    SubElement(root, "title").text = said
    return root


def drawn(root: Element) -> str:
    """Return a picture as text that stands in a page."""
    return tostring(root, encoding="unicode", method="html")


def _tick(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def _line(root: Element, kind: str, x: float, y: float, u: float, v: float) -> None:
    places = {"x1": x, "y1": y, "x2": u, "y2": v}
    SubElement(root, "line", {"class": kind} | {n: f"{p:.1f}" for n, p in places.items()})


def _bar(root: Element, kind: str, x: float, y: float, wide: float, tall: float) -> None:
    places = {"x": x, "y": y, "width": wide, "height": tall}
    numbers = {n: f"{p:.1f}" for n, p in places.items()}
    SubElement(root, "rect", {"class": f"bar {kind}", **numbers})


def _text(root: Element, x: float, y: float, text: str, anchor: str, kind: str = "tick") -> Element:
    places = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "class": kind}
    found = SubElement(root, "text", places)
    found.text = text
    return found
