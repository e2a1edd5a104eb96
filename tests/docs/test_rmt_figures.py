"""The figures of random-matrix theory: each is on its page, and its theory is right.

The bands are those of the fluctuation at the size of the test; tests/rmt tests the formulas.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import rmt_figures as figures
import rmt_simulations as simulations
from threadpoolctl import threadpool_limits

from eigcore import rmt

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):  # as `rmt_figures.draw` does
        yield


def agrees(pair, band, deviations=4.0):
    """Whether the mean of the runs is within a band and some standard errors of the theory."""
    theory, runs = pair
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    return bool((np.abs(runs.mean(axis=0) - theory) <= band + deviations * error).all())


def test_each_figure_has_a_section_and_a_small_picture():
    shown = re.findall(r"\]\(figures/([\w-]+)\.png\)", (DOCS / "rmt-figures.md").read_text())
    assert shown == [*figures.FIGURES]
    for name in shown:
        assert (DOCS / "figures" / f"{name}.png").stat().st_size < 100 * 1024
    assert {path.stem for path in (DOCS / "figures").iterdir()} == {*shown}


def test_a_figure_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setattr(figures, "FLOWS", (simulations.Flow(10, 20, 1.0, 0.01, 0.0),) * 2)
    figures.draw("gradient-flow")
    assert (tmp_path / "gradient-flow.png").stat().st_size > 10_000


def test_an_unknown_figure_is_named():
    with pytest.raises(SystemExit, match=r"No figure 'tripple-descent'.*double-descent"):
        figures.main(["tripple-descent"])


@pytest.mark.parametrize("kind", ["logistic", "two", "four"])
def test_the_spectrum_follows_its_law(kind):
    # a distribution function of p eigenvalues is within some log(p)/p of its limit
    law = simulations.hessian(kind, 200, 1500)
    values = simulations.spectrum(law, 1500)
    assert rmt.overlay(values, law).distance < 2 * np.log(200) / 200
    for spike in law.spikes():
        assert np.abs(values - spike).min() < 0.03 * spike


@pytest.mark.parametrize("kind", ["exponential", "phase"])
def test_an_unbounded_spectrum_follows_its_density(kind):
    law = simulations.hessian(kind, 200, 1500)
    values = simulations.spectrum(law, 1500)
    low, high = np.quantile(values, (0.2, 0.8))
    x = np.linspace(low, high, 40)
    assert np.trapezoid(law.density(x), x) == pytest.approx(0.6, abs=2 * np.log(200) / 200)


def test_the_share_of_negative_curvature():
    share, runs = simulations.negative("phase", 200, 1500, runs=8)
    assert agrees((share, runs), 0.005)
    assert 0.01 < share < 0.03


@pytest.mark.parametrize("rho", [0.8, 1.4])
def test_the_spike_of_the_data(rho):
    theory, runs = simulations.data_spike(rho, 128, 512, runs=20)
    assert agrees((theory, runs), np.array([0.01, 0.03]))


def test_the_spike_of_the_model():
    theory, runs = simulations.model_spike(3.0, 100, 1000, runs=10)
    assert agrees((theory, runs), np.array([5e-4, 0.01]))


@pytest.mark.parametrize("spike", [simulations.data_spike, simulations.model_spike])
def test_below_the_transition_there_is_no_spike(spike):
    theory, runs = spike(0.25, 100, 400, runs=10)
    assert theory[1] == 0
    assert runs[:, 1].mean() < 0.1


def test_double_descent():
    widths = [30, 60, 240]
    theory, runs = simulations.features_descent(widths, n=120, m=80, runs=12)
    assert agrees((theory, runs), 0.05 * theory)
    peak, _ = simulations.features_descent([115], n=120, m=80, runs=0)
    assert peak[0, 1] > 5 * theory[:, 1].max()
    ratios = [0.5, 0.8, 2.0]
    pair = simulations.ridge_curve(ratios, 100), simulations.ridge_draws(ratios, 100, runs=20)
    assert agrees(pair, 0.03 * pair[0])
    assert (pair[0][:, 1] < pair[0][:, 0]).all()


def test_the_deep_kernel():
    kernel, X = simulations.deep_kernel(200, 100, 2)
    exact, norm = kernel.exact(), np.linalg.norm(kernel.exact(), 2)
    # 1/√p, the size of the error of the equivalent; and 1/√width, of networks of that many features
    assert np.linalg.norm(exact - kernel.equivalent, 2) < 2 * norm / np.sqrt(200)
    drawn = simulations.networks(X, kernel.scales, width=1000, runs=5)
    assert np.linalg.norm(exact - drawn, 2) < 4 * norm * np.sqrt(100 / 5000)
    assert figures.relative_error(400, 2) < 0.8 * figures.relative_error(100, 2)


@pytest.mark.parametrize("flow", figures.FLOWS)
def test_gradient_flow(flow):
    small = flow._replace(p=flow.p // 4, n=flow.n // 4)
    steps = [10, 50, 200, 1000]
    pair = (
        simulations.flow_curve(small, np.array(steps, float)),
        simulations.flow_draws(small, steps),
    )
    assert agrees(pair, 0.005)
