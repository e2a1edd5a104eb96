"""Draw docs/architecture.svg: the rooms of eigcore and who imports whom.

Rooms, modules and arrows are read from the code. Type: make picture
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
CAPTIONS = {
    "errors": "what eigcore raises on purpose",
    "writing": "files, whole or not at all",
    "drawing": "how pictures look",
    "core": "what a model is and how it differentiates: the only calculus",
    "dispatch": "who computes: backends and how they are found",
    "api": "the public functions of arrays",
    "operators": "matrices by their products",
    "rmt": "random-matrix predictions",
    "lowrank": "factors of matrices",
    "dynamics": "matrices not symmetric",
    "graph": "graphs by their spectra",
    "spectra": "diagnostics of weights",
    "encoding": "columns to pencil terms",
    "testing": "the laws of every backend",
    "portable": "what is saved, and the arithmetic of a whole model",
    "guarantees": "what is proven and explained",
    "calibration": "intervals that cover",
    "plots": "pictures of a model",
    "model": "SpectralModel: one file, any backend",
    "fit": "how a model is trained",
    "layers": "vectors to vectors",
    "cli": "the command eigcore",
    "report": "one page about a model",
    "convert": "models to and from other worlds",
    "estimators": "scikit-learn",
    "plugin": "all that a backend may import",
    "backends": "NumPy, PyTorch, JAX and yours: array libraries with an eigensolver",
}
COLOURS = {
    "#e8eef7": (
        "errors",
        "writing",
        "drawing",
        "core",
        "dispatch",
        "api",
        "operators",
        "rmt",
        "lowrank",
        "spectra",
        "dynamics",
        "graph",
    ),
    "#eaf4ea": ("encoding", "portable", "model"),
    "#fdf3dc": ("guarantees", "calibration"),
    "#fbe9e4": ("fit", "plots", "estimators", "report", "convert", "cli"),
    "#f0eaf6": ("layers", "plugin", "testing", "backends"),
}
ORDER = [
    "testing",
    "rmt",
    "operators",
    "api",
    "spectra",
    "lowrank",
    "dynamics",
    "graph",
    "encoding",
    "fit",
    "layers",
    "cli",
    "estimators",
    "report",
    "convert",
    "plugin",
]
"""Rooms on the same floor from left to right: those with a long arrow stand at an edge."""
INK, SOFT = "#22303c", "#5b6b79"
WIDTH, SPACE, LANE = 12.0, 0.42, 0.26
"""Of a floor, between two floors, and from a floor to the arrows beside it."""
HEAD, LINE = 0.72, 0.145
"""Heights: of name and caption of a room, and of each line of modules."""
Box = tuple[float, float, float, float]
"""Left, bottom, width, height."""


def rooms() -> dict[str, list[Path]]:
    """Name of each room -> its files; `backends` stands for all in-tree backends."""
    found: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "eigcore").rglob("*.py")):
        name = path.relative_to(ROOT / "eigcore").parts[0].removesuffix(".py")
        found.setdefault(name, []).append(path)
    del found["__init__"], found["__main__"]  # the front doors open every room, and the last
    backends = sorted((ROOT / "backends").glob("eigcore_*"))
    files = [each for top in backends for each in (top.rglob("*.py") if top.is_dir() else [top])]
    return found | {"backends": sorted(files)}


@functools.cache
def imports() -> dict[str, set[str]]:
    """Room -> rooms that it imports, at the top of a file or inside a function."""
    code = (ROOT / "eigcore" / "__init__.py").read_text()
    home = dict(re.findall(r'"(\w+)": "(\w+)[\w.]*",', code))
    uses = {
        name: {other for path in files for other in _imported(path, home)} - {name}
        for name, files in rooms().items()
    }
    return {name: others & set(uses) for name, others in uses.items()}


def _imported(path: Path, home: dict[str, str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "eigcore":
            found |= {home.get(alias.name, alias.name) for alias in node.names}
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("eigcore.")}
    return found


def below(uses: dict[str, set[str]], name: str) -> set[str]:
    """Return all rooms that a room reaches by imports."""
    return uses[name].union(*(below(uses, other) for other in uses[name]))


def arrows() -> list[tuple[str, str]]:
    """Return the imports that do not follow from others: (room, the room it uses)."""
    uses = imports()
    return sorted(
        (name, other)
        for name, others in uses.items()
        for other in others
        if not any(other in below(uses, third) for third in others - {other})
    )


def floors() -> list[list[str]]:
    """Return the rooms by floor, the lowest first: each as low as its imports allow."""
    uses = imports()

    def height(name: str) -> int:
        return 1 + max(map(height, uses[name]), default=-1)

    found: list[list[str]] = [[] for _ in range(1 + max(map(height, uses)))]
    for name in sorted(uses, key=lambda name: (name not in ORDER or ORDER.index(name), name)):
        found[height(name)].append(name)
    return found


def contents(name: str) -> str:
    """Return the modules of a room, folders with a slash; empty for a room of one file."""
    top = {"backends": ROOT / "backends"}.get(name, ROOT / "eigcore" / name)
    if not top.is_dir():
        return ""
    pattern = "eigcore_*" if name == "backends" else "*"
    inside = [path for path in sorted(top.glob(pattern)) if path.name[:2] != "__"]
    names = [path.stem for path in inside if path.suffix == ".py"]
    names += [f"{path.name}/" for path in inside if path.is_dir()]
    return "  ".join(names)


def facts() -> str:
    """Return all that the picture says; the SVG carries it, so that a test can compare."""
    said = [f"{name}: {contents(name)}" for floor in floors() for name in floor]
    return "; ".join(said + [f"{name} uses {other}" for name, other in arrows()])


def lines(name: str, wide: float) -> list[str]:
    """Return the modules of a room in the lines of a box of this width."""
    return textwrap.wrap(contents(name), int(wide * 13))


def boxes() -> dict[str, Box]:
    """Return the box of each room; a floor is as tall as the most lines in it need."""
    found, bottom = {}, 0.0
    for names in floors():
        wide = (WIDTH - SPACE * (len(names) - 1)) / len(names)
        tall = HEAD + LINE * max(len(lines(name, wide)) for name in names)
        for column, name in enumerate(names):
            found[name] = (column * (wide + SPACE), bottom, wide, tall)
        bottom += tall + SPACE
    return found


def way(upper: Box, lower: Box) -> list[tuple[float, float]]:
    """Return the corners of an arrow: straight to the next floor, otherwise around the floors."""
    (x, y, wide, tall), (u, v, broad, high) = upper, lower
    if y - (v + high) > 1.01 * SPACE:
        left = x + u < (WIDTH - x - wide) + (WIDTH - u - broad)
        lane = -LANE if left else WIDTH + LANE
        begin = _aside((x, y, wide, tall), left, below=True)
        end = _aside((u, v, broad, high), left, below=False)
        return [*begin, (lane, begin[-1][1]), (lane, end[-1][1]), *reversed(end)]
    left, right = max(x, u), min(x + wide, u + broad)
    if left < right:  # straight down through the floor that they share
        return [((left + right) / 2, y), ((left + right) / 2, v + high)]
    return [(x + wide / 2, y), (u + broad / 2, v + high)]


def _aside(box: Box, left: bool, below: bool) -> list[tuple[float, float]]:
    """Return how an arrow leaves a box for the lane: by its side, or round the boxes beside it."""
    x, y, wide, tall = box
    side = x if left else x + wide
    if side in (0.0, WIDTH) or abs(side - WIDTH) < 1e-9:
        return [(side, y + tall / 2)]
    edge, between = (y, y - SPACE / 2) if below else (y + tall, y + tall + SPACE / 2)
    return [(x + wide / 3, edge), (x + wide / 3, between)]


def draw(path: Path) -> None:
    """Write the picture to a file whose ending names the format."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "eigcore", "font.family": "DejaVu Sans"})
    import matplotlib.pyplot as plt

    found, edge = boxes(), LANE + 0.1
    total = max(y + tall for _, y, _, tall in found.values())
    figure, axes = plt.subplots(figsize=(WIDTH + 2 * edge, total + 0.2))
    for name, box in found.items():
        _room(axes, name, *box)
    for name, other in arrows():
        _arrow(axes, way(found[name], found[other]))
    axes.set_xlim(-edge, WIDTH + edge)
    axes.set_ylim(-0.1, total + 0.1)
    axes.set_aspect("equal")
    axes.axis("off")
    figure.subplots_adjust(0, 0, 1, 1)
    about = {"Date": None, "Description": facts()} if path.suffix == ".svg" else None
    figure.savefig(path, facecolor="white", metadata=about)


