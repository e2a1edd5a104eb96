"""Options of layers: what they show, equality, precision and the scale at the start."""

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec
from eigcore.errors import InvalidInput, InvalidSpec, NonFiniteInput
from eigcore.layers import layer, start

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from eigcore_jax import spectral_layer  # noqa: E402
from eigcore_torch import SpectralLayer  # noqa: E402
from layer_cases import FEATURES, inputs, module, tensors  # noqa: E402


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "3, 4, dim=5, index='middle', structure='dense', functional='kth', monotone=()"),
        ({"index": (0, -1), "monotone": (1, 0, -1)}, "index=(0, -1)"),
        ({"monotone": (1, 0, -1)}, "monotone=(1, 0, -1)"),
        ({"functional": "softmax", "t": 0.5}, "functional='softmax', t=0.5"),
        ({"categories": 9}, "monotone=(), categories=9"),
    ],
)
def test_the_repr_of_a_layer_says_how_it_was_made(options, shown):
    assert shown in repr(SpectralLayer(3, 4, 5, **options))


def test_the_repr_of_a_layer_with_many_features_is_one_short_line():
    assert len(repr(SpectralLayer(500, 1, 2, monotone=(1,) * 500))) < 150


@pytest.mark.parametrize("make", [SpectralLayer, spectral_layer])
def test_an_option_that_no_layer_has_is_named_with_the_nearest(make):
    with pytest.raises(TypeError, match=r"no option 'monotonne'.*Did you mean 'monotone'\?$"):
        make(3, 4, dim=5, monotonne=(1, 0, 0))


def test_equal_layers_of_jax_share_one_trace():
    traced = []

    def value(made, params, x):
        traced.append(made)
        return made[1](params, x)

    compiled = jax.jit(value, static_argnums=0)
    for _ in range(5):
        made = spectral_layer(FEATURES, 2, dim=3, dtype="float32")
        params = made[0](jax.random.key(0))
        compiled(made, params, np.ones((2, FEATURES)))
    assert len(traced) == 1
    others = spectral_layer(FEATURES, 2, dim=3), spectral_layer(FEATURES, 2, dim=3, index=0)
    assert len({made, *others}) == 3


# -- precision


@pytest.mark.parametrize("rows", [4, 600], ids=["few", "many"])
def test_under_autocast_evaluate_keeps_the_precision_of_its_parameters(rows):
    spec, rng = EigSpec(3, 5, outputs=2), np.random.default_rng(0)
    params = torch.tensor(rng.normal(size=spec.params_shape), dtype=torch.float32)
    params.requires_grad_()
    x = torch.tensor(rng.normal(size=(rows, 3)), dtype=torch.bfloat16)
    wanted = eigcore.evaluate(spec, params, x.float())
    (slope,) = torch.autograd.grad(wanted.sum(), params)
    arrays = params.detach(), x.float(), params.detach(), x.float()
    tangents = eigcore.jvp(spec, *arrays)[1]
    with pytest.raises(InvalidInput, match="expected one dtype"):
        eigcore.evaluate(spec, params, x)
    with torch.autocast("cpu", torch.bfloat16):
        found = eigcore.evaluate(spec, params, x)
        values, pullback = eigcore.vjp(spec, params, x)
        pulled = pullback(torch.ones_like(values))[0]
        found_tangents = eigcore.jvp(spec, params.detach(), x, params.detach(), x)[1]
    for ours, theirs in ((found, wanted), (values, wanted), (found_tangents, tangents)):
        assert ours.dtype is torch.float32
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for ours in (pulled, torch.autograd.grad(found.sum(), params)[0]):
        torch.testing.assert_close(ours, slope, rtol=1e-4, atol=1e-4)


def test_a_layer_of_jax_has_the_dtypes_of_flax():
    init, apply = spectral_layer(2, 3, dim=3, context=4, dtype="bfloat16", param_dtype="float32")
    params = init(jax.random.key(0))
    assert {a.dtype.name for a in params.values()} == {"float32"}
    assert init(jax.random.key(0), "float64")["matrices"].dtype == "float64"
    x, z = np.ones((5, 2)), np.ones(4)
    y, pullback = jax.vjp(jax.jit(lambda p: apply(p, x, context=z)), params)
    exact = spectral_layer(2, 3, dim=3, context=4)[1](
        *jax.tree.map(jax.numpy.float32, (params, x)), context=jax.numpy.float32(z)
    )
    assert y.dtype == "bfloat16"
    np.testing.assert_allclose(np.float32(y), exact, atol=0.1)
    assert pullback(y)[0]["matrices"].dtype == "float32"


# -- the scale at the start

GAINED = {
    "middle": {},
    "softmax": {"functional": "softmax", "t": 1.0},
    "monotone": {"monotone": (1, -1, 1)},
    "context": {"context": 8, "monotone": (1, 0, 0)},
    "categories": {"categories": 7},
}


@pytest.mark.parametrize("options", GAINED.values(), ids=list(GAINED))
@pytest.mark.parametrize("gain", [0.25, 4.0])
def test_the_gain_is_the_deviation_of_the_outputs(options, gain):
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(300, FEATURES))}
    if "context" in options:
        given["context"] = rng.normal(size=(300, 8))
    if "categories" in options:
        given["ids"] = rng.integers(7, size=(300, 1))
    made = module(options | {"outputs": 64, "gain": gain})
    y = made(**tensors(given))
    assert 0.7 < y.var(0).mean() / gain**2 < 1.35
    assert y.mean(0).square().mean() < 0.2 * gain**2
    again = made.matrices.detach().clone()
    made.reset_parameters(torch.Generator().manual_seed(0))
    assert torch.equal(made.matrices, again)


