"""Operators of every kind: their products, and errors about what is no symmetric operator."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

import eigcore
from eigcore.errors import InvalidInput, NonFiniteInput, NotSupported
from eigcore.operators import fisher, gauss_newton, gram, hessian, operator

BACKENDS = ["numpy", "torch", "jax"]
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


def symmetric(n, seed=0):
    M = np.random.default_rng(seed).normal(size=(n, n))
    return (M + M.T) / 2


@pytest.fixture(params=BACKENDS)
def library(request):
    pytest.importorskip(request.param)
    return eigcore.get_backend(request.param)


def as_function(M):
    return operator(lambda v: M @ v, size=len(M))


KINDS = {
    "array": operator,
    "sparse": lambda M: operator(scipy.sparse.coo_array(M)),
    "matrix": lambda M: operator(scipy.sparse.csc_matrix(M)),
    "linear": lambda M: operator(scipy.sparse.linalg.aslinearoperator(M)),
    "function": as_function,
    "operator": lambda M: operator(operator(M)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_products_are_those_of_the_matrix(kind):
    M, v = symmetric(7), np.random.default_rng(1).normal(size=(7, 3))
    own = KINDS[kind](M)
    assert own.shape == (7, 7)
    assert own.dtype == "float64"
    np.testing.assert_allclose(own @ v, M @ v, atol=1e-14)
    np.testing.assert_allclose(own @ v[:, 0], M @ v[:, 0], atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_every_library_and_dtype(library, dtype):
    M, X = symmetric(6), np.random.default_rng(1).normal(size=(9, 6))
    d = np.arange(9.0)
    near = {"rtol": 0, "atol": 1e-5 if dtype == "float32" else 1e-13}
    own = operator(library.asarray(M, dtype=dtype))
    assert own.dtype == dtype
    assert own.backend.name == library.name
    np.testing.assert_allclose(library.to_numpy(own @ X.T), M @ X.T, **near)
    table = library.asarray(X, dtype=dtype)
    np.testing.assert_allclose(library.to_numpy(gram(table) @ np.eye(6)), X.T @ X / 9, **near)
    weighted = gram(table, library.asarray(d, dtype=dtype))
    np.testing.assert_allclose(library.to_numpy(weighted @ np.eye(6)), (X.T * d) @ X / 9, **near)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: operator(np.ones((2, 3))), "Type gram(X)"),
        (lambda: operator(np.zeros((0, 0))), "expected (P, P)"),
        (lambda: operator(np.array([[0.0, 1.0], [0.0, 0.0]])), "(M + M.T) / 2"),
        (lambda: operator(scipy.sparse.csr_array([[0.0, 1.0], [0.0, 0.0]])), "(M + M.T) / 2"),
        (lambda: operator(lambda v: np.roll(v, 1), size=5), "(M + M.T) / 2"),
        (lambda: operator(lambda v: v), "size=1000"),
        (lambda: gram(np.ones(3)), "X.reshape(n, -1)"),
        (lambda: gram(np.ones((3, 2)), np.ones(2)), "one number per row"),
        (lambda: operator(np.eye(3)) @ np.ones(4), "expected (3,)"),
        (lambda: operator(np.eye(3) * 1j), "numbers are complex"),
        (lambda: operator(scipy.sparse.eye_array(3) * 1j), "numbers are complex"),
        (lambda: operator(lambda v: v[:2], size=5), "shape (2,); expected (5,)"),
    ],
)
def test_what_is_no_operator_is_told(make, said):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: operator(np.diag([1.0, np.nan])),
        lambda: operator(scipy.sparse.diags_array([1.0, np.inf])),
        lambda: operator(lambda v: v * np.nan, size=3),
    ],
)
def test_numbers_that_are_not_finite_are_told(make):
    with pytest.raises(NonFiniteInput, match="finite"):
        make()


# -- Hessians


def loss_of(xp, quartic=0.25):
    """A function with a known Hessian of three arrays: a (2, 2), b (3,), c ()."""

    def loss(p, weight=1.0):
        a, b, c = p["layer"][0], p["layer"][1], p["c"]
        mixed = xp.sum(a) * xp.sum(b * b) + quartic * c * c * c * c * b[0]
        return weight * mixed + xp.sum(a * a)

    return loss


def numbers():
    rng = np.random.default_rng(3)
    return {"layer": [rng.normal(size=(2, 2)), rng.normal(size=3)], "c": np.array(0.7)}


def exact(p, weight=1.0):
    a, b, c = p["layer"][0], p["layer"][1], p["c"]
    H = np.zeros((8, 8))
    H[:4, :4] = 2 * np.eye(4)
    H[:4, 4:7] = weight * 2 * b
    H[4:7, 4:7] = weight * 2 * a.sum() * np.eye(3)
    H[7, 7] = weight * 3 * c**2 * b[0]
    H[4, 7] = weight * c**3
    return np.triu(H) + np.triu(H, 1).T


def placed(library, dtype="float64"):
    p = numbers()
    put = lambda a: library.asarray(a, dtype=dtype)  # noqa: E731
    return {"layer": [put(a) for a in p["layer"]], "c": put(p["c"])}


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_hessian_of_nested_parameters(name, dtype):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    H = hessian(loss_of(library.xp), placed(library, dtype))
    assert H.shape == (8, 8)
    assert H.dtype == dtype
    found = library.to_numpy(H @ np.eye(8))
    np.testing.assert_allclose(found, exact(numbers()), atol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_batches_are_averaged(name):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    weights = [library.asarray(w) for w in (1.0, 4.0)]
    H = hessian(loss_of(library.xp), placed(library), batches=weights)
    mean = (exact(numbers()) + exact(numbers(), 4.0)) / 2
    np.testing.assert_allclose(library.to_numpy(H @ np.eye(8)), mean, atol=1e-13)


def network(xp):
    """Logits (n, 3) of examples x (n, 2), their log-probabilities, and losses of labels (n, 3)."""

    def logits(p, batch):
        return xp.tanh(batch[0] @ p["A"]) @ p["B"]

    def logs(out):
        return out - xp.log(xp.sum(xp.exp(out), axis=-1))[:, None]

    def losses(out, batch):
        return -xp.sum(batch[1] * logs(out), axis=-1)

    return logits, logs, losses


def model_and_data(library):
    rng = np.random.default_rng(5)
    put = library.asarray
    p = {"A": put(rng.normal(size=(2, 3))), "B": put(rng.normal(size=(3, 3)))}
    x = [rng.normal(size=(4, 2)) for _ in range(2)]
    y = [np.eye(3)[rng.integers(0, 3, 4)] for _ in range(2)]
    return p, [(put(a), put(b)) for a, b in zip(x, y, strict=True)]


def jacobian(library, function, p, batch):
    """The Jacobian (n, k, P) of outputs (n, k), entry by entry, by differences."""
    flat = np.concatenate([library.to_numpy(p[name]).ravel() for name in "AB"])

    def at(v):
        own = {"A": library.asarray(v[:6].reshape(2, 3)), "B": library.asarray(v[6:].reshape(3, 3))}
        return library.to_numpy(function(own, batch))

    h = 1e-3 * np.eye(15)
    near = [8 * (at(flat + row) - at(flat - row)) for row in h]
    far = [at(flat + 2 * row) - at(flat - 2 * row) for row in h]
    return np.stack([(a - b) / 12e-3 for a, b in zip(near, far, strict=True)], axis=-1)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_gauss_newton_and_fisher_are_their_matrices(name):
    pytest.importorskip(name)
    library = eigcore.get_backend(name)
    logits, logs, losses = network(library.xp)
    p, batches = model_and_data(library)
    found = {
        "gauss_newton": gauss_newton(
            logits, lambda out, batch: library.xp.mean(losses(out, batch)), p, batches
        ),
        "fisher": fisher(lambda p, batch: losses(logits(p, batch), batch), p, batches),
    }
    want = {name: np.zeros((15, 15)) for name in found}
    for batch in batches:
        J = jacobian(library, logits, p, batch)
        chance = np.exp(library.to_numpy(logs(logits(p, batch))))
        gap = chance - library.to_numpy(batch[1])
        for j, q, r in zip(J, chance, gap, strict=True):
            want["gauss_newton"] += j.T @ (np.diag(q) - np.outer(q, q)) @ j / 8
            want["fisher"] += np.outer(j.T @ r, r @ j) / 8
    for key, own in found.items():
        M = library.to_numpy(own @ np.eye(15))
        np.testing.assert_allclose(M, want[key], atol=1e-9, err_msg=key)


def test_a_module_of_torch_whose_parameters_need_gradients():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x, y = torch.randn(20, 3), torch.randn(20, 1)

    def loss(p):
        return ((torch.func.functional_call(model, p, x) - y) ** 2).mean()

    H = hessian(loss, dict(model.named_parameters())) @ np.eye(21)
    assert not H.requires_grad
    flat = torch.nn.utils.parameters_to_vector(model.parameters()).detach()

    def of_flat(v):
        parts = v.split([p.numel() for p in model.parameters()])
        own = zip(model.named_parameters(), parts, strict=True)
        return loss({n: part.reshape(p.shape) for (n, p), part in own})

    want = torch.autograd.functional.hessian(of_flat, flat)
    torch.testing.assert_close(H, want, atol=1e-5, rtol=1e-4)
    listed = hessian(lambda p: (p[0] ** 2).sum() + p[1].sum(), model[0].parameters())
    assert torch.equal(listed @ np.eye(16), torch.diag(torch.tensor([2.0] * 12 + [0.0] * 4)))


@pytest.mark.parametrize("name", ["mse_loss", "huber_loss", "smooth_l1_loss", "l1_loss"])
def test_losses_of_torch_have_hessians(name):
    torch = pytest.importorskip("torch")
    loss = getattr(torch.nn.functional, name)
    x, y = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[0.5], [-0.2]])
    found = hessian(lambda w: loss(x @ w, y), torch.tensor([[0.1], [0.2]])) @ np.eye(2)
    size = {"mse_loss": 1.0, "l1_loss": 0.0}.get(name, 0.5)
    torch.testing.assert_close(found, size * x.T @ x)


def test_what_has_no_hessian_is_told():
    torch = pytest.importorskip("torch")
    with pytest.raises(NotSupported, match="torch or JAX"):
        hessian(lambda p: (p**2).sum(), np.ones(3)) @ np.ones(3)
    with pytest.raises(NotSupported, match="torch or JAX"):
        fisher(lambda p: p**2, np.ones(3)) @ np.ones(3)
    one = torch.ones(2)
    for parameters in ([one, "a"], [one, torch.ones(2, dtype=torch.int64)], [one, one.double()]):
        with pytest.raises(InvalidInput, match="Leave"):
            hessian(lambda p: p[0].sum(), parameters)
    with pytest.raises(InvalidInput, match="0 batches"):
        hessian(lambda p, _: p.sum(), one, batches=[])
    with pytest.raises(InvalidInput, match="Return its mean"):
        hessian(lambda p: p**2, one) @ one


def test_batches_may_be_a_generator():
    torch = pytest.importorskip("torch")
    H = hessian(lambda p, a: a * (p**2).sum(), torch.ones(2), batches=(a for a in (1.0, 2.0)))
    assert (H @ torch.ones(2)).tolist() == [3.0, 3.0]
