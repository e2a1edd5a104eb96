"""What each way to replace a matrix loses, beside the replacement itself and all others."""

import itertools

import numpy as np
import pytest

from eigcore.lowrank import low_rank, split
from eigcore.lowrank.methods import METHODS, Metrics

RNG = np.random.default_rng(0)
W = RNG.normal(size=(9, 6))
X = RNG.normal(size=(40, 6)) @ RNG.normal(size=(6, 6))
C = X.T @ X / 40
DATA = Metrics(C, RNG.uniform(1, 3, 9))
EYES = np.eye(9), np.eye(6)
METRICS = {
    "svd": EYES,
    "fwsvd": (np.diag(DATA.squares), EYES[1]),
    "asvd": (EYES[0], np.diag(C.diagonal())),
    "svd-llm": (EYES[0], C),
    "eora": (EYES[0], C),
    "lost": EYES,
    "nystrom": (EYES[0], C),
}


def energy(E, left, right):
    return np.trace(left @ E @ right @ E.T)


@pytest.mark.parametrize("method", [*METHODS])
def test_each_choice_loses_and_costs_what_it_says(method):
    found = METHODS[method](W, DATA)
    for i in range(len(found.cost) - 1):
        part = found.replacement(i)
        lost = energy(W - part.dense(), *METRICS[method]) / energy(W, *METRICS[method])
        assert found.lost[i] == pytest.approx(lost, abs=1e-12)
        assert found.cost[i] == part.B.size + part.A.size + part.C.size
        assert 0 < found.cost[i] < W.size
        assert len(part.A) == found.ranks[i]
        assert [*part.place] == sorted({*part.place})
        assert len(part.place) == found.columns[i]
    assert found.replacement(len(found.cost) - 1) is None
    assert found.lost[-1] == 0
    assert found.cost[-1] == W.size
    assert len(found.cost) > 3


def test_columns_of_lost_are_those_of_split():
    found = METHODS["lost"](W, DATA)
    for rank, columns in ((1, 2), (2, 1), (0, 3)):
        factors, place, rest = split(W, rank, columns)
        part = found.made(rank, columns)
        np.testing.assert_array_equal(part.place, place)
        np.testing.assert_allclose(part.C, rest, atol=1e-12)
        np.testing.assert_allclose(part.B @ part.A, factors.B @ factors.A, atol=1e-12)


def test_eora_compensates_the_error_of_picked_inputs():
    found = METHODS["eora"](W, DATA)
    assert {*found.columns[found.ranks > 0]} <= {0, 1, 3}
    part, cut = found.made(2, 3), METHODS["nystrom"](W, DATA).made(0, 3).dense()
    own = low_rank(W - cut, rank=2, right=C)
    np.testing.assert_allclose(part.dense(), cut + own.B @ own.A, atol=1e-12)
    for other in ("svd-llm", "nystrom"):
        less = METHODS[other](W, DATA)
        for lost, cost in zip(less.lost, less.cost, strict=True):
            assert min(found.lost[found.cost <= cost]) <= lost + 1e-12


def test_picked_inputs_tell_the_others_as_well_as_they_can():
    found = METHODS["nystrom"](W, DATA)
    for k in (1, 2, 4):
        part = found.made(0, k)
        J = part.place
        np.testing.assert_allclose(part.C, W @ C[:, J] @ np.linalg.inv(C[np.ix_(J, J)]), atol=1e-9)
    best = min(
        energy(W - W @ C[:, J] @ np.linalg.inv(C[np.ix_(J, J)]) @ np.eye(6)[[*J]], np.eye(9), C)
        for J in itertools.combinations(range(6), 2)
    ) / energy(W, np.eye(9), C)
    assert best <= found.lost[1] + 1e-12 < 2 * best


def test_inputs_of_lower_rank_and_none_that_vary():
    few = X[:, :2] @ RNG.normal(size=(2, 6))
    found = METHODS["nystrom"](W, Metrics(few.T @ few, DATA.squares))
    assert found.cost[:-1] == pytest.approx([9, 18])
    assert found.lost[1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(few @ (W - found.replacement(1).dense()).T, 0, atol=1e-9)
    still = METHODS["nystrom"](W, Metrics(0 * C, DATA.squares))
    assert [*still.lost] == [0, 0]
    np.testing.assert_array_equal(still.replacement(0).dense(), 0)


def test_eora_of_inputs_of_lower_rank():
    few = X[:, :2] @ RNG.normal(size=(2, 6))
    found = METHODS["eora"](W, Metrics(few.T @ few, DATA.squares))
    assert found.lost[found.cost == 18] == pytest.approx(0, abs=1e-12)  # 1 + 15 or 2 · 9


@pytest.mark.parametrize("method", [*METHODS])
def test_a_matrix_of_zeros_loses_nothing(method):
    found = METHODS[method](0 * W, DATA)
    assert not found.lost.any()
    np.testing.assert_array_equal(found.replacement(0).dense(), 0)
