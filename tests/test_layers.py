"""Layers of torch and JAX: values, derivatives, monotonicity, starting values, examples."""

import copy
import importlib.util
import math
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec, rules
from eigcore.errors import InvalidInput, InvalidSpec, NonFiniteInput, NotSupported
from eigcore.layers import layer, start

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from eigcore_jax import spectral_layer  # noqa: E402
from eigcore_torch import SpectralLayer  # noqa: E402

ROOT = Path(__file__).parents[1]
ROWS, FEATURES, CATEGORIES, CONTEXT = 6, 3, 7, 4
CASES = {
    "separate": {"outputs": 4},
    "single": {"outputs": 1},
    "shared": {"outputs": 4, "index": (0, 1, 2, 3)},
    "two of each": {"outputs": 4, "index": (0, "convex"), "structure": "banded:2"},
    "smooth": {"outputs": 2, "functional": "smooth", "alpha": 0.5},
    "weighted": {"outputs": 2, "functional": "weighted", "weights": (-1, 0, 0, 0, 1)},
    "diagonal": {"outputs": 2, "structure": "diagonal"},
    "categories": {"features": 0, "outputs": 3, "categories": CATEGORIES},
    "both": {"outputs": 1, "categories": CATEGORIES},
    "monotone": {"outputs": 2, "monotone": (1, 0, -1), "structure": "tridiagonal"},
    "context": {"outputs": 2, "monotone": (1, 0, -1), "context": CONTEXT},
    "context, single": {"outputs": 1, "context": CONTEXT, "structure": "tridiagonal"},
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def module(case, seed=0, dtype=torch.float64):
    options = {"features": FEATURES, "dim": 5} | case
    generator = torch.Generator().manual_seed(seed)
    return SpectralLayer(generator=generator, dtype=dtype, **options)


def inputs(case, rows=ROWS, seed=1):
    rng = np.random.default_rng(seed)
    given = {}
    if case.get("features", FEATURES):
        given["x"] = rng.normal(size=(rows, FEATURES))
    if "categories" in case:
        given["ids"] = rng.integers(CATEGORIES, size=(rows, 2))
        given["values"] = rng.normal(size=(rows, 2))
    if "context" in case:
        given["context"] = rng.normal(size=(rows, CONTEXT))
    return given


def tensors(given):
    return {name: torch.tensor(a) for name, a in given.items()}


def parameters(made):
    return {name: p.detach().numpy() for name, p in made.named_parameters()}


def eigenvalues(spec, packed):
    return np.linalg.eigvalsh(rules.matrix(eigcore.get_backend("numpy"), spec.layout, packed))


# -- values


def test_separate_pencils_are_those_of_evaluate():
    made, given = module(CASES["separate"]), inputs(CASES["separate"])
    wanted = eigcore.evaluate(made.layer.spec, made.matrices, torch.tensor(given["x"]))
    torch.testing.assert_close(made(torch.tensor(given["x"])), wanted)


def test_a_shared_pencil_gives_its_eigenvalues_in_order():
    made, given = module(CASES["shared"]), inputs(CASES["shared"])
    packed = rules.assemble(made.matrices.detach().numpy(), given["x"])
    y = (made(torch.tensor(given["x"])) - made.bias).detach().numpy()
    np.testing.assert_allclose(y, eigenvalues(made.layer.spec, packed)[:, :4], atol=1e-12)


def test_several_eigenvalues_of_several_pencils_stand_pencil_by_pencil():
    made, given = module(CASES["two of each"]), inputs(CASES["two of each"])
    packed = rules.assemble(made.matrices.detach().numpy(), given["x"])
    y = (made(torch.tensor(given["x"])) - made.bias).detach().numpy()
    wanted = eigenvalues(made.layer.spec, packed)[..., [0, 4]].reshape(ROWS, 4)
    np.testing.assert_allclose(y, wanted, atol=1e-12)


@pytest.mark.parametrize("name", ["categories", "both"])
def test_categories_are_columns_of_zeros_with_a_few_values(name):
    case = CASES[name]
    made, given = module(case), inputs(case)
    dense = np.zeros((ROWS, CATEGORIES))
    np.add.at(dense, (np.arange(ROWS)[:, None], given["ids"]), given["values"])
    x = np.concatenate([given.get("x", np.zeros((ROWS, 0))), dense], axis=1)
    params = torch.cat([made.matrices, made.embedding.swapaxes(0, 1)], dim=1)
    spec = EigSpec(x.shape[1], 5, outputs=made.layer.outputs)
    wanted = eigcore.evaluate(spec, params, torch.tensor(x)).reshape(ROWS, -1)
    torch.testing.assert_close(made(**tensors(given)), wanted)


def test_values_default_to_one_and_value_zero_means_no_category():
    made = module(CASES["categories"])
    ids = torch.tensor([[1, 2, 0]])
    one = torch.ones(1, 3, dtype=torch.float64)
    torch.testing.assert_close(made(ids=ids), made(ids=ids, values=one))
    one[0, 2] = 0
    torch.testing.assert_close(made(ids=ids[:, :2]), made(ids=ids, values=one))


def test_a_context_makes_a_pencil_for_every_row_with_semidefinite_matrices():
    made, given = module(CASES["context"]), inputs(CASES["context"])
    spec, z = made.layer.spec, given["context"]
    coefficients = made.matrices.detach().numpy()
    numbers = np.einsum("rc,ock->rok", np.column_stack([np.ones(ROWS), z]), coefficients)
    numbers = numbers.reshape(ROWS, 2, 4, spec.packed_size)
    matrices = rules.matrix(eigcore.get_backend("numpy"), spec.layout, numbers)
    for j, sign in enumerate(spec.monotone, start=1):
        if sign:
            lower = np.tril(matrices[:, :, j])
            matrices[:, :, j] = sign * lower @ lower.mT
    M = matrices[:, :, 0] + np.einsum("rj,rojab->roab", given["x"], matrices[:, :, 1:])
    wanted = np.linalg.eigvalsh(M)[..., spec.k]
    np.testing.assert_allclose(made(**tensors(given)).detach(), wanted, atol=1e-12)


def test_leading_axes_are_kept_and_one_context_serves_many_rows():
    made = module(CASES["context"])
    z = torch.randn(CONTEXT, dtype=torch.float64)
    x = torch.randn(2, 5, FEATURES, dtype=torch.float64)
    y = made(x, context=z)
    assert y.shape == (2, 5, 2)
    torch.testing.assert_close(y, made(x, context=z.expand(2, 5, CONTEXT)))
    assert module(CASES["single"])(x[0, 0]).shape == (1,)


@ALL
def test_numpy_torch_and_jax_agree_in_values_and_gradients(case):
    made, given = module(case), inputs(case)
    params = parameters(made)
    y = made(**tensors(given))
    np.testing.assert_allclose(made.layer.apply(params, **given), y.detach(), atol=1e-12)

    def total(params, given):
        y = made.layer.apply(params, **given)
        return (y * y).sum(), y

    on_jax = jax.tree.map(jax.numpy.asarray, (params, given))
    gradients, again = jax.jit(jax.grad(total, has_aux=True))(*on_jax)
    np.testing.assert_allclose(again, y.detach(), atol=1e-12)
    (y * y).sum().backward()
    for name, parameter in made.named_parameters():
        np.testing.assert_allclose(gradients[name], parameter.grad, atol=1e-10)


# -- derivatives


@ALL
def test_gradients_pass_gradcheck(case):
    made, given = module(case), tensors(inputs(case, rows=2))
    names = [name for name in given if name != "ids"]
    leaves = [given[name].requires_grad_() for name in names]

    def function(*arrays):
        weights = dict(zip(made.layer.shapes, arrays[len(names) :], strict=True))
        replaced = given | dict(zip(names, arrays, strict=False))
        return torch.func.functional_call(made, weights, kwargs=replaced)

    assert torch.autograd.gradcheck(function, (*leaves, *made.parameters()))


def test_only_the_touched_matrices_have_a_gradient():
    made = module(CASES["categories"])
    made(ids=torch.tensor([[1, 4], [4, 4]])).sum().backward()
    touched = made.embedding.grad.abs().sum((1, 2)) > 0
    assert touched.nonzero().ravel().tolist() == [1, 4]


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


# -- monotone in x, whatever the encoder does


def rises(function, columns=1, grid=400):
    """Largest rise and fall of function(x) (rows, outputs) between neighbours on a line."""
    x = torch.linspace(-5, 5, grid, dtype=torch.float64)[:, None].expand(grid, columns)
    with torch.no_grad():
        change = function(x).diff(dim=0)
    return change.max().item(), -change.min().item()


@pytest.mark.parametrize("size", [0.0, 1.0, 10.0], ids=["no encoder", "untrained", "wild"])
def test_a_predicted_pencil_is_monotone_for_any_encoder(size):
    case = {"outputs": 3, "monotone": (1, 1, 1), "context": CONTEXT}
    made = module(case)
    torch.manual_seed(0)
    with torch.no_grad():
        made.matrices.mul_(max(size, 1.0))
    for _ in range(20):
        z = size * torch.randn(CONTEXT, dtype=torch.float64)
        up, down = rises(lambda x, z=z: made(x, context=z), FEATURES)
        assert down <= 1e-12 * max(up, 1.0)
        assert up > 0


def test_training_against_it_leaves_a_predicted_pencil_monotone():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh()).double()
    made = module({"features": 1, "outputs": 1, "monotone": (-1,), "context": 8})
    hours, x = torch.randn(64, 2).double(), torch.randn(64, 1).double()
    optimiser = torch.optim.Adam([*encoder.parameters(), *made.parameters()], lr=0.02)
    errors = []
    for _ in range(80):
        optimiser.zero_grad()
        y = made(x, context=encoder(hours))
        error = (y - x - hours[:, :1]).square().mean()  # rises with x, the layer cannot
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.6 * errors[0]
    for row in hours[:20]:
        up, _ = rises(lambda x, row=row: made(x, context=encoder(row)))
        assert up <= 1e-12


