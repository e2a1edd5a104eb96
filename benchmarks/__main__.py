"""Run benchmarks, print ratios: ``python -m benchmarks [--runs N] [pytest options]``.

A ratio is (time of the plain version) / (time of eigcore): above 1 eigcore is faster. Both sides
come from the same runs, on one thread; the minimum over all rounds is taken. Where other work slows
the machine down for seconds at a time, ask for several runs.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path


def run(options: list[str]) -> dict:
    """Run pytest-benchmark and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "pytest", str(Path(__file__).parent), "-q", "-p", "no:xdist"),
            *("-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"),
            *("--benchmark-only", "--benchmark-disable-gc", "--benchmark-max-time=0.3"),
            *("--benchmark-warmup=on", "--benchmark-warmup-iterations=3", "--benchmark-quiet"),
            *(f"--benchmark-json={report}", *options),
        ]
        done = subprocess.run(command, env={**os.environ, "JAX_ENABLE_X64": "1"}, check=False)
        if not report.exists():
            raise SystemExit(done.returncode or 1)
        return json.loads(report.read_text())


def table(reports: list[dict]) -> str:
    """Return the ratios as a Markdown table."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for entry in (entry for report in reports for entry in report["benchmarks"]):
        sides, side = groups[entry["group"]], entry["extra_info"]["side"]
        sides[side] = min(sides.get(side, float("inf")), entry["stats"]["min"] * 1e6)
    return "\n".join([plain_table(groups), "", kernel_table(groups)])


def plain_table(groups: dict[str, dict[str, float]]) -> str:
    """Return the cases with two sides."""
    rows = [
        f"| {name} | {sides['plain']:.1f} | {sides['eigcore']:.1f} "
        f"| {sides['plain'] / sides['eigcore']:.2f} |"
        for name, sides in groups.items()
        if len(sides) == 2
    ]
    head = "| case | plain, µs | eigcore, µs | plain / eigcore |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def kernel_table(groups: dict[str, dict[str, float]]) -> str:
    """Return the cases of bench_kernels, and what is kept of the kernel's own ratio."""
    rows = []
    for name, s in groups.items():
        if len(s) > 2:
            ratio, own = s["plain"] / s["eigcore"], s["eigh"] / s["kernel"]
            cells = [s["plain"], s["without"], s["eigcore"], ratio, own, ratio / own]
            rows.append(f"| {name} | " + " | ".join(f"{c:.4g}" for c in cells) + " |")
    names = "case | plain, µs | eigcore without kernels, µs | with, µs | plain / with"
    head = f"| {names} | eigh / kernel alone | share kept |\n|" + "---|" * 7
    return "\n".join([head, *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", allow_abbrev=False)
    parser.add_argument("--runs", type=int, default=1, help="the minimum over so many counts")
    known, others = parser.parse_known_args()
    results = [run(others) for _ in range(known.runs)]
    cpu = results[0]["machine_info"].get("cpu", {}).get("brand_raw", platform.processor())
    print(f"\n{cpu}, one thread, {results[0]['datetime'][:10]}\n")
    print(table(results))
