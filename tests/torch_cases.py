"""Specs, matrices and functions that the tests of the torch backend share."""

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec

torch = pytest.importorskip("torch")

SPECS = [
    EigSpec(2, 4),
    EigSpec(2, 4, index=0, structure="tridiagonal"),
    EigSpec(2, 4, index=-1, structure="banded:2"),
    EigSpec(2, 4, index=1, structure="diagonal"),
    EigSpec(2, 4, outputs=2, functional="smooth", alpha=0.8),
    EigSpec(2, 4, functional="softmax", t=0.5),
    EigSpec(2, 4, functional="top_sum", r=2),
    EigSpec(2, 4, functional="weighted", weights=(0.5, -1.0, 2.0, 0.25)),
]
BYNAME = {"argvalues": SPECS, "ids": [f"{s.functional}-{s.structure}" for s in SPECS]}


def symmetric(*shape, seed=0, **options):
    M = torch.tensor(np.random.default_rng(seed).normal(size=shape))
    return (M + M.mT).requires_grad_(options.get("grad", False))


def model(spec, batch=(3,), grad=True):
    rng = np.random.default_rng(0)
    params, x = rng.normal(size=spec.params_shape), rng.normal(size=(*batch, spec.features))
    return tuple(torch.tensor(a, requires_grad=grad) for a in (params, x))


def middle(M):
    return eigcore.kth_eigenvalue(M, 1)


def smooth(M):
    return eigcore.smooth_kth_eigenvalue(M, 1, 0.7)


def tridiagonal(M):
    diag, off = M.diagonal(dim1=-2, dim2=-1), M.diagonal(1, dim1=-2, dim2=-1)
    return eigcore.kth_eigenvalue_tridiagonal(diag, off, 1)


ALL = pytest.mark.parametrize("function", [middle, smooth, tridiagonal])
# torch's own: its functions trace deprecated ones of themselves
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


class Neuron(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.params = torch.nn.Parameter(model(spec, grad=False)[0])

    def forward(self, x):
        return eigcore.evaluate(self.spec, self.params, x)[..., None]
