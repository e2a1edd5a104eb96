"""Neurons of other programs predict here what they predict there."""

import json
from pathlib import Path

import numpy as np
import pytest

from eigcore import SpectralModel
from eigcore.cli import main
from eigcore.convert import read_arrays, read_neuron
from eigcore.convert.layouts import LAYOUTS
from eigcore.errors import InvalidInput, InvalidOption, InvalidSpec

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
X = np.array(EXPECTED["rows"])
M = np.random.default_rng(0).normal(size=(3, 4, 4))


def predicted(neuron, x=X):
    return SpectralModel(None, [neuron]).predict(x)


def test_every_layout_has_golden_values():
    assert set(LAYOUTS) == set(EXPECTED["layouts"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_golden_values_of_a_layout(layout):
    """`golden/make.py` wrote them entry by entry, with mpmath and without eigcore."""
    record = EXPECTED["layouts"][layout]
    neuron = read_neuron(read_arrays(GOLDEN / f"{layout}.npz"), layout, record["index"])
    np.testing.assert_allclose(predicted(neuron), record["values"], rtol=1e-13, atol=1e-13)


def test_layouts_are_told_apart_by_name_only():
    """Equal arrays in layouts of equal shapes are different neurons."""
    values = EXPECTED["layouts"]
    for one, other in (
        ("square-lower", "square-symmetrised"),
        ("packed-sqrt2", "packed-plain"),
        ("mu-square-lower", "mu-square-symmetrised"),
        ("KthEigval", "KthEigval-plain"),
    ):
        assert not np.allclose(values[one]["values"], values[other]["values"], rtol=0.01)


def test_squares_are_read_as_numpy_torch_and_jax_read_them():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    A = M[0] + np.einsum("ni,ijk->njk", X, M[1:])
    lower = predicted(read_neuron({"matrices": M}, "square-lower", 2))
    np.testing.assert_allclose(lower, np.linalg.eigvalsh(A)[:, 2], rtol=1e-12)
    found = torch.linalg.eigvalsh(torch.tensor(A))[:, 2]
    np.testing.assert_allclose(lower, found, rtol=1e-12)
    of_jax = jax.numpy.linalg.eigvalsh(jax.numpy.asarray(A))[:, 2]
    both = predicted(read_neuron({"matrices": M}, "square-symmetrised", 2))
    np.testing.assert_allclose(both, of_jax, rtol=1e-12 if of_jax.dtype == "float64" else 1e-4)


def test_a_state_dict_is_read_and_smoothed():
    torch = pytest.importorskip("torch")
    state = torch.nn.Linear(2, 6).bfloat16().state_dict(prefix="lin.")
    spec, params = read_neuron(state, "KthEigval-plain", 1, functional="smooth", alpha=0.5)
    assert (spec.features, spec.dim, spec.alpha, params.dtype) == (2, 3, 0.5, np.float64)
    np.testing.assert_array_equal(params[0, 0, [0, 2, 5]], state["lin.bias"].float()[[0, 2, 5]])


def test_what_a_layout_says_is_known():
    spec, _ = read_neuron(read_arrays(GOLDEN / "KthEigvalLastMonotone.npz"), *MONOTONE)
    assert spec.monotone == (0, 1)
    tridiagonal = {"diagonals": M[:, 0], "subdiagonals": M[:, 0, 1:]}
    assert read_neuron(tridiagonal, "tridiagonal", 0)[0].structure == "tridiagonal"
    weighted = {"functional": "weighted", "weights": (0.5, 0.5, 0, 0)}
    assert read_neuron({"matrices": M}, "square-lower", **weighted)[0].weights[:2] == (0.5, 0.5)


MONOTONE = ("KthEigvalLastMonotone", "middle")
WRONG = [
    ({"matrices": M}, "square", 0, InvalidOption, "layout is 'square'; expected one of square-l"),
    ({"matrices": M}, "square-lower", None, InvalidOption, "index is left out"),
    ({"matrices": M}, "square-lower", 4, InvalidSpec, "index is 4"),
    ({"matrices": M[0]}, "square-lower", 0, InvalidInput, r"are matrices \(4, 4\) of float64"),
    ({"matrices": M[:, :3]}, "square-lower", 0, InvalidInput, r"expects real numbers in matrices"),
    ({"matrices": M[:, 0]}, "packed-plain", 0, InvalidInput, r"matrices \(n \+ 1, K\)"),
    ({"matrices": M[:0]}, "square-lower", 0, InvalidInput, "Rename or reshape"),
    ({"matrices": M * 1j}, "square-lower", 0, InvalidInput, "of complex128"),
    ({"matrices": np.full_like(M, np.inf)}, "square-lower", 0, InvalidSpec, "not finite"),
    ({"matrices": M, "more": M}, "square-lower", 0, InvalidInput, "or name the layout"),
    ({"A": M}, "square-lower", 0, InvalidInput, "expects real numbers in matrices"),
    ({}, "tridiagonal", 0, InvalidInput, "are none"),
    (
        {"diagonals": M[:, 0], "subdiagonals": M[:2, 0, 1:]},
        "tridiagonal",
        0,
        InvalidInput,
        "subdiagonals",
    ),
]


@pytest.mark.parametrize(("arrays", "layout", "index", "kind", "told"), WRONG)
def test_what_does_not_fit_is_refused(arrays, layout, index, kind, told):
    with pytest.raises(kind, match=told):
        read_neuron(arrays, layout, index)


def test_complex_matrices_have_eigenvalues_alone():
    with pytest.raises(InvalidOption, match="functional is 'top_sum'; expected 'kth'"):
        read_neuron({"Ms": M}, "AffineEigenvaluePMM", functional="top_sum", r=1)


def test_files_of_arrays(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"matrices": M}, tmp_path / "m.safetensors")
    np.testing.assert_array_equal(read_arrays(tmp_path / "m.safetensors")["matrices"], M)
    np.savez(tmp_path / "objects.npz", a=np.array([print], dtype=object))
    (tmp_path / "cut.npz").write_bytes((GOLDEN / "packed-plain.npz").read_bytes()[:100])
    (tmp_path / "cut.safetensors").write_bytes(b"12")
    for name, told in (
        ("objects.npz", "without Python objects"),
        ("cut.npz", "cannot be read"),
        ("cut.safetensors", "cannot be read"),
        ("net.pt", "another ending"),
    ):
        with pytest.raises(InvalidInput, match=told):
            read_arrays(tmp_path / name)
    with pytest.raises(OSError, match="none"):
        read_arrays(tmp_path / "none.npz")


def test_the_command(tmp_path, capsys):
    np.savez(tmp_path / "net.npz", matrices=M)
    net = str(tmp_path / "net.npz")
    main(["convert", net, "--layout", "square-lower", "--index", "-1", "--columns", "a", "b"])
    model = SpectralModel.load(tmp_path / "net.eig")
    assert model.encoding.names == ("a", "b")
    assert model.provenance.items() >= {"layout": "square-lower", "read_from": "net.npz"}.items()
    expected = predicted(read_neuron({"matrices": M}, "square-lower", 3))
    np.testing.assert_array_equal(model.predict(X), expected)
    for words, told in (
        (["--layout", "square-lower"], "--index is left out"),
        (["--layout", "square-lower", "--index", "0", "--columns", "a"], "expected 2 names"),
        (["--layout", "no", "--index", "0"], "--layout is 'no'; expected one of"),
        (["--index", "0", "--to", "c"], "--layout beside it"),
        (["--to", "c"], "--layout is left out, and 'net.npz' holds arrays"),
    ):
        assert main(["convert", net, *words]) != 0
        assert told in " ".join(capsys.readouterr().err.split())
