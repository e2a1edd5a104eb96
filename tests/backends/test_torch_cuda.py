"""On a CUDA device the values and gradients are those of the CPU."""

import pytest
from torch_cases import SPECS, model, symmetric, torch

import eigcore
from eigcore.errors import NonFiniteInput

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")


@pytest.mark.cuda
@cuda
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("d", [1, 2, 5, 32, 33, 64])
def test_cuda_gives_the_values_and_gradients_of_the_cpu(d, dtype):
    M = symmetric(7, d, d).to(dtype)
    results = []
    for device in ("cpu", "cuda"):
        leaf = M.detach().to(device).requires_grad_()
        with eigcore.trace() as calls:
            values = eigcore.kth_eigenvalue(leaf, d // 2)
        assert values.device.type == device
        results.append((values.cpu(), torch.autograd.grad(values.sum(), leaf)[0].cpu()))
    assert "cuda" in calls[-1].device
    assert "eigh" in calls[-1].driver
    tolerance = 100 * d * torch.finfo(dtype).eps
    torch.testing.assert_close(results[1][0], results[0][0], rtol=tolerance, atol=tolerance * d)
    if dtype == torch.float64:
        torch.testing.assert_close(results[1][1], results[0][1], rtol=1e-6, atol=1e-6)


@pytest.mark.cuda
@cuda
def test_cuda_models_train_and_double_backward_works():
    spec = SPECS[0]
    assert torch.autograd.gradgradcheck(
        lambda p, x: eigcore.evaluate(spec, p, x),
        tuple(a.detach().cuda().requires_grad_() for a in model(spec)),
    )


@pytest.mark.cuda
@cuda
def test_cuda_bad_rows_raise():
    M = symmetric(3, 4, 4).cuda()
    M[2, 0, 0] = torch.nan
    with pytest.raises(NonFiniteInput, match=r"1 of 3 rows.*index 2"):
        eigcore.kth_eigenvalue(M, 1)
