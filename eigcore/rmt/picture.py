"""Pictures of laws, and what an overlay says; the only module that draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigcore.drawing import BLUE, FAINT, GREEN, INK, ORANGE, axes_of, legend, named, style

FAR, ROOM = 5.0, 0.06
"""Widths of the law from which on an outlier is not drawn; share of the axis that a label takes."""


def drawn(law: Any, axes: Any, points: int) -> Any:
    """Draw a law on NumPy into axes of matplotlib, or into new ones, and return them."""
    axes = axes_of(axes)
    line: dict[str, Any] = {"label": law.name} | style(len(axes.lines))
    for lo, hi in (shown(law, *ends) for ends in law.support()):
        x = 0.5 * (lo + hi) - 0.5 * (hi - lo) * np.cos(np.linspace(0, np.pi, points))
        axes.plot(x, law.density(x), **line)
        line.pop("label", None)
    for place, mass in law.atoms():
        axes.axvline(place, linestyle=":", color=INK, label=f"mass {mass:.3g} at {place:.3g}")
    named(axes, "", "eigenvalue", "density")
    legend(axes)
    return axes


def shown(law: Any, lo: float, hi: float) -> tuple[float, float]:
    """Return the part of an interval to draw: of an endless one, where x · density is not small."""
    if np.isfinite((lo, hi)).all():
        return lo, hi
    far = np.geomspace(1e-4, 1e6, 150)
    x = np.concatenate((-far[::-1], far))
    x = x[(x > lo) & (x < hi)]
    height = np.abs(x) * law.density(x)
    seen = x[height > 5e-3 * height.max()]
    return max(lo, float(seen[0])), min(hi, float(seen[-1]))


def circle(radius: float, axes: Any, points: int) -> Any:
    """Draw a circle around 0 into axes of matplotlib, or into new ones, and return them."""
    axes = axes_of(axes)
    turn = np.linspace(0, 2 * np.pi, points)
    axes.plot(radius * np.cos(turn), radius * np.sin(turn), color=BLUE, label="circular law")
    axes.set_aspect("equal")
    legend(axes)
    return axes


def overlaid(found: Any, axes: Any, bins: int | None) -> Any:
    """Draw an `Overlay` into axes of matplotlib, or into new ones, and return them."""
    axes = axes_of(axes)
    law, values, p = found.law.host, found.eigenvalues, len(found.eigenvalues)
    support = np.asarray(law.support())
    inside = values[(values > 1e-9 * values[-1]) | (values < 0)] if law.atoms() else values
    bins = bins or int(np.clip(np.sqrt(p) * 2, 10, 80))
    span = min(values[0], support[0, 0]), support[-1, 1] + 0.05 * np.ptp(support)
    counts, ends = np.histogram(inside, bins, range=span)
    width = np.diff(ends)
    axes.bar(ends[:-1], counts / (p * width), width, align="edge", color=FAINT, label="eigenvalues")
    drawn(law, axes, 400)
    label: dict[str, Any] = {"label": "edge, 95 % band"}
    widths = np.repeat(np.ptp(support, axis=1), 2)
    for (low, high), edge, room in zip(found.band(), found.edges, widths, strict=True):
        if edge.scale and high - low < room / 2:
            axes.axvspan(low, high, color=GREEN, alpha=0.3, **label)
            label = {}
    _mark_outliers(axes, found, span, FAR * np.ptp(support))
    for place in found.spikes():
        axes.axvline(float(place), linestyle="--", color=ORANGE, linewidth=1)
    legend(axes)
    return axes


def _mark_outliers(axes: Any, found: Any, span: Any, far: float) -> None:
    """Point at the outliers, name those that have room, and set the ends of the axis."""
    values = [each.value for each in found.outliers]
    places = np.array([*span, *values, *found.spikes()])
    places = places[(places >= span[0] - far) & (places <= span[1] + far)]
    margin = 0.04 * np.ptp(places)
    left, right = places.min() - margin, places.max() + margin
    axes.set_xlim(left, right)
    top, named_at = axes.get_ylim()[1], np.inf
    shown = [value for value in values if left < value < right]
    for value in shown:
        free = named_at - value > ROOM * (right - left)
        named_at = value if free else named_at
        axes.annotate(
            f"{value:.3g}" if free else "",
            (value, 0),
            (value, 0.15 * top),
            arrowprops={"arrowstyle": "->", "color": ORANGE},
            color=ORANGE,
            ha="center",
        )
    beyond = [f"{value:.3g}" for value in values if value not in shown]
    if beyond:
        more = f" and {len(beyond) - 3} more" if len(beyond) > 3 else ""
        said = f"beyond: {', '.join(beyond[:3])}{more}"
        at_right = max(values) > right
        side, place = ("right", 1.0) if at_right else ("left", 0.0)
        axes.text(place, 1.0, said, color=ORANGE, ha=side, va="bottom", transform=axes.transAxes)


def told(found: Any) -> str:
    """Say in words what an `Overlay` holds."""
    lines = [f"{len(found.eigenvalues)} eigenvalues beside {found.law!r}"]
    edge, (low, high) = found.edges[-1], found.band()[-1]
    lines.append(
        f"Upper edge {edge.place:.6g}, largest eigenvalue expected in [{low:.6g}, {high:.6g}] "
        f"(95 %); found {found.eigenvalues[-1]:.6g}, p-value {found.p_value:.3g}"
    )
    outliers = found.outliers
    listed = ", ".join(f"{each.value:.6g} (p {each.p_value:.2g})" for each in outliers[:10])
    more = f" and {len(outliers) - 10} more" if len(outliers) > 10 else ""
    lines.append(f"Outliers at level {found.level:g}: {listed or 'none'}{more}")
    if len(found.spikes()):
        lines.append("Spikes predicted: " + ", ".join(f"{x:.6g}" for x in found.spikes()))
    lines.append(
        f"Bulk: not tested; {found.untested}"
        if found.bulk is None
        else f"Bulk: p-value of the linear statistics {found.bulk.told}"
        + "".join(f"; {name} {z:+.2f} standard deviations" for name, z in found.bulk.z.items())
    )
    lines.append(f"Distance of the distribution functions {found.distance:.3g}")
    return "\n".join(lines)
