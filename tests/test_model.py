import subprocess
import sys

import numpy as np
import pytest
from samples import NAMES, VARIANTS, encoding, linear_model, model, rows

from eigcore import EigSpec, SpectralModel
from eigcore.api import evaluate
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput, InvalidSpec, NonFiniteInput
from eigcore.portable.predict import forward

numpy = get_backend("numpy")


def test_prediction_is_the_link_of_the_weighted_average_in_target_units():
    m = model(weights=(3, 1), link="log", target_scale=0.5, target_offset=1.0)
    x = rows(10)
    terms = m.encoding(x, numpy, codes=True)
    first, second = (evaluate(s, p, terms) for s, p in m.members)
    decision = 1.0 + 0.5 * (0.75 * first + 0.25 * second)
    np.testing.assert_allclose(m.decision(x), decision, rtol=1e-12)
    np.testing.assert_allclose(m.predict(x), np.exp(decision), rtol=1e-12)


def test_logistic_is_the_probability_of_the_second_class_and_never_overflows():
    m = model(link="logistic", classes=("no", "yes"), target_scale=500.0)
    p, z = m.predict(rows(50)), m.decision(rows(50))
    assert ((p >= 0) & (p <= 1)).all()
    assert abs(z).max() > 800
    np.testing.assert_array_equal(p > 0.5, z > 0)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_the_same_file_predicts_the_same_on_every_backend(name, variant, tmp_path):
    pytest.importorskip(name)
    model(**variant).save(tmp_path / "m.eig")
    m, x, backend = SpectralModel.load(tmp_path / "m.eig"), rows(60), get_backend(name)
    expected = m.predict(x)
    for found in (m.predict(x, backend=name), m.predict(backend.asarray(x))):
        tight = str(found.dtype).endswith("64")
        found = backend.to_numpy(found) if not isinstance(found, np.ndarray) else found
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            found, expected, rtol=1e-10 if tight else 1e-5, atol=(1e-11 if tight else 1e-5) * scale
        )
    narrow = m.predict(backend.asarray(x.astype(np.float32)))
    assert str(narrow.dtype).endswith("float32")
    np.testing.assert_allclose(
        backend.to_numpy(narrow), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
    )


