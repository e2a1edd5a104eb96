import pytest
from eigcore_native import kernels


@pytest.fixture(autouse=True)
def every_order(monkeypatch):
    """Also orders that eigcore leaves to LAPACK."""
    monkeypatch.setattr(kernels, "ORDERS", range(1, 1025))
