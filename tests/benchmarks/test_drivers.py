"""Every public function goes through the door to the kernels: the drivers' names, pinned."""

from __future__ import annotations

import eigcore_kernels
import pytest

from benchmarks import drivers

LAPACK = {"numpy": "numpy.linalg", "torch": "torch.linalg", "jax": "jax.numpy.linalg"}
VALUES = {
    "kth_eigenvalue",
    "kth_eigenvalue_tridiagonal",
    "smooth_kth_eigenvalue",
    "eigenvalues",
    "evaluate, top_sum",
    "evaluate, softmax",
    "evaluate, weighted",
    "evaluate",
    "evaluate_packed",
    "eigenvalues, Hermitian",
    "layer, several outputs",
    "layer, several eigenvalues",
    "SpectralModel.predict",
}
"""They need no eigenvectors."""


def without_kernels(name, backend):
    """The drivers that a function may run where there are no kernels."""
    if name == "SpectralModel.explain":
        return {"numpy.linalg.eigh"}
    if name in ("SpectralModel.certify", "SpectralModel.range"):
        return {"numpy.linalg.eigh", "numpy.linalg.eigvalsh"}
    if name == "spectral_map":  # of few numbers in torch: by NumPy
        return {"numpy.linalg.svd", f"{LAPACK[backend]}.svd"}
    if name == "fit":  # descends in the framework, judges members with NumPy
        return {f"{LAPACK[each]}.{f}" for each in ("numpy", backend) for f in ("eigh", "eigvalsh")}
    return {f"{LAPACK[backend]}.{'eigvalsh' if name in VALUES else 'eigh'}"}


@pytest.mark.parametrize("backend", drivers.BACKENDS)
def test_public_functions_run_on_the_kernels(backend):
    pytest.importorskip(backend)
    for call in drivers.calls(backend):
        seen = set(drivers.drivers(call).split(", "))
        if eigcore_kernels.NATIVE is not None:
            assert seen == {eigcore_kernels.DRIVER}, call.name
        else:
            assert seen <= without_kernels(call.name, backend), call.name
