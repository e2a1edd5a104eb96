"""torch.compile: one graph, equal values and gradients, any size of batch."""

import os

import pytest
from torch_cases import SPECS, middle, model, quiet, smooth, symmetric, torch

import eigcore
from eigcore import EigSpec

F = torch.func


def compiler_missing():
    import shutil

    return None if shutil.which("c++") or shutil.which("g++") else "inductor needs a C++ compiler"


@pytest.fixture(params=["aot_eager", "inductor"])
def compiled(request):
    if request.param == "inductor" and (reason := compiler_missing()):
        pytest.skip(reason)
    torch._dynamo.reset()
    return lambda f, **options: torch.compile(f, backend=request.param, fullgraph=True, **options)


@quiet
def test_compiled_eigenvalues_and_gradients_equal_eager_ones(compiled):
    fast = compiled(middle)
    for M in (symmetric(3, 4, 4), symmetric(3, 4, 4, seed=1)):
        torch.testing.assert_close(fast(M), middle(M))
        leaf = M.clone().requires_grad_()
        (ours,) = torch.autograd.grad(fast(leaf).sum(), leaf)
        (theirs,) = torch.autograd.grad(middle(leaf).sum(), leaf)
        torch.testing.assert_close(ours, theirs)


@quiet
@pytest.mark.parametrize("spec", [SPECS[0], SPECS[1], SPECS[4]], ids=["dense", "tri", "smooth"])
def test_compiled_models_and_gradients_equal_eager_ones(spec, compiled):
    fast = compiled(lambda p, x: eigcore.evaluate(spec, p, x))
    params, x = model(spec)
    values = fast(params, x)
    torch.testing.assert_close(values, eigcore.evaluate(spec, params, x))
    ours = torch.autograd.grad(values.square().sum(), (params, x))
    theirs = torch.autograd.grad(eigcore.evaluate(spec, params, x).square().sum(), (params, x))
    torch.testing.assert_close(ours, theirs)


@quiet
def test_compiling_makes_one_graph_without_breaks():
    torch._dynamo.reset()
    spec = EigSpec(2, 3)

    def loss(params, x, M, diag, off):
        with torch.no_grad():
            pair = eigcore.kth_eigenpair(M, 0)
        return (
            eigcore.evaluate(spec, params, x).sum()
            + smooth(M).sum()
            + eigcore.kth_eigenvalue_tridiagonal(diag, off, 0)
            + pair[0].sum()
        )

    arguments = (*model(spec), symmetric(3, 3), torch.ones(3), torch.ones(2))
    report = torch._dynamo.explain(loss)(*arguments)
    assert report.graph_break_count == 0, report.break_reasons
    assert report.graph_count == 1


@quiet
def test_a_spec_that_nobody_has_read_yet_can_be_compiled():
    params, x = torch.ones(1, 3, 10), torch.ones(5, 2)
    f = torch.compile(lambda p, x: eigcore.evaluate(EigSpec(2, 4), p, x), backend="aot_eager")
    torch.testing.assert_close(f(params, x), eigcore.evaluate(EigSpec(2, 4), params, x))


@quiet
def test_a_compiled_function_takes_batches_of_any_size_without_compiling_again():
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    fast = torch.compile(middle, backend=counter, fullgraph=True, dynamic=True)
    for rows in (2, 3, 17):
        M = symmetric(rows, 4, 4)
        torch.testing.assert_close(fast(M), middle(M))
    assert counter.frame_count == 1


@quiet
def test_bad_rows_are_nan_in_compiled_code_and_leave_their_neighbours_alone():
    torch._dynamo.reset()
    fast = torch.compile(middle, backend="aot_eager", fullgraph=True)
    M = symmetric(3, 4, 4)
    wanted = middle(M)
    M[1, 0, 1] = torch.inf
    leaf = M.clone().requires_grad_()
    values = fast(leaf)
    assert torch.isnan(values[1])
    torch.testing.assert_close(values[::2].detach(), wanted[::2])
    (G,) = torch.autograd.grad(values.sum(), leaf)
    assert torch.isnan(G[1]).all()
    assert torch.isfinite(G[::2]).all()


@quiet
def test_double_backward_of_compiled_code_raises():
    torch._dynamo.reset()
    fast = torch.compile(middle, backend="aot_eager", fullgraph=True)
    M = symmetric(4, 4, grad=True)
    value = fast(M)
    (G,) = torch.autograd.grad(value, M, create_graph=True)
    with pytest.raises(RuntimeError, match=r"create_graph|double backward"):
        (G.square().sum() + value).backward()


@pytest.mark.parametrize("transform", [F.grad, F.jacrev])
def test_compiling_a_derivative_of_torch_func_is_refused_in_one_sentence(transform):
    M = symmetric(4, 4)
    for full in (True, False):
        fast = torch.compile(transform(middle), backend="aot_eager", fullgraph=full)
        with pytest.raises(RuntimeError, match=r"inside torch\.func\.grad.*eager mode"):
            fast(M)
    mapped = torch.compile(F.vmap(middle), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(mapped(symmetric(3, 4, 4)), middle(symmetric(3, 4, 4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_the_first_call_of_a_process_can_be_a_compiled_one():
    # the registry loads the backend while torch traces
    import subprocess
    import sys

    code = """
import os, sys, torch
import eigcore
M = torch.diag(torch.tensor([1.0, 3.0, 2.0])).requires_grad_()
torch.compile(lambda M: 2 * M, backend="aot_eager")(M)  # loads the compiler
assert "eigcore_torch" not in sys.modules
for options in ({}, {"backend": "torch"}):
    if os.fork():
        os.wait()
        continue
    call = lambda M: eigcore.kth_eigenvalue(M, 1, **options)
    f = torch.compile(call, backend="aot_eager", fullgraph=True)
    f(M).backward()
    print(f(M).item(), M.grad.diagonal().abs().tolist(), flush=True)
    os._exit(0)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines() == ["2.0 [0.0, 0.0, 1.0]"] * 2, result.stderr[-2000:]
