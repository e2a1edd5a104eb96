import os
import warnings

import numpy as np
import pytest

import eigcore
from eigcore import EigSpec
from eigcore.errors import NonFiniteInput, NotDifferentiable

torch = pytest.importorskip("torch")
F = torch.func

SPECS = [
    EigSpec(2, 4),
    EigSpec(2, 4, index=0, structure="tridiagonal"),
    EigSpec(2, 4, index=-1, structure="banded:2"),
    EigSpec(2, 4, index=1, structure="diagonal"),
    EigSpec(2, 4, outputs=2, functional="smooth", alpha=0.8),
    EigSpec(2, 4, functional="softmax", t=0.5),
    EigSpec(2, 4, functional="top_sum", r=2),
    EigSpec(2, 4, functional="weighted", weights=(0.5, -1.0, 2.0, 0.25)),
]
BYNAME = {"argvalues": SPECS, "ids": [f"{s.functional}-{s.structure}" for s in SPECS]}


def symmetric(*shape, seed=0, **options):
    M = torch.tensor(np.random.default_rng(seed).normal(size=shape))
    return (M + M.mT).requires_grad_(options.get("grad", False))


def model(spec, batch=(3,), grad=True):
    rng = np.random.default_rng(0)
    params, x = rng.normal(size=spec.params_shape), rng.normal(size=(*batch, spec.features))
    return tuple(torch.tensor(a, requires_grad=grad) for a in (params, x))


def middle(M):
    return eigcore.kth_eigenvalue(M, 1)


def smooth(M):
    return eigcore.smooth_kth_eigenvalue(M, 1, 0.7)


def tridiagonal(M):
    diag, off = M.diagonal(dim1=-2, dim2=-1), M.diagonal(1, dim1=-2, dim2=-1)
    return eigcore.kth_eigenvalue_tridiagonal(diag, off, 1)


ALL = pytest.mark.parametrize("function", [middle, smooth, tridiagonal])


# -- autograd


@pytest.mark.parametrize("spec", **BYNAME)
def test_gradients_of_models_pass_gradcheck(spec):
    assert torch.autograd.gradcheck(lambda p, x: eigcore.evaluate(spec, p, x), model(spec))


@pytest.mark.parametrize("spec", **BYNAME)
def test_second_derivatives_of_models_pass_gradgradcheck(spec):
    assert torch.autograd.gradgradcheck(lambda p, x: eigcore.evaluate(spec, p, x), model(spec))


@ALL
def test_derivatives_of_eigenvalues_pass_both_checks(function):
    M = symmetric(2, 4, 4, grad=True)
    assert torch.autograd.gradcheck(function, (M,))
    assert torch.autograd.gradgradcheck(function, (M,))


def test_autograd_agrees_with_vjp():
    for spec in SPECS:
        params, x = model(spec)
        values = eigcore.evaluate(spec, params, x)
        g = torch.randn_like(values)
        wanted = torch.autograd.grad(values, (params, x), g)
        again, pullback = eigcore.vjp(spec, params, x)
        torch.testing.assert_close(again, values.detach())
        for ours, theirs in zip(pullback(g), wanted, strict=True):
            assert not ours.requires_grad
            torch.testing.assert_close(ours, theirs)


def test_a_gradient_penalty_can_be_trained():
    # d/dA of ‖∂λ/∂A‖² would be silently wrong with once_differentiable; compare with differences
    spec = EigSpec(3, 4)
    params, x = model(spec)

    def penalty(params):
        (g,) = torch.autograd.grad(eigcore.evaluate(spec, params, x).sum(), x, create_graph=True)
        return g.square().sum()

    (ours,) = torch.autograd.grad(penalty(params), params)
    direction = torch.randn_like(params)
    h = 1e-5
    ends = [penalty(params.detach() + s * h * direction).detach() for s in (1, -1)]
    assert (ours * direction).sum().item() == pytest.approx(
        ((ends[0] - ends[1]) / (2 * h)).item(), rel=1e-6
    )


def test_at_a_tie_the_gradient_is_the_projector_over_its_rank():
    Q = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    M = (Q * torch.tensor([0.0, 1.0, 1.0, 2.0])) @ Q.T
    M = ((M + M.T) / 2).requires_grad_()
    (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 1), M)
    torch.testing.assert_close(G, Q[:, 1:3] @ Q[:, 1:3].T / 2)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_second_derivative_at_a_tie_is_never_a_number(k):
    M = torch.diag(torch.tensor([1.0, 1.0, 1.0, 3.0], dtype=torch.float64)).requires_grad_()
    (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, k), M, create_graph=True)
    assert torch.isfinite(G).all()
    (H,) = torch.autograd.grad((G * torch.randn(4, 4, dtype=torch.float64)).sum(), M)
    assert torch.isnan(H).any()


