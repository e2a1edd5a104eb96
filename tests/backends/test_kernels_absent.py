"""An eigcore-native that cannot be used stops nobody: the backends say why, and go without it."""

import os
import subprocess
import sys

import eigcore_kernels
import pytest
from eigcore_kernels import FUNCTIONS

import eigcore
from eigcore.core.rules import kth_rule

CODE = """
import eigcore, eigcore_kernels
assert eigcore_kernels.NATIVE is None
with eigcore.trace() as calls:
    assert abs(eigcore.kth_eigenvalue([[2.0, 1.0], [1.0, 2.0]], 0) - 1.0) < 1e-12
assert "native" not in calls[0].driver, calls
print(eigcore.get_backend("numpy").note)
"""

GOOD = "isa = 'avx2'\n__version__ = '0.2.7'\nINTERFACE = 2\n"

# what eigcore_native/__init__.py holds -> what the note says
UNUSABLE = {
    "another interface": (f"{GOOD}INTERFACE = 9\n", "it has interface 9, this eigcore needs 2"),
    "no interface": ("isa = 'avx2'\n__version__ = '0.1.0'\n", "it has interface None"),
    "a broken library": (f"{GOOD}raise OSError('libm.so.9: no such file')", "OSError: libm.so.9"),
    "an old processor": (f"{GOOD}raise RuntimeError('needs AVX')", "RuntimeError: needs AVX"),
    "one that exits": (f"{GOOD}raise SystemExit(1)", "SystemExit: 1"),
    "one that panics": (f"{GOOD}class P(BaseException): ...\nraise P('out of')", "P: out of"),
    "an empty one": (GOOD, f"it has no {', '.join(FUNCTIONS)}"),
    "half of one": (
        f"{GOOD}{' = '.join(FUNCTIONS[:-1])} = print\nall_finite = 1",
        "no all_finite",
    ),
    "no instruction set": ("__version__ = '0.2.7'\nINTERFACE = 2\n", "isa"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_kernels_that_cannot_be_used_are_left_out_with_the_reason(what, tmp_path):
    source, reason = UNUSABLE[what]
    package = tmp_path / "eigcore_native"
    package.mkdir()
    (package / "__init__.py").write_text(source)
    paths = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    environment = {key: value for key, value in os.environ.items() if key != "EIGCORE_NATIVE"}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        env={**environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "no eigcore-native (" in result.stdout
    assert reason in result.stdout
    assert "pip install --upgrade eigcore-native" in result.stdout


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("EIGCORE_NATIVE", "0", "switched off by EIGCORE_NATIVE"),
        ("EIGCORE_NUM_THREADS", "two", "EIGCORE_NUM_THREADS is 'two', expected a whole number"),
        ("EIGCORE_NUM_THREADS", "-1", "EIGCORE_NUM_THREADS is '-1', expected a whole number"),
        ("LOCAL_WORLD_SIZE", "1.5", "LOCAL_WORLD_SIZE is '1.5', expected a whole number"),
    ],
)
def test_a_variable_that_stops_the_kernels_is_named(variable, value, reason, monkeypatch):
    monkeypatch.setenv(variable, value)
    native, driver, note, threads = eigcore_kernels._load()
    assert (native, driver, threads) == (None, "", 0)
    assert note.startswith(f"no eigcore-native ({reason}")
    assert note.endswith(f"needed. Type: unset {variable}")


@pytest.mark.skipif(eigcore_kernels.NATIVE is None, reason="needs eigcore-native")
@pytest.mark.parametrize(
    ("given", "beside", "expected"),
    [("", "", 0), ("3", "", 3), (f"{2**40}", "2", 2**31 - 1), ("0", "9", 0), ("", "10000", 1)],
)
def test_threads_are_those_given_or_a_part_of_the_cores(given, beside, expected, monkeypatch):
    monkeypatch.setenv("EIGCORE_NUM_THREADS", given)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", beside)
    assert eigcore_kernels._load()[-1] == expected


def refused(*_, **__):
    raise RuntimeError("API version (0.3) is incompatible with (0.1). Stack: …")


@pytest.mark.skipif(eigcore_kernels.NATIVE is None, reason="needs eigcore-native")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"jax.ffi.register_ffi_target": refused}, "(RuntimeError: API version (0.3) is incom"),
        ({"eigcore_native._core.xla_handlers": {}}, "(eigcore-native was built without XLA's"),
        ({"jax.__version_info__": (0, 7, 1)}, "(before JAX 0.7.2 XLA aborts"),
    ],
    ids=["refused", "no header", "an old JAX"],
)
def test_kernels_that_jax_does_not_take_are_left_out_of_compiled_functions(
    change, reason, monkeypatch
):
    jax = pytest.importorskip("jax")
    from eigcore_jax import kernels
    from eigcore_native import jax as native

    started = []
    monkeypatch.setattr(jax, "default_backend", lambda: started.append(1))
    monkeypatch.setattr(native, "_register", native._register.__wrapped__)
    for name, value in change.items():
        monkeypatch.setattr(name, value)
    loaded, note = kernels._load()
    monkeypatch.setattr(kernels, "NATIVE", loaded)
    assert started or "aborts" in reason  # or the platform itself would not start
    assert note.startswith(f"{eigcore_kernels.NOTE}, but not in compiled functions {reason}")
    assert "Stack" not in note
    assert "Type: pip install --upgrade jax eigcore-native" in note
    M = jax.numpy.asarray([[2.0, 1.0], [1.0, 2.0]])
    with eigcore.trace() as compiled:
        pair = jax.jit(lambda M: eigcore.kth_eigenpair(M, 0))(M)
    assert abs(pair[0] - 1) < 1e-6
    assert [solve.driver for solve in compiled] == ["jax.numpy.linalg.eigh"]
    assert kernels.kernel(kth_rule("square", 2, 0), "gradient", M) is kernels.svd(M) is None
    with eigcore.trace() as outside:
        eigcore.kth_eigenvalue(M, 0)
    assert "native" in outside[0].driver  # reads the memory of the array
