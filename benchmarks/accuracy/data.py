"""The data sets of the table, split into a training and a test part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

SETS = (
    "california_colab", "auto_mpg", "compas", "uci_concrete", "uci_energy", "uci_kin8nm",
    "uci_yacht", "phoneme", "higgs_small", "bike_hour", "stoned_electricity", "stoned_41firm",
    "synth_convex", "synth_mono", "california_full", "uci_boston", "elevators", "pol", "ord_esl",
    "ord_era",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One split of one set.

    train, test : tables of the features; columns of categories have the dtype "category"
    known, wanted : (rows,) targets of both, 0 and 1 where `classes`
    monotone : column -> +1 or -1, as declared with the data
    shape, shape_columns : None, "convex" or "concave", and in which columns jointly
    """

    name: str
    split: int
    train: pd.DataFrame
    known: np.ndarray
    test: pd.DataFrame
    wanted: np.ndarray
    classes: bool = False
    monotone: dict[str, int] = field(default_factory=dict)
    shape: str | None = None
    shape_columns: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """Whether anything is known about the shape."""
        return bool(self.monotone or self.shape)


_SPLITS, _FEW_ROWS = 3, 600


def parts(folder: Path, name: str, splits: int | None = None) -> Iterator[Part]:
    """Yield the first splits of a set; a set with a published test part has this one only.

    splits : at most so many; None: three, but all of a set with fewer than 600 rows, where three
        test parts of some dozen rows decide nothing
    """
    meta = json.loads((folder / name / "meta.json").read_text())
    classes = "classification" in meta["task"]
    shape, columns = _shape(meta)
    for split, (train, test) in enumerate(_tables(folder / name, splits)):
        kinds = {c: _categories(train[c], test[c]) for c in meta["categorical"]}
        text = dict.fromkeys(kinds, str)
        tables = [t[meta["features"]].astype(text).astype(kinds) for t in (train, test)]
        known, wanted = (t[meta["target"]].to_numpy(np.float64) for t in (train, test))
        directions = meta["monotone"]
        yield Part(
            name, split, tables[0], known, tables[1], wanted, classes, directions, shape, columns
        )


def _tables(folder: Path, splits: int | None) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    if (folder / "train.csv").exists():
        yield pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
        return
    data = pd.read_csv(next(folder.glob("data.csv*")))
    rows = pd.read_csv(next(folder.glob("splits.csv*")))
    known = sorted(rows["split"].unique())
    for split in known[: splits or (_SPLITS if len(data) >= _FEW_ROWS else None)]:
        hidden = np.zeros(len(data), dtype=bool)
        hidden[rows.loc[rows["split"] == split, "test_row"]] = True
        yield data[~hidden].reset_index(drop=True), data[hidden].reset_index(drop=True)


def _categories(train: pd.Series, test: pd.Series) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(sorted(set(train.astype(str)) | set(test.astype(str))))


def _shape(meta: dict) -> tuple[str | None, tuple[str, ...]]:
    """Read "convex in (A,B) jointly (…)" or "concave jointly"."""
    found = re.match(r"(convex|concave)(?: in \(([^)]*)\))? jointly", meta["shape"] or "")
    if not found:
        return None, ()
    columns = found[2].split(",") if found[2] else meta["features"]
    return found[1], tuple(columns)
