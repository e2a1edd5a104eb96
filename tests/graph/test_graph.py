"""Spectra of graphs: what does not depend on a basis, and what eigenvectors do where it matters."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from arrays import BACKENDS, KINDS, host, on, torch

from eigcore.errors import InvalidInput, InvalidSpec, NonFiniteInput, NotDifferentiable
from eigcore.graph import (
    Encoder,
    augmentation_spectrum,
    contrastive_loss,
    fastrp,
    generalised,
    invariance_loss,
    laplacian,
    spectral_embedding,
    stable_encoding,
)


def ring(n):
    return np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)


def crossing(t):
    """A ring of four with two weights: λ_2 and λ_3 cross at t = 0."""
    W = np.zeros((4, 4))
    for i, j, w in ((0, 1, 1 + t), (2, 3, 1 + t), (1, 2, 1 - t), (3, 0, 1 - t)):
        W[i, j] = W[j, i] = w
    return W


MAPS = (lambda t: 1 / (1 + t), lambda t: t * 0 + 1)


@pytest.fixture(name="W", scope="module")
def weights():
    rng = np.random.default_rng(0)
    W = rng.random((9, 9)) * (rng.random((9, 9)) < 0.5)
    return np.triu(W, 1) + np.triu(W, 1).T


@pytest.fixture(scope="module")
def pairs():
    views = np.random.default_rng(0).random((6, 8))
    views /= views.sum(axis=1, keepdims=True)
    return views.T @ views / 6


def raw_encoding(W, d):
    """PyG's AddLaplacianEigenvectorPE, written plainly: eigenvectors of the symmetric Laplacian."""
    return np.linalg.eigh(laplacian(W, "symmetric"))[1][:, 1 : d + 1]


def apart(a, b):
    """Distance of two encodings up to the signs of columns."""
    return np.linalg.norm(a * np.sign((a * b).sum(axis=0)) - b)


# -- Laplacians


@pytest.mark.parametrize("backend", BACKENDS)
def test_laplacians_and_the_generalised_eigenproblem(backend, W):
    D = W.sum(axis=1)
    by_kind = {
        kind: host(laplacian(on(backend, W), kind)) for kind in ("combinatorial", "symmetric")
    }
    assert np.allclose(by_kind["combinatorial"], np.diag(D) - W)
    walk = host(laplacian(on(backend, W), "random_walk"))
    assert np.allclose(walk, np.eye(9) - W / D[:, None])
    values, X = generalised(laplacian(on(backend, W)), on(backend, D))
    assert isinstance(values, KINDS[backend])
    lam, X = host(values), host(X)
    assert np.allclose(lam, np.linalg.eigvalsh(by_kind["symmetric"]))
    assert abs(walk @ X - X * lam).max() < 1e-13
    assert abs(X.T @ (D[:, None] * X) - np.eye(9)).max() < 1e-13
    M = np.diag(D) + 0.1
    lam, X = map(host, generalised(on(backend, np.diag(D) - W), on(backend, M)))
    assert abs((np.diag(D) - W) @ X - M @ X * lam).max() < 1e-12


def test_generalised_values_are_differentiable(W):
    L, M = torch.tensor(laplacian(W)), torch.tensor(np.diag(W.sum(1)) + 0.1, requires_grad=True)
    values, X = generalised(L, M)
    values[4].backward()
    x = X.numpy()[:, 4]  # dλ = −λ xᵀ dM x
    assert abs(M.grad.numpy() + float(values[4].detach()) * np.outer(x, x)).max() < 1e-10


def test_what_graphs_are_refused(W):
    with pytest.raises(InvalidInput, match="not symmetric"):
        laplacian(np.triu(W))
    with pytest.raises(NonFiniteInput, match="W holds"):
        laplacian(W * np.nan)
    with pytest.raises(InvalidInput, match="kind is 'x'"):
        laplacian(W, "x")
    with pytest.raises(InvalidInput, match="2 components, of 4, 4"):
        spectral_embedding(np.kron(np.eye(2), ring(4)), 1)
    with pytest.raises(InvalidInput, match="1 <= d <= 8"):
        spectral_embedding(W, 9)
    with pytest.raises(InvalidInput, match="positive definite"):
        generalised(W, np.zeros(9))
    alone = np.zeros((3, 3))
    alone[0, 1] = alone[1, 0] = 2.0
    assert np.allclose(laplacian(alone, "symmetric"), [[1, -1, 0], [-1, 1, 0], [0, 0, 0]])


