"""The types that a fitted estimator consists of, for formats that load only types they are told."""

from __future__ import annotations

from eigcore.core.functionals import FUNCTIONALS
from eigcore.core.packing import Layout
from eigcore.core.spec import EigSpec
from eigcore.encoding import Encoding, Projection
from eigcore.encoding.columns import KINDS as COLUMNS
from eigcore.estimators.classifier import SpectralClassifier
from eigcore.estimators.regressor import SpectralRegressor
from eigcore.fit.members.member import Settings
from eigcore.fit.report import Errors, Report
from eigcore.model import ModelStatic, SpectralModel

_TYPES = (
    *(SpectralRegressor, SpectralClassifier, SpectralModel, ModelStatic, Encoding, Projection),
    *(*COLUMNS.values(), EigSpec, Layout, *FUNCTIONALS.values(), Report, Errors, Settings),
)
TRUSTED = sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in _TYPES)
"""Their full names. They hold data alone, so creating one runs no other code: write
``skops.io.load(path, trusted=TRUSTED)``."""
