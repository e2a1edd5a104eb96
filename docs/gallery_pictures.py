"""Run the scripts of docs/gallery, and keep beside them what they print and draw.

All of them: make gallery. One of them: python docs/gallery_pictures.py credit
"""

from __future__ import annotations

import contextlib
import runpy
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).with_name("gallery")
TRADES = ("credit", "pricing", "engineering")
POSTS = ("zoo", "shapes", "speed", "interpretation", "tridiagonal", "moreau", "mixture")
NAMES = (*TRADES, *POSTS)


def run(name: str) -> None:
    """Run a script; its figures are numbered in the order in which it draws them."""
    plt.close("all")
    script = FOLDER / f"{name}.py"
    with script.with_suffix(".txt").open("w") as told, contextlib.redirect_stdout(told):
        runpy.run_path(str(script))
    for number in plt.get_fignums():
        plt.figure(number).savefig(FOLDER / f"{name}-{number}.png", dpi=110)


def main(wanted: list[str]) -> None:
    """Run scripts by name, or all of them."""
    for name in wanted or NAMES:
        if name not in NAMES:
            raise SystemExit(f"No script {name!r}; expected one of {', '.join(NAMES)}.")
        run(name)


if __name__ == "__main__":
    main(sys.argv[1:])
