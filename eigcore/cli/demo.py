"""`eigcore demo`: fit the cars that ship with the package, and check every promise."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import numpy as np

from eigcore.encoding.files import read_table
from eigcore.errors import EigcoreError
from eigcore.fit import FitResult, fit
from eigcore.fit.context import Callback
from eigcore.model import SpectralModel

FALLING = ("weight", "horsepower", "displacement")
"""Columns in which the miles per gallon must be decreasing."""


def fit_cars(backend: str | None, callback: Callback) -> tuple[Any, FitResult]:
    """Return the table of 392 cars and a fit to it."""
    resource = importlib.resources.files("eigcore") / "data" / "auto_mpg.csv"
    with importlib.resources.as_file(resource) as path:
        cars = read_table(path)
    return cars, fit(cars, "mpg", decreasing=FALLING, backend=backend, callback=callback)


def check(result: FitResult, path: Path, cars: Any) -> np.ndarray:
    """Return predictions (rows,) of the saved model; raise EigcoreError for a broken promise."""
    again = SpectralModel.load(path).predict(cars)
    if not np.array_equal(again, result.model.predict(cars)):
        raise EigcoreError(
            "The saved model predicts other numbers than the fitted one; expected the same. "
            "Type eigcore demo --debug and report it."
        )
    proven = {column.name for column in result.model.certify().columns if column.decreasing}
    if not {*FALLING} <= proven:
        raise EigcoreError(
            f"Not proven decreasing: {', '.join(sorted({*FALLING} - proven))}; expected all three. "
            "Type eigcore demo --debug and report it."
        )
    return again