def test_monotone_layers_stack_to_a_monotone_network():
    net = torch.nn.Sequential(
        module({"outputs": 4, "monotone": (1, 1, 1), "index": 0}),
        module({"features": 4, "outputs": 3, "monotone": (1,) * 4}, seed=1),
    )
    up, down = rises(net, FEATURES)
    assert down <= 1e-12 < up


# -- starting values

STARTS = {
    "middle": {},
    "convex": {"index": "convex"},
    "tridiagonal": {"structure": "tridiagonal"},
    "softmax": {"functional": "softmax", "t": 1.0},
    "sum": {"functional": "top_sum", "r": 2},
    "shared": {"index": (0, 1, 2, 3)},
}


@pytest.mark.parametrize("options", STARTS.values(), ids=list(STARTS))
def test_scale_and_gap_are_kept_through_depth(options):
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(400, 32, generator=generator)
    for depth in range(1, 9):
        made = SpectralLayer(32, 32, dim=6, generator=generator, **options)
        if depth in (1, 2, 4, 8):
            spec, packed = made.layer.spec, rules.assemble(made.matrices, y).detach().numpy()
            near = np.diff(eigenvalues(spec, packed), axis=-1)
            near = near[..., max(spec.k - 1, 0) : spec.k + 1].min(-1)
            assert np.median(near) > 1.2, depth
            assert np.quantile(near, 0.05) > 0.3, depth
        with torch.no_grad():
            y = made(y)
        if depth in (1, 2, 4, 8):
            assert 0.8 ** math.sqrt(depth) < y.square().mean() < 1.25 ** math.sqrt(depth), depth


