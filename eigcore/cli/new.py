"""`eigcore backends new`: the project of a backend, to be filled in step by step."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

import eigcore
from eigcore.cli import show
from eigcore.errors import EigcoreError

TEMPLATES = Path(__file__).with_name("project")
FILES = {
    "pyproject.toml": "pyproject.txt",
    "README.md": "readme.txt",
    "eigcore_$name.py": "backend.txt",
    "test_$name.py": "test.txt",
    ".github/workflows/test.yml": "workflow.txt",
}
"""Path in the project -> template."""


def new_command(
    name: Annotated[str, typer.Argument(help="Name of the backend, as in backend=NAME.")],
    library: Annotated[
        str, typer.Option("--library", metavar="MODULE", help="Its array module. Default: NAME.")
    ] = "",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the project is made.")
    ] = Path("."),
) -> None:
    """Write the project of a new backend: `eigcore backends check NAME` then says what to do next.

    Example: `eigcore backends new mlx --library mlx.core`
    """
    words = _words(name, library or name)
    folder = output / f"eigcore-{words['kebab']}"
    if folder.exists():
        raise EigcoreError(
            f"{folder} exists already. Expected a new folder. Remove it, or choose another place: "
            f"eigcore backends new {name} --output FOLDER"
        )
    for path, template in FILES.items():
        file = folder / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = Template((TEMPLATES / template).read_text("utf-8")).substitute(words)
        file.write_text(text, "utf-8")
        show.line(str(file))
    show.line(f"Type: cd {folder} && pip install --editable . && eigcore backends check {name}")


def _words(name: str, library: str) -> dict[str, str]:
    """Return what the templates call by name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in eigcore.backends():
        raise EigcoreError(
            f"The backend cannot be called {name!r}. Expected a-z, 0-9 and _, and none of the "
            f"installed ones: {', '.join(eigcore.backends())}. Choose another name."
        )
    if not all(part.isidentifier() for part in library.split(".")):
        raise EigcoreError(
            f"--library is {library!r}. Expected the name of a module. Write --library mlx.core"
        )
    return {
        "name": name,
        "kebab": name.replace("_", "-"),
        "class": f"{name.title().replace('_', '')}Backend",
        "library": library,
        "root": library.split(".")[0],
        "api": str(eigcore.PLUGIN_API),
    }
