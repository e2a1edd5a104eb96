"""Sets of classes, and intervals of several outputs: coverage is what order statistics promise."""

from fractions import Fraction

import numpy as np
import pytest
from samples import model, rows, small

import eigcore
from eigcore.calibration.scores import rank
from eigcore.encoding import Categories, Encoding, Linear
from eigcore.errors import InvalidInput
from eigcore.model import SpectralModel

LINE = Encoding((Linear(0.0, 1.0), Categories(("a", "b"), missing=True)), ("t", "town"))
THREE = ("low", "middle", "top")


def scored(classes=THREE):
    """A model in which t moves the first class up and the last one down; or t are log-odds."""
    if len(classes) == 2:
        m = small(LINE, [(0, 0, 1, 1.0)])
        return SpectralModel(LINE, m.members, link="logistic", classes=classes)
    m = small(LINE, [(0, 0, 1, 1.0), (0, 2, 1, -1.0)], outputs=3)
    return SpectralModel(LINE, m.members, link="softmax", classes=classes)


def table(t, town="a"):
    return {"t": np.asarray(t, float), "town": np.broadcast_to(town, np.shape(t))}


def drawn(rng, t, classes=THREE):
    """Classes drawn with the probabilities of `scored`."""
    found = scored(classes).predict(table(t))
    found = found if len(classes) > 2 else np.stack([1 - found, found], 1)
    return np.array(classes)[(rng.random((len(t), 1)) > found.cumsum(1)).sum(1)]


@pytest.mark.parametrize("classes", [THREE, ("no", "yes"), (0, 1)])
def test_sets_over_all_orders_cover_as_often_as_asked(classes):
    """Each of n + 1 exchangeable rows is the new one with equal probability: no chance is left."""
    rng = np.random.default_rng(3)
    t = rng.normal(size=12)
    y = drawn(rng, t, classes)
    for coverage in (0.4, 0.75, 0.9):
        inside = 0
        for new in range(12):
            m = scored(classes).calibrate(table(np.delete(t, new)), np.delete(y, new))
            sets = m.prediction_sets(table(t[new : new + 1]), coverage)
            assert len(sets.labels[0]) >= 1
            inside += y[new] in sets.labels[0]
        assert Fraction(inside, 12) >= Fraction(str(coverage))


def test_a_set_has_the_classes_above_one_order_statistic():
    rng = np.random.default_rng(4)
    t = rng.normal(size=40)
    y = drawn(rng, t)
    m = scored().calibrate(table(t), y)
    likely = m.predict(table(t))
    score = np.sort(1 - likely[np.arange(40), np.searchsorted(THREE, y)])[rank(40, 0.8) - 1]
    expected = (likely >= 1 - score - 1e-12) | (likely == likely.max(1, keepdims=True))
    sets = m.prediction_sets(table(t), 0.8)
    assert sets.classes == THREE
    np.testing.assert_array_equal(sets.included, expected)
    assert {*expected.sum(1)} >= {1, 2}


def test_groups_have_sets_of_their_own():
    rng = np.random.default_rng(5)
    town = np.repeat(["a", "b"], 60)
    t = np.where(town == "a", 6.0, 0.3) * rng.choice([-1, 1], 120)
    m = scored().calibrate(table(t, town), drawn(rng, t), groups="town")
    sets = m.prediction_sets(table([0.5, 0.5], ["a", "b"]), 0.9)
    assert len(sets.labels[0]) == 1
    assert len(sets.labels[1]) > 1


@pytest.mark.parametrize("options", [{"link": "logistic", "classes": (0, 1)}, {}])
def test_a_set_of_a_box_holds_those_of_all_its_rows(options):
    options = options or {"spec": {"outputs": 3}, "link": "softmax", "classes": THREE}
    options |= {"target_scale": 0.2, "target_offset": 0.0}
    m, x = model(1, missing=False, **options), rows(60, 2, missing=False)
    rng = np.random.default_rng(0)
    m = m.calibrate(x, rng.choice(m.static.classes, 60))
    wide = m.prediction_sets(x, 0.5, box={"size": 0.7, "age": 0.4}).included
    assert not wide.all()
    for _ in range(20):
        moved = x.copy()
        moved[:, :2] += rng.uniform(-1, 1, (60, 2)) * [0.7, 0.4]
        assert (m.prediction_sets(moved, 0.5).included <= wide).all()


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_backends_and_files_agree(library, tmp_path):
    pytest.importorskip(library)
    backend, x = eigcore.get_backend(library), rows(80, 6, missing=False)
    m = model(2, spec={"outputs": 3}, link="softmax", classes=(0, 1, 2), target_scale=0.2)
    m = m.calibrate(x, np.random.default_rng(0).integers(0, 3, 80), groups="town")
    m.save(tmp_path / "m.eig")
    back = SpectralModel.load(tmp_path / "m.eig")
    host = m.prediction_sets(x, 0.7)
    framework = back.prediction_sets(backend.asarray(x), 0.7)
    assert type(framework.included).__module__.startswith(library[:3])
    np.testing.assert_array_equal(np.asarray(framework.included), host.included)


def test_every_output_has_an_interval_of_its_own(tmp_path):
    rng = np.random.default_rng(7)
    m, x = model(3, spec={"outputs": 2}), rows(300, 8)
    y = m.predict(x) + rng.normal(size=(300, 2)) * [1.0, 20.0]
    for groups in ("", "town"):
        fitted = m.calibrate(x, y, groups=groups)
        fitted.save(tmp_path / "m.eig")
        ends = SpectralModel.load(tmp_path / "m.eig").interval(x, 0.8)
        inside = ((ends.lower <= y) & (y <= ends.upper)).mean(0)
        assert (inside >= 0.8).all()
        assert (inside < 0.83).all()
    wide = m.calibrate(x, y).interval(x, 0.8, box={"age": 0.5})
    pytest.importorskip("torch")
    plain = m.calibrate(x, y).interval(eigcore.get_backend("torch").asarray(x), 0.8)
    assert (wide.upper >= np.asarray(plain.upper) - 1e-9).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: m.prediction_sets(x), "has no calibration"),
        (lambda m, x: m.calibrate(x, ["low"] * 8), r"shape \(8,\) for 9 row"),
        (lambda m, x: m.calibrate(x, ["huge"] * 9), "class 'huge' for 9.*'low', 'middle', 'top'"),
        (lambda m, x: m.calibrate(x, ["low"] * 9).prediction_sets(x, 0.95), "at least 19"),
        (lambda m, x: m.calibrate(x, ["low"] * 9).interval(x), r"model.prediction_sets\(X\)"),
        (lambda m, x: small(LINE, [(0, 0, 1, 1.0)]).prediction_sets(x), r"model.interval\(X\)"),
    ],
)
def test_what_has_no_sets_is_refused_with_advice(call, message):
    with pytest.raises(InvalidInput, match=message):
        call(scored(), table(np.zeros(9)))
