"""Power-law fits: the reference by a plain loop, honest refusals, windows."""

import importlib

import numpy as np
import pytest

from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.spectra import esd, farms, power_law


def plain(x):
    """The reference code of Clauset, Shalizi and Newman, written out as a loop."""
    x, best = np.sort(x), (np.inf,)
    for place in np.unique(x)[:-1]:
        tail = x[x >= place]
        alpha = 1 + len(tail) / np.log(tail / place).sum()
        law = 1 - (tail / place) ** (1 - alpha)
        before = np.array([(tail < a).mean() for a in tail])
        distance = abs(before - law).max()
        best = min(best, (distance, place, alpha, len(tail)))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_all_thresholds_at_once_are_those_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    x = [rng.pareto(1.5, 300) + 1 + rng.random(300), rng.lognormal(size=200)][seed % 2]
    x = np.round(x, 2) + 0.01 if seed > 1 else x  # many are equal
    found = power_law(x)
    distance, place, alpha, n = plain(x)
    np.testing.assert_allclose([found.ks, found.xmin, found.alpha], [distance, place, alpha])
    assert found.tail == n
    assert found.stderr == pytest.approx((alpha - 1) / n**0.5)


@pytest.mark.filterwarnings("ignore:Standard error for the MLE:DeprecationWarning")
def test_the_package_powerlaw_says_the_same():
    package = pytest.importorskip("powerlaw", reason="make peers installs powerlaw")
    examples = importlib.import_module("powerlaw.data").load_test_dataset
    for x in (np.random.default_rng(0).pareto(1.5, 500) + 1, examples("surnames")):
        peer, own = package.Fit(x, verbose=False), power_law(x)
        law = peer.power_law
        expected = [law.alpha, law.standard_err, peer.xmin, law.D]
        np.testing.assert_allclose([own.alpha, own.stderr, own.xmin, own.ks], expected)


def test_a_power_law_is_found_and_others_are_refused():
    rng = np.random.default_rng(1)
    pareto = power_law(rng.pareto(1.5, 1000) + 1)
    assert pareto.fits
    assert abs(pareto.alpha - 2.5) < 3 * pareto.stderr
    assert "α = 2." in str(pareto)
    for other in (rng.exponential(size=1000), abs(rng.normal(size=1000)), rng.random(1000)):
        found = power_law(other)
        assert not found.fits
        assert "no power law" in str(found)
    lognormal = power_law(rng.lognormal(0, 0.3, 3000), "median")
    assert lognormal.p_value < 0.1
    assert lognormal.alternatives["lognormal"][0] < 0


def test_the_bootstrap_refuses_a_true_law_as_often_as_it_says():
    values = []
    for seed in range(40):
        x = np.random.default_rng(seed).pareto(2.0, 200) + 1
        values.append(power_law(x, 1.0, repetitions=50, seed=seed).p_value)
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) < 0.1) < 0.25


@pytest.mark.parametrize(
    ("x", "xmin", "message"),
    [
        ([1.0, 2.0], "ks", "at least three"),
        ([1.0, 1.0, 1.0], "ks", "not all equal"),
        ([1.0, 2.0, 3.0], 3.0, "two different"),
        ([1.0, 2.0, 3.0], -1.0, 'Write xmin="ks"'),
        ([1.0, 2.0, 3.0], "mean", 'Write xmin="ks"'),
    ],
)
def test_wrong_input(x, xmin, message):
    with pytest.raises(InvalidInput, match=message):
        power_law(x, xmin)


def test_not_finite():
    with pytest.raises(NonFiniteInput, match="1 entries"):
        power_law([1.0, np.nan, 2.0])


def test_windows_make_shapes_comparable_as_published():
    """Gaussian 512 by 512: Hill 2.12, FARMS 2.11; other aspects are far off, FARMS is not."""
    rng = np.random.default_rng(0)
    square = rng.normal(size=(512, 512))
    assert power_law(esd(square).eigenvalues, "median").alpha == pytest.approx(2.12, abs=0.02)
    for shape in [(512, 512), (512, 128), (128, 512)]:
        W = square if shape == (512, 512) else rng.normal(size=shape)
        assert farms(W, 64).alpha == pytest.approx(2.11, abs=0.025)
    assert abs(power_law(esd(W).eigenvalues, "median").alpha - 2.11) > 0.5
    with pytest.raises(InvalidInput, match="window=128"):
        farms(W, 200)


def test_the_spectrum_says_its_convention():
    W = np.random.default_rng(2).normal(size=(4, 9))
    found = esd(W)
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(W.T @ W / 4)[-4:])
    assert "m rows" in found.convention