# -- embeddings


@pytest.mark.parametrize("backend", BACKENDS)
def test_embeddings_are_the_same_on_every_backend(backend, W):
    for graph in (W, ring(8), scipy.sparse.csr_array(W)):
        given = graph if scipy.sparse.issparse(graph) else on(backend, graph)
        found, other = spectral_embedding(given, 3), spectral_embedding(graph, 3)
        assert abs(host(found.vectors) - other.vectors).max() < 1e-10
        assert found.groups == other.groups


def test_an_eigenspace_comes_whole_and_its_points_do_not_depend_on_a_basis():
    found = spectral_embedding(ring(9), 3, "symmetric")
    assert found.groups == ((0, 2), (2, 4))
    values = 1 - np.cos(2 * np.pi * np.array([1, 1, 2, 2]) / 9)  # of the circulant matrix
    assert np.allclose(found.values, values)
    pair = found.vectors[:, :2]
    assert np.allclose((pair**2).sum(axis=1), 2 / 9)  # a circle
    angle = 2 * np.pi * np.subtract.outer(np.arange(9), np.arange(9)) / 9
    assert np.allclose(pair @ pair.T, 2 / 9 * np.cos(angle))
    # a number in the matrix that differs by rounding turns raw eigenvectors, not this basis
    near = ring(9) * (1 + 1e-15 * np.random.default_rng(0).normal(size=(9, 9)))
    moved = spectral_embedding((near + near.T) / 2, 3, "symmetric")
    assert abs(moved.vectors - found.vectors).max() < 1e-10


def test_scikit_learns_embedding_where_eigenvalues_are_simple(W):
    manifold = pytest.importorskip("sklearn.manifold")
    theirs = manifold.SpectralEmbedding(3, affinity="precomputed", random_state=0).fit_transform(W)
    ours = spectral_embedding(W, 3).vectors
    scale = (ours * theirs).sum(axis=0) / (ours**2).sum(axis=0)
    assert np.allclose(ours * scale, theirs, atol=1e-6)


# -- encodings that do not jump


@pytest.mark.parametrize("backend", BACKENDS)
def test_encodings_are_renumbered_with_the_nodes_and_equal_on_every_backend(backend, W):
    L = laplacian(W)
    found = host(stable_encoding(on(backend, L), MAPS, 4))
    lam, V = np.linalg.eigh(L)
    exact = [(V[:, :4] * phi(lam[:4])) @ V[:, :4].T for phi in MAPS]
    assert abs(found - np.stack(exact, axis=-1)).max() < 1e-10
    order = np.random.default_rng(0).permutation(9)
    turned = host(stable_encoding(on(backend, L[order][:, order]), MAPS, 4))
    assert abs(turned - found[order][:, order]).max() < 1e-10


def test_the_ring_has_equal_rows_up_to_rotation_and_a_cut_eigenspace_is_shared():
    for d in (3, 2):
        Q = stable_encoding(laplacian(ring(7)), MAPS, d)
        for shift in range(7):
            rolled = np.roll(Q, (shift, shift), axis=(0, 1))
            assert abs(rolled - Q).max() < 1e-12
        assert np.trace(Q[..., 1]) == pytest.approx(d)
    with pytest.raises(InvalidInput, match="1 <= d <= 7"):
        stable_encoding(laplacian(ring(7)), MAPS, 8)
    with pytest.raises(InvalidInput, match=r"maps\[0\] returned shape"):
        stable_encoding(laplacian(ring(7)), [lambda t: t[..., :1]], 3)


def test_nothing_jumps_at_a_crossing_where_eigenvectors_and_peers_do():
    manifold = pytest.importorskip("sklearn.manifold")
    before, after = crossing(-1e-6), crossing(1e-6)
    stable = [stable_encoding(laplacian(w), MAPS, 3) for w in (before, after)]
    assert np.linalg.norm(stable[0] - stable[1]) < 1e-5
    assert apart(*(raw_encoding(w, 1) for w in (before, after))) > 1
    one = manifold.SpectralEmbedding(1, affinity="precomputed", random_state=0)
    theirs = [one.fit_transform(w) for w in (before, after)]
    assert apart(*theirs) > 0.3 * np.linalg.norm(theirs[0])


