"""The laws that every backend must obey; `checks` returns them as callables for pytest.

A complete test file for a plugin::

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
