"""Train on more rows than memory should hold: ``python -m benchmarks.stream --rows 10_000_000``.

Writes a table of generated rows to a temporary Parquet file, row group by row group, fits a model
to it by streaming, and prints rows per second, errors and the largest memory the process had; fails
if that is over the limit.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eigcore import get_backend
from eigcore.fit import fit_stream

GROUP, NOISE = 250_000, 0.5
LIMIT = 2 * 2**30


def group(number: int, rows: int = GROUP) -> dict[str, np.ndarray]:
    """Eight numbers, one of them with missing cells, a category, and a target with noise."""
    rng = np.random.default_rng(number)
    x = rng.normal(size=(8, rows))
    kind = rng.integers(0, 5, rows)
    signal = np.sin(2 * x[0]) + np.abs(x[1]) * x[2] + np.maximum(x[3], x[4])
    signal += 0.5 * x[5] ** 2 * (x[6] > 0) + np.tanh(x[7] * x[0]) + 0.3 * kind
    x[7, rng.random(rows) < 0.02] = np.nan
    columns = {f"x{j}": column for j, column in enumerate(x)}
    columns["kind"] = np.array(["a", "b", "c", "d", "e"])[kind]
    return columns | {"y": signal + NOISE * rng.normal(size=rows)}


def write(path: Path, rows: int) -> None:
    """Write the table, a row group at a time."""
    schema = pa.table(group(0, 1)).schema
    with pq.ParquetWriter(path, schema) as writer:
        for number, begin in enumerate(range(0, rows, GROUP)):
            writer.write_table(pa.table(group(number, min(GROUP, rows - begin))))


def main() -> int:
    """Write, train, print; 1 if too much memory was used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--increasing", nargs="*", default=["x3", "x4"])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="more options")
    options = parser.parse_args()
    more = {name: json.loads(value) for name, value in (each.split("=") for each in options.set)}
    times: dict[str, float] = {}

    def callback(progress):
        times.setdefault(progress.stage, time.monotonic())

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        begin = time.monotonic()
        write(path, options.rows)
        size = path.stat().st_size / 1e6
        print(f"written: {options.rows:,} rows, {size:.0f} MB, {time.monotonic() - begin:.0f} s")
        begin = time.monotonic()
        result = fit_stream(
            path,
            "y",
            increasing=options.increasing,
            checkpoint=Path(folder) / "run.checkpoint",
            callback=callback,
            **{"epochs": 1} | more,
        )
        end = time.monotonic()
    report, steps = result.report, result.solutions[0].iterations
    started = min(times["fitting"], times.get("choosing", end))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(get_backend("numpy").note)
    print(f"first pass: {options.rows / (started - begin):,.0f} rows/s")
    print(f"first model, on a sample: {times['streaming'] - started:.0f} s")
    speed = report.rows / (end - times["streaming"])
    print(f"training: {speed:,.0f} rows/s, {steps} steps, {end - times['streaming']:.0f} s")
    print(f"settings: {report.settings}")
    print(f"held-out RMSE: {report.model.held_out:.4f}; linear {report.linear.held_out:.4f}")
    print(report.notes[-1])
    print(f"noise: {NOISE}; certified increasing: {', '.join(options.increasing)}", end=" ")
    columns = {column.name: column for column in result.model.certify().columns}
    print(all(columns[name].increasing for name in options.increasing))
    print(f"peak memory: {peak / 2**20:.0f} MiB of {LIMIT / 2**20:.0f} allowed")
    return int(peak > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