def _room(axes: Axes, name: str, x: float, y: float, wide: float, tall: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    colour = next((c for c, members in COLOURS.items() if name in members), "#eeeeee")
    frame = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": INK, "lw": 1.1}
    frame |= {"linestyle": (0, (4, 3))} if name == "backends" else {}
    axes.add_patch(FancyBboxPatch((x, y), wide, tall, **frame))
    inside = lines(name, wide)
    middle, top = x + wide / 2, y + (tall + HEAD + LINE * len(inside)) / 2
    centred = {"ha": "center", "va": "center"}
    axes.text(middle, top - 0.22, name, size=13.5, weight="bold", color=INK, **centred)
    axes.text(middle, top - 0.47, CAPTIONS.get(name, ""), size=9.5, color=INK, **centred)
    small = {"family": "DejaVu Sans Mono", "size": 7.6, "color": SOFT}
    for number, line in enumerate(inside):
        axes.text(middle, top - 0.7 - LINE * number, line, **small, **centred)


def _arrow(axes: Axes, corners: list[tuple[float, float]]) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Line

    style = {"arrowstyle": "-|>", "mutation_scale": 13, "color": SOFT, "lw": 1.4}
    axes.add_patch(FancyArrowPatch(path=Line(corners), **style))


if __name__ == "__main__":
    draw(Path(__file__).with_suffix(".svg"))
