"""scikit-learn estimators: a thin layer over `eigcore.fit`.

>>> from eigcore.estimators import SpectralRegressor                           # doctest: +SKIP
>>> SpectralRegressor(monotone={"area": 1}).fit(X, y).predict(X)               # doctest: +SKIP
"""

try:
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401
except ImportError as exc:
    raise ImportError(
        "eigcore.estimators needs scikit-learn 1.6 or newer, which is not installed. "
        'Type: pip install "eigcore[sklearn]"'
    ) from exc

from eigcore.estimators.classifier import SpectralClassifier
from eigcore.estimators.regressor import SpectralRegressor
from eigcore.estimators.trusted import TRUSTED

__all__ = ["TRUSTED", "SpectralClassifier", "SpectralRegressor"]
