"""Layers among compilers, modules, precisions and libraries, and the page's examples."""

import copy
import importlib.util
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from eigcore.errors import InvalidInput

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from eigcore_jax import spectral_layer  # noqa: E402
from eigcore_torch import SpectralLayer  # noqa: E402
from layer_cases import (  # noqa: E402
    ALL,
    CASES,
    CATEGORIES,
    FEATURES,
    ROWS,
    inputs,
    module,
    parameters,
    tensors,
)

ROOT = Path(__file__).parents[2]


# -- compilers


@pytest.mark.parametrize(
    ("names", "compiler"),
    [
        (("separate", "two of each"), "aot_eager"),
        (("monotone",), "aot_eager"),
        (("context",), "aot_eager"),
        pytest.param(
            *(("separate", "monotone"), "inductor"),
            marks=[
                pytest.mark.skipif(not shutil.which("c++"), reason="inductor needs a C++ compiler"),
                # torch's own: its functions trace deprecated ones of themselves
                pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
            ],
        ),
    ],
)
def test_torch_compiles_layers_and_stacks_as_one_graph(names, compiler):
    torch._dynamo.reset()
    net = torch.nn.ModuleList([module(CASES[name]) for name in names])
    given = tensors(inputs(CASES[names[0]]))

    def function(given):
        y = net[0](**given)
        for made in net[1:]:
            y = made(y[..., :FEATURES])
        return y

    compiled = torch.compile(function, fullgraph=True, backend=compiler)
    torch.testing.assert_close(compiled(given), function(given))
    wanted = torch.autograd.grad(function(given).sum(), list(net.parameters()))
    got = torch.autograd.grad(compiled(given).sum(), list(net.parameters()))
    torch.testing.assert_close(got, wanted)


def test_unknown_ids_are_an_error_in_eager_and_nan_in_compiled_code():
    case = CASES["categories"]
    made, ids = module(case), np.array([[0, 1], [2, CATEGORIES], [-1, 3]])
    with pytest.raises(InvalidInput, match="between 0 and 6; 2 are not"):
        made(ids=torch.tensor(ids))
    params = jax.tree.map(jax.numpy.asarray, parameters(made))
    y = jax.jit(lambda p, i: made.layer.apply(p, ids=i))(params, ids)
    assert np.isnan(y).all(1).tolist() == [False, True, True]
    assert np.isfinite(y[0]).all()


def test_jax_maps_over_keys_and_parameters():
    init, apply = spectral_layer(FEATURES, 2, dim=4)
    keys = jax.random.split(jax.random.key(0), 5)
    params = jax.jit(jax.vmap(init))(keys)
    x = np.random.default_rng(0).normal(size=(8, FEATURES))
    y = jax.jit(jax.vmap(apply, in_axes=(0, None)))(params, x)
    assert y.shape == (5, 8, 2)
    alone = jax.jit(init)(keys[3])
    np.testing.assert_allclose(params["matrices"][3], alone["matrices"], atol=1e-12)
    np.testing.assert_allclose(y[3], jax.jit(apply)(alone, x), atol=1e-12)


# -- modules, states and models


@ALL
def test_a_state_dict_and_a_pickle_carry_everything(case):
    made, given = module(case), tensors(inputs(case))
    other = module(case, seed=1)
    other.load_state_dict(made.state_dict())
    for twin in (other, pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        torch.testing.assert_close(twin(**given), made(**given), rtol=0, atol=0)


@ALL
def test_the_dtype_follows_the_module(case):
    made, given = module(case), tensors(inputs(case))
    exact = made(**given)
    for dtype, error in ((torch.float32, 1e-5), (torch.bfloat16, 0.3)):
        cast = {n: a if n == "ids" else a.to(dtype) for n, a in given.items()}
        y = made.to(dtype)(**cast)
        assert y.dtype is dtype
        torch.testing.assert_close(y.double(), exact, atol=error, rtol=error)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@ALL
def test_the_device_follows_the_module(case):
    made, given = module(case), tensors(inputs(case))
    there = made(**given)
    here = made.cuda()(**{name: a.cuda() for name, a in given.items()})
    assert here.device.type == "cuda"
    torch.testing.assert_close(here.cpu(), there)


def test_an_exported_stack_takes_any_batch():
    net = torch.nn.Sequential(
        module({"outputs": 4}), module({"features": 4, "outputs": 2, "index": (0, -1)})
    )
    x = torch.randn(5, FEATURES, dtype=torch.float64)
    rows = {0: torch.export.Dim.DYNAMIC}
    program = torch.export.export(net, (x[:3],), dynamic_shapes=(rows,)).module()
    torch.testing.assert_close(program(x), net(x))


def test_a_layer_of_numbers_is_a_model_with_its_certificate():
    made = module({"outputs": 1, "monotone": (1, 0, -1)})
    x = inputs({})["x"]
    model = made.to_model()
    np.testing.assert_allclose(model.predict(x), made(torch.tensor(x))[:, 0].detach(), atol=1e-12)
    columns = model.certify().columns
    assert [(c.increasing, c.decreasing) for c in columns] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    free = module(CASES["separate"])
    twin = module(CASES["separate"], seed=1)
    with torch.no_grad():
        twin.matrices.copy_(torch.tensor(free.to_model().params[0]))
    torch.testing.assert_close(twin(torch.tensor(x)), free(torch.tensor(x)))


@pytest.mark.parametrize("name", ["separate", "both", "context"])
def test_under_autocast_the_layer_keeps_the_precision_of_its_parameters(name):
    made, given = module(CASES[name], dtype=torch.float32), inputs(CASES[name])
    given = {
        key: torch.tensor(value) if key == "ids" else torch.tensor(value).bfloat16()
        for key, value in given.items()
    }
    full = {key: value if key == "ids" else value.float() for key, value in given.items()}
    with torch.autocast("cpu", torch.bfloat16):
        found = made(**given)
    found.sum().backward()
    assert found.dtype == torch.float32
    assert torch.equal(found, made(**full))
    slopes = {key: each.grad.clone() for key, each in made.named_parameters()}
    made.zero_grad()
    made(**full).sum().backward()
    for key, each in made.named_parameters():
        assert torch.equal(each.grad, slopes[key])


def test_a_layer_without_numbers_has_shapes():
    made = SpectralLayer(3, 4, dim=5, device="meta")
    assert made(torch.randn(2, 3, device="meta")).shape == (2, 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_layer_is_no_constant():
    made = SpectralLayer(3, 1, dim=5).requires_grad_(False)
    traced = torch.jit.trace(made, torch.randn(4, 3))
    x = torch.randn(7, 3)
    torch.testing.assert_close(traced(x), made(x))


def test_a_parametrized_layer_becomes_a_model():
    made = torch.nn.utils.parametrizations.weight_norm(SpectralLayer(3, 1, dim=4), "matrices")
    x = torch.randn(5, 3)
    np.testing.assert_allclose(
        made.to_model().predict(x.double().numpy()), made(x).detach()[:, 0], rtol=1e-4, atol=1e-5
    )


def test_a_stack_with_linear_layers_trains_under_autocast():
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), SpectralLayer(3, 2, dim=4))
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    x = torch.randn(8, 3)
    with torch.autocast("cpu", torch.bfloat16):
        values = net(x)
        torch.testing.assert_close(compiled(x), values)
    values.sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in net.parameters())