def test_jax_with_x64_predicts_to_ten_digits(tmp_path):
    pytest.importorskip("jax")
    code = """
import sys, numpy as np, jax
sys.path.insert(0, "tests")
jax.config.update("jax_enable_x64", True)
from samples import model, rows
m, x = model(link="logistic"), rows(50)
got = m.predict(jax.numpy.asarray(x))
assert got.dtype == "float64"
np.testing.assert_allclose(got, m.predict(x), rtol=1e-10, atol=1e-13)
params, apply = m.to_jax()
np.testing.assert_allclose(jax.jit(apply)(params, x), m.predict(x), rtol=1e-10, atol=1e-13)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_tables_lists_and_leading_axes():
    m, x = model(), rows(6)
    np.testing.assert_array_equal(m.predict(x.reshape(2, 3, 5)), m.predict(x).reshape(2, 3))
    assert m.predict(x[0]).shape == ()
    assert m.predict(x[:0]).shape == (0,)
    assert model(spec={"outputs": 2}).predict(x[:0]).shape == (0, 2)
    table = {n: x[:, j] for j, n in enumerate(NAMES)}
    np.testing.assert_array_equal(m.predict(table), m.predict(x))


def test_large_tables_are_predicted_in_chunks(monkeypatch):
    m, x = model(), rows(100)
    expected = m.predict(x)
    monkeypatch.setattr("eigcore.portable.tables.CELLS", 7 * m.encoding.terms)
    np.testing.assert_allclose(m.predict(x), expected, rtol=1e-12)


def test_low_precision_is_computed_in_float32():
    torch = pytest.importorskip("torch")
    m, x = model(), rows(8)
    for dtype in (torch.float16, torch.bfloat16):
        low = torch.tensor(x, dtype=dtype)
        found = m.predict(low)
        assert found.dtype == dtype
        torch.testing.assert_close(found, m.predict(low.float()).to(dtype), equal_nan=True)


def test_torch_gradients_of_inputs_are_the_slopes_of_the_explanation():
    torch = pytest.importorskip("torch")
    m, x = model(), rows(30, missing=False)
    t = torch.tensor(x, requires_grad=True)
    m.predict(t).sum().backward()
    slopes = m.explain(x).slopes[:, : x.shape[1]]
    np.testing.assert_allclose(t.grad.numpy(), np.nan_to_num(slopes), atol=1e-9)


def test_non_finite_rows_raise_in_eager_calls():
    torch = pytest.importorskip("torch")
    m, x = model(missing=False), rows(5, missing=False)
    x[2, 1] = np.nan
    with pytest.raises(NonFiniteInput, match="'age' has 1 missing"):
        m.predict(x)
    with pytest.raises(NonFiniteInput, match="1 of 5"):
        m.predict(torch.tensor(x))
    with pytest.raises(InvalidInput, match="trailing shape"):
        m.predict(torch.zeros(2, 4))


# -- frameworks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_to_torch_and_back_is_the_same_model(variant):
    torch = pytest.importorskip("torch")
    m, x = model(**variant), rows(20)
    module = m.to_torch()
    assert isinstance(module, torch.nn.Module)
    np.testing.assert_allclose(module(torch.tensor(x)).detach().numpy(), m.predict(x), rtol=1e-10)
    back = SpectralModel.from_torch(module)
    assert back.static == m.static
    np.testing.assert_array_equal(back.predict(x), m.predict(x))
    for parameter in module.parameters():
        parameter.data += 1.0
    assert not np.array_equal(SpectralModel.from_torch(module).decision(x), m.decision(x))
    np.testing.assert_array_equal(back.predict(x), m.predict(x))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_to_jax_and_back_is_the_same_model(variant):
    jax = pytest.importorskip("jax")
    m, x = model(**variant), rows(20)
    leaves, apply = m.to_jax()
    y = jax.jit(apply)(leaves, jax.numpy.asarray(x))
    np.testing.assert_allclose(y, m.predict(x), rtol=2e-5, atol=1e-5 * np.abs(m.predict(x)).max())
    back = SpectralModel.from_jax(m.static, leaves)
    assert back.static == m.static
    np.testing.assert_allclose(back.predict(x), m.predict(x), rtol=1e-4, atol=1e-4)


def test_a_plain_spec_and_an_array_from_jax_make_a_model():
    pytest.importorskip("jax")
    m = linear_model()
    back = SpectralModel.from_jax(m.members[0][0], m.params[0])
    np.testing.assert_array_equal(back.predict(np.eye(3)), m.predict(np.eye(3)))


# -- gauge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["dense", "tridiagonal", "banded:2", "diagonal"])
def test_the_canonical_gauge_is_the_same_function_and_the_same_for_equivalent_models(structure):
    rng = np.random.default_rng(0)
    m = linear_model(structure=structure, dim=5)
    c = m.canonical()
    x = rng.normal(size=(30, 3))
    np.testing.assert_allclose(c.predict(x), m.predict(x), atol=1e-12)
    spec, p = m.members[0]
    signs = rng.choice([-1.0, 1.0], size=5)
    turned = m.with_params([p * (signs[spec.rows] * signs[spec.cols])])
    np.testing.assert_allclose(turned.canonical().params[0], c.params[0], atol=1e-12)
    np.testing.assert_allclose(c.canonical().params[0], c.params[0], atol=1e-12)


# -- contradictions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"link": "probit"}, "'logistic'"),
        ({"target_scale": -1.0}, "positive"),
        ({"classes": ("a", "b")}, "logistic"),
        ({"link": "logistic", "classes": ("a",)}, "two classes"),
        ({"weights": (1,)}, "one non-negative number per member"),
        ({"weights": (1, -1)}, "non-negative"),
        ({"provenance": {"rows": object()}}, "provenance"),
    ],
)
def test_a_contradictory_model_is_refused(options, words):
    with pytest.raises(InvalidSpec, match=words):
        model(**options)


def test_parameters_must_fit_and_be_finite():
    e = encoding()
    spec = EigSpec(e.terms, 3)
    with pytest.raises(InvalidSpec, match="should have shape"):
        SpectralModel(e, [(spec, np.zeros((1, 2, 3)))])
    with pytest.raises(InvalidSpec, match="not finite"):
        SpectralModel(e, [(spec, np.full(spec.params_shape, np.nan))])
    with pytest.raises(InvalidSpec, match="features="):
        SpectralModel(e, [(EigSpec(2, 3), np.zeros((1, 3, 6)))])
    with pytest.raises(InvalidSpec, match="at least one member"):
        SpectralModel(e, [])


def test_parameters_are_copied_and_read_only():
    m = linear_model()
    with pytest.raises(ValueError, match="read-only"):
        m.params[0][0, 0, 0] = 1.0


def test_forward_is_what_predict_computes():
    m, x = model(link="log", target_scale=0.1), rows(5)
    np.testing.assert_array_equal(forward(m.static, m.params, x, numpy), m.predict(x))


def test_an_object_of_no_framework_is_told_apart():
    with pytest.raises(InvalidInput, match="The object is of type int; expected one that"):
        SpectralModel.of(3)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_an_object_of_a_framework_takes_no_table(name):
    pytest.importorskip(name)
    m = model()
    made = m.to(name)
    apply = made if name == "torch" else lambda x: made[1](made[0], x)
    with pytest.raises(InvalidInput, match=r"x is of type dict; .*Use model.predict for tables"):
        apply({"size": [1.0]})
