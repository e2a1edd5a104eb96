"""The trace tells what ran."""

import numpy as np
import pytest
from arrays import BACKENDS, SPEC, model, on, symmetric, torch

import eigcore
from eigcore import EigSpec
from eigcore.errors import NonFiniteInput


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_trace_tells_what_ran(backend):
    params, x = model(batch=(500,))
    with eigcore.trace() as calls:
        eigcore.evaluate(SPEC, on(backend, params), on(backend, x))
        eigcore.vjp(SPEC, on(backend, params, "float32"), on(backend, x, "float32"))
    assert [call.backend for call in calls] == [backend] * 2
    assert [call.shape for call in calls] == [(500, 4, 4)] * 2
    assert [call.dtype.removeprefix("torch.") for call in calls] == ["float64", "float32"]
    for call in calls:
        assert "eig" in call.driver
        assert "cpu" in call.device.lower()
        assert 0 < call.seconds < 60


def test_the_trace_says_where_a_small_torch_call_really_ran():
    with eigcore.trace() as calls:
        value = eigcore.kth_eigenvalue(torch.eye(3), 1)
    assert isinstance(value, torch.Tensor)
    assert calls[0].backend == "torch"
    assert calls[0].driver.startswith(("scipy.", "eigcore-native"))


def test_nested_traces_each_see_what_is_inside_them():
    M = symmetric(3, 3)
    with eigcore.trace() as outer:
        eigcore.kth_eigenvalue(M, 0)
        with eigcore.trace() as inner:
            eigcore.kth_eigenpair(symmetric(4, 4), 1)
        eigcore.kth_eigenvalue(M, 2)
    assert len(inner) == 1
    assert len(outer) == 3
    assert outer[1] is inner[0]
    assert [call.shape for call in outer] == [(3, 3), (4, 4), (3, 3)]
    eigcore.kth_eigenvalue(M, 0)
    assert len(outer) == 3


def test_the_trace_ends_with_its_block_even_after_an_error():
    from eigcore.dispatch import tracing

    with pytest.raises(NonFiniteInput), eigcore.trace() as calls:
        eigcore.kth_eigenvalue(np.full((2, 2), np.nan), 0)
    assert not tracing.active()
    assert len(calls) == 1


def test_a_diagonal_model_needs_no_solver():
    spec = EigSpec(1, 4, structure="diagonal")
    with eigcore.trace() as calls:
        eigcore.evaluate(spec, np.ones(spec.params_shape), np.ones((2, 1)))
    assert calls == []
