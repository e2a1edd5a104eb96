"""What must be true of every backend: `checks` gives the laws as callables for pytest.

An outsider's whole test file::

    import pytest
    from eigcore.testing import checks

    @pytest.mark.parametrize("check", checks("mine"))
    def test_conformance(check):
        check()
"""

from eigcore.testing.cases import Case, Matrices, Model
from eigcore.testing.kit import Check, all_laws, checks, law
from eigcore.testing.tolerance import C, agree, bound, holds

__all__ = [
    "C",
    "Case",
    "Check",
    "Matrices",
    "Model",
    "agree",
    "all_laws",
    "bound",
    "checks",
    "holds",
    "law",
]
