"""Intervals: coverage is exactly what order statistics promise, in files and on every backend."""

from fractions import Fraction

import numpy as np
import pytest
from samples import model, rewritten, rows, small
from scipy import stats

import eigcore
from eigcore.calibration.scores import Calibration, attained, margin, rank
from eigcore.encoding import Categories, Encoding, Linear
from eigcore.errors import InvalidInput, InvalidSpec, ModelFileError
from eigcore.model import SpectralModel

LINE = Encoding((Linear(0.0, 1.0), Categories(("a", "b"), missing=True)), ("t", "town"))
CELLS = {"t": np.zeros(9), "town": ["a"] * 9}


def line(slope=1.0, **options):
    """The model slope · t."""
    m = small(LINE, [(0, 0, 1, slope)])
    return SpectralModel(LINE, m.members, **options)


def table(t, town="a"):
    return {"t": np.asarray(t, float), "town": np.broadcast_to(town, np.shape(t))}


@pytest.mark.parametrize(
    ("count", "coverage", "wanted"),
    [
        (9, 0.9, 9),
        (10, 0.9, 10),
        (19, 0.9, 18),
        (9, 0.7, 7),
        (99, 0.95, 95),
        (4, 0.5, 3),
        (3, 0.5, 2),
    ],
)
def test_the_rank_is_the_ceiling_without_rounding(count, coverage, wanted):
    assert rank(count, coverage) == wanted
    assert margin(tuple(range(1, count + 1)), coverage) == wanted


def test_an_interval_has_the_width_of_one_order_statistic():
    y = np.array([0.3, -1.0, 2.0, 5.0, -4.0, 0.1, 0.2, 7.0, -6.0])
    m = line().calibrate(table(np.zeros(9)), y)
    for coverage, wanted in ((0.9, 7.0), (0.8, 6.0), (0.5, 2.0), (0.1, 0.1)):
        ends = m.interval(table([3.0, -2.0]), coverage)
        np.testing.assert_allclose(ends.lower, [3 - wanted, -2 - wanted], atol=1e-13)
        np.testing.assert_allclose(ends.upper, [3 + wanted, -2 + wanted], atol=1e-13)


def test_coverage_over_all_orders_is_at_least_what_is_asked():
    """Each of n + 1 exchangeable rows is the new one with equal probability: no chance is left."""
    y = np.random.default_rng(0).normal(size=12)
    for coverage in (0.3, 0.5, 0.75, 0.9):
        inside = 0
        for new in range(12):
            own = np.delete(y, new)
            ends = line().calibrate(table(np.zeros(11)), own).interval(table([0.0]), coverage)
            inside += bool(ends.lower[0] <= y[new] <= ends.upper[0])
        share = Fraction(inside, 12)
        assert share >= Fraction(str(coverage))
        assert share < Fraction(str(coverage)) + Fraction(1, 12)


def test_ties_and_rounding_lose_no_row():
    y = np.repeat([0.1, 0.3, 0.7, 1e3], 5)
    m = line(0.0, target_offset=0.1).calibrate(table(np.zeros(20)), y)
    for coverage in (0.2, 0.45, 0.7, 0.95):
        ends = m.interval(table(np.zeros(20)), coverage)
        assert np.mean((ends.lower <= y) & (y <= ends.upper)) >= coverage
    x, y = np.random.default_rng(0).normal(size=(2, 10_000)) * [[1.0], [1e-3]]
    lost = (x + np.abs(y - x) < y) | (x - np.abs(y - x) > y)  # in floating point
    for one, seen in zip(x[lost][:20], y[lost][:20], strict=True):
        ends = line().calibrate(table([one] * 2), [seen] * 2).interval(table([one]), 0.5)
        assert ends.lower[0] <= seen <= ends.upper[0]


