"""Every instruction set the machine has passes the other tests."""

import os
import pathlib
import subprocess
import sys

import eigcore_native as en
import pytest

HERE = pathlib.Path(__file__).parent
ORDER = ["baseline", "avx2", "avx512"]


@pytest.mark.skipif(
    "EIGCORE_NATIVE_ISA" in os.environ, reason="already inside a forced instruction set"
)
@pytest.mark.parametrize("isa", ORDER[: ORDER.index(en.isa)])
def test_with_less_than_the_machine_has(isa):
    environment = os.environ | {"EIGCORE_NATIVE_ISA": isa}
    loaded = subprocess.run(
        [sys.executable, "-c", "import eigcore_native as e; print(e.isa)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == isa
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(HERE)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_an_unknown_instruction_set_is_refused():
    environment = os.environ | {"EIGCORE_NATIVE_ISA": "foo"}
    command = [sys.executable, "-c", "import eigcore_native"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "ImportError: EIGCORE_NATIVE_ISA should be baseline, avx2, avx512, avx5" in done.stderr


@pytest.mark.skipif(en.isa != "avx512", reason="one width of registers only")
@pytest.mark.parametrize(
    ("wish", "expected"), [("avx512-half", {32}), ("avx512-full", {64}), ("", {32, 64})]
)
def test_registers_are_measured_or_asked_for(wish, expected):
    code = "from eigcore_native import _core; print(_core.register_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"EIGCORE_NATIVE_ISA": wish},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) in expected
