from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

import eigcore
from eigcore.core.functionals import Kth, Smooth, tie_tolerance
from eigcore.core.spec import functional
from eigcore.errors import InvalidSpec

BACKENDS = ("numpy", "torch", "jax")
SPECTRUM = np.array([-2.0, -0.7, 0.1, 0.4, 0.9, 3.0])
EVERY = {
    "kth": {},
    "smooth": {"alpha": 0.6},
    "top_sum": {"r": 2},
    "bottom_sum": {"r": 3},
    "softmax": {"t": 0.7},
    "weighted": {"weights": (0.5, -1.0, 2.0, 0.0, 0.25, 1.0)},
}


def make(name, dim=6, k=2, **parameter):
    return functional(name, dim, k, **(parameter or EVERY[name]))


class On:
    """A functional on one backend, NumPy arrays in and out."""

    def __init__(self, phi, backend="numpy", dtype="float64"):
        self.phi, self.backend, self.dtype = phi, eigcore.get_backend(backend), dtype

    def __getattr__(self, method):
        def call(lam):
            lam = self.backend.asarray(np.asarray(lam), dtype=self.dtype)
            result = getattr(self.phi, method)(self.backend, lam)
            assert str(result.dtype).removeprefix("torch.") == self.dtype
            return self.backend.to_numpy(result)

        return call


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


