"""Sources of rows: parts of files, or batches, that can be read repeatedly."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eigcore.encoding.cells import (
    Cells,
    column_names,
    declared_categories,
    declared_orders,
    missing,
    read_columns,
)
from eigcore.encoding.csv import Reading
from eigcore.encoding.files import ENDINGS, check_used, file_parts
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.fit.data.names import listed, nearest
from eigcore.fit.data.table import missing_target
from eigcore.fit.options import FitOptions

_PIECES, _PIECE = 64, 2**16
"""Number of pieces of a file to hash, and bytes of each: together 4 MiB."""


@dataclass(frozen=True)
class Source:
    """Rows in parts, which are read in any order, each batch by batch.

    Parameters
    ----------
    parts : functions, each of which returns an iterator of batches
    files : paths of the files; empty for batches
    targets : names of the columns to predict
    drop : leave out rows without a target, instead of raising
    declared : columns that a batch read so far declares to be categories
    orders : levels of those that it declares to be ordered
    """

    parts: tuple[Callable[[], Iterator[Any]], ...]
    files: tuple[Path, ...]
    targets: tuple[str, ...]
    drop: bool
    declared: set[str] = field(default_factory=set)
    orders: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, source: Any, target: Any, drop: bool = False, reading: Reading | None = None
    ) -> Source:
        """Make a source of paths, of batches, or of a function that returns an iterator of batches.

        target : name of the column to predict, or a list of names
        reading : how files are read

        Raises
        ------
        InvalidInput
            Another object, one that can be read only once, or a file that cannot be used.
        """
        targets = _names(target)
        paths = _paths(source)
        if paths is not None:
            parts = file_parts(paths, reading or Reading())
            return cls(tuple(parts), tuple(paths), targets, drop)
        check_used((), reading or Reading())
        batches: Callable[[], Any]
        if column_names(source) is not None:
            batches = lambda: (source,)  # noqa: E731
        elif callable(source):
            batches = source
        elif isinstance(source, Iterable) and iter(source) is not source:
            batches = lambda: source  # noqa: E731
        else:
            raise InvalidInput(
                f"The source is {type(source).__name__}, which cannot be read more than once; "
                "expected paths, a list of batches, or a function that returns an iterator of "
                "batches. Write fit(lambda: batches(), ...)."
            )
        return cls((lambda: iter(batches()),), (), targets, drop)

    @property
    def target(self) -> str | list[str]:
        """The target as `eigcore.fit.fit` takes it: one name, or a list of several."""
        return self.targets[0] if len(self.targets) == 1 else list(self.targets)

    def read(self, part: int) -> Iterator[Cells]:
        """Batches of one part as columns of cells, with the target; no target cell is missing.

        Raises
        ------
        InvalidInput
            A batch without the column of the target, or with missing cells in it.
        """
        for batch in self.parts[part]():
            if column_names(batch) is None:
                raise InvalidInput(
                    f"A batch is {type(batch).__name__}; expected a record batch, a data frame or "
                    "a mapping of columns (rows,). Yield one of these."
                )
            cells = read_columns(batch)
            kinds = zip(cells, declared_categories(batch), strict=True)
            self.declared.update(name for name, is_one in kinds if is_one)
            self.orders.update(declared_orders(batch))
            self._check(cells)
            absent = np.any([missing(cells[name]) for name in self.targets], axis=0)
            if absent.any() and not self.drop:
                raise missing_target(", ".join(self.targets), int(absent.sum()), len(absent))
            yield {n: column[~absent] for n, column in cells.items()} if absent.any() else cells

    def count(self, which: Callable[[Cells], np.ndarray], parts: range) -> int:
        """Count the rows of some parts of which a function (rows,) bool is true."""
        return sum(int(which(cells).sum()) for part in parts for cells in self.read(part))

    def _check(self, cells: Cells) -> None:
        for name in self.targets:
            if name not in cells:
                near = nearest(name, cells)
                hint = f" (did you mean {near!r}?)" if near else ""
                raise InvalidOption(
                    "target",
                    self.target,
                    f"one of {listed(cells)}",
                    near or next(iter(cells), None),
                    f"is {name!r}, which is not a column of the batches{hint}",
                )

    def fingerprint(self) -> str:
        """Return a SHA-256 in hexadecimal that differs between sources.

        For files it covers names, sizes and 64 pieces of 64 KiB each; otherwise all batches.
        """
        digest = hashlib.sha256(repr((len(self.parts), self.target, self.drop)).encode())
        for path in self.files:
            size = path.stat().st_size
            digest.update(repr((path.name, size)).encode())
            with open(path, "rb") as file:
                for place in np.linspace(0, max(size - _PIECE, 0), _PIECES, dtype=np.int64):
                    file.seek(place)
                    digest.update(file.read(_PIECE))
        for batch in () if self.files else self.read(0):
            for name, cells in sorted(batch.items()):
                plain = repr(cells.tolist()).encode() if cells.dtype == object else cells.tobytes()
                digest.update(repr((name, cells.dtype.str)).encode() + plain)
        return digest.hexdigest()


def _names(target: Any) -> tuple[str, ...]:
    """Return the names of one or several targets."""
    if isinstance(target, (list, tuple)) and target and all(isinstance(n, str) for n in target):
        return tuple(dict.fromkeys(target))
    if np.ndim(target):
        raise InvalidInput(
            f"target is {type(target).__name__}; expected the name of a column of the batches, or "
            'a list of names. Write fit(source, "price").'
        )
    return (str(target),)


def reading_of(options: FitOptions) -> Reading:
    """Return how the options say that files are read."""
    codes = (*options.categories, *(options.order or ()))
    return Reading(options.sep, options.decimal, options.encoding, codes=codes)


def columns_of(source: Any, reading: Reading) -> list[str]:
    """Return the names of the columns in the first batch of files; none if there is no batch."""
    first = next(iter(file_parts(_paths(source) or [], reading)[0]()), None)
    return list(column_names(first) or ()) if first is not None else []


def is_source(table: Any) -> bool:
    """Whether a table is read in batches; otherwise it is in memory."""
    if isinstance(table, (str, os.PathLike)):
        return True
    if column_names(table) is not None or hasattr(table, "__array__") or hasattr(table, "toarray"):
        return False
    if isinstance(table, (list, tuple)):
        parts = [isinstance(e, (str, os.PathLike)) or column_names(e) is not None for e in table]
        return bool(parts) and all(parts)
    return callable(table) or isinstance(table, Iterable)


def _paths(source: Any) -> list[Path] | None:
    """Return the files of a path, a folder, or a list of these; None for anything else."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            folder = path.is_dir()
        except (OSError, ValueError) as exc:
            raise InvalidInput(
                f"The source is no path of a file ({exc}). Expected a file that exists. Check the "
                "path."
            ) from exc
        if not folder:
            return [path]
        found = sorted(p for p in path.iterdir() if p.name.lower().endswith(ENDINGS))
        if not found:
            raise InvalidInput(
                f"The folder {str(path)!r} holds no table ({', '.join(ENDINGS)}). Check the path."
            )
        return found
    listed = isinstance(source, (list, tuple)) and len(source) > 0
    if listed and all(isinstance(entry, (str, os.PathLike)) for entry in source):
        return [path for entry in source for path in _paths(entry) or ()]
    return None
