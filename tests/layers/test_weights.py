"""Learned weights of the eigenvalues: values, promises, start, models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec
from eigcore.core.weights import first, stored, weights
from eigcore.errors import InvalidSpec, NotSupported
from eigcore.layers import layer

torch = pytest.importorskip("torch")

from eigcore_torch import SpectralLayer  # noqa: E402
from layer_cases import FEATURES, inputs, module, tensors  # noqa: E402

ROOT = Path(__file__).parents[2]
KINDS = [(), ("nonnegative",), ("ascending",), ("nonnegative", "ascending")]
ALL = pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "-".join(kinds) or "free")


def mixture(kinds, wild=0.0, **options):
    """A layer whose parameters are `wild`: far from its start."""
    made = module({"functional": "weighted", **dict.fromkeys(kinds, True), **options})
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += wild * torch.randn(parameter.shape)
    return made


@ALL
def test_the_weights_are_those_of_a_spec(kinds):
    made, x = mixture(kinds, 1.0, outputs=2), torch.tensor(inputs({})["x"])
    made.weights.grad = None
    y = made(x)
    for number in (0, 1):
        w = weights(np, kinds, made.weights[number].detach().numpy())
        spec = EigSpec(FEATURES, 5, functional="weighted", weights=w)
        wanted = eigcore.evaluate(spec, made.matrices[number : number + 1], x) + made.bias[number]
        torch.testing.assert_close(y[:, number], wanted)
    y.sum().backward()
    assert made.weights.grad.abs().min() > 1e-6


@ALL
def test_the_start_is_an_eigenvalue_of_its_own_for_each_pencil_at_scale_one(kinds):
    w = first(kinds, 6, 3, 8)
    np.testing.assert_allclose(weights(np, kinds, stored(kinds, w.copy())), w, atol=1e-12)
    np.testing.assert_allclose(w.sum(1), 1.0)
    assert w.argmax(1).tolist() == ([5] if "ascending" in kinds else [3, 4, 5, 0, 1, 2])
    x = torch.tensor(np.random.default_rng(0).normal(size=(400, FEATURES)))
    y = mixture(kinds, outputs=64)(x)
    assert 0.7 < y.var(0).mean() < 1.3
    assert y.mean(0).square().mean() < 0.1


def test_nonnegative_weights_keep_a_layer_monotone():
    for signs in ((1, 1, 1), (-1, -1, -1)):
        made = mixture(("nonnegative",), 5.0, outputs=8, monotone=signs)
        x = torch.linspace(-5, 5, 200, dtype=torch.float64)[:, None].expand(200, FEATURES)
        change = signs[0] * made(x).diff(dim=0)
        assert change.min() > -1e-10 * change.max()


@pytest.mark.parametrize("kinds", KINDS[2:])
def test_ascending_weights_keep_a_layer_convex(kinds):
    made = mixture(kinds, 5.0, outputs=8)
    x, z = torch.tensor(np.random.default_rng(1).normal(size=(2, 300, FEATURES)))
    above = (made(x) + made(z)) / 2 - made((x + z) / 2)
    assert above.min() > -1e-10 * above.max()


def test_free_weights_promise_nothing():
    made = mixture((), 5.0, outputs=8)
    x, z = torch.tensor(np.random.default_rng(1).normal(size=(2, 300, FEATURES)))
    above = (made(x) + made(z)) / 2 - made((x + z) / 2)
    assert above.min() < -1.0


@ALL
def test_a_layer_of_one_output_is_a_model_with_its_certificate(kinds, tmp_path):
    monotone = (1, 0, 0) if "nonnegative" in kinds else ()
    made, x = mixture(kinds, 0.5, outputs=1, monotone=monotone), inputs({})["x"]
    model = made.to_model()
    model.save(tmp_path / "model.eig")
    again = eigcore.SpectralModel.load(tmp_path / "model.eig")
    np.testing.assert_allclose(again.predict(x), made(torch.tensor(x))[:, 0].detach(), atol=1e-10)
    certificate = again.certify()
    assert certificate.columns[0].increasing == bool(monotone)
    assert certificate.convex == ("ascending" in kinds)
    with pytest.raises(NotSupported, match="weights and several outputs"):
        mixture(kinds, outputs=2).to_model()


def test_one_solve_gives_all_eigenvalues():
    made, x = mixture((), outputs=1, dim=60), torch.randn(1, FEATURES, dtype=torch.float64)
    with eigcore.trace() as calls:
        made(x).sum().backward()
    assert len(calls) == 1


def test_a_state_remembers_the_promises():
    made = mixture(("nonnegative",), outputs=2)
    twin = mixture(("nonnegative",), 1.0, outputs=2)
    twin.load_state_dict(made.state_dict())
    given = tensors(inputs({}))
    assert torch.equal(twin(**given), made(**given))
    with pytest.raises(eigcore.errors.InvalidInput, match=r"differs in .*learned"):
        mixture((), outputs=2).load_state_dict(made.state_dict())
    constant = module({"outputs": 2, "functional": "weighted", "weights": (1, 0, 0, 0, 0)})
    for one, two in ((made, constant), (constant, made)):
        with pytest.raises(eigcore.errors.InvalidInput, match="learned"):
            one.load_state_dict(two.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monotone": (1, 0)}, "Write nonnegative=True"),
        ({"nonnegative": True, "weights": (0, 1, 2)}, "nonnegative is for learned weights"),
        ({"functional": "kth", "ascending": True}, "ascending is for learned weights"),
        ({"weights": torch.nn.Parameter(torch.ones(3))}, "requires a gradient"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(InvalidSpec, match=message):
        layer(2, 1, 3, **({"functional": "weighted"} | options))
    if "weights" in options and message == "requires a gradient":
        with pytest.raises(InvalidSpec, match=message):
            EigSpec(2, 3, functional="weighted", **options)


def test_the_example_of_bits():
    spec = importlib.util.spec_from_file_location("mixture", ROOT / "docs/examples/mixture.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    found = made.main(bits=11, epochs=50)
    assert found["learned weights"] < 0.3 * found["one eigenvalue"]


def test_the_layer_shows_what_it_promises():
    text = repr(SpectralLayer(2, 1, 3, functional="weighted", nonnegative=True))
    assert "functional='weighted', weights=None, nonnegative=True" in text