# -- the oracles of math.md, section 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_envelopes_of_3_2_2_1_are_the_published_ones(backend):
    # S̃_1, S̃_2, S̃_3 = 2.75, 4.625, 6.25, and λ̃ = S̃_r − S̃_{r−1} + α/2
    lam, alpha = [1.0, 2.0, 2.0, 3.0], 0.5
    smooth = {r: On(Smooth(4, (4 - r, alpha)), backend) for r in (1, 2, 3, 4)}
    close(smooth[1].value(lam), 2.75 + 0.25)
    close(smooth[2].value(lam), 1.875 + 0.25)
    close(smooth[3].value(lam), 1.625 + 0.25)
    close(sum(smooth[r].value(lam) - 0.25 for r in (1, 2)), 4.625)
    close(sum(smooth[r].value(lam) - 0.25 for r in (1, 2, 3)), 6.25)
    q = sum(smooth[r].weights(lam) for r in (1, 2))
    close(q, [0.0, 0.5, 0.5, 1.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_projection_of_the_published_point_is_the_published_one(backend):
    # y = (−2, −.5, 0, 2) = μ/α with r = 2: (0, .25, .75, 1), the weights of r = 1 and 2 together
    for alpha in (1.0, 0.25, 3.0):
        y = alpha * np.array([-2.0, -0.5, 0.0, 2.0])
        q = sum(On(Smooth(4, (4 - r, alpha)), backend).weights(y) for r in (1, 2))
        close(q, [0.0, 0.25, 0.75, 1.0])


def envelope(lam, r, alpha):
    """S̃_r by bisection, a second way to compute it."""
    low, high = -np.max(lam) / alpha - 1, 1 - np.min(lam) / alpha + 1
    for _ in range(200):
        middle = (low + high) / 2
        inside = np.clip(lam / alpha + middle, 0, 1).sum() < r
        low, high = (middle, high) if inside else (low, middle)
    q = np.clip(lam / alpha + low, 0, 1)
    return q @ lam - alpha / 2 * q @ q


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_smoothed_value_is_a_difference_of_envelopes(backend):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(1, 6))  # each order and k is a program of its own
        lam, alpha = np.sort(rng.normal(size=d)), float(rng.uniform(0.01, 2))
        for k in range(d):
            r = d - k
            wanted = envelope(lam, r, alpha) - envelope(lam, r - 1, alpha) + alpha / 2
            close(On(Smooth(d, (k, alpha)), backend).value(lam), wanted)


# -- derivatives


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", EVERY)
def test_the_weights_are_the_derivative_of_the_value(name, backend):
    phi, h = On(make(name), backend), 1e-6
    steps = SPECTRUM + h * np.vstack((np.eye(6), -np.eye(6)))
    plus, minus = np.split(phi.value(steps), 2)
    close(phi.weights(SPECTRUM), (plus - minus) / (2 * h), 1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", EVERY)
def test_the_curvature_is_the_derivative_of_the_weights(name, backend):
    phi, h = On(make(name), backend), 1e-6
    plus, minus = np.split(phi.weights(SPECTRUM + h * np.vstack((np.eye(6), -np.eye(6)))), 2)
    bend = phi.curvature(SPECTRUM)
    close(bend, (plus - minus) / (2 * h), 1e-7)
    close(bend, bend.T)
    if name in ("smooth", "softmax"):
        assert abs(bend).max() > 0.1


@pytest.mark.parametrize("name", EVERY)
def test_every_backend_gives_the_same_numbers_for_a_batch_as_for_its_rows(name):
    batch = np.sort(np.random.default_rng(1).normal(size=(2, 3, 6)), axis=-1)
    for method in ("value", "weights", "curvature"):
        rows = np.array([getattr(On(make(name)), method)(row) for row in batch.reshape(6, 6)])
        for backend in BACKENDS:
            whole = getattr(On(make(name), backend), method)(batch)
            close(whole, rows.reshape(2, 3, *rows.shape[1:]))


# -- ties


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("phi", "weights"),
    [
        (make("kth", 5, 0), [1, 0, 0, 0, 0]),
        (make("kth", 5, 1), [0, 1 / 3, 1 / 3, 1 / 3, 0]),
        (make("kth", 5, 2), [0, 1 / 3, 1 / 3, 1 / 3, 0]),
        (make("kth", 5, 3), [0, 1 / 3, 1 / 3, 1 / 3, 0]),
        (make("kth", 5, 4), [0, 0, 0, 0, 1]),
        (make("top_sum", 5, r=1), [0, 0, 0, 0, 1]),
        (make("top_sum", 5, r=2), [0, 1 / 3, 1 / 3, 1 / 3, 1]),
        (make("top_sum", 5, r=3), [0, 2 / 3, 2 / 3, 2 / 3, 1]),
        (make("top_sum", 5, r=4), [0, 1, 1, 1, 1]),
        (make("top_sum", 5, r=5), [1, 1, 1, 1, 1]),
        (make("bottom_sum", 5, r=1), [1, 0, 0, 0, 0]),
        (make("bottom_sum", 5, r=2), [1, 1 / 3, 1 / 3, 1 / 3, 0]),
        (make("bottom_sum", 5, r=5), [1, 1, 1, 1, 1]),
        (make("weighted", 5, weights=(5.0, 1.0, 2.0, 6.0, -1.0)), [5, 3, 3, 3, -1]),
    ],
    ids=str,
)
def test_weights_are_averaged_over_a_cluster(phi, weights, backend):
    eps = np.finfo(float).eps
    for lam in ([-1.0, 2.0, 2.0, 2.0, 3.0], [-1.0, 2.0 - 4 * eps, 2.0, 2.0 + 4 * eps, 3.0]):
        close(On(phi, backend).weights(lam), weights)
        close(On(phi, backend).raw_weights(lam), phi_constants(phi))


def phi_constants(phi):
    return phi.constants()


def test_clusters_end_where_eigenvalues_differ_by_more_than_the_tolerance():
    lam = np.array([0.0, 1.0, 1.0 + 1e-10, 2.0])
    close(On(Kth(4, 1)).weights(lam), [0, 1, 0, 0])
    tau = tie_tolerance(np, lam)
    assert tau == pytest.approx(8 * 4 * np.finfo(float).eps * 2.0)
    close(On(Kth(4, 1)).weights([0.0, 1.0, 1.0 + 0.9 * tau[0], 2.0]), [0, 0.5, 0.5, 0])
    close(On(Kth(4, 1)).weights([0.0, 1.0, 1.0 + 1.1 * tau[0], 2.0]), [0, 1, 0, 0])


def test_a_matrix_of_zeros_is_one_cluster():
    close(On(Kth(4, 2)).weights(np.zeros(4)), np.full(4, 0.25))
    close(On(make("weighted", 4, weights=(1.0, 2.0, 3.0, 6.0))).weights(np.zeros(4)), np.full(4, 3))


def test_two_clusters_of_a_weighted_sum_are_averaged_apart():
    phi = make("weighted", 5, weights=(1.0, 3.0, 10.0, 0.0, 4.0))
    close(On(phi).weights([1.0, 1.0, 2.0, 3.0, 3.0]), [2, 2, 10, 2, 2])


def test_ties_of_float32_use_the_precision_of_float32():
    close(On(Kth(3, 1), dtype="float32").weights([0.0, 1.0, 1.0 + 1e-6]), [0, 0.5, 0.5], 1e-7)
    close(On(Kth(3, 1), dtype="float64").weights([0.0, 1.0, 1.0 + 1e-6]), [0, 1, 0])


# -- the Moreau-smoothed eigenvalue


spectra = arrays(
    np.float64, st.integers(1, 7), elements=st.floats(-5, 5, allow_subnormal=False)
).map(np.sort)
alphas = st.floats(1e-3, 10)


@given(spectra, alphas, st.integers(0, 6))
def test_smoothed_weights_are_a_convex_combination(lam, alpha, k):
    w = On(Smooth(len(lam), (k % len(lam), alpha))).weights(lam)
    assert w.min() >= -1e-12
    assert w.max() <= 1 + 1e-12
    assert w.sum() == pytest.approx(1, abs=1e-10)


@given(spectra, alphas, st.integers(0, 6))
def test_only_eigenvalues_within_alpha_have_weight(lam, alpha, k):
    k %= len(lam)
    w = On(Smooth(len(lam), (k, alpha))).weights(lam)
    assert abs(w[abs(lam - lam[k]) > alpha * (1 + 1e-12)]).max(initial=0) == 0


@given(spectra, alphas, st.integers(0, 6))
def test_far_from_a_collision_the_smoothed_value_is_the_eigenvalue(lam, alpha, k):
    lam = lam + np.arange(len(lam)) * alpha * (1 + 1e-9)
    k %= len(lam)
    phi = On(Smooth(len(lam), (k, alpha)))
    close(phi.value(lam), lam[k], 1e-11)
    close(phi.weights(lam), np.eye(len(lam))[k], 1e-6)


@given(spectra, alphas, st.integers(0, 6), st.floats(0, 3), st.integers(0, 6))
def test_the_smoothed_value_is_monotone_in_every_eigenvalue(lam, alpha, k, rise, j):
    d = len(lam)
    phi = On(Smooth(d, (k % d, alpha)))
    higher = np.sort(lam + rise * (np.arange(d) >= j % d))
    assert phi.value(higher) >= phi.value(lam) - 1e-10


@given(spectra, alphas, st.integers(0, 6), st.floats(-100, 100))
def test_a_shift_of_the_spectrum_shifts_the_smoothed_value(lam, alpha, k, shift):
    phi = On(Smooth(len(lam), (k % len(lam), alpha)))
    close(phi.value(lam + shift), phi.value(lam) + shift, 1e-9)


@settings(max_examples=50)
@given(st.integers(0, 10**6), alphas, st.integers(0, 4))
def test_smoothed_weights_change_at_most_by_two_over_alpha(seed, alpha, k):
    rng = np.random.default_rng(seed)
    one = np.sort(rng.normal(size=5))
    two = np.sort(one + rng.normal(size=5) * rng.uniform(0, 0.1))
    phi = On(Smooth(5, (k, alpha)))
    change = np.linalg.norm(phi.weights(one) - phi.weights(two))
    assert change <= 2 / alpha * np.linalg.norm(one - two) * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_tiny_alpha_gives_the_eigenvalue_and_the_cluster_average(dtype, backend):
    lam = [-1e6, 1.0, 2.0, 2.0, 3.0]
    for alpha in (1e-300, 1e-30, 1e-12):
        phi = On(Smooth(5, (2, alpha)), backend, dtype)
        close(phi.value(lam), 2.0, 1e-6)
        close(phi.weights(lam), [0, 0, 0.5, 0.5, 0], 1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_huge_alpha_gives_the_mean_up_to_its_constant(dtype, backend):
    # q⁽ʳ⁾ = r/d as α → ∞, so λ̃ = mean λ + (α/2)(1 − (2r − 1)/d); zero for the middle of an odd d
    lam, alpha = [1.0, 2.0, 2.0, 3.0, 4.0], 1e6
    phi = On(Smooth(5, (2, alpha)), backend, dtype)
    close(phi.weights(lam), np.full(5, 0.2), 1e-5)
    close(phi.value(lam), 2.4, 1e-9 * alpha if dtype == "float64" else 1e-6 * alpha)


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_keeps_the_accuracy_of_float32(backend):
    for name in EVERY:
        single, double = On(make(name), backend, "float32"), On(make(name))
        close(single.value(SPECTRUM), double.value(SPECTRUM), 2e-6)
        close(single.weights(SPECTRUM), double.weights(SPECTRUM), 5e-6)


# -- the others


@pytest.mark.parametrize("backend", BACKENDS)
def test_softmax_lies_between_the_maximum_and_log_d_above_it(backend):
    # max λ ≤ t log Σ exp(λ/t) ≤ max λ + t log d, both attained
    for t in (1e-300, 1e-3, 0.5, 10.0, 1e6):
        value = On(make("softmax", t=t), backend).value(SPECTRUM)
        assert 3.0 <= value <= 3.0 + t * np.log(6) * (1 + 1e-12)
    close(On(make("softmax", t=1e-3), backend).value(SPECTRUM), 3.0)
    tied = On(make("softmax", t=2.0), backend).value(np.full(6, 1.5))
    close(tied, 1.5 + 2.0 * np.log(6))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax_weights_go_from_the_largest_to_the_mean(dtype, backend):
    for t in (1e-300, 1e-30, 1e-3):
        weights = On(make("softmax", t=t), backend, dtype).weights([*SPECTRUM[:-1], 1e8])
        close(weights, [0, 0, 0, 0, 0, 1])
    close(On(make("softmax", t=1e9), backend, dtype).weights(SPECTRUM), np.full(6, 1 / 6), 1e-7)


def test_sums_of_r_add_up_to_the_trace():
    for r in range(1, 6):
        top, bottom = make("top_sum", r=r), make("bottom_sum", r=6 - r)
        close(On(top).value(SPECTRUM) + On(bottom).value(SPECTRUM), SPECTRUM.sum())
    close(On(make("top_sum", r=2)).value(SPECTRUM), 3.9)
    close(On(make("bottom_sum", r=2)).value(SPECTRUM), -2.7)


def test_the_kth_is_a_difference_of_ky_fan_sums():
    for k in range(1, 6):
        upper, lower = make("top_sum", r=6 - k), make("top_sum", r=7 - k)
        close(On(lower).value(SPECTRUM) - On(upper).value(SPECTRUM), SPECTRUM[k - 1])


def test_one_eigenvalue_is_its_own_everything():
    lam = np.array([[1.5], [-2.0]])
    for name, parameter in {**EVERY, "top_sum": {"r": 1}, "bottom_sum": {"r": 1}}.items():
        parameter = {"weights": (1.0,)} if name == "weighted" else parameter
        phi = On(functional(name, 1, 0, **parameter))
        close(phi.value(lam), lam[:, 0])
        close(phi.weights(lam), np.ones((2, 1)))
        close(phi.curvature(lam), np.zeros((2, 1, 1)))


def test_a_functional_needs_nothing_of_a_backend_but_arrays_and_constants():
    host = SimpleNamespace(xp=np, asarray=lambda a, like: np.asarray(a, dtype=like.dtype))
    for name in EVERY:
        close(make(name).value(host, SPECTRUM), On(make(name)).value(SPECTRUM))


def test_unknown_names_and_parameters_are_refused():
    with pytest.raises(InvalidSpec, match="'nth'; expected one of 'kth'"):
        functional("nth", 3, 0)
    with pytest.raises(InvalidSpec, match="Leave alpha out"):
        functional("kth", 3, 0, alpha=1.0)
    with pytest.raises(InvalidSpec, match="expects a positive finite number"):
        functional("smooth", 3, 0, alpha=-1.0)


@pytest.mark.parametrize("gap", [1e-13, 1e-12, 1e-10, 1e-8])
def test_second_derivatives_near_ties_do_not_cancel(gap):
    """They move by no more than a multiple of the gap from those at the tie."""
    torch = pytest.importorskip("torch")
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    tie, near = (
        torch.autograd.functional.hessian(
            lambda M: eigcore.smooth_kth_eigenvalue(M, 1, 0.7),
            torch.tensor(Q * [0.0, 1.0, 1.0 + g, 2.0] @ Q.T),
        )
        for g in (0.0, gap)
    )
    assert abs(near - tie).max() < 10 * gap
