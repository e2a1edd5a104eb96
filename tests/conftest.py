"""Settings that must be in place before a framework is imported, and a table for estimators."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SETTINGS = {
    "JAX_ENABLE_X64": "1",
    # laws ask whether compiled code is right, not whether it is fast
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    # the run without the kernels finds most programs compiled
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".pytest_cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    # else Inductor compiles a program for each instruction set first, to see whether it may use it
    "TORCHINDUCTOR_VEC_ISA_OK": "0",
}
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker has one core; threads that wait would spin
    SETTINGS |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
try:  # a flag that XLA does not know ends the process, so only in versions known to have it
    if version("jaxlib").startswith("0.10."):  # half of the time to compile a small program
        SETTINGS["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false"
except PackageNotFoundError:
    pass
for variable, value in SETTINGS.items():
    os.environ.setdefault(variable, value)

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture
def mixed():
    """A frame with a column of each kind, a number and three classes."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    rows = 300
    X = pd.DataFrame(
        {
            "a": rng.normal(size=rows),
            "b": np.where(np.arange(rows) < 20, np.nan, rng.normal(size=rows)),
            "kind": pd.Categorical(rng.choice(["u", "v", "w"], rows)),
            "code": pd.Categorical(rng.integers(0, 4, rows)),
            "text": rng.choice(["x", "y"], rows),
        }
    )
    y = X.a + np.abs(X.b.fillna(2.0)) + (X.kind == "u") + 0.1 * rng.normal(size=rows)
    labels = pd.cut(y, 3, labels=["low", "middle", "top"]).astype(str)
    return X, y.to_numpy(), labels.to_numpy()


@pytest.fixture(autouse=True)
def _no_default(monkeypatch):
    monkeypatch.delenv("EIGCORE_BACKEND", raising=False)
