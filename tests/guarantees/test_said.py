"""What is said is true: predictions with bounds, refused numbers, names of levels, huge numbers."""

from dataclasses import replace

import numpy as np
import pytest
from samples import small

from eigcore import EigSpec, SpectralModel
from eigcore.cli import show
from eigcore.core.canonical import pack
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear
from eigcore.errors import InvalidInput
from eigcore.guarantees.text import tightness


def ramp(tails="linear", clip=None, **options):
    """f(t) = t, for knots 0, 1, 30."""
    beyond = [1.0, 1.0, 29.0, 29.0] if tails == "linear" else [1.0, 29.0]
    own = [(0, 0, row, value) for row, value in enumerate(beyond, 1)]
    m = small(PiecewiseLinear((0.0, 1.0, 30.0), tails, **options), own)
    return SpectralModel(m.encoding, m.members, clip=clip)


@pytest.mark.parametrize(("start", "target"), [(5.0, 20.0), (15.0, 10.0), (15.0, 20.0), (5.0, 0.0)])
def test_no_change_moves_a_prediction_out_of_its_bounds(start, target):
    with pytest.raises(InvalidInput, match="stay between 0 and 10"):
        ramp(clip=(0.0, 10.0)).counterfactual({"t": start}, target)


def test_a_change_within_the_bounds_is_found():
    found = ramp(clip=(0.0, 10.0)).counterfactual({"t": 15.0}, 5.0, whole=())
    assert found.point["t"] == pytest.approx(5.0)
    assert found.changed_prediction < 5.0 < found.prediction == 10.0


def test_words_say_that_slopes_and_differences_are_those_before_the_bounds():
    m = ramp(clip=(0.0, 10.0))
    told = m.explain({"t": [25.0]}, baseline={"t": [2.0]}).text()
    assert "+23, before predictions are kept between 0 and 10." in told
    assert "jointly convex and concave in the numeric columns, before its bounds" in str(
        m.certify()
    )
    assert "before its bounds" not in str(ramp().certify())
    log = SpectralModel(m.encoding, m.members, link="log", target_name="price")
    assert "changes the logarithm by at most" in str(log.certify())
    assert "change of price" not in str(log.certify())


def test_printed_numbers_are_rounded_outward(capsys):
    third = small(Linear(), [(0, 0, 1, 1 / 3)])
    assert "change of the prediction 0.333333 to 0.333334;" in str(third.change("t", 0, 1))
    assert "from 0.6666667 to 1, whatever" in str(third.change("t", 0.6666667, np.float64(1)))
    two = small(Linear(), [(0, 0, 1, 1 / 3), (0, 1, 1, -1 / 3)], outputs=2)
    assert "0.333333 to 0.333334, -0.333334 to -0.333333" in str(two.change("t", 0, 1))
    assert "prediction from 0.333333333 to 0.666666667\n" in str(third.range({"t": (1, 2)}))
    show.guaranteed({"y": third.certify()})
    assert "0.3334" in capsys.readouterr().out
    x, radius = {"t": 5.0}, {"t": 0.1999999999}
    near = str(third.certify(x=x, radius=radius, threshold=1.23456789))
    assert "box t ± 0.199999:" in near
    assert "cross 1.23456789;" in near


def test_a_bound_that_is_attained_is_not_said_to_be_a_hundredth_off():
    line = small(Linear(), [(0, 0, 1, 2.0)]).certify().columns[0]
    assert tightness(line.bound, line.reached) == "1.000001"
    half = replace(line.reached, value=line.bound / 2.001)
    assert tightness(line.bound, half) == "2.01"
    still = small(Linear(), [(0, 0, 0, 2.0)]).certify().columns[0]
    assert tightness(still.bound, still.reached) == ""


def test_a_sign_up_to_rounding_is_not_said_to_be_proven():
    e, spec = Encoding((Linear(),), ("t",)), EigSpec(1, 2)
    singular = np.array([np.zeros((2, 2)), [[1.0, 1.0], [1.0, 1.0 - 2.0**-50]]])[None]
    m = SpectralModel(e, [(spec, pack(spec, singular))])
    assert m.certify().columns[0].slack > 0
    told = m.explain({"t": 1.0}, baseline={"t": 0.0}).text()
    assert "at most" in told
    assert "never" not in told


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.range({"t": (-5, 50)}),
        lambda m: m.maximize(fixed={"t": 31}),
        lambda m: m.change("t", 5, 31),
        lambda m: m.largest_change("t", (-5, 50)),
        lambda m: m.difference(ramp(), {"t": (0, 50)}),
        lambda m: m.counterfactual({"t": 5.0}, 20.0, bounds={"t": (0, 60)}),
    ],
)
def test_domains_hold_no_number_that_is_refused(ask):
    with pytest.raises(InvalidInput, match="from 0 to 30; others are refused"):
        ask(ramp("clamped", outside="refuse"))


def test_models_with_other_bounds_are_not_compared():
    with pytest.raises(InvalidInput, match="same link, targets and clip"):
        ramp().difference(ramp(clip=(0.0, 10.0)))


def test_a_curve_stays_where_numbers_are_not_refused():
    found = ramp(outside="refuse").curve("t")
    assert (found.grid[0], found.grid[-1]) == (0.0, 30.0)


def test_the_default_domain_of_two_models_holds_what_neither_refuses():
    wide = ramp("clamped", outside="refuse")
    narrow = small(PiecewiseLinear((2.0, 3.0), "clamped", outside="refuse"), [(0, 0, 1, 1.0)])
    found = wide.difference(narrow)
    assert found.lower == pytest.approx(2.0)
    assert found.upper == pytest.approx(2.0)


