"""The decisions of the chapter come out right on made tables, and run on the real ones."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("chapter", ROOT / "docs" / "rmt_chapter.py")
chapter = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(chapter)
PAGE = (ROOT / "docs" / "rmt.md").read_text()
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def made():
    x, y = chapter.synthetic("elevators", rows=4000)
    return chapter.hidden(x, 60), y


def ends(rows):
    """Predicted and measured error at the smallest and the largest size."""
    (_, p0, _, m0, _), (_, p1, _, m1, _) = rows[0], rows[-1]
    return p0 / m0, p1 / m1, p1 / p0


def test_the_learning_curve_is_predicted_from_a_pilot(made):
    first, last, gain = ends(chapter.how_much_data(*made, pilot=300, draws=4)["rows"])
    assert abs(first - 1) < 0.08
    assert abs(last - 1) < 0.08
    assert gain < 0.92


def test_a_pilot_without_signal_predicts_no_gain(made):
    x, _ = made
    y = np.random.default_rng(0).standard_normal(len(x))
    found = chapter.how_much_data(x, y, pilot=300, draws=3)
    assert abs(found["floor"] - 1) < 0.1
    assert ends(found["rows"])[2] > 0.9


def test_the_ridge_of_the_theory_is_as_good_as_five_folds(made):
    found = chapter.which_ridge(*made, few=200, draws=6)
    theory, gcv, folds, hindsight, none = (error for _, _, error in found["rows"])
    assert hindsight <= min(gcv, folds)
    assert max(theory, gcv) < 1.03 * hindsight
    assert theory < 1.02 * folds
    assert none > 1.05 * theory


def test_shuffled_columns_hold_no_signal_and_the_factors_are_found():
    x, _ = chapter.synthetic("higgs_small", rows=3000)
    found = chapter.is_it_signal(x)
    assert found["shuffled"].p_value > 0.01
    assert not found["shuffled"].outliers
    high = [each.value for each in found["found"].outliers if each.value > 1]
    assert len(high) == 3
    np.testing.assert_allclose(high, found["predicted"], rtol=0.15)


def test_broken_assumptions_raise_false_alarms():
    alarms = chapter.false_alarms(draws=30)
    assert alarms["Gaussian"][0] < 0.1
    assert alarms["Student t, 3 degrees"][0] > 0.6
    assert alarms["Student t, 3 degrees"][1] < 0.1
    assert min(alarms["rows that remember (.5)"] + alarms["every row twice"]) > 0.9


def test_a_row_that_is_a_direction_has_all_the_leverage():
    x = np.random.default_rng(0).standard_normal((500, 5)) * [1, 1, 1, 1, 0]
    x[7, 4] = 1.0
    assert chapter.leverage(x) == pytest.approx(100)


def test_the_code_of_the_page_runs(capsys):
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "rmt.md", "exec"), {})
    assert "Upper edge 1.73" in capsys.readouterr().out


def test_the_numbers_of_the_ideas_are_those_of_the_page(capsys):
    chapter.told_ideas()
    said = set(re.findall(r"\d+\.\d+", capsys.readouterr().out))
    text = set(re.findall(r"\d+\.\d+", PAGE))
    assert {"0.47", "1.73", "1.56", "1.81", "2.20", "0.174"} <= said & text


def test_without_data_it_says_what_to_type(tmp_path):
    with pytest.raises(SystemExit, match="--synthetic"):
        chapter.main([str(tmp_path)])


@pytest.mark.skipif(not DATA.exists(), reason="the data sets are not beside this folder")
def test_the_real_table_gives_the_shape_that_the_page_describes():
    x, y = chapter.read(DATA, "elevators")
    x, y = x[:6000], y[:6000]
    layer = chapter.hidden(x, 100)
    first, last, gain = ends(chapter.how_much_data(layer, y, pilot=500, draws=2)["rows"])
    assert 0.85 < last < 1.1
    assert 0.85 < first < 1.15
    assert gain < 0.95
    found = chapter.is_it_signal(chapter.read(DATA, "higgs_small")[0])
    assert sum(each.value > 1 for each in found["found"].outliers) == 3
    assert not found["shuffled"].outliers
