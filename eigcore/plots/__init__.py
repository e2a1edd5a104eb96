"""Pictures of a model, as displays in scikit-learn's manner; they need matplotlib.

>>> from eigcore.plots import ShapeDisplay                                     # doctest: +SKIP
>>> display = ShapeDisplay.from_model(model, "area", table)                    # doctest: +SKIP
>>> display.figure_.savefig("area.png")                                        # doctest: +SKIP
"""

from eigcore.plots.accuracy import CoverageDisplay, ResidualsDisplay
from eigcore.plots.calibration import CalibrationDisplay
from eigcore.plots.game import GameDisplay
from eigcore.plots.levels import LevelsDisplay
from eigcore.plots.parts import ImportanceDisplay, WaterfallDisplay
from eigcore.plots.shape import ShapeDisplay
from eigcore.plots.spectrum import SpectrumDisplay
from eigcore.plots.training import TrainingDisplay

__all__ = [
    "CalibrationDisplay",
    "CoverageDisplay",
    "GameDisplay",
    "ImportanceDisplay",
    "LevelsDisplay",
    "ResidualsDisplay",
    "ShapeDisplay",
    "SpectrumDisplay",
    "TrainingDisplay",
    "WaterfallDisplay",
]