def test_the_smoothed_eigenvalue_has_a_second_derivative_at_a_tie():
    base = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.2], dtype=torch.float64))
    M = base.clone().requires_grad_()
    D, E = symmetric(4, 4, seed=1), symmetric(4, 4, seed=2)

    def slope(M, create=False):
        value = eigcore.smooth_kth_eigenvalue(M, 1, 0.9)
        return (torch.autograd.grad(value, M, create_graph=create)[0] * D).sum()

    (H,) = torch.autograd.grad(slope(M, True), M)
    h = 1e-6
    ends = [slope((base + s * h * E).requires_grad_()) for s in (1, -1)]
    assert (H * E).sum().item() == pytest.approx(((ends[0] - ends[1]) / (2 * h)).item(), rel=1e-5)


@ALL
def test_third_derivatives_raise(function):
    M = symmetric(4, 4, grad=True)
    (G,) = torch.autograd.grad(function(M), M, create_graph=True)
    (H,) = torch.autograd.grad(G.square().sum() + G[0, 1], M, create_graph=True)
    with pytest.raises(NotDifferentiable, match="no third ones"):
        torch.autograd.grad(H.sum(), M)


def test_eigenpairs_refuse_derivatives():
    M = symmetric(3, 3, grad=True)
    with pytest.raises(NotDifferentiable, match=r"none of eigenvectors\. Use kth_eigenvalue"):
        eigcore.kth_eigenpair(M, 0)
    with torch.no_grad():
        _, vector = eigcore.kth_eigenpair(M, 0)
    value, _ = eigcore.kth_eigenpair(M.detach(), 0)
    (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 0), M)
    torch.testing.assert_close(G, torch.outer(vector, vector))
    assert not value.requires_grad
    with pytest.raises(NotDifferentiable):
        F.grad(lambda A: eigcore.kth_eigenpair(A, 0)[1].sum())(M)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_gradients_keep_the_dtype_of_the_matrix(dtype):
    M = symmetric(2, 3, 3).to(dtype).requires_grad_()
    values = eigcore.kth_eigenvalue(M, 1)
    (G,) = torch.autograd.grad(values.sum(), M)
    assert values.dtype == G.dtype == dtype
    tolerance = 4 * torch.finfo(dtype).eps
    trace = G.diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(trace, torch.ones(2, dtype=dtype), rtol=0, atol=tolerance)


def test_float32_second_derivatives_agree_with_float64():
    double = symmetric(3, 3)
    results = []
    for M in (double, double.float()):
        M = M.clone().requires_grad_()
        (G,) = torch.autograd.grad(eigcore.kth_eigenvalue(M, 1), M, create_graph=True)
        results.append(torch.autograd.grad(G[0, 1], M)[0])
    torch.testing.assert_close(results[1], results[0].float(), rtol=1e-4, atol=1e-4)


def test_an_expanded_and_a_transposed_matrix_are_fine():
    M = symmetric(4, 4)
    wanted = eigcore.kth_eigenvalue(M, 1)
    views = (M.expand(3, 4, 4), M.repeat(2, 2)[:4, :4][None], M.clone().mT[None])
    for view in views:
        torch.testing.assert_close(eigcore.kth_eigenvalue(view, 1), wanted.expand(len(view)))
        leaf = view.detach().requires_grad_()
        assert torch.isfinite(
            torch.autograd.grad(eigcore.kth_eigenvalue(leaf, 1).sum(), leaf)[0]
        ).all()


def test_bad_rows_raise_with_gradients_too():
    M = symmetric(3, 4, 4)
    M[1, 0, 0] = torch.nan
    with pytest.raises(NonFiniteInput, match=r"1 of 3 rows.*index 1"):
        eigcore.kth_eigenvalue(M.requires_grad_(), 1)


def test_inference_mode_and_no_grad_work():
    M = symmetric(3, 4, 4)
    wanted = eigcore.kth_eigenvalue(M, 1)
    for context in (torch.inference_mode, torch.no_grad):
        with context():
            torch.testing.assert_close(eigcore.kth_eigenvalue(symmetric(3, 4, 4), 1), wanted)


# -- torch.func


def hessians(function, M):
    """Hessians (…, d, d, d, d) by differences of the gradient along each entry."""
    h, d = 1e-6, M.shape[-1]
    rows = []
    for i in range(d * d):
        E = torch.zeros(d * d, dtype=M.dtype)
        E[i] = h
        ends = [
            torch.autograd.grad(function(A).sum(), A)[0]
            for A in ((M + s * E.reshape(d, d)).requires_grad_() for s in (1, -1))
        ]
        rows.append((ends[0] - ends[1]) / (2 * h))
    return torch.stack(rows, -1).reshape(*M.shape, d, d)


