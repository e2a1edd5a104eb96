"""Layers of torch and JAX: values, derivatives, monotonicity, starting values, refusals."""

import math

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec
from eigcore.core import rules
from eigcore.core.sources import assemble
from eigcore.errors import InvalidInput, InvalidSpec, NonFiniteInput, NotSupported
from eigcore.layers import layer, start

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from eigcore_torch import SpectralLayer  # noqa: E402
from layer_cases import (  # noqa: E402
    ALL,
    CASES,
    CATEGORIES,
    CONTEXT,
    FEATURES,
    ROWS,
    inputs,
    module,
    parameters,
    tensors,
)


def eigenvalues(spec, packed):
    return np.linalg.eigvalsh(rules.matrix(eigcore.get_backend("numpy"), spec.layout, packed))


# -- values


def test_separate_pencils_are_those_of_evaluate():
    made, given = module(CASES["separate"]), inputs(CASES["separate"])
    wanted = eigcore.evaluate(made.layer.spec, made.matrices, torch.tensor(given["x"]))
    torch.testing.assert_close(made(torch.tensor(given["x"])), wanted)


def test_a_shared_pencil_gives_its_eigenvalues_in_order():
    made, given = module(CASES["shared"]), inputs(CASES["shared"])
    packed = assemble(np, made.matrices.detach().numpy(), given["x"])
    y = (made(torch.tensor(given["x"])) - made.bias).detach().numpy()
    np.testing.assert_allclose(y, eigenvalues(made.layer.spec, packed)[:, :4], atol=1e-12)


def test_several_eigenvalues_of_several_pencils_stand_pencil_by_pencil():
    made, given = module(CASES["two of each"]), inputs(CASES["two of each"])
    packed = assemble(np, made.matrices.detach().numpy(), given["x"])
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
            spec, packed = (
                made.layer.spec,
                assemble(eigcore.get_backend("torch").xp, made.matrices, y).detach().numpy(),
            )
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


# -- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"index": (0, 1)}, "as many outputs as indices"),
        ({"index": ()}, "as many outputs as indices"),
        ({"index": (0, 1, 9)}, "index is 9"),
        ({"index": (0, 1, 2), "functional": "softmax", "t": 1.0}, "takes no index: all would"),
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
