"""Draw the pictures of docs/plots.md, from models of the cars that come with eigcore.

All of them: make plots. One of them: python docs/plots_pictures.py shape
"""

from __future__ import annotations

import csv
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np

import eigcore
from eigcore import plots
from eigcore.fit import FitResult, fit

matplotlib.use("Agg")

FOLDER = Path(__file__).with_name("plots")
TABLE = Path(eigcore.__file__).parent / "data" / "auto_mpg.csv"
CONSTRAINTS = {"increasing": ["model_year"], "decreasing": ["weight", "horsepower"]}
OPTIONS: dict[str, Any] = {
    "members": 4,
    "dim": 4,
    "knots": 6,
    "penalty": 0.003,
    "validation": 0.0,
    "max_iter": 60,
}


class Cars(NamedTuple):
    """Cells by column, and miles per gallon, of some cars."""

    table: dict[str, Any]
    mpg: np.ndarray

    def part(self, rows: Any) -> Cars:
        """Return some of the cars."""
        return Cars({name: cells[rows] for name, cells in self.table.items()}, self.mpg[rows])


@cache
def cars() -> tuple[Cars, Cars, Cars]:
    """Return cars to fit, to calibrate and to look at."""
    with open(TABLE, newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row.values())]
    names = ("weight", "horsepower", "acceleration", "model_year", "origin")
    table = {
        name: np.array([row[name] if name == "origin" else float(row[name]) for row in rows])
        for name in names
    }
    whole = Cars(table, np.array([float(row["mpg"]) for row in rows]))
    order = np.random.default_rng(0).permutation(len(rows))
    fitted, kept, seen = np.split(order, [200, 300])
    return whole.part(fitted), whole.part(kept), whole.part(seen)


@cache
def numbers() -> FitResult:
    """Fit miles per gallon."""
    table, mpg = cars()[0]
    return fit(table | {"mpg": mpg}, "mpg", **CONSTRAINTS, **OPTIONS)


@cache
def classes() -> Any:
    """Fit whether a car goes 25 miles with a gallon."""
    table, mpg = cars()[0]
    return fit(table, thrifty(mpg), **CONSTRAINTS, **OPTIONS).model


def thrifty(mpg: np.ndarray) -> np.ndarray:
    """Return labels."""
    return np.where(mpg >= 25, "thrifty", "thirsty")


def calibrated() -> Any:
    """Return the model of numbers with intervals."""
    return numbers().model.calibrate(*cars()[1])


def _one(table: dict[str, Any], row: int) -> dict[str, Any]:
    return {name: cells[row] for name, cells in table.items()}


def _shape() -> Any:
    return plots.ShapeDisplay.from_model(numbers(), "weight", cars()[0].table)


def _category() -> Any:
    return plots.ShapeDisplay.from_model(numbers(), "origin", cars()[0].table)


def _levels() -> Any:
    columns = "weight", "model_year"
    return plots.LevelsDisplay.from_model(numbers(), columns, cars()[0].table)


def _spectrum() -> Any:
    return plots.SpectrumDisplay.from_model(numbers(), "acceleration", cars()[0].table)


def _game() -> Any:
    table = cars()[2].table
    one = _one(table, int(np.abs(table["weight"] - 2600).argmin()))
    return plots.GameDisplay.from_model(numbers(), "weight", at=one)


def _importance() -> Any:
    return plots.ImportanceDisplay.from_model(numbers(), cars()[2].table, sample=cars()[0].table)


def _waterfall() -> Any:
    one = _one(cars()[2].table, 0)
    return plots.WaterfallDisplay.from_model(classes(), one, sample=cars()[0].table)


def _residuals() -> Any:
    return plots.ResidualsDisplay.from_model(numbers(), *cars()[2])


def _calibration() -> Any:
    table, mpg = cars()[2]
    return plots.CalibrationDisplay.from_model(classes(), table, thrifty(mpg), bins=6)


def _coverage() -> Any:
    return plots.CoverageDisplay.from_model(calibrated(), *cars()[2])


def _training() -> Any:
    return plots.TrainingDisplay.from_model(numbers())


PICTURES = {
    "shape": _shape,
    "category": _category,
    "levels": _levels,
    "spectrum": _spectrum,
    "game": _game,
    "importance": _importance,
    "waterfall": _waterfall,
    "residuals": _residuals,
    "calibration": _calibration,
    "coverage": _coverage,
    "training": _training,
}


def main(wanted: list[str]) -> None:
    """Draw pictures by name, or all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name in wanted or PICTURES:
        if name not in PICTURES:
            raise SystemExit(f"No picture {name!r}; expected one of {', '.join(PICTURES)}.")
        PICTURES[name]().figure_.savefig(FOLDER / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main(sys.argv[1:])
