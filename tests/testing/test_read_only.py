"""Every law on NumPy arrays that nobody may write into, such as memory maps and shared tables."""

import numpy as np
import pytest

import eigcore
from eigcore.testing import checks
from eigcore.testing.wrapped import Wrapped


class ReadOnly(Wrapped):
    """The numpy backend on read-only arrays, also where they are intermediate results."""

    def asarray(self, a, **options):
        array = self.good.asarray(a, **options).view()
        array.setflags(write=False)
        return array

    def eigenpairs(self, M, lo, hi):
        return self.good.eigenpairs(self.asarray(M), lo, hi)

    def kernel(self, rule, source, want):
        for a in source.arrays:
            a.setflags(write=False)
        return self.good.kernel(rule, source, want)


BACKEND = ReadOnly(eigcore.get_backend("numpy"))


@pytest.mark.parametrize("check", checks(BACKEND), ids=lambda check: check.__name__)
def test_read_only_arrays(check):
    check()


def test_the_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        BACKEND.asarray(np.zeros(3))[0] = 1.0
