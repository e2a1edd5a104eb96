"""docs/deploy.md: frozen programs run in a new process after the import that the page names."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/portable/golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())["exported"]
SPEC = EigSpec(2, 4)
PARAMS = np.random.default_rng(0).normal(size=SPEC.params_shape)


def run(code, folder, **settings):
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "JAX_ENABLE_X64": "1", **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    return result.stdout.strip(), result.stderr


def saved(folder, x, values):
    np.save(folder / "x.npy", x)
    np.save(folder / "values.npy", values)


LOAD = """
import numpy as np
x, values = np.load("x.npy"), np.load("values.npy")
"""
JAX = (
    LOAD
    + """
import eigcore_jax
import jax
function = jax.export.deserialize(bytearray(open("program", "rb").read()))
np.testing.assert_allclose(function.call(x), values, rtol=1e-9)
print("fine")
"""
)


def test_a_golden_program_of_jax_runs_after_one_import(tmp_path):
    pytest.importorskip("jax")
    pytest.importorskip("flatbuffers")
    if pytest.importorskip("eigcore_jax.kernels").NATIVE is None:
        pytest.skip("the function was exported with the kernels of eigcore-native")
    saved(tmp_path, EXPECTED["x"], EXPECTED["values"])
    shutil.copy(GOLDEN / "neuron.jax", tmp_path / "program")
    out, error = run(JAX, tmp_path)
    assert out == "fine", error[-2000:]


def test_an_exported_derivative_runs_in_a_new_process(tmp_path):
    jax = pytest.importorskip("jax")
    pytest.importorskip("flatbuffers")
    from jax import export

    gradient = jax.jit(jax.grad(lambda x: eigcore.evaluate(SPEC, jax.numpy.asarray(PARAMS), x)))
    x = np.array([0.3, -0.2])
    data = export.export(gradient)(jax.ShapeDtypeStruct((2,), "float64")).serialize()
    (tmp_path / "program").write_bytes(bytes(data))
    saved(tmp_path, x, gradient(x))
    out, error = run(JAX, tmp_path)
    assert out == "fine", error[-2000:]


@pytest.mark.skipif(not shutil.which("g++"), reason="AOTInductor needs a C++ compiler")
def test_a_package_of_aotinductor_runs_in_a_new_process(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))

    class Middle(torch.nn.Module):
        def forward(self, M):
            return eigcore.kth_eigenvalue(M, 1)

    M = torch.randn(4, 3, 3, dtype=torch.float64)
    saved(tmp_path, M.numpy(), eigcore.kth_eigenvalue(M, 1).numpy())
    fast = {
        "aot_inductor.compile_wrapper_opt_level": "O0",
        "cpp_cache_precompile_headers": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of itself
        program = torch.export.export(Middle(), (M,))
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(tmp_path / "program.pt2"), inductor_configs=fast
        )
    load = f"""{LOAD}
import eigcore_torch
import torch
program = torch._inductor.aoti_load_package("program.pt2")
np.testing.assert_allclose(program(torch.tensor(x)), values, rtol=1e-9)
print("fine")
"""
    out, error = run(load, tmp_path)
    assert out == "fine", error[-2000:]


FORK = """
import os, signal
import numpy as np, eigcore
from eigcore.fit import fit
rng = np.random.default_rng(0)
M, a = rng.normal(size=(4000, 8, 8)), rng.uniform(size=300)

def work():
    values = eigcore.kth_eigenvalue(M, 3)
    options = dict(dim=3, knots=4, penalty=1e-4, members=1, max_iter=5, seed=0)
    model = fit({"a": a}, 2 * a, **options).model
    assert model.predict({"a": a}, backend="numpy").shape == (300,)
    return float(values.sum())

def torch_work():
    import torch
    m = torch.tensor(M[:3], requires_grad=True)
    eigcore.kth_eigenvalue(m, 3).sum().backward()
    return float(m.grad.sum())

for each in (work, torch_work):
    want = each()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.write(writer, repr(each()).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert float(os.read(reader, 100)) == want
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_computes_the_same(tmp_path):
    pytest.importorskip("torch")
    out, error = run(FORK, tmp_path)
    assert out == "fine", error[-2000:]


def test_the_code_of_the_page_runs(tmp_path):
    pytest.importorskip("torch")
    page = (ROOT / "docs/deploy.md").read_text()
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        _, error = run(code, tmp_path)
        assert "Traceback" not in error, error[-2000:]
