"""`eigcore spectrum`: every source of a matrix, what is printed, drawn and refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("typer")
pa = pytest.importorskip("pyarrow")

from eigcore.encoding.write import write_table  # noqa: E402


@pytest.fixture
def X():  # noqa: N802
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 30)) * np.linspace(1, 1000, 30)
    return X + 0.5 * rng.normal(size=(150, 1)) * np.linspace(1, 1000, 30)


@pytest.fixture
def seen(run, capfd):
    """Run the command with --json, and return what it prints."""

    def seen(*args):
        assert run("spectrum", *args, "--json") == 0
        return json.loads(capfd.readouterr().out)

    return seen


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module into the current folder, under a name that was not imported yet."""
    monkeypatch.chdir(tmp_path)
    count = iter(range(100))

    def module(code):
        name = f"made_{tmp_path.name.replace('-', '_')}_{next(count)}"
        (tmp_path / f"{name}.py").write_text(code)
        return f"{name}:made"

    return module


def test_every_file_gives_the_same_spectrum(X, seen, tmp_path):
    from safetensors.numpy import save_file

    paths = [tmp_path / name for name in ("x.npy", "x.csv", "x.parquet", "x.safetensors")]
    np.save(paths[0], X)
    for path in paths[1:3]:
        write_table({f"a{j}": pa.array(X[:, j]) for j in range(30)}, path)
    save_file({"x": X, "bias": X[0].copy()}, paths[3])
    found = [seen(path)["matrix"] for path in paths]
    R = np.linalg.eigvalsh(np.corrcoef(X.T))
    for each in found:
        np.testing.assert_allclose(each["eigenvalues"], R, rtol=1e-8)
    first = found[0]
    assert len(first["outliers"]) == 1
    assert first["fit"]["good"]
    assert first["fit"]["ratio"] == pytest.approx(30 / 149)
    assert first["bulk"]["p_value"] > 0.01


def test_what_is_printed_and_drawn(X, run, capfd, tmp_path):
    pytest.importorskip("matplotlib")
    np.save(tmp_path / "x.npy", X)
    for ending in ("png", "svg"):
        picture = tmp_path / f"x.{ending}"
        assert run("spectrum", tmp_path / "x.npy", "--plot", picture) == 0
        assert picture.stat().st_size > 5000
    out = capfd.readouterr().out
    assert "the law describes them" in out
    assert "Outliers at level 0.01" in out
    assert run("spectrum", tmp_path / "x.npy", "--scale", 1, "--ratio", 0.2) == 0
    assert "the law describes" not in capfd.readouterr().out


def test_raw_columns_and_symmetric_matrices(X, seen, tmp_path):
    np.save(tmp_path / "x.npy", X.T)
    raw = seen(tmp_path / "x.npy", "--raw")["matrix"]
    np.testing.assert_allclose(raw["eigenvalues"], np.linalg.eigvalsh(X.T @ X / 150), rtol=1e-8)
    G = np.random.default_rng(1).normal(size=(100, 100))
    np.save(tmp_path / "g.npy", G + G.T)
    found = seen(tmp_path / "g.npy")["matrix"]
    assert found["fit"]["family"] == "semicircle"
    assert found["fit"]["scale"] == pytest.approx(np.sqrt(200), rel=0.05)


def test_more_columns_than_samples(seen, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(2).normal(size=(41, 100)))
    found = seen(tmp_path / "x.npy")["matrix"]
    assert np.count_nonzero(found["eigenvalues"]) == 40
    assert found["fit"]["ratio"] == pytest.approx(2.5)
    assert not found["outliers"]


def test_the_weights_of_a_model(module, run, capfd, seen):
    pytest.importorskip("torch")
    source = module(
        "import torch\ndef made():\n    torch.manual_seed(0)\n    return torch.nn.Sequential("
        "torch.nn.Linear(80, 40), torch.nn.Linear(40, 30))\n"
    )
    assert list(seen(source)) == ["0.weight", "1.weight"]
    assert run("spectrum", source) == 0
    assert "0.weight" in capfd.readouterr().out


