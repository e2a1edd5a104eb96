"""What goes into a public function: backends, dtypes, forms, shapes, numbers that are none."""

import os
import subprocess
import sys

import numpy as np
import pytest
from arrays import BACKENDS, KINDS, SPEC, host, jnp, model, name_of, on, symmetric, torch

import eigcore
from eigcore import EigSpec
from eigcore.errors import BackendUnavailable, InvalidInput, NonFiniteInput

# -- which backend


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_choose_their_own_library(backend):
    values = eigcore.kth_eigenvalue(on(backend, symmetric(2, 3, 3)), 1)
    assert isinstance(values, KINDS[backend])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_argument_chooses_the_library_for_lists_and_numpy_arrays(backend):
    for M in ([[2.0, 0.0], [0.0, 1.0]], np.diag([2.0, 1.0])):
        value = eigcore.kth_eigenvalue(M, 0, backend=backend)
        if backend != "numpy":
            assert isinstance(value, KINDS[backend])
        assert float(value) == 1.0


def test_a_backend_object_is_as_good_as_its_name():
    backend = eigcore.get_backend("torch")
    assert eigcore.get_backend(backend) is backend
    assert isinstance(eigcore.kth_eigenvalue([[1.0]], 0, backend=backend), torch.Tensor)


def test_lists_go_to_the_default_which_is_numpy():
    assert not isinstance(eigcore.kth_eigenvalue([[1.0]], 0), (torch.Tensor, jnp.ndarray))
    with eigcore.use_backend("torch") as backend:
        assert backend.name == "torch"
        assert isinstance(eigcore.kth_eigenvalue([[1.0]], 0), torch.Tensor)
        with eigcore.use_backend("jax"):
            assert isinstance(eigcore.kth_eigenvalue([[1.0]], 0), jnp.ndarray)
        assert eigcore.get_backend().name == "torch"
    assert eigcore.get_backend().name == "numpy"


def test_the_default_is_put_back_after_an_error():
    with pytest.raises(ZeroDivisionError), eigcore.use_backend("torch"):
        raise ZeroDivisionError
    assert eigcore.get_backend().name == "numpy"


def test_use_backend_as_a_call_lasts(monkeypatch):
    monkeypatch.setenv("EIGCORE_BACKEND", "jax")
    chosen = eigcore.use_backend("torch")
    try:
        assert eigcore.get_backend().name == "torch"
    finally:
        chosen.__exit__()
    assert eigcore.get_backend().name == "jax"


def test_the_environment_names_the_default(monkeypatch):
    monkeypatch.setenv("EIGCORE_BACKEND", "torch")
    assert isinstance(eigcore.kth_eigenvalue([[1.0]], 0), torch.Tensor)
    monkeypatch.setenv("EIGCORE_BACKEND", "nonsense")
    with pytest.raises(BackendUnavailable, match='no backend "nonsense"'):
        eigcore.kth_eigenvalue([[1.0]], 0)


def test_arrays_come_before_the_default_and_the_argument_before_arrays():
    with eigcore.use_backend("torch"):
        assert isinstance(eigcore.kth_eigenvalue(jnp.eye(2), 0), jnp.ndarray)
        value = eigcore.kth_eigenvalue(np.eye(2)[None], 0)
        assert isinstance(value, np.ndarray)
        assert isinstance(eigcore.kth_eigenvalue(np.eye(2), 0, backend="jax"), jnp.ndarray)


def test_a_mistake_in_use_backend_shows_at_once():
    with pytest.raises(BackendUnavailable):
        eigcore.use_backend("nonsense")


@pytest.mark.parametrize(("one", "two"), [("numpy", "torch"), ("torch", "jax"), ("jax", "numpy")])
def test_libraries_cannot_be_mixed_in_one_call(one, two):
    params, x = model()
    with pytest.raises(InvalidInput, match=f"(?s){min(one, two)} and {max(one, two)}.*asarray"):
        eigcore.evaluate(SPEC, on(one, params), on(two, x))


