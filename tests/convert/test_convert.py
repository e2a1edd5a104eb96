"""Models in C, ONNX, NumPy alone, and programs of frameworks predict as the model does."""

import ctypes
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from samples import VARIANTS, linear_model, model, rows

from eigcore import SpectralModel
from eigcore.cli import main
from eigcore.convert import FORMATS, convert, reader
from eigcore.convert.c import source
from eigcore.convert.onnx import serialised
from eigcore.core.canonical import pack
from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding, Linear, PiecewiseLinear
from eigcore.errors import InvalidOption, MissingPackage

COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
STRICT = ("-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror")
X = rows(60)
MORE = [
    {"spec": {"functional": "top_sum", "r": 2}, "dims": (5, 5, 4)},
    {"spec": {"functional": "bottom_sum", "r": 1}, "clip": (9.0, 12.0)},
    {"spec": {"structure": "banded:2"}, "dims": (6, 3)},
    {"spec": {"outputs": 2}, "targets": ("p", "q"), "clip": ((9.0, 12.0), (-np.inf, 11.0))},
    {"dims": (1, 2)},
]
ALL = [*VARIANTS, *MORE]


class Library:
    """A model in C, loaded into this process."""

    def __init__(self, text, folder, name="price"):
        (folder / f"{name}.c").write_text(text)
        command = [COMPILER, *STRICT, "-shared", "-fPIC", f"{name}.c", "-o", f"{name}.so", "-lm"]
        subprocess.run(command, cwd=folder, check=True)
        self.name, self.library = name, ctypes.CDLL(str(folder / f"{name}.so"))
        self.outputs = ctypes.c_int.in_dll(self.library, f"{name}_outputs").value

    def __call__(self, what, row):
        """What the function returns, and its numbers."""
        out = (ctypes.c_double * self.outputs)()
        cells = (ctypes.c_double * len(row))(*row)
        return getattr(self.library, f"{self.name}_{what}")(cells, out), list(out)

    def code(self, column, text):
        function = getattr(self.library, f"{self.name}_code")
        function.restype = ctypes.c_double
        return function(column, text.encode())


needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


def predictions(m, x=X):
    return np.asarray(m.predict(x, codes=True)).reshape(len(x), -1)


def session(m):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    run = runtime.InferenceSession(serialised(m, "a model")).run
    return lambda x: run(["prediction"], {"cells": x})[0]