def test_a_file_of_weights_is_a_model(run, capfd, seen, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    from safetensors.torch import save_file

    from eigcore.spectra import metrics

    torch.manual_seed(0)
    weights = {f"layers.{i}.weight": torch.randn(40, 24).bfloat16() for i in (10, 9)}
    weights |= {"bias": torch.ones(40), "zero": torch.zeros(4, 24)}
    save_file(weights, tmp_path / "model.safetensors")
    found = seen(tmp_path / "model.safetensors")
    assert list(found) == ["layers.9.weight", "layers.10.weight", "zero"]
    expected = metrics({name: weights[name] for name in found}).layers
    assert [each["metrics"] for each in found.values()] == expected
    assert found["zero"] == {"metrics": expected[-1]}
    assert expected[-1]["log_spectral"] is None
    singular = torch.linalg.svdvals(weights["layers.9.weight"].double())
    np.testing.assert_allclose(
        found["layers.9.weight"]["eigenvalues"], np.sort(singular**2) / 40, rtol=1e-9
    )
    picture = tmp_path / "model.png"
    assert run("spectrum", tmp_path / "model.safetensors", "--plot", picture) == 0
    assert picture.stat().st_size > 20_000
    out = capfd.readouterr().out
    assert all(word in out for word in ("layers.10.weight", "equal", "stable_rank"))


def test_nested_arrays_of_jax(module, seen):
    pytest.importorskip("jax")
    source = module(
        "import jax\ndef made():\n    key = jax.random.key(0)\n"
        "    return {'layer': [jax.random.normal(key, (40, 20)), jax.random.normal(key, (40,))]}\n"
    )
    assert list(seen(source)) == ["layer.0"]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_the_hessian_of_a_loss(module, seen):
    pytest.importorskip("torch")
    source = module(
        "import torch\ndef made():\n    scale = torch.arange(40.0, dtype=torch.float64)\n"
        "    return (lambda p: (scale * p['w'] ** 2).sum() / 2), {'w': torch.zeros_like(scale)}\n"
    )
    found = seen(source, "--steps", 20, "--probes", 3)
    assert found["order"] == 40
    np.testing.assert_allclose(found["extremes"]["values"][-1], 39.0, atol=1e-8)
    area = np.trapezoid(found["density"], found["x"])
    assert 0.9 < area < 1.1


def test_an_operator(module, run, capfd, seen, tmp_path):
    source = module(
        "import numpy as np\nfrom eigcore.operators import operator\n"
        "def made():\n    return operator(np.diag(np.arange(12.0)))\n"
    )
    assert seen(source)["extremes"]["values"][-1] == pytest.approx(11.0)
    pytest.importorskip("matplotlib")
    assert run("spectrum", source, "--plot", tmp_path / "h.png") == 0
    assert "12 eigenvalues, 10 probes of 12 steps" in capfd.readouterr().out
    assert (tmp_path / "h.png").stat().st_size > 5000


def test_what_is_no_matrix_is_told(X, run, capfd, tmp_path, module):
    from safetensors.numpy import save_file

    (tmp_path / "x.txt").write_text("1")
    (tmp_path / "text.csv").write_text("a,b\nx,y\n")
    (tmp_path / "broken.npy").write_text("1")
    (tmp_path / "holes.csv").write_text("a,b\n1,2\n,3\n4,7\n")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "huge.npy", X * 1e200)
    np.save(tmp_path / "deep.npy", X.reshape(150, 5, 6))
    np.save(tmp_path / "eye.npy", np.eye(5))
    save_file({"a": X, "b": X}, tmp_path / "two.safetensors")
    cases = [
        (["x.txt"], "unknown ending"),
        (["none.npy"], "no file"),
        (["text.csv"], "no column of numbers"),
        (["broken.npy"], "cannot be read as npy"),
        (["holes.csv"], "1 row(s) with missing"),
        (["two.safetensors", "--tensor", "c"], "Type --tensor a"),
        (["x.npy", "--law", "wigner"], "--law is wigner; expected one of marchenko-pastur"),
        (["x.npy", "--plot", "x.gif"], "Type --plot spectrum.png"),
        (["nothing_here:made"], "no module 'nothing_here'"),
        (["huge.npy"], "expected numbers up to 1e+60"),
        (["deep.npy"], "a.reshape(len(a), -1)"),
        (["eye.npy"], "expected different ones"),
        (["x.npy", "--scale", -1], "Type --scale 1"),
        (["x.npy", "--tensor", "a"], "Leave --tensor out"),
        ([module("def made():\n    raise RuntimeError('boom')\n")], "raised RuntimeError: boom"),
        ([module("def made(x):\n    return x\n")], "Expected a function without"),
        ([module("def other():\n    pass\n")], "no function 'made'"),
        ([module("def made():\n    return 3\n")], "without a matrix"),
    ]
    for (source, *options), said in cases:
        place = source if ":" in source else tmp_path / source
        assert run("spectrum", place, *options) != 0
        assert said in capfd.readouterr().err
