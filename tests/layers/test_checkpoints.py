"""Layers come back from the files of torch, equinox, flax and orbax as they were."""

import numpy as np
import pytest

from eigcore.errors import EigcoreError

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from eigcore_jax import spectral_layer  # noqa: E402
from layer_cases import CASES, FEATURES, inputs, module, tensors  # noqa: E402
from samples import model  # noqa: E402

CASE = CASES["learned"]


@pytest.mark.parametrize("name", ["learned", "both", "context"])
def test_a_file_of_torch(name, tmp_path):
    """`weights_only` reads numbers and text, and runs nothing."""
    made, other = module(CASES[name]), module(CASES[name], seed=1)
    torch.save(made.state_dict(), tmp_path / "layer.pt")
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    given = tensors(inputs(CASES[name]))
    torch.testing.assert_close(other(**given), made(**given), rtol=0, atol=0)
    wrong = module(CASES[name] | {"dim": 6})
    with pytest.raises(EigcoreError, match="another SpectralLayer"):
        wrong.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))


def test_a_file_of_torch_with_a_whole_model(tmp_path):
    made = model().to_torch()
    torch.save(made.state_dict(), tmp_path / "model.pt")
    other = model(seed=1).to_torch()
    with pytest.raises(EigcoreError):  # of other columns or units
        model(target_scale=2.0).to_torch().load_state_dict(made.state_dict())
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    for key, value in made.state_dict().items():
        found = other.state_dict()[key]
        assert torch.equal(found, value) if torch.is_tensor(value) else found == value


def drawn(seed):
    init, _ = spectral_layer(
        FEATURES, 3, dim=5, **{k: v for k, v in CASE.items() if k != "outputs"}
    )
    return init(jax.random.key(seed))


def in_equinox(params, blank, folder):
    eqx = pytest.importorskip("equinox", reason="needs equinox")
    eqx.tree_serialise_leaves(folder / "layer.eqx", params)
    return eqx.tree_deserialise_leaves(folder / "layer.eqx", blank)


def in_flax(params, blank, folder):
    serialization = pytest.importorskip("flax.serialization", reason="needs flax")
    (folder / "layer.msgpack").write_bytes(serialization.to_bytes(params))
    return serialization.from_bytes(blank, (folder / "layer.msgpack").read_bytes())


def in_orbax(params, blank, folder):
    ocp = pytest.importorskip("orbax.checkpoint", reason="needs orbax-checkpoint")
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / "layer", params)
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(folder / "layer", blank)


def in_nnx_and_orbax(params, blank, folder):
    nnx = pytest.importorskip("flax.nnx", reason="needs flax")

    class Layer(nnx.Module):
        def __init__(self, params):
            self.pencil = nnx.Param(params)

    _, state = nnx.split(Layer(params))
    other = Layer(blank)
    nnx.update(other, in_orbax(state, nnx.state(other), folder))
    return other.pencil.get_value()


@pytest.mark.parametrize("through", [in_equinox, in_flax, in_orbax, in_nnx_and_orbax])
def test_a_pytree_of_jax(through, tmp_path):
    params = drawn(0)
    found = through(params, drawn(1), tmp_path)
    assert found.keys() == params.keys()
    for name, value in params.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
