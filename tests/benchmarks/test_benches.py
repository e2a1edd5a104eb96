"""The functions that `python -m benchmarks` times still run, on all sides of a comparison.

It takes seconds: README promises the command, and it has rotted unseen before.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = "3-4096-float64-torch or 5-16-float32 or (numpy and 5-1) or bench_overhead and numpy"


def test_every_side_of_the_smallest_comparisons_runs():
    pytest.importorskip("torch")
    pytest.importorskip("pytest_benchmark")
    files = [f"benchmarks/bench_{name}.py" for name in ("fit", "kernels", "model", "overhead")]
    command = [
        *(sys.executable, "-m", "pytest", *files, "-q", "-p", "no:xdist", "-k", SMALL),
        *("-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"),
        "--benchmark-disable",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
