"""Sets that installed packages ship, so that a clone alone can make a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SPLITS, HIDDEN = 3, 0.2
SHIPPED = ("cars", "diabetes", "breast_cancer")
"""Those of `eigcore demo`, and two of scikit-learn's."""


def write(folder: Path) -> None:
    """Write the sets as `benchmarks.accuracy.data.parts` reads them."""
    for name, data, meta in _sets():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        usual = {"categorical": [], "monotone": {}, "shape": None, "target": "target"}
        features = [column for column in data.columns if column != meta.get("target", "target")]
        (place / "meta.json").write_text(json.dumps(usual | {"features": features} | meta))
        data.to_csv(place / "data.csv", index=False)
        rows = {
            split: np.random.default_rng(split).permutation(len(data))[: round(HIDDEN * len(data))]
            for split in range(SPLITS)
        }
        table = [(split, row) for split, hidden in rows.items() for row in hidden]
        pd.DataFrame(table, columns=["split", "test_row"]).to_csv(place / "splits.csv", index=False)


def _sets() -> Iterator[tuple[str, pd.DataFrame, dict[str, Any]]]:
    from sklearn.datasets import load_breast_cancer, load_diabetes

    with resources.files("eigcore.data").joinpath("auto_mpg.csv").open() as file:
        cars = pd.read_csv(file)
    falling = dict.fromkeys(("weight", "horsepower", "displacement"), -1)
    yield (
        "cars",
        cars,
        {"task": "regression", "target": "mpg", "monotone": falling, "categorical": ["origin"]},
    )
    yield "diabetes", load_diabetes(as_frame=True).frame, {"task": "regression"}
    yield "breast_cancer", load_breast_cancer(as_frame=True).frame, {"task": "classification"}
