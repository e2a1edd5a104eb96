"""A table that is read in batches or from files, for the tests of streams."""

from functools import partial

import numpy as np
import pytest

from eigcore.fit.context import Context

FIRST = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 10}
QUICK = FIRST | {"epochs": 2, "batch_rows": 128, "block_rows": 1000, "sample_rows": 800}


def table(rows: int = 4000, seed: int = 0) -> dict[str, np.ndarray]:
    """A column of each kind, and a target that they drive."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, rows))
    c[rng.random(rows) < 0.05] = np.nan
    kind = rng.choice(["oak", "elm", "ash"], size=rows).astype(object)
    y = a + np.abs(b) + 0.5 * (kind == "elm") + 0.1 * rng.normal(size=rows)
    return {"a": a, "b": b, "c": c, "kind": kind, "y": y}


def cut(columns, size: int = 300) -> list[dict[str, np.ndarray]]:
    rows = len(columns["y"])
    return [{k: v[i : i + size] for k, v in columns.items()} for i in range(0, rows, size)]


def rng(seed):
    return partial(Context("numpy", seed).rng, "sample")


def same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.params, other.params, strict=True))


def write(columns, folder, ending: str):
    """Write a table in parts of 1000 rows, where the format has parts."""
    pa = pytest.importorskip("pyarrow")
    data, path = pa.table(columns), folder / f"rows{ending}"
    if ending == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(data, path, row_group_size=1000)
    elif ending in (".arrow", ".feather"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, data.schema) as file:
            file.write_table(data, max_chunksize=1000)
    else:
        data.to_pandas().to_csv(path, index=False)
    return path