@pytest.mark.parametrize(
    ("case", "low", "high"),
    [
        ({"categories": CATEGORIES}, 0.7, 1.3),
        ({"context": 16}, 0.7, 1.3),
        ({"context": 16, "monotone": (1, -1, 1)}, 0.7, 1.3),
        ({"monotone": (1, -1, 1)}, 0.7, 1.3),
        ({"monotone": (1, 0, 0)}, 0.7, 1.3),
    ],
    ids=["categories", "context", "monotone context", "monotone", "one monotone"],
)
def test_other_inputs_start_at_scale_one_too(case, low, high):
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(400, FEATURES))}
    if "categories" in case:
        given["ids"] = rng.integers(CATEGORIES, size=(400, 1))
    if "context" in case:
        given["context"] = rng.normal(size=(400, 16))
    y = module(case | {"outputs": 64})(**tensors(given))
    assert low < y.var(0).mean() < high
    assert y.mean(0).square().mean() < 0.2


@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize("index", ["middle", "convex", 0])
def test_monotone_stacks_keep_scale_too(width, index):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, width, generator=generator, requires_grad=True)
    y, options = x, {"index": index, "monotone": (1,) * width, "generator": generator}
    for depth in range(1, 9):
        y = SpectralLayer(width, width, dim=6, **options)(y)
        assert 0.75 ** math.sqrt(depth) < y.square().mean() < 1.33 ** math.sqrt(depth), depth
        assert y.mean(0).square().mean() < 0.1, depth
    cotangent = torch.randn(y.shape, generator=generator)
    slope = torch.autograd.grad((y * cotangent).sum(), x)[0]
    assert 0.5 < slope.square().mean().sqrt() < 2.0