@pytest.mark.parametrize("levels", [(0, 1), ("never seen", "a level never seen")], ids=str)
def test_a_level_never_seen_is_where_a_counterfactual_may_start(levels):
    e = Encoding((Categories(levels), Linear()), ("kind", "t"))
    m = small(e, [(0, 0, 1, 10.0), (0, 0, 2, 20.0), (0, 0, 3, 1.0)])
    row = {"kind": 7 if levels[0] == 0 else "else", "t": 0.0}
    found = m.counterfactual(row, 5.0, columns=["t"], bounds={"t": (-9, 9)})
    assert found.point["t"] == pytest.approx(5.0)
    assert found.row["kind"] == "a level never seen"
    assert set(m.counterfactual(row, 15.0, columns=["kind"]).changes) == {"kind"}


def test_a_row_many_turns_away_turns_back_the_shorter_way():
    circle = small(Periodic(24.0, (0.0, 12.0)), [(0, 0, 2, 1.0)])
    options = {"bounds": {"t": (0, 5)}, "norm": 2, "tol": 0.001}
    found = circle.counterfactual({"t": 28.0}, 0.25, **options, whole=())
    assert found.point["t"] == pytest.approx(27.0, abs=0.01)
    assert found.bound == pytest.approx(found.size, rel=0.002)
    assert circle.counterfactual({"t": 28.0}, 0.25, **options).point["t"] == 26.0  # whole hours
    with pytest.raises(InvalidInput, match="1000 periods"):
        small(Periodic(24.0, (0.0, 12.0)), [(0, 0, 2, 1.0)]).difference(
            small(Periodic(25.0, (0.0, 12.0)), [(0, 0, 2, 1.0)]), {"t": (0.0, 1e12)}
        )


def test_a_margin_without_end_has_an_interval_without_end():
    line = small(Linear(), [(0, 0, 1, 1.0)])
    m = SpectralModel(line.encoding, line.members, link="log")
    t = np.array([-800.0, -800.0, *np.zeros(8)])  # e^-800 is 0 in floating point
    ends = m.calibrate({"t": t}, np.ones(10)).interval({"t": [-800.0, 0.0]}, coverage=0.9)
    assert (ends.lower == 0).all()
    assert (ends.upper == np.inf).all()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.certify(x=[[1.0]], radius="wide"), "radius is 'wide'"),
        (lambda m: m.certify(x=[[1.0]], radius={"t": None}), "radius is"),
        (lambda m: m.certify(x=[[1.0]], radius=0.1, threshold="high"), "threshold is 'high'"),
        (lambda m: m.certify(x=[[1.0]], radius=0.1, threshold=np.nan), "threshold is nan"),
        (lambda m: m.radius([[1.0]], threshold=1.0, units={"t": "m"}), "units is"),
        (lambda m: m.counterfactual({"t": 1.0}, np.nan), "target is nan"),
        (lambda m: m.counterfactual({"t": 1.0}, 2.0, units={"t": "m"}), "units is"),
        (lambda m: m.counterfactual({"t": 1.0}, 2.0, bounds={"t": (None, 3)}), "bounds has"),
        (lambda m: m.counterfactual({"t": 1.0}, 2.0, bounds=["t"]), "bounds names"),
        (lambda m: m.counterfactual({"t": 1.0}, 2.0, columns=[["t"]]), "columns is"),
        (lambda m: m.counterfactual({"t": 1.0}, 2.0, tol=np.nan), "tol is nan"),
        (lambda m: m.range(tol="small"), "tol is 'small'"),
        (lambda m: m.range([("t", 1)]), "a mapping"),
        (lambda m: m.prove(x=[[1.0]]), "prove got x without radius"),
        (lambda m: m.prove(lower={"t": 0.0}), "prove got ends without x"),
        (lambda m: m.explain([1.0], baseline=[2.0]).reasons(k="all"), "k='all'"),
    ],
)
def test_what_is_no_number_is_a_clear_error(ask, words):
    with pytest.raises(InvalidInput, match=words):
        ask(ramp())


def test_a_ball_of_huge_matrices_is_found():
    e = Encoding((Linear(), Linear()), ("a", "b"))
    m = small(e, [(0, 0, 1, 1e300), (0, 0, 2, 1e300)])
    found = m.radius({"a": [1.0], "b": [0.0]}, threshold=0.0)
    np.testing.assert_allclose(found.radius, 0.5**0.5, rtol=1e-6)


def test_boxes_of_tiny_matrices_are_proven():
    m = small(Linear(), [(0, 0, 1, 1e-310)])
    assert "decision is between" in m.prove(x=[[1.0]], radius=0.5).sentences()[-1]


@pytest.mark.parametrize("column", [Linear(limits=(0, 1)), PiecewiseLinear((0.0, 1e-10, 1.0))])
@pytest.mark.parametrize("size", [1e295, 1e307])
def test_matrices_whose_sums_are_no_floats_are_refused(column, size):
    huge = small(column, [(0, 0, 0, size), (0, 0, 1, size)], dim=3)
    if isinstance(column, Linear) and size < 1e303:
        assert huge.certify().columns[0].bound == pytest.approx(size)
        return
    for ask in (huge.certify, lambda: huge.radius({"t": 0.5}, threshold=1.0), huge.range):
        with pytest.raises(InvalidInput, match="at most 1e\\+303"):
            ask()
