"""Values beside those of other packages, where they compute the same: `make peers` installs them.

freealg and curvlinops live beside eigcore; scikit-rmt, which needs an older SciPy, in
.venv-scikit-rmt, or in the environment whose Python EIGCORE_SCIKIT_RMT names.
"""

import importlib
import json
import os
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

from eigcore import rmt
from eigcore.operators import hessian, spectral_density

HERE = Path(__file__).parents[2] / ".venv-scikit-rmt" / "bin" / "python"
PYTHON = os.environ.get("EIGCORE_SCIKIT_RMT", str(HERE))
ASKED = """
import json, numpy as np
from skrmt.ensemble.spectral_law import (
    MarchenkoPasturDistribution, TracyWidomDistribution, WignerSemicircleDistribution)
x, t = np.linspace(0.1, 2.9, 29), np.linspace(-5.0, 3.0, 33)
mp, semicircle = MarchenkoPasturDistribution(ratio=0.5), WignerSemicircleDistribution(sigma=0.7)
print(json.dumps({
    "mp": [list(mp.pdf(x)), list(mp.cdf(x))], "edges": [mp.lambda_minus, mp.lambda_plus],
    "semicircle": [list(semicircle.pdf(x - 1.5)), list(semicircle.cdf(x - 1.5))],
    "tw": [list(TracyWidomDistribution(beta=b).cdf(t)) for b in (1, 2)],
}))
"""
pytestmark = pytest.mark.filterwarnings("ignore")  # theirs
X, T = np.linspace(0.1, 2.9, 29), np.linspace(-5.0, 3.0, 33)


def needed(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as exc:
            pytest.skip(f"{name} is not installed here ({exc}); type: make peers")


@pytest.fixture(scope="module")
def scikit_rmt():
    if not Path(PYTHON).exists():
        pytest.skip("scikit-rmt is not installed; type: make peers")
    found = subprocess.run([PYTHON, "-c", ASKED], capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def laws():
    return needed("freealg").distributions


def test_scikit_rmt_marchenko_pastur(scikit_rmt):
    law = rmt.marchenko_pastur(0.5)
    density, cdf = scikit_rmt["mp"]
    np.testing.assert_allclose(law.density(X), density, atol=1e-12)
    np.testing.assert_allclose(law.cdf(X), cdf, atol=1e-10)
    np.testing.assert_allclose(law.support(), [scikit_rmt["edges"]], atol=1e-12)


def test_scikit_rmt_semicircle(scikit_rmt):
    law = rmt.semicircle(0.7)
    density, cdf = scikit_rmt["semicircle"]
    np.testing.assert_allclose(law.density(X - 1.5), density, atol=1e-12)
    np.testing.assert_allclose(law.cdf(X - 1.5), cdf, atol=1e-10)


def test_scikit_rmt_tracy_widom_is_an_interpolation_of_a_table(scikit_rmt):
    for beta, cdf in zip((1, 2), scikit_rmt["tw"], strict=True):
        gap = np.abs(rmt.tracy_widom(beta).cdf(T) - cdf)
        assert gap.max() < 1e-4


@pytest.mark.parametrize("c", [0.1, 0.5, 2.0])
def test_freealg_marchenko_pastur(laws, c):
    law, other = rmt.marchenko_pastur(c), laws.MarchenkoPastur(c)
    x = np.linspace(0.05, 6.0, 41)
    np.testing.assert_allclose(law.density(x), other.density(x), atol=1e-12)
    z = np.array([1 + 1j, -1 + 0.5j, 3 + 0.01j])
    np.testing.assert_allclose(law.stieltjes(z), other.stieltjes(z)[0], atol=1e-12)
    np.testing.assert_allclose(law.support(), other.support(), atol=1e-12)


def test_freealg_semicircle(laws):
    x = np.linspace(-2.5, 2.5, 41)
    np.testing.assert_allclose(
        rmt.semicircle(1.0).density(x), laws.Wigner(2.0).density(x), atol=1e-12
    )


def test_freealg_sample_covariance(laws):
    """freealg reads densities a little above the real axis, and supports by bisection."""
    law = rmt.sample_covariance([1.0, 4.0], 0.05)
    other = laws.DeformedMarchenkoPastur([1.0, 4.0], [0.5, 0.5], c=0.05)
    np.testing.assert_allclose(law.support(), other.support(), atol=1e-6)
    x = np.array([0.9, 1.1, 3.5, 4.0, 5.0])
    np.testing.assert_allclose(law.density(x), other.density(x), rtol=0.01)
    z = np.array([1 + 1j, 4 + 0.1j, -1 + 0.2j])
    np.testing.assert_allclose(law.stieltjes(z), other.stieltjes(z), atol=1e-10)


def test_freealg_free_sum(laws):
    law = rmt.free_sum(rmt.discrete([-2.0, 2.0], [0.5, 0.5]), rmt.semicircle(0.7))
    other = laws.DeformedWigner([-2.0, 2.0], [0.5, 0.5], sigma=0.7)
    np.testing.assert_allclose(law.support(), other.support(), atol=1e-6)
    z = np.array([1 + 1j, 2 + 0.1j, -1 + 0.2j])
    np.testing.assert_allclose(law.stieltjes(z), other.stieltjes(z), atol=1e-10)


def test_freealg_free_product(laws):
    white = rmt.marchenko_pastur(1.0)
    law, other = rmt.free_product(white, white), laws.FussCatalan(2)
    np.testing.assert_allclose(law.support(), other.support(), atol=1e-6)
    x = np.array([0.5, 1.0, 3.0, 6.0])
    np.testing.assert_allclose(law.density(x), other.density(x), rtol=2e-3)


def test_curvlinops_hessian_and_density():
    curvlinops, torch = needed("curvlinops"), needed("torch")
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2)
    model = torch.nn.Sequential(*layers).double()
    x, y = torch.randn(40, 4).double(), torch.randn(40, 2).double()

    def loss(p):
        return torch.nn.functional.mse_loss(torch.func.functional_call(model, p, (x,)), y)

    mine = hessian(loss, dict(model.named_parameters()))
    parameters, data = list(model.parameters()), [(x, y)]
    theirs = curvlinops.HessianLinearOperator(
        model, torch.nn.MSELoss(), parameters, data, check_deterministic=False
    )
    matrix = mine @ np.eye(mine.size)
    torch.testing.assert_close(
        matrix, (theirs @ torch.eye(mine.size, dtype=torch.float64)).detach(), atol=1e-12, rtol=0
    )
    values = np.linalg.eigvalsh(matrix.numpy())
    steps, probes = 10, 8
    grid, density = curvlinops.lanczos_approximate_spectrum(
        theirs, steps, num_repeats=probes, boundaries=(values[0], values[-1])
    )
    grid, density = grid.numpy(), density.numpy()
    width = 1.1 * np.ptp(values) / (steps - 1) / np.sqrt(8 * np.log(3))
    exact = np.exp(-0.5 * ((grid[:, None] - values) / width) ** 2).mean(1)
    exact /= width * np.sqrt(2 * np.pi)
    found = spectral_density(mine, steps, probes).density(grid, width)
    step = grid[1] - grid[0]
    for each in (density, found.value):
        assert np.abs(each - exact).sum() * step < 0.3
    assert (np.abs(found.value - exact) < 4 * found.error + 0.01 * exact.max()).all()