@pytest.mark.parametrize(
    ("arrays", "backend"), [("torch", "jax"), ("jax", "torch"), ("torch", "numpy")]
)
def test_arrays_are_not_moved_to_the_backend_asked_for(arrays, backend):
    with pytest.raises(InvalidInput, match=f"{arrays}.*'{backend}'"):
        eigcore.kth_eigenvalue(on(arrays, np.eye(2)), 0, backend=backend)


def test_the_choice_holds_for_one_thread_only():
    from concurrent.futures import ThreadPoolExecutor

    with eigcore.use_backend("torch"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: eigcore.get_backend().name).result() == "numpy"


# -- dtypes


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_result_has_the_dtype_of_its_input(dtype, backend):
    if dtype not in eigcore.get_backend(backend).capabilities.dtypes:
        import ml_dtypes

        with pytest.raises(InvalidInput, match='not among those of backend "numpy"'):
            eigcore.kth_eigenvalue(np.eye(3, dtype=getattr(ml_dtypes, dtype)), 1)
        return
    params, x = model()
    params, x = on(backend, params, dtype), on(backend, x, dtype)
    values, pullback = eigcore.vjp(SPEC, params, x)
    assert name_of(values) == name_of(eigcore.evaluate(SPEC, params, x)) == dtype
    assert [name_of(g) for g in pullback(values)] == [dtype, dtype]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype, backend):
    if dtype not in eigcore.get_backend(backend).capabilities.dtypes:
        pytest.skip("numpy declares no bfloat16")
    M = on(backend, symmetric(4, 5, 5), dtype)
    with eigcore.trace() as calls:
        values = eigcore.kth_eigenvalue(M, 2)
    assert calls[0].dtype.removeprefix("torch.") == "float32"
    wanted = eigcore.kth_eigenvalue(eigcore.get_backend(backend).asarray(M, dtype="float32"), 2)
    again = eigcore.get_backend(backend).asarray(wanted, dtype=dtype)
    assert (
        host(values.astype("float32") if backend != "torch" else values.float())
        == host(again.astype("float32") if backend != "torch" else again.float())
    ).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["int64", "int32", "bool"])
def test_integers_become_float64(dtype, backend):
    M = on(backend, np.eye(3) > 0 if dtype == "bool" else np.diag([1, 2, 3]), dtype)
    value = eigcore.kth_eigenvalue(M[None], 1)
    assert name_of(value) == "float64"
    assert isinstance(value, KINDS[backend])


