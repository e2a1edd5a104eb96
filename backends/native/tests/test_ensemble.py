"""Whole models on tables of few rows, on threads whose memory holds nothing yet."""

import subprocess
import sys

import numpy as np
import pytest
from eigcore_native import _core

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


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 255, 256, 257, 4100])
def test_cells_are_in_the_piece_that_follows_their_knot(count):
    """The eigenvalue is the value of the term times a number of its own."""
    rng = np.random.default_rng(count)
    knots = np.sort(rng.standard_normal(count))
    terms = np.tile([0.0, 0.0, 1.0, -np.inf, np.inf, 0.5], (count + 2, 1))
    terms[:, 1:3] = rng.uniform(1, 2, (count + 2, 2))
    one = np.array([1.0, 0.0, 1.0])
    steps = np.arange(1, count + 4)[:, None] * one
    steps[0] = 0
    model = _core.Ensemble(1, [(1, 0, count + 2, 0, True, list(knots), [], [], [])], terms, 1)
    model.add(steps, [], 2, 0, 0, 1.0)
    below = np.nextafter(knots, -np.inf)
    cells = np.concatenate([knots, below, rng.standard_normal(99), [np.nan, -1e300, 1e300]])
    found = np.empty((len(cells), 1))
    assert model.sum(cells[:, None].copy(), found, 1)
    at = np.where(np.isnan(cells), count + 1, np.searchsorted(knots, cells, side="right"))
    value = np.where(np.isnan(cells), 0.5, (cells - terms[at, 1]) / terms[at, 2])
    np.testing.assert_allclose(found[:, 0], value * (at + 2), rtol=1e-14)
    cells[7 % len(cells)] = np.inf
    assert not model.sum(cells[:, None].copy(), found, 1)
