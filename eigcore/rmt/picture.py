"""Pictures of laws; the only module that draws."""

from __future__ import annotations

from typing import Any

import numpy as np


def drawn(law: Any, axes: Any, points: int) -> Any:
    """Draw a law on NumPy into axes of matplotlib, or into new ones, and return them."""
    import matplotlib.pyplot as plt

    axes = plt.subplots()[1] if axes is None else axes
    line: dict[str, Any] = {"label": law.name}
    for lo, hi in law.support():
        x = 0.5 * (lo + hi) - 0.5 * (hi - lo) * np.cos(np.linspace(0, np.pi, points))
        axes.plot(x, law.density(x), **line)
        line = {"color": axes.lines[-1].get_color()}
    for place, mass in law.atoms():
        axes.axvline(place, linestyle=":", color="black", label=f"mass {mass:.3g} at {place:.3g}")
    axes.set_xlabel("eigenvalue")
    axes.set_ylabel("density")
    axes.legend()
    return axes


def circle(radius: float, axes: Any, points: int) -> Any:
    """Draw a circle around 0 into axes of matplotlib, or into new ones, and return them."""
    import matplotlib.pyplot as plt

    axes = plt.subplots()[1] if axes is None else axes
    turn = np.linspace(0, 2 * np.pi, points)
    axes.plot(radius * np.cos(turn), radius * np.sin(turn), label="circular law")
    axes.set_aspect("equal")
    axes.legend()
    return axes