@needs_compiler
@pytest.mark.parametrize("options", ALL, ids=str)
def test_c(options, tmp_path):
    m = model(**options)
    library = Library(source(m, "price", "A model"), tmp_path)
    found = [library("predict", row) for row in X]
    assert {status for status, _ in found} == {0}
    np.testing.assert_allclose([out for _, out in found], predictions(m), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", ALL, ids=str)
def test_onnx(options):
    m = model(**options)
    np.testing.assert_allclose(session(m)(X), predictions(m), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", ALL, ids=str)
def test_numpy_alone(options, tmp_path):
    m = model(**options)
    m.save(tmp_path / "m.eig")
    found = reader.predict(*reader.read(tmp_path / "m.eig"), X)
    np.testing.assert_allclose(found, predictions(m), rtol=1e-12, atol=1e-12)


def test_the_reader_needs_numpy_alone(tmp_path):
    m = model()
    m.save(tmp_path / "m.eig")
    convert(m, tmp_path / "predict.py")
    text = "\n".join(",".join(map(repr, row)) for row in X.tolist())
    command = [sys.executable, "-I", "-X", "importtime", "predict.py", "m.eig"]
    done = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, text=True)
    found = np.array(done.stdout.split(), float)[:, None]
    np.testing.assert_allclose(found, predictions(m), rtol=1e-12)
    assert " eigcore" not in done.stderr
    assert "safetensors" not in done.stderr


def test_programs_of_torch(tmp_path):
    m, x = linear_model(), X[~np.isnan(X[:, :3]).any(axis=1), :3]
    torch = pytest.importorskip("torch", reason="needs torch")
    convert(m, tmp_path / "m.pt2")
    net = torch.export.load(tmp_path / "m.pt2").module()
    np.testing.assert_allclose(
        net(torch.tensor(x)).detach()[:, None], predictions(m, x), rtol=1e-12
    )


def test_programs_of_jax(tmp_path):
    m, cells = linear_model(), X[~np.isnan(X[:, :3]).any(axis=1), :3]
    jax = pytest.importorskip("jax", reason="needs JAX")
    export = pytest.importorskip("jax.export")
    convert(m, tmp_path / "m.stablehlo")
    program = export.deserialize(bytearray((tmp_path / "m.stablehlo").read_bytes()))
    x = jax.numpy.asarray(cells)
    rtol = 1e-12 if x.dtype == "float64" else 2e-5
    np.testing.assert_allclose(
        np.asarray(program.call(x))[:, None], predictions(m, cells), rtol=rtol
    )


def refusing():
    """A model that refuses levels never seen, numbers outside and missing cells."""
    levels = ("north", 'so"uth\\', "ö??=*/", 1, True, 2.5)
    columns = (
        Categories(levels[:3], unseen="refuse"),
        PiecewiseLinear((0.0, 1.0), tails="clamped", outside="refuse"),
        Linear(),
        Categories((1, 2.5), missing=True),
    )
    e = Encoding(columns, ("town /* */", "age", "size", "kind"))
    spec = EigSpec(e.terms, 3)
    own = np.random.default_rng(0).normal(size=spec.params_shape)
    return SpectralModel(e, [(spec, own)], target_name="a */ price")


FINE = [1.0, 0.5, 7.0, np.nan]
REFUSED = [(0, -1.0), (0, np.nan), (0, 0.5), (1, 1.5), (1, -np.inf), (2, np.nan), (2, np.inf)]


@needs_compiler
def test_c_says_which_cell_it_refuses(tmp_path):
    m = refusing()
    convert(m, tmp_path / "my-model.c")
    library = Library((tmp_path / "my-model.c").read_text(), tmp_path, "my_model")
    status, out = library("predict", FINE)
    np.testing.assert_allclose(out, predictions(m, np.array([FINE]))[0], rtol=1e-12)
    for column, cell in REFUSED:
        status, out = library("predict", [cell if j == column else c for j, c in enumerate(FINE)])
        assert status == 1 + column
        assert np.isnan(out).all()
    levels = m.encoding.columns[0].levels
    assert [library.code(0, level) for level in levels] == [0, 1, 2]
    assert [library.code(3, text) for text in ("1", "2.5", "3")] == [0, 1, -1]


def test_refused_rows_of_onnx_are_nan():
    m = refusing()
    x = np.array([FINE] * (1 + len(REFUSED)))
    for row, (column, cell) in zip(x[1:], REFUSED, strict=True):
        row[column] = cell
    found = session(m)(x)[:, 0]
    np.testing.assert_allclose(found[0], predictions(m, x[:1])[0, 0], rtol=1e-12)
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("d", [2, 3, 8, 24])
def test_eigenvalues_of_hard_matrices(d, tmp_path):
    """Ties, clusters with rounding beside them, wide ranges, zero: to a few ε·‖M‖."""
    rng = np.random.default_rng(d)
    M = rng.normal(size=(30, d, d))
    M[5:10] *= 10.0 ** rng.uniform(-6, 6, size=(5, d, 1))
    Q = np.linalg.qr(rng.normal(size=(10, d, d)))[0]
    M[10:20] = Q * rng.integers(0, 2, size=(10, 1, d)) @ Q.mT
    M[20], M[21], M[22] = np.ones((d, d)), np.eye(d), 0.0
    M = (M + M.mT) / 2
    spec = EigSpec(30, d)
    own = np.concatenate([np.zeros((1, 1, spec.packed_size)), pack(spec, M[None])], axis=1)
    m = SpectralModel(None, [(spec, own)])
    lam = np.linalg.eigvalsh(M)
    close = {"rtol": 0, "atol": 1}
    unit = 20 * d * np.finfo(float).eps * np.abs(lam).max(axis=1) + 1e-300
    np.testing.assert_allclose(session(m)(np.eye(30))[:, 0] / unit, lam[:, spec.k] / unit, **close)
    if COMPILER:
        library = Library(source(m, "m", "M"), tmp_path, "m")
        found = [library("predict", row)[1][0] for row in np.eye(30)]
        np.testing.assert_allclose(found / unit, lam[:, spec.k] / unit, **close)


@pytest.mark.parametrize("to", ["c", "numpy", "onnx"])
def test_the_command(to, tmp_path, capsys):
    model().save(tmp_path / "m.eig")
    main(["convert", str(tmp_path / "m.eig"), "--to", to])
    written = tmp_path / f"m{FORMATS[to][0]}"
    assert written.stat().st_size > 1000
    assert str(written) in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("name", "to", "told"),
    [
        ("m.txt", None, "'m.txt' has the ending of no format; expected one of eig (.eig), c (.c)"),
        ("m.c", "rust", "to is 'rust'; expected one of eig (.eig), c (.c)"),
        ("1.c", None, "output has the name '1'; expected letters"),
    ],
)
def test_what_cannot_be_written(name, to, told, tmp_path):
    with pytest.raises(InvalidOption) as caught:
        convert(model(), tmp_path / name, to)
    assert told in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackage, match=r'pip install "eigcore\[onnx\]"'):
        serialised(model(), "a model")