def test_the_generator_alone_decides_about_the_start():
    before = torch.random.get_rng_state()
    first, again, other = (module(CASES["shared"], seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.matrices, again.matrices)
    assert not torch.equal(first.matrices, other.matrices)


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


# -- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"index": (0, 1)}, "as many outputs as indices"),
        ({"index": ()}, "as many outputs as indices"),
        ({"index": (0, 1, 9)}, "index is 9"),
        ({"categories": -1}, "categories is -1"),
        ({"context": 2, "categories": 3}, "context=2 and categories=3"),
        ({"context": 2, "features": 0}, "features is 0"),
        ({"features": 0}, "features is 0"),
        ({"monotone": (1, 1, 1), "functional": "weighted", "weights": (-1, 0, 1)}, "weights >= 0"),
        ({"functional": "weighted", "weights": (0, 0, 0)}, "weights are all zero"),
    ],
)
def test_descriptions_that_contradict_themselves_are_refused(options, message):
    with pytest.raises(InvalidSpec, match=message):
        start(layer(**({"features": 3, "outputs": 3, "dim": 3} | options)))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("separate", {"x": None}, "x is missing"),
        ("separate", {"x": np.zeros((2, 4))}, r"trailing shape \(3,\); got \(2, 4\)"),
        ("separate", {"x": np.zeros((2, 3), np.float32)}, "x has dtype torch.float32"),
        ("separate", {"ids": np.zeros((2, 1), int)}, "ids was given"),
        ("categories", {"ids": None, "values": None}, "ids is missing"),
        ("categories", {"ids": np.zeros((ROWS, 2))}, "expected int64 or int32"),
        ("categories", {"ids": np.zeros((ROWS, 2), np.uint8)}, "expected int64 or int32"),
        ("categories", {"values": np.zeros((ROWS, 1))}, "shape of ids"),
        ("context", {"context": None}, "context is missing"),
        ("context", {"context": np.zeros((ROWS, 1))}, r"context should have trailing shape \(4,\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(name, change, message):
    case = CASES[name]
    given = inputs(case) | change
    with pytest.raises(InvalidInput, match=message):
        module(case)(**tensors({n: a for n, a in given.items() if a is not None}))


def test_bad_rows_and_foreign_parameters_are_refused():
    made = module(CASES["separate"])
    with pytest.raises(NonFiniteInput):
        made(torch.full((2, FEATURES), math.nan, dtype=torch.float64))
    with pytest.raises(InvalidInput, match="parameters should have shapes"):
        made.layer.apply({"matrices": np.zeros((1, 2, 3))}, np.zeros((1, 3)))
    with pytest.raises(NotSupported, match="Save its parameters"):
        module(CASES["shared"]).to_model()


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


def test_several_indices_of_a_functional_without_one_are_refused():
    with pytest.raises(InvalidSpec, match="takes no index: all would be the same"):
        layer(3, 2, 4, functional="softmax", t=1.0, index=(0, 1))


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


@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", (ROOT / "docs/layers.md").read_text(), re.DOTALL)
)
def test_code_of_the_page_runs(code):
    if "optax" in code:
        pytest.importorskip("optax", reason="this block needs optax")
    exec(compile(code, "docs/layers.md", "exec"), {})


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
