"""Fitting a model to a table, in memory or read in batches.

The module can be called like its function: ``eigcore.fit(table, "price")``.

>>> from eigcore.fit import fit                                                # doctest: +SKIP
>>> result = fit(table, "price", increasing=["area"])                          # doctest: +SKIP
>>> result.model.save("price.eig")                                             # doctest: +SKIP
"""

import inspect
import sys
from types import ModuleType
from typing import Any

from eigcore.fit.context import Progress
from eigcore.fit.members.member import Settings
from eigcore.fit.options import EarlyStopping, FitOptions
from eigcore.fit.report import FitResult, Report
from eigcore.fit.resume import resume
from eigcore.fit.solvers.lbfgs import Memory, Solution, minimize
from eigcore.fit.stream.train import fit_stream
from eigcore.fit.train import fit

__all__ = [
    "EarlyStopping",
    "FitOptions",
    "FitResult",
    "Memory",
    "Progress",
    "Report",
    "Settings",
    "Solution",
    "fit",
    "fit_stream",
    "minimize",
    "resume",
]


class _Callable(ModuleType):
    """A module that can be called like its function `fit`."""

    __signature__ = inspect.signature(fit)

    def __call__(self, *args: Any, **options: Any) -> FitResult:
        return fit(*args, **options)


sys.modules[__name__].__class__ = _Callable