@ALL
@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script.*:DeprecationWarning"
)  # torch's forward mode
def test_torch_func_transforms_compose(function):
    M = symmetric(3, 4, 4)
    leaf = M.clone().requires_grad_()
    (G,) = torch.autograd.grad(function(leaf).sum(), leaf)
    H = hessians(function, M)
    close = torch.testing.assert_close
    close(F.vmap(function)(M), function(M))
    close(F.vmap(F.vmap(function))(M[None].expand(2, 3, 4, 4)), function(M).expand(2, 3))
    with torch.no_grad():
        close(F.vmap(function)(M), function(M))
    close(F.grad(lambda A: function(A).sum())(M), G)
    close(F.vmap(F.grad(function))(M), G)
    close(F.vmap(F.grad_and_value(function))(M)[1], function(M))
    close(F.vmap(F.jacrev(function))(M), G)
    close(F.jacrev(function)(M)[1, 1], G[1])
    assert (F.jacrev(function)(M)[0, 1] == 0).all()
    close(F.vmap(F.jacfwd(function))(M), G)
    close(F.jvp(function, (M,), (M,))[1], (G * M).sum((-1, -2)))
    for second in (F.hessian, lambda f: F.jacrev(F.jacrev(f)), lambda f: F.jacrev(F.jacfwd(f))):
        close(F.vmap(second(function))(M), H, rtol=1e-5, atol=1e-5)
    close(F.hessian(function)(M[0]), H[0], rtol=1e-5, atol=1e-5)


def test_vmap_over_parameters_and_rows_of_a_model():
    spec = SPECS[4]
    params, x = model(spec, grad=False)
    many = torch.stack((params, 2 * params))
    values = F.vmap(lambda p: F.vmap(lambda row: eigcore.evaluate(spec, p, row))(x))(many)
    assert values.shape == (2, 3, 2)
    torch.testing.assert_close(values[1], eigcore.evaluate(spec, 2 * params, x))
    per_row = F.vmap(F.jacrev(lambda p, row: eigcore.evaluate(spec, p, row)), (None, 0))(params, x)
    assert per_row.shape == (3, 2, *spec.params_shape)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_what_torch_func_cannot_give_raises():
    M = symmetric(4, 4)
    with pytest.raises(NotDifferentiable, match="cannot nest forward modes"):
        F.jacfwd(F.jacfwd(middle))(M)
    with pytest.raises(NotDifferentiable):
        F.jacrev(F.hessian(middle))(M)
    for transform in (F.grad, F.jacrev, F.jacfwd):
        with pytest.raises(NotDifferentiable):
            transform(lambda A: eigcore.kth_eigenpair(A, 1)[1].sum())(M)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_dual_numbers_follow_the_rule_at_a_tie():
    forward_ad = torch.autograd.forward_ad
    direction = symmetric(3, 3)
    with forward_ad.dual_level():
        M = forward_ad.make_dual(torch.eye(3, dtype=torch.float64), direction)
        slope = forward_ad.unpack_dual(eigcore.kth_eigenvalue(M, 1)).tangent
        with pytest.raises(NotDifferentiable):
            eigcore.kth_eigenpair(M, 1)
    torch.testing.assert_close(slope, direction.trace() / 3)


@ALL
def test_vmap_over_autograd_grad_of_a_call_inside(function):
    M = symmetric(3, 4, 4, grad=True)
    rows = torch.eye(3, dtype=M.dtype)
    found = torch.vmap(lambda g: torch.autograd.grad(function(M), M, g)[0])(rows)
    [whole] = torch.autograd.grad(function(M).sum(), M)
    torch.testing.assert_close(found.sum(0), whole)
    torch.testing.assert_close(found, F.jacrev(function)(M.detach()))


def test_vmap_over_autograd_grad_of_a_model():
    params, x = model(SPECS[0])
    for wanted in (params, x):
        values = eigcore.evaluate(SPECS[0], params, x)
        apart = [torch.autograd.grad(v, wanted, retain_graph=True)[0] for v in values]
        rows = torch.eye(len(values), dtype=x.dtype)
        found = torch.vmap(
            lambda g, a=wanted: torch.autograd.grad(eigcore.evaluate(SPECS[0], params, x), a, g)[0]
        )(rows)
        torch.testing.assert_close(found, torch.stack(apart))


# -- torch.compile


def compiler_missing():
    import shutil

    return None if shutil.which("c++") or shutil.which("g++") else "inductor needs a C++ compiler"


@pytest.fixture(params=["aot_eager", "inductor"])
def compiled(request):
    if request.param == "inductor" and (reason := compiler_missing()):
        pytest.skip(reason)
    torch._dynamo.reset()
    return lambda f, **options: torch.compile(f, backend=request.param, fullgraph=True, **options)


# torch's own: its functions trace deprecated ones of themselves
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


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


# -- operators and export


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


class Neuron(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.params = torch.nn.Parameter(model(spec, grad=False)[0])

    def forward(self, x):
        return eigcore.evaluate(self.spec, self.params, x)[..., None]


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


def test_a_model_trains_inside_a_sequential_network():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), Neuron(SPECS[0]).float())
    x = torch.randn(64, 3)
    y = x[:, :1].abs()
    step = torch.optim.Adam(net.parameters(), lr=0.03)
    losses = []
    for _ in range(60):
        step.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_eigcore_gives_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leaf = symmetric(3, 4, 4, grad=True)
        smooth(leaf).sum().backward()


# -- CUDA

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
