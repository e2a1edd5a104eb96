"""The attack sees a bound that is one percent too small, and no other."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import attack
from eigcore.encoding import PiecewiseLinear


def worst(target):
    rng, found = np.random.default_rng(0), {}
    claims = [*attack.column_claims(target), *attack.joint_claims(target, rng)]
    for claim, pair, ratio in claims:
        found[claim] = attack.attack(target, pair, ratio, rng, 3)
    return found


@pytest.fixture
def target():
    return attack.Target(attack.scalar(PiecewiseLinear((0.0, 0.5, 1.0)), [0.0, 1.0, 1.0, 3.0, 2.0]))


def test_bounds_that_are_true_are_attained(target):
    found = worst(target)
    assert max(found.values()) <= 1
    for claim in ("slope of a column", "l1", "l2", "box around a row"):
        assert found[claim] > 1 - 1e-6


def test_bounds_that_are_false_are_seen(target):
    certificate = target.certificate
    [column] = certificate.columns
    low = replace(column, bound=0.99 * column.bound, increasing=False, decreasing=True)
    target.certificate = replace(
        certificate,
        columns=(low,),
        l1=0.99 * certificate.l1,
        l2=0.99 * certificate.l2,
        concave=True,
    )
    found = worst(target)
    for claim in ("slope of a column", "l1", "l2"):
        assert found[claim] == pytest.approx(1 / 0.99, rel=1e-6)
    assert found["sign of a slope, over the rounding"] > 1
    assert found["curvature, over the rounding"] > 1
