"""The state of a module says what its numbers mean."""

import io
from dataclasses import replace

import numpy as np
import pytest
from samples import model, rows

from eigcore import SpectralModel
from eigcore.errors import InvalidInput

torch = pytest.importorskip("torch")
from eigcore_torch import SpectralLayer  # noqa: E402

KEY = "_extra_state"


def module(**changes):
    own = model(0)
    return SpectralModel.from_static(replace(own.static, **changes), own.params).to_torch()


def bias(net):
    """Change a number of the state, to see whether it was loaded."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 1.0
    return net


OTHERS = {"offset": 2.1, "scale": 7.0, "link": "log", "target_name": "other"}


@pytest.mark.parametrize("options", [{}, {"strict": False}, {"assign": True}], ids=str)
@pytest.mark.parametrize("name", OTHERS)
def test_the_state_of_another_fit_is_refused_and_nothing_is_loaded(name, options):
    own, other = module(), bias(module(**{name: OTHERS[name]}))
    before = own(torch.tensor(rows(3)))
    where = "link" if name == "link" else "target"
    with pytest.raises(InvalidInput, match=rf"differs in {where}.*Expected.*del state"):
        own.load_state_dict(other.state_dict(), **options)
    assert torch.equal(own(torch.tensor(rows(3))), before)


def test_another_encoding_is_refused():
    own = model(0)
    columns = list(own.encoding.columns)
    columns[0] = replace(columns[0], center=columns[0].center + 1)
    moved = module(encoding=replace(own.encoding, columns=tuple(columns)))
    with pytest.raises(InvalidInput, match="differs in encoding"):
        module().load_state_dict(moved.state_dict())


def test_the_state_of_the_same_fit_is_loaded(tmp_path):
    model(0).save(tmp_path / "m.eig")
    own, other = SpectralModel.load(tmp_path / "m.eig").to_torch(), bias(module())
    file = io.BytesIO()
    torch.save(other.state_dict(), file)
    file.seek(0)
    own.load_state_dict(torch.load(file, weights_only=True))
    for a, b in zip(own.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not list(own.buffers())


def test_numbers_alone_are_loaded_when_asked_for():
    # as of a module saved before states had descriptions
    own, other = module(), bias(module(offset=2.1))
    numbers = other.state_dict()
    del numbers[KEY]
    own.load_state_dict(numbers)
    assert torch.equal(own.members[0], other.members[0])
    narrow = {key: a[..., 1:] for key, a in numbers.items()}
    with pytest.raises(RuntimeError, match="size mismatch"):
        own.load_state_dict(narrow)


LAYERS = [{"index": "convex"}, {"monotone": (1, 0, 0)}, {"functional": "softmax", "t": 2.0}]


@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_the_state_of_a_layer_with_other_options_is_refused(options):
    def net(**options):
        return torch.nn.Sequential(torch.nn.Identity(), SpectralLayer(3, 2, 4, **options))

    net().load_state_dict(net().state_dict())
    net(**options).load_state_dict(net(**options).state_dict())
    for strict in (True, False):
        with pytest.raises(InvalidInput, match=r"another SpectralLayer.*specs.*1\._extra_state"):
            net().load_state_dict(net(**options).state_dict(), strict=strict)


@pytest.mark.parametrize("state", [torch.tensor([1, 2]), torch.tensor([0.5]), "text", None])
def test_a_description_that_cannot_be_read_is_refused(state):
    numbers = module().state_dict() | {KEY: state}
    with pytest.raises(InvalidInput, match="does not describe"):
        module().load_state_dict(numbers)


def test_parameters_of_another_model_are_refused_by_jax():
    pytest.importorskip("jax")
    params, apply = model(0).to_jax()
    with pytest.raises(InvalidInput, match=r"1 parameter array.* 2 member"):
        apply(params[:1], np.asarray(rows(3)))
    with pytest.raises(InvalidInput, match="params should have shape"):
        apply([p[:, 1:] for p in params], np.asarray(rows(3)))
