"""Kernels of pencils that they do not read themselves: NumPy forms the matrices."""

from __future__ import annotations

from typing import Any

import eigcore_kernels
import numpy as np
import pytest

import eigcore
from eigcore import EigSpec
from eigcore.core.rules import rule_of
from eigcore.core.sources import Pencil
from eigcore.core.spectrum import spectrum_of

pytestmark = pytest.mark.skipif(eigcore_kernels.NATIVE is None, reason="needs eigcore-native")

SOFTMAX = {"functional": "softmax", "t": 0.5}
CASES = {
    "several outputs": (EigSpec(4, 5, 3), None),
    "many features": (EigSpec(40, 5), None),
    "all eigenvalues": (EigSpec(4, 5, **SOFTMAX), None),
    "neighbours": (EigSpec(4, 5, 2), (1, 3)),
}


def given(name):
    spec, ends = CASES[name]
    rng = np.random.default_rng(0)
    rule = rule_of(spec) if ends is None else spectrum_of(spec.layout, *ends)
    source = Pencil(rng.normal(size=spec.params_shape), rng.normal(size=(7, spec.features)))
    return rule, source


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_that_of_the_composition(name):
    numpy, (rule, source) = eigcore.get_backend("numpy"), given(name)
    found: Any = eigcore_kernels.kernel(numpy, rule, source, "pullback")
    own: Any = rule.composed(numpy, source.assembled(numpy), "pullback")
    np.testing.assert_allclose(found.values, own.values, atol=1e-12)
    g = np.random.default_rng(1).normal(size=own.values.shape)
    expected = source.pulled_back(numpy, own.pullback(g)[0])
    for a, b in zip(found.pullback(g), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    d_params, d_x = found.pullback(g, (True, False))
    np.testing.assert_allclose(d_params, expected[0], atol=1e-12)
    assert d_x is None


@pytest.mark.parametrize("name", CASES)
def test_torch_has_one_node_for_it(name):
    torch = pytest.importorskip("torch")
    backend, (rule, source) = eigcore.get_backend("torch"), given(name)
    many = Pencil(source.params, np.tile(source.x, (2000, 1)))
    arrays = [torch.tensor(a, requires_grad=True) for a in many]
    with eigcore.trace() as solves:
        y = backend.evaluate(rule, many.with_arrays(*arrays))
    assert [solve.driver for solve in solves] == [eigcore_kernels.DRIVER]
    assert y.grad_fn.name() == "KernelBackward"
    y.sum().backward()
    numpy = eigcore.get_backend("numpy")
    own: Any = rule.composed(numpy, many.assembled(numpy), "pullback")
    expected = many.pulled_back(numpy, own.pullback(np.ones(own.values.shape))[0])
    for a, b in zip(arrays, expected, strict=True):
        np.testing.assert_allclose(a.grad, b, rtol=1e-9, atol=1e-9)