def test_layers_of_jax_have_the_gain_too():
    plain, large = (spectral_layer(3, 2, dim=4, gain=gain)[0] for gain in (1.0, 3.0))
    one, three = (init(jax.random.key(0))["matrices"] for init in (plain, large))
    np.testing.assert_allclose(three, 3 * one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gain", [0.0, float("nan"), "large", True])
def test_gains_that_are_none_are_refused(gain):
    with pytest.raises(InvalidSpec, match="positive finite number"):
        start(layer(3, 1, 3), gain)


def test_a_state_loads_whatever_the_gain_was():
    made = SpectralLayer(FEATURES, 2, 3, gain=0.1)
    other = SpectralLayer(FEATURES, 2, 3)
    other.load_state_dict(made.state_dict())
    given = tensors(inputs({}))["x"].float()
    assert torch.equal(other(given), made(given))


# -- rows that are not finite


def spoilt(rows=4):
    x = torch.randn(rows, FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[1, 0], x[3, 2] = np.nan, np.inf
    return x


def test_the_error_inside_a_network_names_the_array_and_speaks_of_training():
    made = module({"outputs": 2})
    with pytest.raises(NonFiniteInput) as raised:
        made(spoilt())
    message = str(raised.value)
    assert message.startswith("x: 2 of 4 rows are NaN or infinite, the first at index 1")
    assert "learning rate" in message
    assert "Encod" not in message
    with torch.no_grad():
        made.matrices[0, 0, 0] = np.nan
    with pytest.raises(NonFiniteInput, match=r"^matrices: 4 of 4 rows"):
        made(torch.ones(4, FEATURES, dtype=torch.float64))
    with pytest.raises(NonFiniteInput, match=r"^M\(x\), which overflows: 1 of 2 rows"):
        module({"outputs": 1}, dtype=torch.float32)(torch.tensor([[1e38] * 3, [0.0] * 3]) * 3)


def test_rows_that_are_not_finite_can_be_let_through():
    made, x = module({"outputs": 2, "nonfinite": "propagate"}), spoilt()
    y = made(x)
    assert torch.isfinite(y).all(1).tolist() == [True, False, True, False]
    torch.testing.assert_close(y[::2], made(x[::2]))
    y.sum().backward()
    assert not torch.isfinite(made.matrices.grad).all()
    _, apply = spectral_layer(FEATURES, 2, dim=5, nonfinite="propagate")
    params = {"matrices": made.matrices.detach().numpy()}
    np.testing.assert_allclose(apply(params, x.numpy()), y.detach(), atol=1e-12)


@pytest.mark.parametrize("make", [SpectralLayer, spectral_layer])
@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"nonfinite": "nan"}, "nonfinite is 'nan'; expected \"raise\""),
        ({"gain": -1.0}, "gain is -1.0; expected a positive"),
        ({"nonnegative": "yes"}, "nonnegative is 'yes'; expected True or False"),
        ({"dtype": "integers"}, "dtype is .*int32.*; expected one of real"),
    ],
)
def test_a_wrong_option_is_told_where_the_layer_is_made(make, option, told):
    if "dtype" in option:
        option = {"dtype": torch.int32 if make is SpectralLayer else np.int32}
    with pytest.raises((InvalidInput, InvalidSpec), match=told):
        make(FEATURES, 1, 2, **option)


def test_a_scaler_of_losses_skips_the_step_and_lowers_its_scale():
    made = module({"outputs": 1, "nonfinite": "propagate"}, dtype=torch.float32)
    before = made.matrices.detach().clone()
    optimiser = torch.optim.SGD(made.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(made(spoilt().float()).square().mean()).backward()
    scaler.step(optimiser)
    scaler.update()
    assert torch.equal(made.matrices, before)
    assert scaler.get_scale() == 4.0


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_functions_of_arrays_let_rows_through_too(backend):
    x, M = spoilt().numpy(), np.ones((2, 3, 3))
    M[0, 1, 1] = np.nan
    on = eigcore.get_backend(backend).asarray
    spec, params = EigSpec(FEATURES, 2), np.ones((1, FEATURES + 1, 3))
    found = eigcore.evaluate(spec, on(params), on(x), nonfinite="propagate")
    assert np.isnan(np.asarray(found)).tolist() == [False, True, False, True]
    option = {"nonfinite": "propagate"}
    for values in (
        eigcore.kth_eigenvalue(on(M), 1, **option),
        eigcore.smooth_kth_eigenvalue(on(M), 1, 0.5, **option),
        eigcore.kth_eigenvalue_tridiagonal(on(M[:, 1]), on(M[:, 0, :2]), 1, **option),
    ):
        assert np.isnan(np.asarray(values)).tolist() == [True, False]
    with pytest.raises(NonFiniteInput, match=r"Encode missing cells"):
        eigcore.evaluate(spec, on(params), on(x))
    with pytest.raises(NonFiniteInput, match=r'Drop these rows, or .* nonfinite="propagate"'):
        eigcore.kth_eigenvalue(on(M), 1)