def test_the_numbers_of_nodes_turn_one_coordinate_of_a_ring_and_no_encoding():
    manifold = pytest.importorskip("sklearn.manifold")
    one = manifold.SpectralEmbedding(1, affinity="precomputed", random_state=0)
    order = np.r_[0, 1 + np.random.default_rng(0).permutation(11)]
    W, other = ring(12), ring(12)[order][:, order]
    raw, moved = one.fit_transform(W)[order], one.fit_transform(other)
    assert apart(raw, moved) > 0.5 * np.linalg.norm(raw)
    stable, again = (stable_encoding(laplacian(w), MAPS, 3) for w in (W, other))
    assert abs(stable[order][:, order] - again).max() < 1e-12
    found, back = (spectral_embedding(w, 1).vectors for w in (W, other))
    assert found.shape == (12, 2)
    assert np.allclose((found @ found.T)[order][:, order], back @ back.T, atol=1e-12)


def test_raw_eigenvectors_of_the_ring_are_an_accident():
    noise = 1e-12 * np.random.default_rng(0).normal(size=(9, 9))
    exact, near = ring(9), ring(9) * (1 + noise + noise.T)
    assert apart(raw_encoding(exact, 2), raw_encoding(near, 2)) > 0.1
    found, moved = (stable_encoding(laplacian(w), MAPS, 3) for w in (exact, near))
    assert abs(found - moved).max() < 1e-10


def test_an_encoding_has_no_derivative_by_the_laplacian(W):
    with pytest.raises(NotDifferentiable):
        stable_encoding(torch.tensor(laplacian(W), requires_grad=True), MAPS, 3)


# -- the layer


