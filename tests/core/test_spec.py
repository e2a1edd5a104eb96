import dataclasses
import json
import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from eigcore import EigSpec
from eigcore.errors import EigcoreError, InvalidSpec

STRUCTURES = ("dense", "tridiagonal", "banded:0", "banded:2", "diagonal")


@st.composite
def specs(draw):
    features, dim = draw(st.integers(0, 5)), draw(st.integers(3, 7))
    name = draw(st.sampled_from(("kth", "smooth", "top_sum", "bottom_sum", "softmax", "weighted")))
    positive = st.floats(1e-300, 1e300)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    own = {
        "smooth": {"alpha": positive},
        "softmax": {"t": positive},
        "top_sum": {"r": st.integers(1, dim)},
        "bottom_sum": {"r": st.integers(1, dim)},
        "weighted": {"weights": st.tuples(*[finite] * dim)},
    }.get(name, {})
    named = st.sampled_from(("middle", "convex", "concave"))
    signs = st.sampled_from((-1, 0, 1))
    return EigSpec(
        features,
        dim,
        outputs=draw(st.integers(1, 3)),
        index=draw(st.one_of(named, st.integers(-dim, dim - 1))),
        structure=draw(st.sampled_from(STRUCTURES)),
        functional=name,
        monotone=draw(st.sampled_from(((), draw(st.tuples(*[signs] * features))))),
        **{key: draw(value) for key, value in own.items()},
    )


@given(specs())
def test_json_gives_back_the_same_spec(spec):
    text = spec.to_json()
    again = EigSpec.from_json(text)
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.to_json() == text
    assert again.params_shape == spec.params_shape
    assert (again.phi, again.layout) == (spec.phi, spec.layout)


@given(specs())
def test_json_has_every_field_and_nothing_else(spec):
    assert set(json.loads(spec.to_json())) == {field.name for field in dataclasses.fields(spec)}


@given(specs(), specs())
def test_specs_are_equal_exactly_if_their_json_is(one, two):
    assert (one == two) == (one.to_json() == two.to_json())


def test_a_spec_survives_pickling_and_copying():
    spec = EigSpec(3, 5, functional="smooth", alpha=0.5)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert dataclasses.replace(spec, index=0).k == 0


