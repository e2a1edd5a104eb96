"""Counters of operations and other dispatch modes of torch see every eigensolve."""

import pytest

torch = pytest.importorskip("torch")

from eigcore_torch import SpectralLayer  # noqa: E402
from samples import model, rows  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402, TID253
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402, TID253

import eigcore  # noqa: E402

# torch's own, when it loads forward mode and the exporter
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")

M = torch.randn(10, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
VALUES, PAIRS = 10 * (4 * 4**3 // 3), 10 * 9 * 4**3


def kth(M):
    return eigcore.kth_eigenvalue(M, 1)


def summed(M):
    return kth(M).sum()


def counted(function, *args):
    """The result of a function, and the operations of its eigensolves."""
    with FlopCounterMode(display=False) as counter:
        result = function(*args)
    found = counter.get_flop_counts()["Global"].items()
    return result, sum(count for name, count in found if "eig" in str(name))


@pytest.mark.parametrize(
    ("function", "flops"),
    [
        (kth, VALUES),
        (lambda M: eigcore.smooth_kth_eigenvalue(M, 1, 0.1), VALUES),
        (lambda M: eigcore.kth_eigenvalue_tridiagonal(M[..., 0], M[..., 0, 1:], 1), VALUES),
        (lambda M: eigcore.kth_eigenpair(M, 1)[0], PAIRS),
        (torch.vmap(kth), PAIRS),
        (torch.func.grad(summed), PAIRS),
        (torch.vmap(torch.func.grad(kth)), PAIRS),
        (torch.func.jacrev(torch.func.grad(summed)), 2 * PAIRS),
        (lambda M: torch.func.jvp(kth, (M,), (M,))[1], VALUES + PAIRS),
    ],
)
def test_functions_and_transforms_are_counted_and_give_the_same(function, flops):
    result, found = counted(function, M)
    assert found == flops
    torch.testing.assert_close(result, function(M))


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("structure", "each"), [("dense", 9 * 5**3), ("banded:1", 9 * 5**3), ("diagonal", 0)]
)
def test_layers_are_counted_forward_and_backward(device, structure, each):
    with torch.device(device):
        net = torch.nn.Sequential(
            SpectralLayer(3, 16, 5, structure=structure), SpectralLayer(16, 1, 5)
        )
        x = torch.ones(64, 3)
    expected = 64 * (16 * each + 9 * 5**3)
    assert counted(net, x)[1] == expected
    assert counted(lambda: net(x).sum().backward())[1] == expected  # one solve gives both
    with torch.no_grad():
        assert counted(net, x)[1] == 64 * (16 * (4 * 5**3 // 3 if each else 0) + 4 * 5**3 // 3)


def test_models_and_exported_programs_are_counted():
    module = model(dims=(4, 3)).to_torch()
    x = torch.tensor(rows(20, missing=False))
    for function in (module, torch.export.export(module, (x,)).module()):
        result, found = counted(function, x)
        assert found == 20 * 9 * (4**3 + 3**3)
        torch.testing.assert_close(result, module(x))


def test_a_tracer_of_operators_records_the_eigensolve_not_its_result():
    traced = make_fx(kth)(M)
    torch.testing.assert_close(traced(2 * M), kth(2 * M))


def test_dual_numbers_are_counted():
    from torch.autograd import forward_ad

    with forward_ad.dual_level():
        dual = forward_ad.make_dual(M, M)
        result, found = counted(kth, dual)
        torch.testing.assert_close(forward_ad.unpack_dual(result).tangent, kth(M))
    assert found == VALUES + PAIRS
