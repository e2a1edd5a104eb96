"""Models with factors in place of layers: exact errors, torch beside JAX, and what stays."""

import json

import numpy as np
import pytest

from eigcore.errors import InvalidInput, NonFiniteInput, NotSupported
from eigcore.lowrank import compress, low_rank
from eigcore.lowrank.methods import COLUMNS, METHODS

torch = pytest.importorskip("torch")
nn = torch.nn
cross_entropy = nn.functional.cross_entropy


def network():
    """A 1×1 convolution with a stride, a layer without a bias that is used twice, and a head."""
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Conv2d(6, 9, 1, stride=2)
            self.drop = nn.Dropout(0.5)
            self.square = nn.Linear(36, 36, bias=False)
            self.head = nn.Linear(36, 4)

        def forward(self, x):
            x = self.drop(torch.tanh(self.mix(x)).flatten(1))
            return self.head(torch.relu(self.square(torch.relu(self.square(x)))))

    return Net().double()


MODEL = network()
RNG = np.random.default_rng(0)
X = torch.tensor(1.0 + RNG.normal(size=(120, 6, 4, 4)) * np.linspace(0.2, 2, 6)[:, None, None])
Y = torch.tensor(RNG.integers(0, 4, 120))
DATA = [(X[:60], Y[:60]), (X[60:], Y[60:])]


def rows(x):
    """The inputs that the first layer sees."""
    return x[:, :, ::2, ::2].movedim(1, -1).reshape(-1, 6).numpy()


@pytest.fixture(scope="module")
def found():
    """The model compressed by every method."""
    return {
        method: compress(MODEL, DATA, 0.08, method, rule="energy")
        if method in COLUMNS
        else compress(MODEL, DATA, 0.15, method, cross_entropy, rule="threshold")
        for method in METHODS
    }


@pytest.mark.parametrize("method", [*METHODS])
def test_errors_are_those_that_the_layers_make(found, method):
    new, line = found[method].model, found[method].layers[0]
    old, x = MODEL.mix, rows(X)
    W, E = old.weight.detach().numpy()[:, :, 0, 0], (old.weight - new.mix.weight).detach()
    off = x @ E.numpy()[:, :, 0, 0].T - (new.mix.bias - old.bias).detach().numpy()
    np.testing.assert_allclose(off.mean(0), 0, atol=1e-12)  # the best shift
    spread = ((x - x.mean(0)) @ W.T) ** 2
    assert line["rank"] + line["columns"] == len(new.mix[0].weight) < 6
    assert line["predicted"] == pytest.approx((off**2).sum() ** 0.5 / spread.sum() ** 0.5)
    assert line["measured"] == pytest.approx(line["predicted"])  # nothing came before
    if method in ("svd-llm", "eora", "nystrom"):
        assert line["predicted"] ** 2 == pytest.approx(1 - line["energy"])
    if method == "svd-llm":  # the best of its rank
        others = (found[other].layers[0]["predicted"] for other in METHODS if other not in COLUMNS)
        assert line["predicted"] <= min(others) + 1e-12
    with torch.no_grad():
        own, changed = (model.eval()(X) for model in (MODEL, new))
    relative = ((changed - own) ** 2).sum() / ((own - own.mean(0)) ** 2).sum()
    assert found[method].error == pytest.approx(relative.item() ** 0.5)
    later = {line["name"]: line for line in found[method].layers}
    assert later["head"]["measured"] == pytest.approx(found[method].error)


def test_squared_gradients_are_those_of_the_batches(found):
    W = MODEL.mix.weight.detach()[:, :, 0, 0]
    squares = 0.0
    for x, y in DATA:
        [slope] = torch.autograd.grad(cross_entropy(MODEL.eval()(x), y), MODEL.mix.weight)
        squares = squares + (slope**2).sum((1, 2, 3))
    rank = found["fwsvd"].layers[0]["rank"]
    expected = low_rank(W, rank=rank, left=squares)
    made = found["fwsvd"].model.mix.weight.detach()[:, :, 0, 0]
    np.testing.assert_allclose(made, expected.B @ expected.A, atol=1e-10)


def test_without_the_shift_the_methods_are_as_published():
    new = compress(MODEL, DATA, 0.15, rule="threshold", shift=False).model
    x, W = rows(X), MODEL.mix.weight.detach()[:, :, 0, 0]
    expected = low_rank(W, rank=len(new.mix[0].weight), right=x.T @ x)
    np.testing.assert_allclose(
        new.mix.weight.detach()[:, :, 0, 0], expected.B @ expected.A, atol=1e-10
    )
    assert torch.equal(new.mix.bias, MODEL.mix.bias)
    assert new.square[1].bias is None


