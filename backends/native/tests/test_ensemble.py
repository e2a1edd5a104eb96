"""Whole models on tables of few rows, on threads whose memory holds nothing yet."""

import subprocess
import sys

FEW_ROWS = """
from threading import Thread

import numpy as np
from eigcore_native import _core

parts = [(1, 0, 2, 1, False, [-1.0, 0.0, 1.0], [], [], [])]
terms = np.tile([0.0, 0.0, 1.0, 0.0, 1.0, 0.0], (2, 1))


def predict(rows, d):
    model = _core.Ensemble(1, parts, terms, 1)
    model.add(np.ones((3, d * (d + 1) // 2)), [(0, 2)], d, 0, 0, 1.0)
    model.sum(np.linspace(-1, 1, rows)[:, None].copy(), np.empty((rows, 1)), 1)


for turn in range(3):
    for d in range(2, 7):
        for rows in range(1, 9):
            thread = Thread(target=predict, args=(rows, d))
            thread.start()
            thread.join()
            kept = [bytearray(size) for size in range(600, 60_000, 997)]
"""


def test_few_rows_stay_inside_the_memory_of_their_solver():
    command = [sys.executable, "-c", FEW_ROWS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