# -- the modules of JAX's libraries


def in_equinox(init, apply, x):
    """The layer as an equinox Module: values and gradients by its parameters."""
    eqx = pytest.importorskip("equinox", reason="this case needs equinox")

    class Module(eqx.Module):
        params: dict

        def __call__(self, x):
            return apply(self.params, x)

    made = Module(init(jax.random.key(0)))
    return eqx.filter_jit(made)(x), eqx.filter_grad(lambda m: m(x).sum())(made).params


def in_linen(init, apply, x):
    """The layer as a parameter of a flax.linen Module."""
    linen = pytest.importorskip("flax.linen", reason="this case needs flax")

    class Module(linen.Module):
        @linen.compact
        def __call__(self, x):
            return apply(self.param("pencil", lambda key: init(jax.random.key(0))), x)

    made = Module()
    variables = made.init(jax.random.key(1), x)
    slopes = jax.grad(lambda v: made.apply(v, x).sum())(variables)
    return jax.jit(made.apply)(variables, x), slopes["params"]["pencil"]


def in_nnx(init, apply, x):
    """The layer as a parameter of a flax.nnx Module."""
    nnx = pytest.importorskip("flax.nnx", reason="this case needs flax")

    class Module(nnx.Module):
        def __init__(self):
            self.pencil = nnx.Param(init(jax.random.key(0)))

        def __call__(self, x):
            return apply(self.pencil.get_value(), x)

    made = Module()
    slopes = nnx.grad(lambda m: m(x).sum())(made)
    return nnx.jit(lambda m, x: m(x))(made, x), slopes["pencil"].get_value()


@pytest.mark.parametrize("module_of", [in_equinox, in_linen, in_nnx])
def test_modules_of_other_libraries_hold_the_parameters(module_of):
    init, apply = spectral_layer(FEATURES, 4, dim=5)
    params, x = init(jax.random.key(0)), jax.random.normal(jax.random.key(2), (ROWS, FEATURES))
    values, slopes = module_of(init, apply, x)
    np.testing.assert_allclose(values, apply(params, x), rtol=1e-5)
    expected = jax.grad(lambda p: apply(p, x).sum())(params)
    assert set(slopes) == set(expected)
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, expected[name], rtol=1e-4, atol=1e-6)


# -- documentation


PAGES = {
    f"{page}-{number}": code
    for page in ("layers", "frameworks", "gradients", "crossings")
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / f"docs/{page}.md").read_text(), re.DOTALL)
    )
}


@pytest.mark.parametrize("code", PAGES.values(), ids=list(PAGES))
def test_code_of_the_pages_runs(code):
    for name in ("optax", "equinox", "flax", "lightning"):
        if re.search(rf"^(import|from) {name}\b", code, re.MULTILINE):
            pytest.importorskip(name, reason=f"this block needs {name}")
    exec(compile(code, "a page", "exec"), {"__name__": "page"})


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/examples/{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_example_of_two_layers():
    errors = {name: error for name, (_, error) in example("two_layers").main(500, 150).items()}
    assert errors["two layers"] < 0.8 * errors["one layer"] < 0.5


def test_the_example_with_an_encoder():
    pytest.importorskip("optax", reason="the example trains with optax")
    error, before, after = example("encoder").main(rows=500, steps=150)
    assert error < 0.1
    assert max(before, after) <= 1e-5  # rounding in float32
