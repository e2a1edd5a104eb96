import numpy as np
import pytest

from eigcore.fit.losses import LOSSES, Targets
from eigcore.fit.search import ensemble

SQUARED = LOSSES["squared"]


def errors_of(rng, count, rows=300):
    return rng.normal(size=(count, rows))


def test_independent_errors_are_averaged_and_a_bad_candidate_is_left_out():
    rng = np.random.default_rng(0)
    target = rng.normal(size=300)
    values = target + errors_of(rng, 4) * np.array([1.0, 1.0, 1.0, 9.0])[:, None]
    parts = ensemble.shares(SQUARED, values, Targets(target), np.random.default_rng(0))
    assert parts.sum() == pytest.approx(1.0)
    assert parts[:3].min() > 0.2
    assert parts[3] == 0.0
    alone = min(SQUARED(each, target)[0] for each in values)
    assert SQUARED(parts @ values, target)[0] < 0.5 * alone


def test_rows_without_weight_do_not_count():
    rng = np.random.default_rng(1)
    target = rng.normal(size=200)
    weights = np.repeat([1.0, 0.0], 100)
    left, right = target.copy(), target.copy()
    left[100:] += 50.0
    right[:100] += 1.0
    targets = Targets(target, weights)
    assert ensemble.shares(SQUARED, np.stack([left, right]), targets, rng).tolist() == [1.0, 0.0]


def test_several_decisions_per_row_are_averaged():
    rng = np.random.default_rng(2)
    target = rng.integers(3, size=150).astype(float)
    right = 4.0 * (target[:, None] == np.arange(3))
    values = np.stack([right, np.zeros((150, 3))])
    loss = type(LOSSES["multinomial"])(3)
    assert ensemble.shares(loss, values, Targets(target), rng)[0] > 0.9


def test_one_row_alone_is_a_gain_of_one_standard_error():
    rng = np.random.default_rng(3)
    target = rng.normal(size=50)
    other = target + 0.1 * rng.normal(size=50)
    one = other.copy()
    other[7] += 100.0
    assert ensemble.gain(SQUARED, one, other, Targets(target)) == pytest.approx(1.0, abs=0.02)
    other[7] = target[7] + 0.1
    every = target + 0.05 * (other - target)
    assert ensemble.gain(SQUARED, every, other, Targets(target)) > 3.0
    assert ensemble.gain(SQUARED, other, every, Targets(target)) < -3.0
    assert ensemble.gain(SQUARED, other, other, Targets(target)) == 0.0


def test_rates_without_events_where_it_matters_are_no_steady_gain():
    """Fifty rows that happen to have no event: to predict none there gains the same in each."""
    poisson, rng = LOSSES["poisson"], np.random.default_rng(4)
    target = np.where(np.arange(200) < 50, 0.0, rng.poisson(0.1, 200))
    other = np.full(200, np.log(0.1))
    bold = np.where(np.arange(200) < 50, -6.0, other)
    plain = [poisson.rows(f, target)[0] for f in (other, bold)]
    seen = (plain[0] - plain[1]).mean() / (np.std(plain[0] - plain[1]) / 200**0.5)
    found = ensemble.gain(poisson, bold, other, Targets(target))
    assert found < 2.0 < seen
    # the variance of the difference, if events come as `other` says: by simulation
    again = rng.poisson(0.1, (4000, 200))
    gains = np.mean(poisson.rows(other, again)[0] - poisson.rows(bold, again)[0], axis=1)
    factor = np.mean((target - 0.1) ** 2) / 0.1
    expected = np.sqrt(
        factor * gains.var()
        + np.var(0.1 * (bold - other) * (np.arange(200) < 50) + np.exp(other) - np.exp(bold)) / 200
    )
    assert (plain[0] - plain[1]).mean() / found == pytest.approx(expected, rel=0.05)
    assert LOSSES["logistic"].moments(other) is None


@pytest.mark.parametrize("count", [1, 2, 5, 12, 48])
def test_every_beginning_of_the_sequence_has_the_parts(count):
    parts = np.array([0.5, 0.3, 0.2, 0.0])
    order = ensemble.sequence(parts, count)
    assert len(order) == count
    for size in range(1, count + 1):
        taken = np.bincount(order[:size], minlength=4)
        assert np.abs(taken - parts * size).max() <= 1.0 + 1e-9
    assert 3 not in order


def test_rows_of_a_group_count_as_one_for_standard_errors():
    rng = np.random.default_rng(4)
    target, weights = rng.normal(size=50), rng.uniform(0.5, 2.0, 50)
    values, other = target + 0.9 * errors_of(rng, 1, 50)[0], target + errors_of(rng, 1, 50)[0]
    for own in (None, weights):
        once = Targets(target, own)
        twenty = Targets(np.tile(target, 20), None if own is None else np.tile(own, 20))
        both = np.tile(values, 20), np.tile(other, 20)
        group = np.tile(np.arange(50), 20)
        alone = ensemble.gain(SQUARED, values, other, once, np.arange(50))
        assert ensemble.gain(SQUARED, *both, twenty, group) == pytest.approx(alone)
        plain = ensemble.gain(SQUARED, *both, twenty)
        assert plain == pytest.approx(ensemble.gain(SQUARED, values, other, once) * 20**0.5)
    assert alone != pytest.approx(ensemble.gain(SQUARED, values, other, once))
    one = ensemble.gain(SQUARED, values, other, Targets(target), np.arange(50))
    assert one == pytest.approx(ensemble.gain(SQUARED, values, other, Targets(target)))
