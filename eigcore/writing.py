"""The only writer of files: it writes completely or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eigcore.errors import InvalidInput

try:
    import fcntl
except ImportError:  # Windows, which removes no file that another process holds open
    fcntl = None

_PROBE = bytes(65_536)


def write_whole(path: str | os.PathLike[str], content: bytes | Callable[[Path], object]) -> None:
    """Write a file under a temporary name in its folder, then put it in place of the old one.

    The bytes reach the disk first, so that a crash leaves either the old file or the new one. A
    link stays a link: its target is replaced. The new file has the mode of the old one and, where
    the system allows it, its owner. Temporary files of writers that were killed are removed.

    Parameters
    ----------
    path : path of the file
    content : bytes, or a function that writes them to the path it is given

    Raises
    ------
    InvalidInput
        A folder that does not exist, or a path that is no file, or one that may only be read.
    OSError
        Any other failure to write, with the path; no temporary file remains.
    """
    target = Path(os.path.realpath(path))
    _check_place(target)
    try:
        with _temporary(target) as temporary:
            if callable(content):
                content(temporary)
            else:
                temporary.write_bytes(content)
            with open(temporary, "r+b") as file:
                os.fsync(file.fileno())
            _adopt(target, temporary)
            os.replace(temporary, target)
    except OSError as exc:
        if exc.errno is None:
            raise
        raise OSError(exc.errno, exc.strerror or str(exc), str(path)) from exc


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise unless a file can be written to ``path``; call it before long work.

    It writes 64 KiB under a temporary name beside the file, and removes them.

    Raises
    ------
    InvalidInput
        No such folder, one without permission or space, or a path that is no file, or one that may
        only be read.
    """
    target = Path(os.path.realpath(path))
    _check_place(target)
    try:
        with _temporary(target) as temporary, open(temporary, "wb", buffering=0) as file:
            if file.write(_PROBE) < len(_PROBE):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as exc:
        raise InvalidInput(
            f"{str(path)!r} cannot be written ({exc.strerror or exc}); expected a place with "
            "permission and space. Name a file elsewhere."
        ) from exc


def _check_place(target: Path) -> None:
    """Raise InvalidInput unless the folder exists and the path can be a file."""
    if not target.parent.is_dir():
        raise InvalidInput(
            f"There is no folder {str(target.parent)!r} to write {target.name!r} into; expected an "
            f"existing one. Type: mkdir -p {shlex.quote(str(target.parent))}"
        )
    if target.is_dir():
        raise InvalidInput(f"{str(target)!r} is a folder; expected a file to write. Add its name.")
    if target.exists() and not target.is_file():
        raise InvalidInput(
            f"{str(target)!r} is a device or a pipe; expected the name of a file. Type another "
            "name."
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise InvalidInput(
            f"{str(target)!r} may only be read; expected a file to replace. Name another file, or "
            f"type: chmod u+w {shlex.quote(str(target))}"
        )


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Make a file beside the target, and lock it for as long as it is in use."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    held = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        with _locked(held):
            _remove_leftovers(target)
            yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(file: int) -> Iterator[None]:
    """Hold a lock where the system has locks; close the file at the end."""
    if fcntl is None:
        os.close(file)
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(file)


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of writers of the same target that no longer run."""
    name = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{12}\.tmp")
    if fcntl is None:
        return
    with suppress(OSError):
        for path in [each for each in target.parent.iterdir() if name.fullmatch(each.name)]:
            with suppress(OSError), open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _adopt(target: Path, temporary: Path) -> None:
    """Give the new file the owner and the mode of the one that it replaces."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    with suppress(OSError, AttributeError):
        os.chown(temporary, -1, old.st_gid)
        os.chown(temporary, old.st_uid, -1)
    with suppress(OSError):
        os.chmod(temporary, stat.S_IMODE(old.st_mode))
