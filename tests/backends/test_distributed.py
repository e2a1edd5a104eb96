"""The examples with several processes and several devices find what one of them finds."""

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from streamed import table, write

from eigcore import SpectralModel
from eigcore.cli import main

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TOLERANCE = 1e-12
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2)


def run(*command, **environment):
    """Run Python in its own process; its output."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def losses(output: str) -> list[float]:
    return [float(value) for value in re.findall(r"step \d+: (\S+)", output)]


def assert_same(one: Path, other: Path) -> None:
    pairs = zip(SpectralModel.load(one).params, SpectralModel.load(other).params, strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE)


@pytest.fixture
def distributed():
    torch = pytest.importorskip("torch")
    if not torch.distributed.is_available():
        pytest.skip("this torch was built without torch.distributed")


@pytest.mark.usefixtures("distributed")
def test_two_processes_of_torch_train_as_one(tmp_path, monkeypatch, capsys):
    one, two = tmp_path / "one.eig", tmp_path / "two.eig"
    script = EXAMPLES / "train_ddp.py"
    monkeypatch.setattr(sys, "argv", [script.name, "--output", str(one)])
    runpy.run_path(str(script), run_name="__main__")
    alone = losses(capsys.readouterr().out)
    assert len(losses(run(*LAUNCH, script, "--output", two))) == len(alone) == 20
    assert np.mean(alone[10:]) < 0.9 * np.mean(alone[:10])
    assert_same(one, two)


SETTINGS = {"dim": 3, "knots": 4, "members": 1, "penalty": 1e-3, "max-iter": 5, "batch-rows": 128,
            "block-rows": 500, "sample-rows": 400}  # fmt: skip


def command(path, output, **more) -> list[str]:
    settings = [word for name, value in (SETTINGS | more).items() for word in (f"--{name}", value)]
    return [*map(str, ["fit", path, "--target", "y", "--stream", "-o", output, *settings])]


@pytest.mark.usefixtures("distributed")
def test_two_processes_stream_the_model_of_one_and_one_of_them_speaks(tmp_path, monkeypatch):
    monkeypatch.setenv("EIGCORE_NATIVE", "0")  # whose float32 shows the order of sums
    path, one, two = write(table(1200), tmp_path, ".parquet"), tmp_path / "one", tmp_path / "two"
    run("-m", "eigcore", *command(path, one, epochs=2))
    output = run(*LAUNCH, "-m", "eigcore", *command(path, two, epochs=2))
    assert output.count("Saved") == output.count("Error of y") == 1
    assert_same(one, two)


@pytest.mark.usefixtures("distributed")
def test_a_killed_process_ends_all_in_one_message(tmp_path):
    path, checkpoint = write(table(1200), tmp_path, ".parquet"), tmp_path / "run.checkpoint"
    long = {"epochs": 100_000, "checkpoint": checkpoint, "checkpoint-seconds": 0.2}
    arguments = command(path, tmp_path / "two", **long)
    with socket.create_server(("localhost", 0)) as server:
        port = str(server.getsockname()[1])
    known = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "eigcore", *arguments],
            env=os.environ | known | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        while not checkpoint.exists() and processes[1].poll() is None:
            time.sleep(0.05)
        processes[1].kill()
        told = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [1, -signal.SIGKILL]
    (out, err), (other, _) = told
    assert not out + other
    assert err.count("eigcore: One of the 2 processes has ended; expected all") == 1
    assert "Traceback" not in err
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("rank", [0, 1])
def test_processes_without_stream_are_one_error(tmp_path, monkeypatch, capsys, rank):
    path = write(table(100), tmp_path, ".csv")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", str(rank))
    assert main(["fit", str(path), "--target", "y"]) == 2
    told = "--stream is left out, and 2 processes were started"
    assert capsys.readouterr().err.count(told) == (rank == 0)


def on_cpus(count: int) -> dict[str, str]:
    """Settings that make JAX see the CPU as several devices."""
    given = os.environ.get("XLA_FLAGS", "")
    flags = f"{given} --xla_force_host_platform_device_count={count}"
    return {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}


@pytest.mark.parametrize("native", ["0", "1"])
def test_eight_devices_of_jax_train_as_one(tmp_path, native):
    pytest.importorskip("jax")
    script, found = EXAMPLES / "train_sharded.py", {}
    for devices in (1, 8):
        path = tmp_path / f"{devices}.eig"
        output = run(script, "--output", path, EIGCORE_NATIVE=native, **on_cpus(devices))
        assert f"{devices} devices, 0 gathers" in output
        found[devices] = losses(output)
    assert np.mean(found[1][10:]) < 0.9 * np.mean(found[1][:10])
    np.testing.assert_allclose(found[8], found[1], atol=1e-6)
    assert_same(tmp_path / "1.eig", tmp_path / "8.eig")


# `jax.jit` finds a distribution by itself: the whole batch on every device, where a kernel is.
AUTOMATIC = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from eigcore import EigSpec, SpectralModel
spec = EigSpec(features=3, dim=4)
rng = np.random.default_rng(0)
params, apply = SpectralModel(None, [(spec, rng.normal(size=spec.params_shape))]).to_jax()
x, y = rng.normal(size=(64, 3)), rng.normal(size=64)
gradient = jax.jit(jax.grad(lambda p, x, y: jnp.mean((apply(p, x) - y) ** 2)))
mesh = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
parts = jax.device_put((x, y), NamedSharding(mesh, PartitionSpec("rows")))
(one,), (many,) = gradient(params, jnp.asarray(x), jnp.asarray(y)), gradient(params, *parts)
print(len(parts[0].sharding.device_set), float(abs(one - many).max()))
"""


@pytest.mark.parametrize("native", ["0", "1"])
def test_a_sharded_batch_under_jit_gives_the_same_gradient(native):
    pytest.importorskip("jax")
    output = run("-c", AUTOMATIC, EIGCORE_NATIVE=native, JAX_ENABLE_X64="1", **on_cpus(8))
    devices, difference = output.split()
    assert devices == "8"
    assert float(difference) < TOLERANCE
