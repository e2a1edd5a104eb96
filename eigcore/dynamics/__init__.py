"""Linear dynamics: matrices that are not symmetric, and what their eigenvalues say."""

from eigcore.dynamics.diagonal import Diagonalised, perturb_then_diagonalise, transfer
from eigcore.dynamics.eigenvalues import Eigen, eig, eigenvalues
from eigcore.dynamics.matrices import Hippo, banded, hippo
from eigcore.dynamics.modes import Modes, dmd
from eigcore.dynamics.pseudospectra import Pseudospectrum, pseudospectrum

__all__ = [
    "Diagonalised",
    "Eigen",
    "Hippo",
    "Modes",
    "Pseudospectrum",
    "banded",
    "dmd",
    "eig",
    "eigenvalues",
    "hippo",
    "perturb_then_diagonalise",
    "pseudospectrum",
    "transfer",
]
