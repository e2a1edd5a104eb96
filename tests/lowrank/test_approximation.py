"""Factors under metrics: exact errors, ranks of many matrices, columns kept beside factors."""

import itertools

import numpy as np
import pytest

from eigcore.errors import InvalidInput, NonFiniteInput
from eigcore.lowrank import low_rank, ranks, split

RNG = np.random.default_rng(0)
W = RNG.normal(size=(7, 5))


def metric(size, rank, rng):
    X = rng.normal(size=(rank, size))
    return X.T @ X


def measured(L, E, R):
    """‖L^{1/2} E R^{1/2}‖_F² = tr L E R Eᵀ."""
    L = np.diag(L) if np.ndim(L) == 1 else L
    R = np.diag(R) if np.ndim(R) == 1 else R
    return np.trace(L @ E @ R @ E.T)


LEFTS = {
    "truncated": (None, None),
    "FWSVD": (RNG.uniform(1, 3, 7), None),
    "ASVD": (None, RNG.uniform(1, 3, 5)),
    "SVD-LLM": (None, metric(5, 9, RNG)),
    "both": (metric(7, 9, RNG), metric(5, 9, RNG)),
    "singular": (metric(7, 4, RNG), metric(5, 3, RNG)),
}


@pytest.mark.parametrize("name", [*LEFTS])
def test_the_error_is_the_tail_and_no_other_factors_are_better(name):
    left, right = LEFTS[name]
    L = np.eye(7) if left is None else left
    R = np.eye(5) if right is None else right
    plain = low_rank(W, rank=2)
    found = low_rank(W, rank=2, left=left, right=right)
    off = measured(L, W - found.B @ found.A, R)
    assert off == pytest.approx(found.error**2, abs=1e-11)
    assert off == pytest.approx((found.singular_values[2:] ** 2).sum(), abs=1e-11)
    assert off <= measured(L, W - plain.B @ plain.A, R) + 1e-11
    rng = np.random.default_rng(1)
    for _ in range(20):
        B, A = found.B + 0.1 * rng.normal(size=(7, 2)), found.A + 0.1 * rng.normal(size=(2, 5))
        assert measured(L, W - B @ A, R) >= off - 1e-11


def test_energy_and_error_choose_the_smallest_rank():
    D = np.diag([3.0, 2.0, 1.0])  # squares 9, 4, 1
    assert low_rank(D, energy=9 / 14).rank == 1
    assert low_rank(D, energy=0.65).rank == 2
    assert low_rank(D, energy=1.0).rank == 3
    assert low_rank(D, error=(5 / 14) ** 0.5).rank == 1
    assert low_rank(D, error=0.0).rank == 3
    assert low_rank(0 * D, error=0.0).rank == 0


def test_results_are_arrays_of_the_library():
    torch = pytest.importorskip("torch")
    found = low_rank(torch.tensor(W, dtype=torch.float32), rank=2)
    assert found.B.dtype is torch.float32
    np.testing.assert_allclose(
        (found.B @ found.A).numpy(), (lambda f: f.B @ f.A)(low_rank(W, 2)), atol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of rank, energy"),
        ({"rank": 2, "energy": 0.5}, "one of rank, energy"),
        ({"rank": 6}, "from 0 to 5"),
        ({"energy": 2.0}, "energy is 2"),
        ({"rank": 1, "left": np.ones(5)}, "left has shape"),
        ({"rank": 1, "right": -np.eye(5)}, "positive semidefinite"),
        ({"rank": 1, "right": np.triu(np.ones((5, 5)))}, "not symmetric"),
    ],
)
def test_wrong_input(options, message):
    with pytest.raises(InvalidInput, match=message):
        low_rank(W, **options)


def test_not_finite():
    with pytest.raises(NonFiniteInput):
        low_rank(np.full((2, 2), np.nan), rank=1)


def test_ranks_meet_the_target_and_do_not_depend_on_scale():
    rng = np.random.default_rng(2)
    shapes = [(20, 30), (30, 30), (40, 10)]
    spectra = [
        np.sort(rng.pareto(p, min(s)))[::-1] for p, s in zip((0.7, 1, 3), shapes, strict=True)
    ]
    found = ranks(spectra, 0.5, shapes)
    kept = sum(
        r * sum(s) if 2 * r < min(s) else s[0] * s[1] for r, s in zip(found, shapes, strict=True)
    )
    assert kept <= 0.5 * sum(m * n for m, n in shapes)
    assert ranks([7 * spectra[0], *spectra[1:]], 0.5, shapes) == found
    assert ranks(spectra, 1.0, shapes) == [20, 30, 10]
    assert ranks(spectra, keep=0.5) == ranks(spectra, 0.5, [(20, 20), (30, 30), (10, 10)])
    with pytest.raises(InvalidInput, match="lowest ranks"):
        ranks(spectra, 0.01, shapes)
    with pytest.raises(InvalidInput, match="one shape"):
        ranks(spectra, 0.5, shapes[:2])


def test_no_ranks_of_the_same_cost_keep_more_energy():
    rng = np.random.default_rng(4)
    shapes = [(6, 60), (10, 10), (18, 6)]
    spectra = [np.sort(rng.pareto(p, min(s)))[::-1] for p, s in zip((1, 2, 3), shapes, strict=True)]

    def of(chosen):
        parts = zip(chosen, spectra, shapes, strict=True)
        lost = sum((s[r:] ** 2).sum() / (s**2).sum() for r, s, _ in parts)
        parts = zip(chosen, shapes, strict=True)
        return lost, sum(m * n if r == min(m, n) else r * (m + n) for r, (m, n) in parts)

    every = [of(each) for each in itertools.product(*(range(1, min(s) + 1) for s in shapes))]
    seen = set()
    for keep in (0.35, 0.5, 0.65, 1.0):
        found = ranks(spectra, keep, shapes, "energy")
        lost, cost = of(found)
        assert cost <= keep * 568
        assert lost <= min(other for other, price in every if price <= cost) + 1e-12
        assert ranks([1e3 * s for s in spectra], keep, shapes, "energy") == found
        seen.add(tuple(found))
    assert len(seen) == 4
    assert found == [6, 10, 6]
    assert ranks([np.r_[1.0, np.zeros(7)]], 1.0, [(8, 8)], "energy") == [1]
    with pytest.raises(InvalidInput, match="threshold, energy"):
        ranks(spectra, 0.5, shapes, "best")


def test_columns_beside_factors():
    factors, place, rest = split(W, 2, 3)
    whole = factors.B @ factors.A
    low, off = (whole**2).sum(), ((W - whole) ** 2).sum()
    assert (W**2).sum() == pytest.approx(low + off)  # Pythagoras
    whole[:, place] += rest
    np.testing.assert_allclose(whole[:, place], W[:, place])
    norms = ((W - factors.B @ factors.A) ** 2).sum(0)
    assert set(place) == set(np.argsort(norms)[-3:])
    factors, place, rest = split(W, 1, 5)
    np.testing.assert_allclose(factors.B @ factors.A + rest, W)
    with pytest.raises(InvalidInput, match="from 0 to 5"):
        split(W, 1, 6)