def test_the_layer_is_one_function_in_torch_and_jax(W):
    import jax
    from eigcore_jax import stable_encoding as layer
    from eigcore_torch import StableEncoding

    net = StableEncoding(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    params = {name: a.detach().numpy() for name, a in net.named_parameters()}
    order = np.random.default_rng(0).permutation(9)
    L = np.stack([laplacian(W), laplacian(W[order][:, order])])
    out = net(torch.tensor(L))
    assert abs(out[1].detach().numpy() - out[0].detach().numpy()[order]).max() < 1e-10
    init, apply = layer(4, 3)
    assert layer(4, 3) == (init, apply)
    drawn = init(jax.random.key(0))
    assert {name: a.shape for name, a in drawn.items()} == net.encoder.shapes
    by_jax = jax.jit(apply)(params, L)
    assert abs(np.asarray(by_jax) - out.detach().numpy()).max() < 1e-10
    assert abs(Encoder(4, 3).apply(params, L) - out.detach().numpy()).max() < 1e-10
    on_jax = {name: jax.numpy.asarray(a) for name, a in params.items()}
    slopes = jax.jit(jax.grad(lambda p: (apply(p, jax.numpy.asarray(L)) ** 2).sum()))(on_jax)
    (out**2).sum().backward()
    assert all(abs(slopes[n] - p.grad.numpy()).max() < 1e-8 for n, p in net.named_parameters())
    assert float(abs(net.own.grad).max()) > 0
    net.load_state_dict(net.state_dict())
    with pytest.raises(InvalidInput, match="differs in d"):
        StableEncoding(5, 3).load_state_dict(net.state_dict())
    with pytest.raises(InvalidSpec, match="d is 0"):
        Encoder(0, 3)


def test_the_layer_is_continuous_at_a_crossing_and_takes_small_graphs():
    encoder, rng = Encoder(3, 2), np.random.default_rng(0)
    params = {n: rng.normal(size=s) for n, s in encoder.shapes.items()}
    one, two = (encoder.apply(params, laplacian(crossing(t))) for t in (-1e-6, 1e-6))
    assert abs(one - two).max() < 1e-4
    assert encoder.apply(params, laplacian(ring(3)[:2, :2])).shape == (2, 2)
    with pytest.raises(NonFiniteInput):
        encoder.apply(params, np.full((2, 2), np.nan))


# -- augmentations


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_optimum_of_the_spectral_contrastive_loss(backend, pairs):
    found = augmentation_spectrum(on(backend, pairs))
    D = pairs.sum(axis=1)
    lam = np.linalg.eigvalsh(pairs / np.sqrt(np.outer(D, D)))[::-1]
    assert abs(host(found.values) - lam).max() < 1e-10
    assert abs(host(found.functions) - augmentation_spectrum(pairs).functions)[:, :6].max() < 1e-10
    F, least = found.contrastive(3)
    assert least == pytest.approx(-(lam[:3] ** 2).sum(), abs=1e-12)
    assert float(contrastive_loss(F, on(backend, pairs))) == pytest.approx(least, abs=1e-12)
    Z, least = found.vicreg(3)
    assert least == pytest.approx(2 * (1 - lam[1:4]).sum(), abs=1e-12)
    assert float(invariance_loss(Z, on(backend, pairs))) == pytest.approx(least, abs=1e-12)
    Z = host(Z)
    assert np.allclose(D @ Z, 0)
    assert np.allclose(Z.T @ (D[:, None] * Z), np.eye(3))


def test_no_descent_finds_less(pairs):
    """Gradient descent on the contrastive loss ends at the closed form."""
    _, least = augmentation_spectrum(pairs).contrastive(2)
    weights = torch.tensor(pairs)

    def value_and_gradient(numbers):
        F = torch.tensor(numbers.reshape(8, 2), requires_grad=True)
        loss = contrastive_loss(F, weights)
        loss.backward()
        return float(loss.detach()), F.grad.numpy().ravel()

    start = np.random.default_rng(0).normal(size=16)
    found = scipy.optimize.minimize(value_and_gradient, start, jac=True, tol=1e-12)
    assert found.fun == pytest.approx(least, abs=1e-8)


def test_the_constant_function_stands_first_where_the_graph_falls_apart():
    found = augmentation_spectrum(np.kron(np.eye(2), np.ones((3, 3))))
    assert np.allclose(found.values, [1, 1, 0, 0, 0, 0])
    assert np.allclose(found.functions[:, 0], 1)
    Z, least = found.vicreg(1)
    assert least == pytest.approx(0, abs=1e-12)
    assert np.allclose(abs(Z), 1)
    with pytest.raises(InvalidInput, match="Point 1 is in no"):
        augmentation_spectrum(np.diag([1.0, 0.0]))
    with pytest.raises(InvalidInput, match="1 <= d <= 5"):
        found.vicreg(6)


# -- random projections


@pytest.mark.parametrize("backend", BACKENDS)
def test_fastrp_is_its_formula(backend, W):
    D = W.sum(axis=1)
    P = W / D[:, None]
    whole = (P + 0.5 * P @ P) * (D / D.sum()) ** -0.5
    found = host(fastrp(on(backend, W), 3000, (1, 0.5)))
    assert abs(found @ found.T - whole @ whole.T).max() < 0.1 * abs(whole @ whole.T).max()
    assert abs(fastrp(scipy.sparse.csr_array(W), 3000, (1, 0.5)) - found).max() < 1e-12
    R = np.linalg.solve(whole, found)
    assert np.mean(abs(R) > 1e-6) == pytest.approx(1 / 3, abs=0.02)  # 1/√n
    assert np.allclose(np.unique(abs(R[abs(R) > 1e-6]).round(9)), np.sqrt(3 / 3000))


def test_fastrp_refuses_wrong_numbers(W):
    with pytest.raises(InvalidInput, match="dim is 0"):
        fastrp(W, 0)
    with pytest.raises(InvalidInput, match="weights has shape"):
        fastrp(W, 2, [])
    with pytest.raises(InvalidInput, match="not symmetric"):
        fastrp(scipy.sparse.csr_array(np.triu(W)), 2)


def test_one_diagonal_serves_a_batch_and_matrices_are_no_diagonals(W):
    L = laplacian(np.stack([W, 2 * W]))
    D = W.sum(-1)
    expected = generalised(L, np.stack([D, D]))[0]
    np.testing.assert_allclose(generalised(L, D)[0], expected, atol=1e-13)
    full = np.diag(D) + 1.0
    for one in (L[:1], L):
        values, X = generalised(one, full)
        np.testing.assert_allclose(
            X.mT @ full @ X, np.broadcast_to(np.eye(len(W)), X.shape), atol=1e-12
        )
        np.testing.assert_allclose(one @ X, full @ X * values[..., None, :], atol=1e-11)
    with pytest.raises(NonFiniteInput, match="D holds"):
        generalised(L, D * np.nan)


def test_embeddings_of_16_bits_have_16_bits(W):
    torch = pytest.importorskip("torch")
    half = torch.tensor(W).to(torch.bfloat16)
    found = spectral_embedding(half, 2)
    pairs = augmentation_spectrum(half)
    for a in (found.values, found.vectors, pairs.values, pairs.functions, pairs.weights):
        assert a.dtype is torch.bfloat16