BAD = [
    ({"features": -1}, "features is -1"),
    ({"features": 2.0}, "features is 2.0"),
    ({"features": True}, "features is True"),
    ({"dim": 0}, "dim is 0"),
    ({"dim": "3"}, "dim is '3'"),
    ({"outputs": 0}, "outputs is 0"),
    ({"outputs": None}, "outputs is None"),
    ({"index": 3}, "index is 3; expected -3 <= index < 3"),
    ({"index": -4}, "index is -4"),
    ({"index": "centre"}, "index is 'centre'"),
    ({"index": 1.0}, "index is 1.0"),
    ({"index": True}, "index is True"),
    ({"index": None}, "index is None"),
    ({"structure": "sparse"}, "structure is 'sparse'"),
    ({"structure": "banded"}, "structure is 'banded'"),
    ({"structure": "banded:3"}, "0 <= b < dim = 3"),
    ({"structure": "banded:-1"}, "structure is 'banded:-1'"),
    ({"structure": 1}, "structure is 1"),
    ({"functional": "median"}, "functional is 'median'"),
    ({"functional": []}, "functional is []"),
    ({"functional": "smooth"}, "alpha is None"),
    ({"functional": "smooth", "alpha": 0.0}, "alpha is 0.0"),
    ({"functional": "smooth", "alpha": -1.0}, "alpha is -1.0"),
    ({"functional": "smooth", "alpha": float("nan")}, "alpha is nan"),
    ({"functional": "smooth", "alpha": float("inf")}, "alpha is inf"),
    ({"functional": "smooth", "alpha": "1"}, "alpha is '1'"),
    ({"functional": "smooth", "alpha": True}, "alpha is True"),
    ({"functional": "softmax"}, "t is None"),
    ({"functional": "softmax", "t": 0}, "t is 0"),
    ({"functional": "top_sum"}, "r is None"),
    ({"functional": "top_sum", "r": 0}, "r is 0"),
    ({"functional": "top_sum", "r": 4}, "1 <= r <= dim = 3"),
    ({"functional": "bottom_sum", "r": 1.0}, "r is 1.0"),
    ({"functional": "bottom_sum", "r": True}, "r is True"),
    ({"functional": "weighted"}, "weights is None"),
    ({"functional": "weighted", "weights": (1.0, 2.0)}, "expects 3 finite numbers"),
    ({"functional": "weighted", "weights": (1.0, 2.0, float("nan"))}, "3 finite numbers"),
    ({"functional": "weighted", "weights": 5}, "weights is 5"),
    ({"functional": "weighted", "weights": "abc"}, "weights is 'abc'"),
    ({"alpha": 1.0}, "alpha was given for functional 'kth'"),
    ({"functional": "smooth", "alpha": 1.0, "t": 1.0}, "t was given for functional 'smooth'"),
    ({"functional": "softmax", "t": 1.0, "weights": (1, 1, 1)}, "Leave weights out"),
    ({"monotone": (1,)}, "monotone has 1 entries; expected one per term, 2"),
    ({"monotone": (1, 2)}, "expected only -1, 0 and +1"),
    ({"monotone": (0.5, 0)}, "monotone is (0.5, 0)"),
    ({"monotone": "+-"}, "monotone is '+-'"),
    ({"monotone": 1}, "monotone is 1"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_field_gives_one_clear_error(fields, message):
    with pytest.raises(InvalidSpec) as caught:
        EigSpec(**{"features": 2, "dim": 3, **fields})
    assert message in str(caught.value)
    assert isinstance(caught.value, EigcoreError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        '{"features": 1}',
        '{"features": 1, "dim": 2, "colour": 3}',
        '{"features": 1, "dim": 2, "weights": 5}',
        '{"features": 1, "dim": 2, "monotone": 5}',
        '{"features": "1", "dim": 2}',
        None,
    ],
)
def test_text_that_is_no_spec_is_refused(text):
    with pytest.raises(InvalidSpec):
        EigSpec.from_json(text)


def test_json_may_leave_out_what_has_a_default():
    assert EigSpec.from_json('{"features": 2, "dim": 3}') == EigSpec(2, 3)


@pytest.mark.parametrize(
    ("index", "k"),
    [("middle", 2), ("convex", 4), ("concave", 0), (0, 0), (4, 4), (-1, 4), (-5, 0), (-2, 3)],
)
def test_the_index_counts_from_the_smallest_and_zero_is_legal(index, k):
    assert EigSpec(1, 5, index=index).k == k
    assert EigSpec(1, 5, index=index, functional="smooth", alpha=1.0).phi.parameter == (k, 1.0)


@pytest.mark.parametrize(("dim", "k"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_the_middle_of_d_is_half_of_d_rounded_down(dim, k):
    assert EigSpec(1, dim).k == k


@pytest.mark.parametrize(
    ("structure", "dim", "size"),
    [
        ("dense", 1, 1),
        ("dense", 5, 15),
        ("tridiagonal", 1, 1),
        ("tridiagonal", 5, 9),
        ("diagonal", 5, 5),
        ("banded:0", 5, 5),
        ("banded:1", 5, 9),
        ("banded:2", 5, 12),
        ("banded:4", 5, 15),
    ],
)
def test_params_hold_one_packed_triangle_per_term_and_output(structure, dim, size):
    spec = EigSpec(3, dim, outputs=2, structure=structure)
    assert spec.packed_size == size
    assert spec.params_shape == (2, 4, size)
    assert len(spec.rows) == len(spec.cols) == size
    assert (spec.rows - spec.cols >= 0).all()
    assert (spec.rows - spec.cols).max() == spec.bandwidth


def test_a_model_without_terms_is_a_constant():
    assert EigSpec(0, 3).params_shape == (1, 1, 6)


def test_a_spec_cannot_be_changed():
    spec = EigSpec(2, 3)
    for name in ("dim", "index", "phi", "layout", "new"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(spec, name, 1)


def test_numpy_numbers_and_lists_become_plain_numbers_and_tuples():
    plain = EigSpec(2, 3, index=1, functional="weighted", weights=(1.0, 2.0, 3.0), monotone=(1, 0))
    rich = EigSpec(
        np.int64(2),
        np.int32(3),
        index=np.int64(1),
        functional="weighted",
        weights=np.array([1, 2, 3]),
        monotone=[1, np.int8(0)],
    )
    assert rich == plain
    assert hash(rich) == hash(plain)
    assert rich.to_json() == plain.to_json()
    for name, value in (("alpha", np.float32(0.5)), ("t", np.float64(0.5)), ("r", np.int64(2))):
        functional = {"alpha": "smooth", "t": "softmax", "r": "top_sum"}[name]
        spec = EigSpec(2, 3, functional=functional, **{name: value})
        assert EigSpec.from_json(spec.to_json()) == spec


def test_packing_keeps_the_norm():
    # |p| = ‖M(p)‖_F for every structure (math.md, section 1)
    rng = np.random.default_rng(0)
    for structure in STRUCTURES:
        spec = EigSpec(1, 4, structure=structure)
        p = rng.normal(size=spec.packed_size)
        M = np.zeros((4, 4))
        M[spec.rows, spec.cols] = M[spec.cols, spec.rows] = p * spec.layout.scale
        assert np.linalg.norm(M) == pytest.approx(np.linalg.norm(p), rel=1e-15)
