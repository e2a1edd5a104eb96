"""The only writer of files: it writes completely or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from eigcore.errors import InvalidInput


def write_whole(path: str | os.PathLike[str], content: bytes | Callable[[Path], object]) -> None:
    """Write a file under a temporary name in its folder, then put it in place of the old one.

    The bytes reach the disk first, so that a crash leaves either the old file or the new one. A
    link stays a link: its target is replaced.

    Parameters
    ----------
    path : path of the file
    content : bytes, or a function that writes them to the path it is given

    Raises
    ------
    InvalidInput
        A folder that does not exist, or a path that is not a file.
    OSError
        Any other failure to write; no temporary file remains.
    """
    target = Path(os.path.realpath(path))
    check_folder(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content)
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise InvalidInput unless the folder of ``path`` exists and ``path`` can be a file."""
    path = Path(path)
    if not path.parent.is_dir():
        raise InvalidInput(
            f"There is no folder {str(path.parent)!r} to write {path.name!r} into; expected an "
            f"existing one. Type: mkdir -p {path.parent}"
        )
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder; expected a file to write. Add its name.")
    if path.exists() and not path.is_file():
        raise InvalidInput(
            f"{str(path)!r} is a device or a pipe; expected the name of a file. Type another name."
        )
