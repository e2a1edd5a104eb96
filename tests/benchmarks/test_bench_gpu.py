"""The tables of benchmarks/bench_gpu.py, on invented timings."""

import os
import subprocess
import sys

from benchmarks import bench_gpu

TIMINGS = {
    ("eigh", "float32", 3, 1): {"torch": 1e-5, "cupy": 4e-5, "jax": 2e-5},
    ("eigh", "float32", 3, 64): {"torch": 2e-5, "cupy": 4e-5},
    ("eigh", "float32", 32, 1): {"torch": 1e-4, "cupy": 2e-4},
    ("eigh", "float32", 32, 64): {"torch": 1e-4, "cupy": 2e-4},
    ("eigh", "float32", 33, 1): {"torch": 1e-4, "cupy": 2e-4},
    ("eigh", "float32", 33, 4): {"torch": 4e-4, "cupy": 2e-4},
    ("eigh", "float32", 33, 64): {"cupy": 3e-4, "jax": 1e-4},
    ("eigvalsh", "float64", 5, 1): {"jax": 1e-4},
    ("eigvalsh", "float64", 8, 1): {"torch": 1e-4},
}


def test_ratios_are_torch_over_the_others():
    lines = bench_gpu.ratios(TIMINGS).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    assert lines[2] == "| eigh | float32 | 3 | 1 | 10 | 0.25 | 0.50 | torch |"
    assert lines[8] == "| eigh | float32 | 33 | 64 | — | — | — | jax |"


def test_without_a_device_it_says_so_in_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_gpu"],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "sees no CUDA device. Run this on a machine with one" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