def test_coverage_of_new_rows_is_that_of_the_beta_binomial_law():
    rng, runs, covered = np.random.default_rng(1), 150, []
    for _ in range(runs):
        x, y = rng.normal(size=60), rng.standard_t(2, size=60)
        m = line().calibrate(table(x[:20]), x[:20] + y[:20])
        ends = m.interval(table(x[20:]), 0.8)
        truth = x[20:] + y[20:]
        covered.append(int(((ends.lower <= truth) & (truth <= ends.upper)).sum()))
    law = stats.betabinom(40, 17, 4)  # k = ⌈21 · 0.8⌉
    assert abs(np.mean(covered) - law.mean()) < 4 * law.std() / np.sqrt(runs)
    low, high = attained(20, 40, 0.8)
    inside = np.mean([(low * 40 <= c) & (c <= high * 40) for c in covered])
    assert 0.92 < inside <= 1.0
    assert law.mean() / 40 >= 0.8


def test_groups_have_a_coverage_of_their_own():
    rng = np.random.default_rng(2)
    town = np.repeat(["a", "b"], 150)
    y = np.where(town == "a", 1.0, 20.0) * rng.normal(size=300)
    cells = table(np.zeros(300), town)
    plain, each = line().calibrate(cells, y), line().calibrate(cells, y, groups="town")
    new = table([0.0, 0.0], ["a", "b"])
    one, own = plain.interval(new, 0.9), each.interval(new, 0.9)
    assert one.upper[0] == one.upper[1]
    for place, name in enumerate("ab"):
        scores = np.sort(np.abs(y[town == name]))
        np.testing.assert_allclose(own.upper[place], scores[rank(150, 0.9) - 1])
    with pytest.raises(InvalidInput, match="a missing cell in column 'town'; there are 0"):
        each.interval({"t": [0.0], "town": [None]}, 0.9)


def test_a_count_has_intervals_in_proportion_that_are_never_negative():
    m = line(link="log").calibrate(table(np.zeros(9)), np.arange(9) / 2)  # f = 1
    ends = m.interval(table([0.0, np.log(10.0)]), 0.5)
    np.testing.assert_allclose(ends.upper, [2.0, 20.0])
    np.testing.assert_allclose(ends.lower, [0.0, 0.0], atol=1e-12)
    assert (m.interval(table([0.0]), 0.9).lower == 0).all()


def test_two_quantile_models_share_one_calibration():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 1, 200), rng.uniform(0, 1, 200)
    target = x * y  # quantiles are lines through 0
    upper = line(0.8).calibrate(table(x), target, lower=line(0.2))
    scores = np.sort(np.maximum(0.2 * x - target, target - 0.8 * x))
    wide = scores[rank(200, 0.8) - 1]
    ends = upper.interval(table([0.5]), 0.8, lower=line(0.2))
    np.testing.assert_allclose([ends.lower[0], ends.upper[0]], [0.1 - wide, 0.4 + wide])
    with pytest.raises(InvalidInput, match="another lower model"):
        upper.interval(table([0.5]), 0.8, lower=line(0.3))
    with pytest.raises(InvalidInput, match=r"no lower model.*interval\(X, lower=lower\)"):
        upper.interval(table([0.5]), 0.8)
    narrow = line(0.8).calibrate(table(x), 0.5 * x, lower=line(0.2))  # scores below 0
    ends = narrow.interval(table([0.5, 0.0]), 0.8, lower=line(0.2))
    assert (ends.lower <= ends.upper).all()
    assert ends.lower[0] > 0.1


@pytest.mark.parametrize("box", [{"size": 0.5, "age": 0.3}, ({"size": -9.0}, {"age": 9.0})])
def test_a_box_covers_whatever_happens_inside_it(box):
    m, x = model(1, missing=False), rows(40, 3, missing=False)
    y = m.predict(x) + np.random.default_rng(0).normal(size=40)
    m = m.calibrate(x, y)
    ends, plain = m.interval(x, 0.8, box=box), m.interval(x, 0.8)
    assert (ends.lower <= plain.lower + 1e-9).all()
    assert (ends.upper >= plain.upper - 1e-9).all()
    moved = x.copy()
    for column, j in (("size", 0), ("age", 1)):
        side = box.get(column, 0.0) if isinstance(box, dict) else 0.0
        moved[:, j] += side
    if not isinstance(box, dict):
        moved[:, 0], moved[:, 1] = -9.0, 9.0
    other = m.interval(moved, 0.8)
    assert (ends.lower <= other.lower + 1e-9).all()
    assert (other.upper <= ends.upper + 1e-9).all()


