"""Operators, export, and tensors without numbers."""

import numpy as np
import pytest
from torch_cases import SPECS, Neuron, quiet, torch

import eigcore


@pytest.mark.parametrize("name", ["value", "value_and_gradient", "curvature"])
@pytest.mark.parametrize(
    "key",
    [
        '[3, 2, "square", "kth", 1]',
        '[3, 2, "full", "kth", 1]',
        '[3, 1, "pair", "kth", 0]',
        '[3, 2, "packed", "smooth", [1, 0.5]]',
        '[3, 0, "packed", "softmax", 0.5]',
        '[3, 2, "square", "several", [0, 1, 1]]',
    ],
)
def test_operators_pass_opcheck(name, key):
    from eigcore.core.keys import rule_from_key

    eigcore.get_backend("torch")  # registers them
    core = rule_from_key(key).layout.core
    operator = getattr(torch.ops.eigcore, name).default
    usual = '"square", "kth"' in key  # shapes do not depend on the rule
    for batch in ((), (2, 3), (0,)) if usual else ((2, 3),):
        p = torch.tensor(np.random.default_rng(0).normal(size=(*batch, *core)))
        # the curvature has no derivative, which AOT dispatch would ask for
        wants = name != "curvature"
        torch.library.opcheck(operator, (p.requires_grad_(wants), key))


@quiet
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[1], SPECS[4]], ids=["dense", "tri", "smooth"])
def test_an_exported_model_is_saved_loaded_and_takes_any_batch(spec, tmp_path):
    neuron = Neuron(spec)
    x = torch.randn(5, 2, dtype=torch.float64)
    program = torch.export.export(
        neuron, (x,), dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}}, strict=False
    )
    torch.export.save(program, tmp_path / "neuron.pt2")
    again = torch.export.load(tmp_path / "neuron.pt2").module()
    for rows in (5, 2, 11):
        x = torch.randn(rows, 2, dtype=torch.float64)
        torch.testing.assert_close(again(x), neuron(x))


def test_shapes_dtypes_and_devices_flow_through_fake_cuda_tensors():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        for dtype in (torch.float64, torch.float32):
            M = torch.empty(3, 5, 4, 4, device="cuda", dtype=dtype)
            results = [eigcore.kth_eigenvalue(M, 1), eigcore.smooth_kth_eigenvalue(M, 1, 0.5)]
            p, rule = M, '[4, 3, "square", "kth", 1]'
            value, gradient = torch.ops.eigcore.value_and_gradient(p, rule)
            bend = torch.ops.eigcore.curvature(p, rule)
            for result in (*results, value, gradient, *bend):
                assert result.device.type == "cuda"
                assert result.dtype == dtype
            assert {tuple(result.shape) for result in (*results, value)} == {(3, 5)}
            assert gradient.shape == p.shape
            assert {tuple(b.shape) for b in bend} == {(3, 5, 4, 4)}


def test_models_flow_through_the_meta_device():
    spec = SPECS[4]
    params = torch.empty(spec.params_shape, device="meta")
    values = eigcore.evaluate(spec, params, torch.empty(7, 2, device="meta"))
    assert (tuple(values.shape), values.device.type, values.dtype) == (
        (7, 2),
        "meta",
        torch.float32,
    )
