"""How pictures look: told apart in print and by colour-blind readers, with few lines.

Colours are those of Okabe & Ito ("Color Universal Design", 2008). A line has a style of its own and
a mark has a shape of its own, so that no colour is needed to tell two apart.
"""

from __future__ import annotations

from typing import Any

from eigcore.errors import MissingPackage

INK, FAINT = "#1c2530", "#c3c9d0"
"""Of text, and of what stands behind the data."""
BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
MAP = "cividis"
"""Colour map of surfaces (Nuñez, Anderton & Renslow 2018): even also for the colour-blind."""
SIZE = (6.0, 4.2)
"""Inches of a new figure."""


def pyplot() -> Any:
    """Return `matplotlib.pyplot`.

    Raises
    ------
    MissingPackage
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as exc:
        raise MissingPackage(
            "A picture needs matplotlib; expected it to be installed. Type: "
            'pip install "eigcore[plots]"'
        ) from exc
    return plt


def axes_of(ax: Any = None, size: tuple[float, float] = SIZE) -> Any:
    """Return axes of matplotlib to draw into, without lines at the top and at the right.

    Parameters
    ----------
    ax : matplotlib axes, optional
        Default: axes of a new figure.
    size : (width, height)
        Inches of a new figure.

    Raises
    ------
    MissingPackage
        If matplotlib is not installed.
    """
    plt = pyplot()
    if ax is None:
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def style(number: int) -> dict[str, Any]:
    """Return colour and line style of the line with this number, from 0."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def named(axes: Any, title: str, x: str, y: str) -> None:
    """Name axes and their directions; leave out what is empty."""
    for text, write in ((title, axes.set_title), (x, axes.set_xlabel), (y, axes.set_ylabel)):
        if text:
            write(text)


def legend(axes: Any, above: bool = False, **options: Any) -> None:
    """Show a legend without a frame, if anything has a label; above the axes, if told so."""
    if axes.get_legend_handles_labels()[0]:
        style: dict[str, Any] = {"frameon": False, "fontsize": "small"}
        if above:
            style |= {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 2}
        axes.legend(**style | options)


def with_unit(name: str, unit: str = "") -> str:
    """Return a name as an axis shows it, such as "area (m²)"."""
    return f"{name} ({unit})" if unit else name
