"""Monotone and convex columns: from blocks to slopes."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.fit.members.shapes import slope_map


@pytest.mark.parametrize("sign", [-1, 0, 1])
@pytest.mark.parametrize("shape", [-1, 0, 1])
def test_slope_maps_give_the_signs_they_promise(sign, shape):
    slopes, psd = slope_map(5, sign, shape)
    blocks = np.where(psd, 1.0, -7.0)
    values = slopes @ (blocks * np.random.default_rng(0).uniform(0.5, 1.0, 5))
    if sign:
        assert (sign * values > 0).all()
    if shape:
        assert (shape * np.diff(values) > 0).all()
    assert abs(np.linalg.det(slopes)) == pytest.approx(1.0)
