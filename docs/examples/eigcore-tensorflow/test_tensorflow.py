import pytest
from eigcore.testing import checks


@pytest.mark.parametrize("check", checks("tensorflow"))
def test_conformance(check):
    check()
