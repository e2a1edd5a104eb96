import pytest
from eigcore.testing import checks


@pytest.mark.parametrize("check", checks("mlx"))
def test_conformance(check):
    check()
