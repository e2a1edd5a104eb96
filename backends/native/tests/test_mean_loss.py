"""The mean loss of encoded rows against the kernel that it is made of."""

import threading

import numpy as np
import pytest
from door import rule
from eigcore_native import kernel, mean_loss
from test_encoded import encoded_case

D, K = 5, 15


def task(dtype=np.float64, loss="squared", **changes):
    """Arguments of `mean_loss`, by name, and matrices W of the scaled terms."""
    indices, fractions, runs, params, _ = encoded_case(dtype, D)
    rng, terms = np.random.default_rng(1), params.shape[1] - 1
    given = {
        "bins": (indices, fractions, runs),
        "loss": loss,
        "target": rng.random(len(indices)),
        "share": rng.dirichlet(np.ones(len(indices))),
        "offset": rng.normal(size=len(indices)),
        "mean": rng.normal(size=terms),
        "deviation": rng.uniform(0.5, 2.0, terms),
        "penalty": 0.1,
    }
    return given | changes, rng.normal(size=(terms + 1, K))


def composed(given, W, dtype):
    mean, deviation = given["mean"], given["deviation"][:, None]
    A = W[1:] / deviation
    params = np.concatenate([(W[0] - mean @ A)[None], A])[None].astype(dtype)
    indices, fractions, runs = given["bins"]
    answer = kernel(rule("packed", D, 2), "encoded", (indices, fractions, runs, params), "pullback")
    f = answer.values + given["offset"]
    if given["loss"] == "squared":
        losses, slopes = (f - given["target"]) ** 2, 2.0 * (f - given["target"])
    else:
        losses = np.logaddexp(0.0, f) - given["target"] * f
        slopes = 1.0 / (1.0 + np.exp(-f)) - given["target"]
    (pulled,) = answer.pullback((given["share"] * slopes).astype(dtype))
    slope = pulled[0].astype(np.float64)
    slope[1:] = (slope[1:] - mean[:, None] * slope[0]) / deviation + 0.2 * W[1:]
    return given["share"] @ losses + 0.1 * np.square(W[1:]).sum(), slope


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", ["squared", "binomial"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_mean_loss_is_what_its_kernel_gives(dtype, loss, threads):
    given, W = task(dtype, loss)
    value = mean_loss(rule("packed", D, 2), **given)
    allowed = 1e-11 if dtype == np.float64 else 1e-4
    for scale in (1.0, 0.01, 1e3):
        slope = np.full_like(W, np.nan)
        wanted, expected = composed(given, scale * W, dtype)
        assert value(scale * W, slope, threads) == pytest.approx(wanted, rel=allowed)
        np.testing.assert_allclose(slope, expected, rtol=0, atol=allowed * np.abs(expected).max())


def test_the_binomial_loss_is_exact_far_out():
    given, W = task(loss="binomial", share=None, offset=None, penalty=0.0)
    given["target"] = np.zeros(len(given["target"]))
    value = mean_loss(rule("packed", D, 2), **given)
    for f in (-800.0, -300.0, -1e-9, 0.0, 30.0, 1e6):
        W[:], slope = 0.0, np.empty_like(W)
        W[0, [0, 2, 5, 9, 14]] = f  # f times the identity: every row decides f
        assert value(W, slope) == pytest.approx(np.logaddexp(0.0, max(f, -700.0)), rel=1e-14)
        trace = slope[0, [0, 2, 5, 9, 14]].sum()
        assert trace == pytest.approx(np.exp(-np.logaddexp(0.0, -max(f, -700.0))), rel=1e-13)
    W[0, 0] = np.nan
    assert np.isnan(value(W, slope))


def test_threads_of_python_wait_for_one_another():
    given, W = task()
    value = mean_loss(rule("packed", D, 2), **given)
    wanted = {scale: value(scale * W, np.empty_like(W), 1) for scale in (1.0, 2.0, 3.0)}
    found = []

    def work(scale):
        found.extend((scale, value(scale * W, np.empty_like(W), 1)) for _ in range(20))

    threads = [threading.Thread(target=work, args=(scale,)) for scale in wanted]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(found) == set(wanted.items())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"target": np.zeros(3)}, "targets of 411 numbers"),
        ({"share": np.zeros(3)}, "shares of 411 numbers"),
        ({"deviation": np.zeros(3)}, "deviations of 18 numbers"),
        ({"left": np.zeros(17)}, "both sides of the jumps"),
        ({"left": np.zeros(17), "right": np.zeros(18)}, "right factors of 17 numbers"),
    ],
)
def test_arrays_of_other_sizes_are_refused(changes, error):
    given, _ = task(**changes)
    with pytest.raises(ValueError, match=error):
        mean_loss(rule("packed", D, 2), **given)


def test_indices_outside_the_terms_are_refused():
    given, W = task()
    indices, fractions, runs = given["bins"]
    for at, some in ((indices + 9, runs), (indices, [(0, 99)])):
        with pytest.raises(IndexError, match="expected"):
            mean_loss(rule("packed", D, 2), **given | {"bins": (at, fractions, some)})
    value = mean_loss(rule("packed", D, 2), **given)
    with pytest.raises(ValueError, match="matrices and slope"):
        value(W[1:], np.empty_like(W[1:]))
    with pytest.raises(KeyError):
        mean_loss(rule("packed", D, 2), **given | {"loss": "huber"})
