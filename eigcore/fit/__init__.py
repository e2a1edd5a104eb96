"""Fitting a model to a table: objectives, starting points, the full-batch solver.

>>> from eigcore.fit import fit                                                # doctest: +SKIP
>>> result = fit(table, "price", increasing=["area"])                          # doctest: +SKIP
>>> result.model.save("price.eig")                                             # doctest: +SKIP
"""

from eigcore.fit.member import Progress, Settings
from eigcore.fit.report import Report
from eigcore.fit.resume import resume
from eigcore.fit.solvers.early_stopping import Patience
from eigcore.fit.solvers.lbfgs import Solution, minimize
from eigcore.fit.train import FitResult, fit

__all__ = [
    "FitResult",
    "Patience",
    "Progress",
    "Report",
    "Settings",
    "Solution",
    "fit",
    "minimize",
    "resume",
]