def calibrated(groups="town"):
    m, x = model(2), rows(400, 5)
    return m.calibrate(x, np.random.default_rng(0).normal(size=400), groups=groups)


@pytest.mark.parametrize("groups", ["", "town"])
def test_a_file_keeps_the_calibration(tmp_path, groups):
    m = calibrated(groups)
    m.save(tmp_path / "m.eig")
    back = SpectralModel.load(tmp_path / "m.eig")
    assert back.calibration == m.calibration
    assert back.to_bytes() == m.to_bytes()
    x = rows(20, 6)
    for one, other in zip(m.interval(x, 0.7), back.interval(x, 0.7), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_parameters_end_a_calibration():
    m = calibrated()
    assert m.with_params(m.params).calibration is None
    assert "calibration" not in model(2).to_dict()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["scores"].pop(),
        lambda c: c["scores"][0].reverse(),
        lambda c: c.update(kind="guess"),
        lambda c: c.update(column="size"),
        lambda c: c.update(column="nowhere"),
        lambda c: c.update(scores=[["a"]]),
        lambda c: c.pop("lower"),
    ],
)
def test_a_damaged_calibration_is_no_model(tmp_path, change):
    import json

    def edit(header, tensors):
        document = json.loads(header["model"])
        change(document["calibration"])
        header["model"] = json.dumps(document)

    path = tmp_path / "m.eig"
    calibrated().save(path)
    rewritten(path, edit)
    with pytest.raises(ModelFileError, match="does not describe a model"):
        SpectralModel.load(path)


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("groups", ["", "town"])
def test_backends_agree(library, groups):
    pytest.importorskip(library)
    backend, m, x = eigcore.get_backend(library), calibrated(groups), rows(20, 6, missing=False)
    host = m.interval(x, 0.7)
    framework = m.interval(backend.asarray(x), 0.7)
    named = m.interval(x, 0.7, backend=library)
    for one, other, third in zip(host, framework, named, strict=True):
        assert type(other).__module__.startswith(library[:3])
        np.testing.assert_allclose(backend.to_numpy(other), one, rtol=1e-9)
        np.testing.assert_allclose(third, one, rtol=1e-9)


Y = np.arange(9.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.interval(CELLS), "has no calibration.*model.calibrate"),
        (lambda m: m.calibrate(CELLS, Y[:4]), r"y has shape \(4,\) for 9 row"),
        (lambda m: m.calibrate(CELLS, [np.nan] * 9), "no finite numbers"),
        (lambda m: m.calibrate(CELLS, ["a"] * 9), "one number per row"),
        (lambda m: m.calibrate(CELLS, Y, groups="t"), "category column, one of town"),
        (lambda m: m.calibrate(CELLS, Y).interval(CELLS, 0.95), "at least 19 .* are 9.*=0.9"),
        (lambda m: m.calibrate(CELLS, Y).interval(CELLS, 1.0), "between 0 and 1"),
        (lambda m: m.calibrate(CELLS, Y).interval(CELLS, "most"), "between 0 and 1"),
        (lambda m: m.calibrate(CELLS, Y).interval(CELLS, 0.5, lower=m), "upper.calibrate"),
        (
            lambda m: SpectralModel(LINE, m.members, link="logistic").calibrate(CELLS, Y),
            "link 'logistic'.*prediction_sets",
        ),
    ],
)
def test_what_has_no_interval_is_refused_with_advice(call, message):
    with pytest.raises(InvalidInput, match=message):
        call(line())


def test_the_advised_coverage_is_possible():
    m = line().calibrate(table(np.zeros(11)), np.arange(11.0))
    m.interval(table([0.0]), 0.916)
    with pytest.raises(InvalidInput, match=r"coverage=0.916\."):
        m.interval(table([0.0]), 0.917)


def test_a_calibration_is_checked_when_it_is_made():
    with pytest.raises(InvalidSpec):
        Calibration("absolute", ((1.0, 0.5),))
    with pytest.raises(InvalidSpec):
        Calibration("quantiles", ((1.0,),))