@pytest.mark.parametrize("backend", BACKENDS)
def test_lists_take_the_dtype_of_the_arrays_beside_them(backend):
    params, x = model(batch=(2,))
    values = eigcore.evaluate(SPEC, on(backend, params, "float32"), x.tolist())
    assert name_of(values) == "float32"
    assert (
        name_of(eigcore.evaluate(SPEC, params.tolist(), x.tolist(), backend=backend)) == "float64"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_lists_numbers_and_frames_keep_all_their_digits(backend):
    pd = pytest.importorskip("pandas")
    spec, params = EigSpec(1, 1), on(backend, [[[0.0], [1.0]]])
    for cell in ([[0.1]], ((0.1,),), pd.DataFrame([[0.1]]), np.array([[0.1]], dtype=object)):
        assert float(eigcore.kth_eigenvalue(cell, 0, backend=backend)) == 0.1
    assert float(eigcore.kth_eigenvalue([[2**30 + 1]], 0, backend=backend)) == 2**30 + 1
    assert float(eigcore.evaluate(spec, params, [0.1])) == 0.1
    _, pullback = eigcore.vjp(spec, params, [[0.1], [0.2]])
    d_params, d_x = pullback([0.1, 0.3])
    np.testing.assert_allclose(host(d_params).ravel(), [0.4, 0.07], rtol=1e-15)
    np.testing.assert_allclose(host(d_x).ravel(), [0.1, 0.3], rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_float_types_in_one_call_are_refused(backend):
    params, x = model()
    with pytest.raises(InvalidInput, match=r"float32 and float64.*Convert one array"):
        eigcore.evaluate(SPEC, on(backend, params), on(backend, x, "float32"))
    with pytest.raises(InvalidInput, match="float16 and float32"):
        eigcore.kth_eigenvalue_tridiagonal(
            on(backend, [1.0, 2.0], "float16"), on(backend, [1.0], "float32"), 0
        )


FORMS = {
    "reversed": lambda M: M[::-1, ::-1],
    "every second": lambda M: np.repeat(np.repeat(M, 2, 0), 2, 1)[::2, ::2],
    "column-major": np.asfortranarray,
    "big-endian": lambda M: M.astype(">f8"),
    "big-endian integers": lambda M: M.round().astype(">i4"),
    "objects": lambda M: M.astype(object),
    "read-only": lambda M: np.broadcast_to(M, (2, *M.shape)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("form", FORMS)
def test_numpy_arrays_of_every_form_are_read_by_every_backend(backend, form):
    M = FORMS[form](symmetric(3, 3))
    found = np.asarray(eigcore.kth_eigenvalue(M, 1, backend=backend))
    expected = np.linalg.eigvalsh(M.astype("float64"))[..., 1]
    assert np.allclose(found, expected, rtol=0, atol=1e-12)


REFUSED = {
    "text": (np.eye(2).astype("S3"), r"\|S3; expected numbers"),
    "dates": (np.eye(2).astype("M8[s]"), r"datetime64\[s\]; expected numbers"),
    "masked": (np.ma.masked_array(np.eye(2), np.eye(2) > 0), r"masked.*a\.filled\(value\)"),
    "objects": (np.array([["x", 1], [1, 2]], object), r"ndarray is no array of numbers: .*'x'"),
    "a list": ([["x", 1.0], [1.0, 2.0]], r"list is no array of numbers"),
    "ragged": ([[1.0, 2.0], [3.0]], r"list is no array of numbers.*nested lists of equal length"),
}
if np.dtype("longdouble").itemsize > 8:
    longer = np.eye(2, dtype="longdouble")
    REFUSED["long"] = longer, r"float64, float32, float16, bfloat16\. Convert"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_an_array_of_real_numbers_is_refused(backend, what):
    array, message = REFUSED[what]
    with pytest.raises(InvalidInput, match=message):
        eigcore.kth_eigenvalue(array, 0, backend=backend)


# -- numbers that are none


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_counted_and_the_first_is_named(bad, backend):
    params, x = model(batch=(3, 4))
    x[1, 2, 0] = x[2, 0, 1] = x[2, 0, 2] = bad
    with pytest.raises(NonFiniteInput, match=r"2 of 12 rows.* first at index 6 .*finite numbers"):
        eigcore.evaluate(SPEC, on(backend, params), on(backend, x))
    with pytest.raises(NonFiniteInput, match="2 of 12 rows"):
        eigcore.vjp(SPEC, on(backend, params), on(backend, x))
    M = symmetric(2, 3, 3)
    M[1, 0, 1] = bad
    for call in (eigcore.kth_eigenvalue, eigcore.kth_eigenpair):
        with pytest.raises(NonFiniteInput, match=r"M: 1 of 2 rows.*index 1"):
            call(on(backend, M), 1)
    with pytest.raises(NonFiniteInput, match=r"M: 1 of 2 rows.*index 1"):
        eigcore.smooth_kth_eigenvalue(on(backend, M), 1, 0.5)
    with pytest.raises(NonFiniteInput, match=r"diag, off: 1 of 2 rows.*index 0"):
        eigcore.kth_eigenvalue_tridiagonal(
            on(backend, [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
            on(backend, [[1.0, bad], [0.0, 1.0]]),
            1,
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_that_are_not_finite_spoil_every_row(backend):
    params, x = model(EigSpec(3, 4, outputs=2))
    params[1, 0, 0] = np.nan
    with pytest.raises(NonFiniteInput, match=r"x and params: 5 of 5 rows"):
        eigcore.evaluate(EigSpec(3, 4, outputs=2), on(backend, params), on(backend, x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_near_overflow_are_no_reason_to_complain(backend):
    M = np.broadcast_to(np.eye(3), (4, 3, 3)) * 1.5e308
    assert (host(eigcore.kth_eigenvalue(on(backend, M), 1)) == 1.5e308).all()


# -- shapes


SHAPES = [
    (lambda p, x: eigcore.evaluate(SPEC, p, x[..., :2]), ["x", "(3,)", "(5, 2)", "last axis"]),
    (lambda p, x: eigcore.evaluate(SPEC, p, x[0, 0]), ["x", "(3,)", "()"]),
    (lambda p, x: eigcore.evaluate(SPEC, p[0], x), ["params", "(1, 4, 10)", "(4, 10)"]),
    (lambda p, x: eigcore.evaluate(SPEC, p[..., 1:], x), ["params", "(1, 4, 10)", "(1, 4, 9)"]),
    (lambda p, x: eigcore.vjp(SPEC, p, x)[1](x[:, :1]), ["cotangent", "(5,)", "(5, 1)"]),
    (lambda p, x: eigcore.jvp(SPEC, p, x, p, x[0]), ["d_x", "(5, 3)", "(3,)"]),
    (lambda p, x: eigcore.kth_eigenvalue(x, 0), ["M", "(..., d, d)", "(5, 3)"]),
    (lambda p, x: eigcore.kth_eigenvalue(x[0], 0), ["M", "(..., d, d)", "(3,)"]),
    (lambda p, x: eigcore.kth_eigenvalue(x[:0, :0], 0), ["M", "d >= 1", "(0, 0)"]),
    (lambda p, x: eigcore.kth_eigenpair(x, 0), ["M", "(..., d, d)", "(5, 3)"]),
    (lambda p, x: eigcore.kth_eigenvalue(x[:3], 3), ["k is 3", "-3 <= k < 3"]),
    (lambda p, x: eigcore.kth_eigenvalue(x[:3], -4), ["k is -4", "-3 <= k < 3"]),
    (lambda p, x: eigcore.kth_eigenvalue(x[:3], 1.5), ["k is 1.5", "integer"]),
    (lambda p, x: eigcore.smooth_kth_eigenvalue(x[:3], 1, 0.0), ["alpha is 0.0", "positive"]),
    (lambda p, x: eigcore.smooth_kth_eigenvalue(x[:3], 1, np.inf), ["alpha is inf", "finite"]),
    (
        lambda p, x: eigcore.kth_eigenvalue_tridiagonal(x, x, 0),
        ["diag and off", "(5, 3) and (5, 3)", "(..., d - 1)"],
    ),
    (
        lambda p, x: eigcore.kth_eigenvalue_tridiagonal(x, x[0, 1:], 0),
        ["(5, 3) and (2,)", "equal leading axes"],
    ),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("call", "facts"), SHAPES, ids=lambda v: v[0] if type(v) is list else "")
def test_a_wrong_shape_says_what_came_and_what_was_expected(call, facts, backend):
    params, x = model()
    with pytest.raises(InvalidInput) as caught:
        call(on(backend, params), on(backend, x))
    for fact in facts:
        assert fact in str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("structure", ["dense", "tridiagonal", "banded:2", "diagonal"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_leading_axes_are_kept_and_outputs_come_last(outputs, structure, backend):
    spec = EigSpec(3, 4, outputs=outputs, structure=structure)
    tail = () if outputs == 1 else (outputs,)
    for batch in ((), (1, 3), (2, 0)):
        params, x = model(spec, batch)
        values, pullback = eigcore.vjp(spec, on(backend, params), on(backend, x))
        assert tuple(values.shape) == (*batch, *tail)
        assert tuple(eigcore.evaluate(spec, on(backend, params), on(backend, x)).shape) == (
            *batch,
            *tail,
        )
        d_params, d_x = pullback(values)
        assert tuple(d_params.shape) == params.shape
        assert tuple(d_x.shape) == x.shape


@pytest.mark.parametrize("backend", BACKENDS)
def test_empty_batches_give_empty_results(backend):
    M = on(backend, np.zeros((0, 3, 3)))
    assert eigcore.kth_eigenvalue(M, 1).shape == (0,)
    assert eigcore.smooth_kth_eigenvalue(M, 1, 1.0).shape == (0,)
    values, vectors = eigcore.kth_eigenpair(M, 1)
    assert (tuple(values.shape), tuple(vectors.shape)) == ((0,), (0, 3))
    for d in (1, 2, 5, 40):
        diag, off = on(backend, np.zeros((0, 2, d))), on(backend, np.zeros((0, 2, d - 1)))
        assert eigcore.kth_eigenvalue_tridiagonal(diag, off, 0).shape == (0, 2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_matrix_of_order_one_is_its_own_eigenvalue(backend):
    M = on(backend, [[[2.0]], [[-3.0]]])
    assert host(eigcore.kth_eigenvalue(M, 0)).tolist() == [2.0, -3.0]
    assert host(eigcore.kth_eigenvalue(M, -1)).tolist() == [2.0, -3.0]
    assert (abs(host(eigcore.kth_eigenpair(M, 0)[1])) == 1).all()
    diag, off = on(backend, [[2.0], [-3.0]]), on(backend, np.zeros((2, 0)))
    assert host(eigcore.kth_eigenvalue_tridiagonal(diag, off, 0)).tolist() == [2.0, -3.0]
    for structure in ("dense", "tridiagonal", "diagonal", "banded:0"):
        spec = EigSpec(1, 1, structure=structure)
        values = eigcore.evaluate(spec, on(backend, [[[1.0], [2.0]]]), on(backend, [[3.0]]))
        assert host(values).tolist() == [7.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_without_terms_gives_its_constant(backend):
    spec = EigSpec(0, 2, structure="diagonal")
    params, x = on(backend, [[[2.0, 1.0]]]), on(backend, np.zeros((3, 0)))
    assert host(eigcore.evaluate(spec, params, x)).tolist() == [2.0] * 3
    d_params, d_x = eigcore.vjp(spec, params, x)[1](on(backend, np.ones(3)))
    assert host(d_params).tolist() == [[[3.0, 0.0]]]
    assert tuple(d_x.shape) == (3, 0)


def test_the_public_names_are_there_and_only_those():
    assert set(eigcore.__all__) <= set(dir(eigcore))
    for name in eigcore.__all__:
        assert getattr(eigcore, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'eigenvalue'"):
        eigcore.eigenvalue  # noqa: B018


def test_the_environment_variable_works_from_outside():
    code = "import eigcore; print(type(eigcore.kth_eigenvalue([[1.0]], 0)).__module__)"

    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "EIGCORE_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "torch"


def test_lists_of_complex_numbers_are_not_cut():
    M = [[2.0, 1j], [-1j, 2.0]]
    assert eigcore.kth_eigenvalue(M, 0) == pytest.approx(1.0)
    assert eigcore.eigenvalues(tuple(map(tuple, M))).tolist() == pytest.approx([1.0, 3.0])
    for call in (
        lambda: eigcore.spectral_map(M, "polar"),
        lambda: eigcore.evaluate(SPEC, on("numpy", np.ones(SPEC.params_shape)), [1j, 0, 0]),
        lambda: eigcore.vjp(eigcore.eigenvalues, M),
    ):
        with pytest.raises(InvalidInput, match="expected real numbers"):
            call()
