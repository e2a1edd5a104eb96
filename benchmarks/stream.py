"""Train on more rows than memory should hold: ``python -m benchmarks.stream --rows 10_000_000``.

Writes a table of generated rows to a temporary Parquet file, row group by row group, fits a model
to it by streaming, in one process and in two of torchrun, and prints rows per second, errors and
the largest memory that a process had; fails if that is over the limit.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eigcore import get_backend
from eigcore.dispatch.launch import launched
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


def measured(path: Path, options: argparse.Namespace) -> int:
    """Fit and print what it took; processes of torchrun share the fit, and number 0 prints."""
    given = (each.split("=") for each in options.set)
    more = {name: json.loads(value) for name, value in given}
    told, times = [], {}

    def callback(progress):
        told.append(time.monotonic())  # the first one before the first pass
        times.setdefault(progress.stage, told[-1])

    begin = time.monotonic()
    rank, size = launched()
    result = fit_stream(
        path,
        "y",
        increasing=options.increasing,
        checkpoint=path.with_name(f"run-{size}.checkpoint"),
        callback=callback,
        processes="torch" if size > 1 else None,
        **{"epochs": 1} | more,
    )
    end = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if rank:
        return int(peak > LIMIT)
    report, steps = result.report, result.solutions[0].iterations
    started = told[1]
    print(f"processes: {size}")
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


def main() -> int:
    """Write, train in one process and in several, print; 1 if too much memory was used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--increasing", nargs="*", default=["x3", "x4"])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="more options")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--table", type=Path, help="a table that is there already")
    options = parser.parse_args()
    if options.table is not None:
        return measured(options.table, options)
    with tempfile.TemporaryDirectory() as folder:
        path, begin = Path(folder) / "rows.parquet", time.monotonic()
        write(path, options.rows)
        size = path.stat().st_size / 1e6
        print(f"written: {options.rows:,} rows, {size:.0f} MB, {time.monotonic() - begin:.0f} s")
        own = ["-m", "benchmarks.stream", *sys.argv[1:], "--table", str(path)]
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        ways = [own if n == 1 else [*launch, str(n), *own] for n in options.processes]
        codes = [subprocess.run([sys.executable, *way], check=False).returncode for way in ways]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
