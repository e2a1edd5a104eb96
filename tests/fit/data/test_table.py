"""Tables and targets: what is read, noted, and what cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for, smooth_table

from eigcore.errors import BackendUnavailable, InvalidFit, InvalidInput, InvalidOption, InvalidTable
from eigcore.fit import fit

QUICK = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 25}


def test_a_problem_holds_the_numbers_levels_and_missing_cells_of_a_table():
    table = smooth_table() | {"code": np.arange(200.0) % 3}
    problem = problem_for(table, categories=["code"])
    assert problem.encoding.names == ("a", "b", "c", "kind", "two", "code")
    kind, code = problem.encoding.columns[3], problem.encoding.columns[5]
    assert kind.levels == ("ash", "elm", "oak")
    assert code.levels == (0.0, 1.0, 2.0)
    np.testing.assert_array_equal(problem.numbers[:, 0], table["a"])
    np.testing.assert_array_equal(
        np.array(kind.levels)[problem.numbers[:, 3].astype(int)], table["kind"]
    )
    assert np.isnan(problem.numbers[:15, 2]).all()
    assert any("'kind' is text: 3 categories" in note for note in problem.notes)
    assert any("'code' holds codes: 3 categories" in note for note in problem.notes)
    assert any("'c' is missing in 15 of 200 rows" in note for note in problem.notes)


def test_what_a_frame_declares_to_be_categories_is():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": np.arange(60.0), "code": pd.Categorical(np.arange(60) % 3)})
    columns = problem_for(table.assign(y=table.a), "y").encoding.columns
    assert columns[1].levels == (0.0, 1.0, 2.0)


def test_rows_without_a_target_or_weight_are_left_out():
    table = smooth_table()
    table["y"][:7] = np.nan
    weights = np.where(np.arange(200) < 50, 0.0, 2.0)
    problem = problem_for(table, drop_rows_without_target=True)
    assert len(problem) == 193
    assert "Left out 7 row(s) without a target." in problem.notes
    with pytest.raises(InvalidTable, match="missing in 7 of 200 rows"):
        problem_for(table)
    model = fit(table, "y", weights=weights, drop_rows_without_target=True, **QUICK)
    assert model.report.rows + model.report.rows_held_out == 150


def test_a_target_of_two_texts_or_booleans_is_classes():
    table = smooth_table()
    y = table.pop("y") > 1.0
    for values, classes in (
        (np.where(y, "dear", "cheap"), ("cheap", "dear")),
        (y, (False, True)),
        (y.astype(object), (False, True)),
        (np.where(y, 3, 1), ()),
    ):
        target = problem_for(table, values).target
        assert target.classes == classes
        assert target.loss.name == ("logistic" if classes else "squared")
    named = problem_for(table, np.where(y, 3, 1), loss="logistic").target
    assert named.classes == (1, 3)
    assert named.values.tolist() == y.astype(float).tolist()


def test_held_out_rows_do_not_scale_the_target():
    problem, fitted = problem_for(validation=0.3).split()
    assert fitted.sum() == 140
    assert problem.target.scaling.offset == pytest.approx(smooth_table()["y"][fitted].mean())
    part = problem.part(fitted)
    assert part.target.targets.target.mean() == pytest.approx(0.0, abs=1e-12)
    assert part.target.targets.target.std() == pytest.approx(1.0)
    assert len(part) == len(part.numbers) == 140


def test_one_row_cannot_be_split():
    with pytest.raises(InvalidTable, match=r"1 row\(s\), 0 of them held out.*validation=0.0"):
        problem_for({"a": [1.0, 2.0]}, [1.0, 2.0]).part(slice(1)).split()


FIVE = np.array(["u", "v", "w", "x"] * 50)
TWO = np.array(["u", "v"] * 100)
NAMES = np.array([f"v{i}" for i in range(200)])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"increasing": ["A"]}, "increasing names 'A', .*did you mean 'a'.*increasing=.'a'"),
        ({}, {"increasing": ["kind"]}, "others have no order"),
        ({}, {"increasing": ["a"], "decreasing": ["a"]}, "also among the increasing columns"),
        ({}, {"shape": "round"}, "shape is 'round'; expected one of convex, concave"),
        ({}, {"loss": "cubic"}, "loss is 'cubic'.*Write loss='squared'"),
        ({}, {"dim": 0}, "dim is 0; expected a whole number of at least 1"),
        ({}, {"dim": 2.5}, "dim is 2.5; expected a whole number"),
        ({}, {"validation": 0.95}, "validation is 0.95; expected .* less than 0.9.*validation=0.2"),
        ({}, {"drop_columns": ["zz"]}, "drop_columns names 'zz'"),
        ({}, {"increasing": "a"}, "is 'a'; expected a list of names.*Write increasing=.'a'."),
        ({}, {"neuron": {"order": 3}}, "expected a mapping of fields among"),
        ({}, {"neuron": {"index": 0}, "shape": "convex"}, "has the index 0"),
        ({}, {"epochs": 2}, "epochs cannot be used with a table in memory. Leave epochs out"),
        ({"a": np.full(200, np.inf)}, {}, "infinite in 200 of 200 rows.*drop_columns=.'a'"),
        ({"a": np.zeros(200)}, {}, "constant"),
        ({"a": np.full(200, np.nan)}, {}, "missing in all 200 rows"),
        ({"y": np.full(200, np.nan)}, {}, "missing in all 200 rows"),
        ({"y": np.full(200, 2.0)}, {}, "same value 2.0 in all 200 rows"),
        ({"y": np.full(200, np.inf)}, {}, "'y' is infinite in 200"),
        ({"y": NAMES}, {}, "200 different values"),
        ({"y": FIVE}, {"loss": "logistic"}, "exactly two classes.*Write loss='multinomial'"),
        ({"y": FIVE}, {"loss": "squared"}, "4 different.*a target of numbers.*'multinomial'"),
        ({"y": TWO}, {"loss": "squared"}, "2 different.*a target of numbers.*'logistic'"),
        ({"y": NAMES}, {"loss": "squared"}, "200 different values.*Pass another target"),
        ({"y": np.arange(200.0)}, {"loss": "multinomial"}, "200 different.*Write loss='squared'"),
        ({"y": np.arange(200.0)}, {"loss": "logistic"}, "exactly two.*Write loss='squared'"),
        ({"y": TWO}, {"classes": ["u", "w"]}, "'v', which is not among"),
        ({"a": np.array([f"id{i}" for i in range(200)])}, {}, "like an identifier"),
        ({"a": np.array(["?", *map(str, range(199))])}, {}, r"such as '\?'"),
        ({"a": np.array(["2020-01-01"] * 200, dtype="datetime64[D]")}, {}, "datetime64"),
        ({"a": np.array([object()] * 200)}, {}, "holds object objects"),
        ({"y": np.array(["2020-01-01"] * 200, dtype="datetime64[D]")}, {}, "'y' holds datetime64"),
        ({"a": np.zeros((200, 2))}, {}, r"shapes \{'a': \(200, 2\)\}"),
        ({"a": np.zeros(3)}, {}, "differ: 3 in column 'a', 200 in column 'b'; expected one cell"),
        ({}, {"drop_columns": ["y"]}, "drop_columns names 'y', which is the target; expected some"),
        ({}, {"increasing": ["y"]}, "increasing names 'y', which is the target"),
        ({}, {"increasing": ["a"], "drop_columns": ["a"]}, "'a', which is left out on request"),
        ({}, {"drop_columns": list(smooth_table())[:-1]}, "names all columns beside the target"),
        ({}, {"classes": ["u", "v"]}, "which is not among them; expected .*Leave classes out"),
        ({"y": FIVE}, {"classes": ["a", "b"]}, "Write classes=.'u', 'v', 'w', 'x'.[.]"),
        ({}, {"neuron": {"index": 9}}, "index is 9; .*Write neuron={'index': 'middle'}"),
        ({}, {"neuron": {"structure": "x"}}, "structure is 'x'; .*={'structure': 'tridiagonal'}"),
        ({}, {"neuron": {"functional": "x"}}, "functional is 'x'; .*={'functional': 'kth'}"),
        (
            {},
            {"neuron": {"functional": "smooth", "alpha": -1}},
            "alpha is -1; .*Write neuron={'functional': 'smooth', 'alpha': 0.1}",
        ),
        ({}, {"callback": 3}, "callback is 3; expected a function of a Progress or None"),
        ({}, {"weights": ["x"] * 200}, "weights are not numbers.*; expected one finite number"),
        ({}, {"weights": np.ones(3)}, "weights have the shape .3,.; expected .* 200 rows"),
        ({}, {"weights": -np.ones(200)}, "weights hold -1; expected"),
        (
            {},
            {"weights": np.full(200, np.nan)},
            "weights hold missing or infinite numbers; expected",
        ),
        ({}, {"weights": np.zeros(200)}, "weights are all 0; expected"),
    ],
)
def test_what_cannot_be_used_is_one_error_with_advice(change, options, message):
    with pytest.raises(InvalidInput, match=f"(?s){message}") as caught:
        fit(smooth_table() | change, "y", **{**QUICK, **options})
    text = str(caught.value)
    assert "expected" in text or "cannot be used" in text
    assert "--" not in text
    assert "Type" not in text
    if isinstance(caught.value, InvalidFit):
        assert caught.value.option in {*options, "drop_columns"} or "y" in change


def test_a_target_of_other_rows_is_told_apart():
    with pytest.raises(InvalidInput, match="differ: 200 in column 'a', 5 in the target; expected"):
        fit(smooth_table(), np.ones(5), **QUICK)


def test_a_backend_that_is_missing_is_one():
    with pytest.raises(BackendUnavailable, match=r"^backend is 'foo'. There is no backend"):
        fit(smooth_table(), "y", **QUICK | {"backend": "foo"})


def test_an_unknown_target_suggests_the_nearest():
    with pytest.raises(InvalidOption, match=r"target is 'Y'.*did you mean 'y'.*target='y'"):
        fit(smooth_table(), "Y")


def test_an_unknown_target_like_no_column_suggests_its_values():
    with pytest.raises(
        InvalidOption, match=r"expected one of .* or pass its values: fit\(table, v"
    ):
        fit(smooth_table(), "prize")


def test_an_option_that_does_not_exist_is_no_option():
    with pytest.raises(TypeError, match=r"fit\(\) has no option 'penalt'. Did you mean 'penalty'"):
        fit(smooth_table(), "y", penalt=1.0)


def test_text_among_few_numbers_may_be_codes():
    table = smooth_table() | {"a": np.array(["0", "1", "1", "0", "x"] * 40)}
    with pytest.raises(
        InvalidFit, match=r"such as 'x'.*Write categories=\['a'\] if they are"
    ) as told:
        fit(table, "y", **QUICK)
    model = fit(table, "y", **QUICK | {told.value.option: told.value.example}).model
    assert model.encoding.columns[0].levels == ("0", "1", "x")


class Named(np.ndarray):
    """A series: values with a name."""

    name = "price"


def test_a_series_names_its_target():
    table = {"a": smooth_table()["a"]}
    prices = smooth_table()["y"].view(Named)
    assert problem_for(table, prices).target.name == "price"
    assert problem_for(table, {"price": smooth_table()["y"]}).target.name == "price"
    assert problem_for(table, smooth_table()["y"]).target.name == "y"
    other = table | {"price": table["a"]}
    assert problem_for(other, prices).target.name == "y"  # the column has the name
    own = table | {"price": smooth_table()["y"]}
    assert problem_for(own, prices, drop_columns=["price"]).target.name == "price"
    with pytest.raises(InvalidInput, match=r"a column of the table too.*Write fit\(table, 'price'"):
        problem_for(own, prices)
