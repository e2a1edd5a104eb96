"""Where the command reads and writes: files, and ``-`` for standard input and output."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from eigcore.cli.signals import leaving_at_once
from eigcore.encoding.files import ENDINGS
from eigcore.errors import EigcoreError, InvalidOption, ModelFileError
from eigcore.model import SpectralModel
from eigcore.writing import check_folder

STANDARD = Path("-")
PICTURES = (".png", ".svg", ".pdf")
"""How the names of pictures end."""
_BEGINNINGS = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"\x1f\x8b": ".csv.gz"}
"""First bytes of the kinds of tables; any other is CSV."""


@contextmanager
def table_file(path: Path) -> Iterator[Path]:
    """Yield the file of a table; standard input is copied into a temporary one.

    It imports pandas where it is installed: pyarrow would, later, and drop the exception of Ctrl-C.
    """
    with leaving_at_once():
        for library in ("pyarrow", "pandas"):
            if importlib.util.find_spec(library):
                importlib.import_module(library)
    if path != STANDARD:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="eigcore-") as folder:
        source = sys.stdin.buffer
        head = source.read(6)
        kinds = [ending for mark, ending in _BEGINNINGS.items() if head.startswith(mark)]
        file = Path(folder) / f"standard-input{kinds[0] if kinds else '.csv'}"
        with open(file, "wb") as copy:
            copy.write(head)
            shutil.copyfileobj(source, copy)
        try:
            yield file
        except EigcoreError as exc:
            _say_standard_input(exc, repr(str(file)))
            raise


def _say_standard_input(exc: EigcoreError, file: str) -> None:
    """Write standard input where an error names the temporary file."""
    told = [
        each.replace(file, "standard input") if isinstance(each, str) else each for each in exc.args
    ]
    for name, value in vars(exc).items():
        if isinstance(value, str):
            setattr(exc, name, value.replace(file, "standard input"))
    exc.args = tuple(told)


@contextmanager
def written_file(path: Path, name: str) -> Iterator[Path]:
    """Yield the file to write; for standard output it is a temporary one, printed at the end.

    Meanwhile everything else that is printed goes to standard error.

    name : of the temporary file
    """
    if path != STANDARD:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="eigcore-") as folder:
        file = Path(folder) / name
        with redirect_stdout(sys.stderr):
            yield file
        with open(file, "rb") as written:
            shutil.copyfileobj(written, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def check_apart(output: Path, example: str, **others: Path | None) -> None:
    """Raise InvalidOption if the output is one of the input files."""
    for name, path in others.items():
        if path is not None and path.resolve() == output.resolve() and output != STANDARD:
            raise InvalidOption(
                "output",
                str(output),
                "another file",
                example,
                f"is {str(output)!r}, the {name} itself",
            )


def check_standard(output: Path, example: str, as_json: bool) -> None:
    """Raise InvalidOption where JSON and the output would both be printed."""
    if output == STANDARD and as_json:
        raise InvalidOption("output", "-", "a file beside --json, which is printed too", example)


def check_model_file(output: Path) -> None:
    """Raise where a model cannot be written, or would replace a table."""
    if output == STANDARD:
        return
    if output.name.lower().endswith(ENDINGS):
        raise InvalidOption(
            "output",
            str(output),
            "the name of a model file",
            "model.eig",
            f"is {str(output)!r}, the name of a table",
        )
    check_folder(output)


def check_picture(option: str, path: Path) -> None:
    """Raise where a picture cannot be written; option: that named it."""
    if path.suffix.lower() not in PICTURES:
        wanted = f"a file ending in {', '.join(PICTURES)}"
        raise InvalidOption(option, str(path), wanted, "picture.svg")
    check_folder(path)


def save_model(model: SpectralModel, output: Path) -> None:
    """Save a model; where that fails, save it elsewhere and raise EigcoreError that says where."""
    try:
        model.save(output)
        return
    except ModelFileError as exc:
        failure = exc
    for folder in (Path.cwd(), Path(tempfile.gettempdir()), Path.home()):
        place = _free(folder, output)
        try:
            model.save(place)
        except ModelFileError:
            continue
        raise EigcoreError(
            f"{failure} The model is not lost: it is saved as {str(place)!r}. Type: "
            f"mv {shlex.quote(str(place))} {shlex.quote(str(output))}"
        ) from failure
    raise failure


def _free(folder: Path, output: Path) -> Path:
    """Return a path in a folder that does not exist."""
    names = (f"{output.stem}-{number}{output.suffix}" for number in range(1, 10**6))
    return next(folder / name for name in names if not (folder / name).exists())