@pytest.mark.parametrize("method", ["svd-llm", "lost", "nystrom"])
def test_the_report_counts_and_the_state_loads_into_a_new_model(found, method):
    from eigcore_torch import load_compressed

    new = found[method]
    sizes = [sum(p.numel() for n, p in m.named_parameters() if "bias" not in n)
             for m in (new.model, MODEL)]  # fmt: skip
    assert sum(line["numbers"] for line in new.layers) == sizes[0]
    assert new.kept == pytest.approx(sizes[0] / sizes[1])
    assert new.kept <= 0.15
    assert [line["name"] for line in json.loads(new.json())] == ["mix", "square", "head"]
    assert str(new).splitlines()[0].split()[:3] == ["name", "shape", "rank"]
    loaded = load_compressed(network(), new.model.state_dict())
    assert torch.equal(loaded.eval()(X), new.model.eval()(X))
    assert load_compressed(nn.Linear(4, 3), nn.Linear(4, 3).state_dict()).bias.shape == (3,)


class Attention(nn.Module):
    """Queries, keys and values of one input, and a layer of another input of this size."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(12, m, dtype=torch.float64) for m in (12, 8, 12))
        self.out = nn.Linear(12, 12, dtype=torch.float64)

    def forward(self, x):
        scores = torch.softmax(self.q(x)[..., :8] @ self.k(x).mT, -1)
        return self.out(scores @ self.v(x))


@pytest.mark.parametrize("method", ["svd", "lost", "nystrom"])
def test_layers_with_the_same_inputs_share_a_factor(method):
    from eigcore_torch import load_compressed

    torch.manual_seed(0)
    model, x = Attention(), torch.tensor(RNG.normal(size=(30, 5, 12)) * np.linspace(0.1, 2, 12))
    found = compress(model, x, 0.3, method, together=True, shift=False)
    new, lines = found.model, {line["name"]: line for line in found.layers}
    assert new.q[0] is new.k[0] is new.v[0]
    assert new.out[0] is not new.q[0]
    matrices = [p for p in new.parameters() if p.ndim > 1]  # each once
    assert sum(p.numel() for p in matrices) == sum(line["numbers"] for line in found.layers)
    assert lines["q"]["rank"] == lines["k"]["rank"] == lines["v"]["rank"]
    if method == "svd":
        W = np.concatenate([getattr(model, a).weight.detach() for a in "qkv"])
        whole = np.concatenate([getattr(new, a).weight.detach() for a in "qkv"])
        expected = low_rank(W, rank=lines["q"]["rank"])
        np.testing.assert_allclose(whole, expected.B @ expected.A, atol=1e-12)
        assert lines["k"]["energy"] == pytest.approx(1 - expected.relative_error**2)
    loaded = load_compressed(Attention(), new.state_dict())
    assert torch.equal(loaded(x), new(x))
    assert loaded.q[0] is loaded.v[0]
    assert loaded.out[0] is not loaded.q[0]
    assert len([*loaded.parameters()]) == len([*new.parameters()])


def test_a_module_with_columns_trains_and_is_read_like_a_layer():
    model = nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 9)).double()
    x = torch.tensor(RNG.normal(size=(50, 20)) * np.linspace(0.01, 2, 20))
    new = compress(model, x, 0.6, "nystrom").model
    first = new[0]
    y = torch.nn.functional.linear(x, first.weight, first.bias)
    np.testing.assert_allclose(y.detach(), first(x).detach(), atol=1e-12)
    new(x).square().sum().backward()
    assert all(p.grad is not None for p in new.parameters())


def test_the_model_stays_as_it_was():
    model = network().train()
    model.head.requires_grad_(False)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    new = compress(model, DATA, 0.15, "fwsvd", cross_entropy).model
    assert torch.equal(torch.rand(1), first)
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    assert model.drop.training
    assert new.drop.training
    assert not model.head.weight.requires_grad
    assert model.mix.weight.grad is None
    assert not model.mix._forward_hooks


def test_what_factors_cannot_replace_stays_and_is_told():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.letters, self.out = nn.Embedding(20, 8), nn.Linear(8, 20, bias=False)
            self.out.weight = self.letters.weight
            self.wide, self.grouped = nn.Conv1d(8, 8, 3, padding=1), nn.Conv1d(8, 8, 1, groups=2)
            self.used, self.unused = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, codes):
            x = self.used(self.letters(codes))
            return self.out(self.grouped(self.wide(x.mT)).mT)

    model, codes = Tied(), torch.arange(20).reshape(4, 5)
    found = compress(model, codes, 0.5)
    assert [line["name"] for line in found.layers] == ["used"]
    assert found.skipped == {
        "letters.weight": "in a Embedding",
        "out": "its weight is shared",
        "wide": "its kernel is larger than 1×1",
        "grouped": "it is padded or in groups",
        "unused": "no batch reaches it",
    }
    assert found.model.out.weight is found.model.letters.weight
    assert found.model.used[0].weight.shape[0] == 2


def test_a_transformer_of_torch_keeps_its_fast_path():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dtype=torch.float64)
    x = torch.tensor(RNG.normal(size=(30, 5, 8)))
    found = compress(nn.TransformerEncoder(layer, 2), x, 0.5)
    assert {line["name"].split(".")[-1] for line in found.layers} == {"linear1", "linear2"}
    model = found.model.eval()
    with torch.no_grad():
        fast = model(x)
    np.testing.assert_allclose(fast, model(x).detach(), atol=1e-10)


def test_inputs_that_do_not_vary_need_no_rank():
    layer = nn.Linear(6, 6, dtype=torch.float64)
    x = torch.tensor(RNG.normal(size=6)).repeat(9, 1)
    found = compress(layer, x, 0.5)
    assert found.layers[0]["name"] == "model"
    np.testing.assert_allclose(found.model(x).detach(), layer(x).detach(), atol=1e-12)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (MODEL, {"method": "best"}, "expected one of svd, fwsvd"),
        (MODEL, {"method": "fwsvd"}, "needs a loss"),
        (MODEL, {"data": iter(DATA)}, r"Write list\(data\)"),
        (MODEL, {"keep": 0.01}, "Write a larger keep"),
        (MODEL, {"rule": "best"}, "energy, threshold"),
        (MODEL, {"rule": "threshold", "method": "lost"}, 'Write rule="energy"'),
        (nn.ReLU(), {}, "has no array"),
        (nn.Conv2d(6, 6, 3).double(), {}, "kernel is larger"),
    ],
)
def test_wrong_input(model, options, said):
    with pytest.raises(InvalidInput, match=said):
        compress(model, **{"data": DATA} | options)


def test_numbers_that_are_not_finite_and_arrays_without_a_framework():
    with pytest.raises(NonFiniteInput, match="the inputs of mix"):
        compress(MODEL, X * torch.nan)
    with pytest.raises(NotSupported, match="use torch, JAX, or low_rank"):
        compress({"W": np.eye(3)}, np.eye(3))


# -- JAX


def jax_parts():
    jax = pytest.importorskip("jax")
    names = {name: jax.numpy.asarray(p.detach().numpy()) for name, p in MODEL.named_parameters()}

    def apply(p, x):
        places = ("NCHW", "OIHW", "NCHW")
        x = jax.lax.conv_general_dilated(
            x, p["mix.weight"], (2, 2), "SAME", dimension_numbers=places
        )
        x = jax.numpy.tanh(x + p["mix.bias"][:, None, None]).reshape(len(x), -1)
        x = jax.nn.relu(x @ p["square.weight"].T)
        x = jax.nn.relu(jax.jit(jax.vmap(lambda row: p["square.weight"] @ row))(x))
        return x @ p["head.weight"].T + p["head.bias"]

    def loss(output, target):
        chosen = jax.numpy.take_along_axis(jax.nn.log_softmax(output), target[:, None], 1)
        return -chosen.mean()

    data = [tuple(jax.numpy.asarray(a.numpy()) for a in batch) for batch in DATA]
    return names, apply, loss, data


@pytest.mark.parametrize("method", ["fwsvd", "eora"])
def test_jax_gives_what_torch_gives(found, method):
    params, apply, loss, data = jax_parts()
    expected = found[method]
    keep, rule = (0.08, "energy") if method in COLUMNS else (0.15, "threshold")
    new = compress(params, data, keep, method, loss, apply, rule=rule)
    lines = {line["name"].removesuffix(".weight"): line for line in new.layers}
    for line in expected.layers:
        own = lines[line["name"]]
        assert all(own[key] == line[key] for key in ("shape", "rank", "columns", "numbers"))
        for key in ("energy", "predicted", "measured"):
            assert own[key] == pytest.approx(line[key], rel=1e-8)
    np.testing.assert_allclose(
        new.apply(new.model, data[0][0]), expected.model.eval()(DATA[0][0]).detach(), atol=1e-10
    )
    assert new.error == pytest.approx(expected.error)


def test_a_program_of_jax_goes_through_factors_in_every_spelling():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    from eigcore_jax import Factors, factored

    shapes = {"embed": (7, 6), "heads": (6, 2, 3), "back": (2, 3, 6), "conv": (1, 6, 6),
              "loop": (6, 6), "both": (6, 6), "unused": (3, 3), "bias": (6,)}  # fmt: skip
    rng = np.random.default_rng(1)
    params = {name: jnp.asarray(rng.normal(size=shape) / 2) for name, shape in shapes.items()}

    def apply(p, codes):
        x = p["embed"][codes]
        x = x + jnp.einsum("bthd,hdf->btf", jnp.einsum("btf,fhd->bthd", x, p["heads"]), p["back"])
        conv = jax.checkpoint(lambda x, w: jax.lax.conv_general_dilated(
            x, w, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")))  # fmt: skip
        x = jnp.tanh(conv(x, p["conv"]) + p["bias"])
        x = jax.lax.fori_loop(0, 2, lambda _, x: jnp.sin(x @ p["loop"]), x)
        return x @ p["both"] + x @ p["both"].T

    codes = jnp.asarray(rng.integers(0, 7, (20, 4)))
    found = compress(params, codes, 0.5, apply=apply, shift=False)
    assert [line["name"] for line in found.layers] == ["back", "conv", "heads"]
    assert [*found.skipped] == ["both", "embed", "loop", "unused"]
    assert found.skipped["both"] == "a matrix in two ways"
    assert isinstance(found.model["heads"], Factors)
    dense = {
        name: leaf.dense() if isinstance(leaf, Factors) else leaf
        for name, leaf in found.model.items()
    }
    out = jax.jit(found.apply)(found.model, codes)
    np.testing.assert_allclose(out, apply(dense, codes), atol=1e-12)
    slope = jax.grad(lambda p: (found.apply(p, codes) ** 2).sum())(found.model)
    own = jax.grad(lambda p: (apply(p, codes) ** 2).sum())(dense)
    np.testing.assert_allclose(slope["bias"], own["bias"], rtol=1e-9)
    left = jnp.tensordot(own["conv"], found.model["conv"].right, ((2,), (1,)))
    np.testing.assert_allclose(slope["conv"].left, left, rtol=1e-9)
    # columns beside the factors; their places are no parameters
    kept = compress(params, codes, 0.5, "lost", apply=apply, shift=False)
    assert [(line["rank"], line["columns"]) for line in kept.layers] == [(1, 1), (0, 2), (1, 1)]
    whole = {
        name: leaf.dense() if isinstance(leaf, Factors) else leaf
        for name, leaf in kept.model.items()
    }
    np.testing.assert_allclose(kept.apply(kept.model, codes), apply(whole, codes), atol=1e-12)
    slope = jax.grad(lambda p: (kept.apply(p, codes) ** 2).sum())(kept.model)
    own = jax.grad(lambda p: (apply(p, codes) ** 2).sum())(whole)
    place = np.array(kept.model["heads"].place.at)
    np.testing.assert_allclose(slope["heads"].kept, own["heads"][place], rtol=1e-9)
    # a leaf that a loop uses is multiplied out
    half = low_rank(np.asarray(params["loop"]), rank=6)
    looped = params | {"loop": Factors(jnp.asarray(half.B), jnp.asarray(half.A))}
    np.testing.assert_allclose(factored(apply)(looped, codes), apply(params, codes), atol=1e-10)
    kept = compress(params["both"], params["loop"], 0.5, "lost", apply=lambda W, x: x @ W.T)
    x = np.asarray(params["loop"])
    expected = x @ kept.model.dense().T + kept.model.shift
    assert kept.model.place.last
    np.testing.assert_allclose(kept.apply(kept.model, x), expected, atol=1e-12)
    with pytest.raises(InvalidInput, match="apply=apply"):
        compress(params, codes)
    with pytest.raises(InvalidInput, match="expected a torch module"):
        compress(params, codes, apply=apply, together=True)
