"""An eigcore-native that cannot be used stops nobody: the backends say why, and go without it."""

import os
import subprocess
import sys

import pytest
from eigcore_kernels import FUNCTIONS

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
