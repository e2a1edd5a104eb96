import numpy as np
import pytest

from eigcore import rmt
from eigcore.errors import InvalidInput

V = np.array([1.0, 0.5, -0.3])
W_STAR = np.array([0.2, 1.0, 0.4])
MU = np.array([0.1, 0.0, 1.5])
T = np.array([0.5, 1.0, 2.0])


def law(**changes):
    given = {"loss": "exponential", "response": "logistic", "mu": MU, "w_star": W_STAR, "w": V}
    given |= {"covariance": T, "c": 0.3} | changes
    return rmt.hessian_glm(**given)


def clipped(**changes):
    return law(loss=rmt.glm_loss("probit"), **changes)


def test_the_covariance_in_every_form_gives_one_law():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = {"mu": basis @ MU, "w_star": basis @ W_STAR, "w": basis @ V}
    known = clipped()
    for other in (
        clipped(**turned, covariance=(T, basis)),
        clipped(**turned, covariance=basis @ np.diag(T) @ basis.T),
    ):
        np.testing.assert_allclose(other.support(), known.support(), atol=1e-10)
        np.testing.assert_allclose(other.spikes(), known.spikes(), atol=1e-10)
        np.testing.assert_allclose(other.overlaps()["w"], known.overlaps()["w"], atol=1e-9)
        np.testing.assert_allclose(other.mean(), basis @ known.mean() @ basis.T, atol=1e-10)
    ones = [clipped(covariance=each).support() for each in (None, 1.0, np.ones(3), np.eye(3))]
    for each in ones[1:]:
        np.testing.assert_allclose(each, ones[0], atol=1e-10)
    np.testing.assert_allclose(
        clipped(covariance=4.0, mu=2 * MU, w=V / 2, w_star=W_STAR / 2).support(),
        4 * ones[0], atol=1e-9,
    )  # fmt: skip


def test_the_mean_is_that_of_samples():
    rng = np.random.default_rng(0)
    x = MU + rng.normal(size=(400_000, 3)) * np.sqrt(T)
    s, h = x @ W_STAR, x @ V
    y = np.where(rng.uniform(size=len(s)) < 1 / (1 + np.exp(-s)), 1.0, -1.0)
    g = 1.0 / (1 + (y - h) ** 2)
    expected = (x.T * g) @ x / len(x)
    loss = rmt.Loss(curvature=lambda y, h: 1.0 / (1 + (y - h) ** 2))
    np.testing.assert_allclose(law(loss=loss).mean(), expected, atol=0.02)


@pytest.mark.parametrize("pair", [(V, 2 * V), (0 * V, V), (V, 0 * V), (0 * V, 0 * V)])
def test_parallel_and_zero_vectors_are_limits_of_others(pair):
    w_star, w = pair
    near = [v + 1e-4 * other for v, other in zip(pair, (W_STAR, V), strict=True)]
    one, other = clipped(w_star=w_star, w=w), clipped(w_star=near[0], w=near[1])
    np.testing.assert_allclose(one.support(), other.support(), atol=2e-3)
    np.testing.assert_allclose(one.mean(), other.mean(), atol=2e-3)
    assert one.spikes().shape == other.spikes().shape
    np.testing.assert_allclose(one.spikes(), other.spikes(), atol=2e-3)


def test_the_response_is_irrelevant_where_g_does_not_depend_on_it():
    one, other = (law(loss="logistic", w_star=each) for each in (W_STAR, -3 * V))
    np.testing.assert_allclose(one.support(), other.support(), rtol=1e-13)
    assert len(one.parts.value) < 200


def test_nodes_with_one_h_are_joined_without_a_change():
    plain = rmt.glm_response("logistic")
    same = rmt.Response("logistic", plain.outcomes)  # not known to be the same for all s
    one, other = clipped(), clipped(response=same)
    assert len(one.parts.value) < 0.1 * len(other.parts.value)
    np.testing.assert_allclose(one.support(), other.support(), atol=1e-10)
    np.testing.assert_allclose(one.spikes(), other.spikes(), atol=1e-10)
    np.testing.assert_allclose(one.mean(), other.mean(), atol=1e-10)


def roughness(law, x, least):
    """The largest second difference of log density beyond its maximum, down to a share of it."""
    found = law.density(x)
    far = np.flatnonzero((found < least * found.max()) & (np.arange(len(x)) > found.argmax()))
    return np.abs(np.diff(np.log(found[found.argmax() : far[0]]), 2)).max()


def test_the_tails_of_unbounded_spectra_have_no_comb():
    star, own = [1.0, 0.0], [0.6, 0.8]
    x = np.geomspace(0.3, 20, 250)
    for w in (star, own):  # one variable, and two
        tail = {s: rmt.hessian_glm("exponential", "logistic", None, star, w, None, 0.5, spacing=s)
                for s in (None, 0.25)}  # fmt: skip
        assert roughness(tail[None], x, 1e-3) < 0.01 < 0.1 < roughness(tail[0.25], x, 1e-3)
    model = ("phase_retrieval", "phase_retrieval", None, star, own, None, 0.5)
    tail = {s: rmt.hessian_glm(*model, spacing=s) for s in (None, 0.35)}
    right, left = np.geomspace(1, 40, 100), -np.geomspace(0.5, 8, 100)
    assert roughness(tail[None], right, 1e-2) < 0.05
    assert roughness(tail[None], left, 3e-2) < 0.05 < 0.1 < roughness(tail[0.35], left, 3e-2)


def test_half_the_spacing_changes_little():
    for loss in ("probit", "logistic"):
        one, other = law(loss=loss), law(loss=loss, spacing=0.15)
        np.testing.assert_allclose(one.support(), other.support(), atol=1e-8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"c": 0.0}, "c is 0.0; expected one positive number"),
        ({"c": -1.0}, "expected one positive number"),
        ({"c": [[0.1, 0.2]]}, "expected one positive number"),
        ({"covariance": [-1.0, 1.0, 1.0]}, "none negative"),
        ({"covariance": -np.eye(3)}, "none negative"),
        ({"covariance": np.triu(np.ones((3, 3)))}, r"Write covariance=\(C \+ C.T\) / 2"),
        ({"covariance": np.eye(2)}, r"symmetric \(3, 3\)"),
        ({"covariance": [1.0, 2.0]}, "2 eigenvalues, but the vectors have 3"),
        ({"covariance": (T, np.ones((3, 3)))}, "orthonormal columns. Type"),
        ({"mu": [1.0]}, "three vectors"),
        ({"w": [np.nan, 0, 0]}, "NaN or infinity"),
        ({"spacing": 0.0}, "expected 0 < spacing"),
        ({"loss": rmt.Loss(curvature=lambda y, h: h / 0 * y)}, "NaN or infinite at"),
        ({"loss": "absolute"}, "no second derivative"),
        ({"response": "none"}, "There is no response"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input_is_one_clear_error(changes, message):
    with pytest.raises(InvalidInput, match=message):
        law(**changes)


def test_a_sample_of_another_shape_than_the_vectors_is_an_error():
    with pytest.raises(InvalidInput, match=r"Type: sample\(10, rng\)"):
        law().sample(50, np.random.default_rng(0))
    assert law().sample(10, np.random.default_rng(0)).shape == (3, 3)
    assert law(covariance=None).sample(50, np.random.default_rng(0)).shape == (15, 15)
