"""One list of options: `fit`, the command, the estimators and the page take it from there."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from eigcore.errors import Dialect, InvalidOption, InvalidTable, OtherRun, UnusableBackend
from eigcore.fit import EarlyStopping, FitOptions, fit, fit_stream
from eigcore.fit.needs import NEEDS
from eigcore.fit.options import OPTIONS

PAGES = Path(__file__).parents[2] / "docs"
BESIDE = {
    "quantile": {"loss": "quantile"},
    "variance_power": {"loss": "tweedie"},
    "sep": {"decimal": ","},
    "decimal": {"sep": ";"},
    "missing": {"increasing": ["size"]},
    "order": {"increasing": ["grade"]},
}
ALL = pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)


def keywords(function):
    signature = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}


def test_fit_has_the_options_with_their_defaults():
    defaults = {name: option.default for name, option in OPTIONS.items()}
    beside = dict.fromkeys(("weights", "exposure", "offset", "groups", "time", "callback"))
    assert keywords(fit) == beside | {"cv": None} | defaults
    stream = {name: defaults[name] for name, each in OPTIONS.items() if each.where != "table"}
    assert keywords(fit_stream) == beside | {"processes": None} | stream


@ALL
def test_an_option_is_documented_in_the_docstring_of_fit(option):
    text = " ".join(inspect.getdoc(fit).split())
    assert f" {option.name} : {option.kind.expected()}" in text
    assert option.meaning in text


@ALL
def test_a_default_and_an_example_are_accepted_and_nonsense_is_not(option):
    assert getattr(FitOptions(), option.name) == option.default
    assert option.example is not None
    FitOptions(**{option.name: option.example, **BESIDE.get(option.name, {})})
    with pytest.raises(InvalidOption) as caught:
        FitOptions(**{option.name: object()})
    assert caught.value.option == option.name
    assert caught.value.example == option.example
    assert not option.optional or "or None; expected" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *((name, -1) for name in ("dim", "knots", "members", "penalty", "seed", "epochs")),
        *((name, np.nan) for name in ("penalty", "selection", "validation", "delta")),
        *((name, np.inf) for name in ("penalty", "budget_seconds", "learning_rate")),
        *((name, True) for name in ("dim", "penalty", "seed")),
        *((name, 0) for name in ("dim", "members", "delta", "quantile", "batch_rows", "epochs")),
        ("dim", 10**6),
        ("members", 10**9),
        *(("classes", wrong) for wrong in ([], ["a"], ["a", "a"], [1, "a"], [1.0, np.nan], 3)),
        ("dim", 2.5),
        ("dim", "3"),
        ("quantile", 1.0),
        ("validation", 0.9),
        ("sample_rows", 1),
        ("drop_columns", "size"),
        ("increasing", {"size": -1}),
        ("drop_rows_without_target", 1),
        ("shape", "round"),
        ("neuron", {"order": 3}),
        ("early_stopping", 10),
        ("backend", 3),
    ],
)
def test_values_outside_of_the_range_are_errors(name, wrong):
    with pytest.raises(InvalidOption, match=f"^{name} is .*; expected .*Write {name}="):
        FitOptions(**{name: wrong})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("part", value) for value in (2, 1.0, 0, -1, np.nan, "x", None)),
        *(("steps", value) for value in (0, -1, 1.5, True)),
        *(("tolerance", value) for value in (np.nan, -1, np.inf, "x")),
    ],
)
def test_early_stopping_is_checked_when_it_is_made(name, wrong):
    with pytest.raises(InvalidOption, match=f"^{name} is .*; expected .*Write {name}="):
        EarlyStopping(**{name: wrong})
    assert type(EarlyStopping(steps=np.int64(3)).steps) is int


USELESS = {
    "quantile": ({"quantile": 0.9, "loss": "huber"}, "loss is 'huber' beside a quantile of 0.9"),
    "delta": ({"delta": 3, "loss": "quantile"}, "loss is 'quantile' beside a delta of 3.0"),
    "variance_power": ({"variance_power": 1.2}, "loss is left out beside a variance_power of 1.2"),
    "tails": ({"tails": "refuse", "shape": "convex"}, "tails is 'refuse' beside shape convex"),
    "smooth": ({"smooth": ["b"], "knots": 0}, "knots is 0 beside smooth columns"),
    "missing": ({"missing": "lowest"}, "increasing is .* beside a place of missing cells"),
    "order": (
        {"order": {"risk": ["x", "y"]}, "decreasing": ["b"]},
        "increasing is left out beside an order of levels; .* Write increasing=.'risk'.",
    ),
    "class_weight": (
        {"class_weight": "balanced", "loss": "squared"},
        "loss is 'squared' beside weights of classes",
    ),
    "classes": ({"classes": [1, 2], "loss": "squared"}, "loss is 'squared' beside classes"),
    "preset": (
        {"preset": "quick", "dim": 3, "knots": 4, "penalty": 0.1, "members": 2, "max_iter": 9},
        "members is 2 beside the preset quick",
    ),
    "projections": ({"projections": 2, "knots": 0}, "knots is 0 beside 2 projections"),
    "early_stopping": ({"early_stopping": True, "max_iter": 0}, "max_iter is 0 beside early stop"),
    "neuron": (
        {"neuron": {"functional": "top_sum", "r": 2, "index": 1}},
        "neuron is .* beside an index that it does not use",
    ),
    "sep": ({"sep": "."}, "decimal is '.' beside the separator '.'"),
    "decimal": ({"decimal": ","}, "sep is ',' beside the decimal character ','"),
    "checkpoint_seconds": ({"checkpoint_seconds": 5}, "checkpoint is left out beside 5.0 seconds"),
    "batch_rows": ({"batch_rows": 10, "block_rows": 9}, "batch_rows is 10 beside blocks of 9 rows"),
}
USEFUL = [
    {"quantile": 0.9, "loss": "quantile"},
    {"delta": 3, "loss": "huber"},
    {"classes": [False, True], "loss": "logistic"},
    {"classes": [1, 2]},
    {"projections": 2},
    {"projections": 2, "knots": 4},
    {"projections": 0, "knots": 0},
    {"early_stopping": True, "max_iter": 1},
    {"neuron": {"functional": "smooth", "alpha": 0.1, "index": 1}},
    {"neuron": {"index": "convex"}},
    {"neuron": {"functional": "top_sum", "r": 2}},
    {"sep": ";", "decimal": ","},
    {"checkpoint": "a.checkpoint", "checkpoint_seconds": 5},
    {"batch_rows": 9, "block_rows": 9},
    {"block_rows": 9},
]


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.option)
def test_an_option_that_would_do_nothing_is_an_error(need):
    options, words = USELESS[need.option]
    with pytest.raises(InvalidOption, match=words) as caught:
        FitOptions(**options)
    name, _, _ = need.told
    FitOptions(**(options | BESIDE.get(need.option, {}) | {name: caught.value.example}))
    assert caught.value.option == name


def test_a_quantile_needs_its_loss_also_where_none_is_given():
    with pytest.raises(InvalidOption, match="loss is left out beside a quantile"):
        FitOptions(quantile=0.9)


@pytest.mark.parametrize("options", USEFUL, ids=str)
def test_options_that_do_something_are_accepted(options):
    FitOptions(**options)


def test_options_are_kept_in_a_plain_form():
    made = FitOptions(
        increasing=np.array(["a", "b"]),
        dim=np.int64(3),
        penalty=np.float32(0.5),
        neuron={"functional": "weighted", "weights": np.ones(2)},
        early_stopping=True,
        classes=np.array([1, 2]),
    )
    assert made.increasing == ("a", "b")
    assert type(made.dim) is int
    assert type(made.penalty) is float
    assert made.neuron == {"functional": "weighted", "weights": [1.0, 1.0]}
    assert made.early_stopping == EarlyStopping()
    assert made.classes == (1, 2)
    assert set(made.changed()) == {
        *("increasing", "dim", "penalty", "neuron", "early_stopping", "classes")
    }
    assert FitOptions(early_stopping=False).early_stopping is None


@ALL
def test_the_page_has_a_row_for_the_option(option):
    page = (PAGES / "fit.md").read_text()
    default = "" if option.default in (None, ()) else f"`{option.default!r}`"
    assert f"\n| `{option.name}` | {default} | {option.meaning} |\n" in page


# The same names and defaults everywhere -------------------------------------------------------


def test_the_command_has_a_flag_for_every_option_but_those_in_its_table():
    pytest.importorskip("typer")
    import typer.main

    from eigcore.cli import _LISTS, _MAPPINGS
    from eigcore.cli.app import app
    from eigcore.cli.options import LISTS, MAPPINGS, NAMES, NO_FLAGS, flag, numbers

    assert (_LISTS, _MAPPINGS) == (LISTS, MAPPINGS)
    command = typer.main.get_command(app).commands["fit"]
    found = {parameter.name: parameter for parameter in command.params}
    own = {"table", "target", "output", "weights", "exposure", "offset", "groups", "time"}
    own |= {"stream", "as_json"}
    assert set(found) - own == set(OPTIONS) - set(NO_FLAGS)
    assert set(NAMES) <= set(OPTIONS)
    for name in set(OPTIONS) - set(NO_FLAGS):
        assert found[name].opts == [flag(name)]
        default = numbers({name: found[name].default})[name]
        assert (default or None) == (OPTIONS[name].default or None)
        assert found[name].help.split(". Default:")[0] in OPTIONS[name].meaning.replace("`", "")
    page = (PAGES / "fit.md").read_text()
    for name, other in NAMES.items():
        assert f"`--{other}` is `{name}`" in page


def test_the_estimators_have_every_option_but_those_in_their_table():
    pytest.importorskip("sklearn")
    from eigcore.estimators import SpectralClassifier, SpectralRegressor
    from eigcore.estimators.parameters import DIFFERENT, FIXED

    for kind in (SpectralClassifier, SpectralRegressor):
        for name, default in keywords(kind).items():
            if name in DIFFERENT:
                assert default == DIFFERENT[name].default
            else:
                assert default == OPTIONS[name].default
    stands_for = {option for each in DIFFERENT.values() for option in each.of}
    both = set(keywords(SpectralRegressor)) | set(keywords(SpectralClassifier))
    same = both - set(DIFFERENT)
    of_tables = {name for name, option in OPTIONS.items() if option.where != "stream"}
    # scikit-learn has columns and rows dropped before, classes passed to partial_fit, and rows that
    # calibrate to `calibrate`
    elsewhere = {"drop_columns", "drop_rows_without_target", "classes", "calibration"}
    assert stands_for | same | set(FIXED) | elsewhere == of_tables


def test_the_page_of_the_estimators_shows_their_table():
    pytest.importorskip("sklearn")
    from eigcore.estimators.parameters import DIFFERENT

    page = (PAGES / "estimators.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", page, re.MULTILINE)
    shown = {name: (of, default) for name, of, default in rows}
    for name, each in DIFFERENT.items():
        of = ", ".join(f"`{option}`" for option in each.of) or "–"
        assert shown[name] == (of, f"`{each.default!r}`"), name
    assert set(shown) == set(DIFFERENT)


# Errors ---------------------------------------------------------------------------------------


ANOTHER = (
    "expected the data and options it was begun with. Name another file, or remove this one: "
    "rm 'my run'"
)


def dialects():
    pytest.importorskip("typer")
    pytest.importorskip("sklearn")
    from eigcore.cli.options import Flags
    from eigcore.estimators.words import Estimators

    return Dialect(), Flags(), Estimators()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            InvalidOption("dim", 0, "at least 1", 5, optional=True),
            [
                "dim is 0; expected at least 1 or None. Write dim=5.",
                "--dim is 0; expected at least 1. Type --dim 5.",
                "dim is 0; expected at least 1 or None. Write dim=5.",
            ],
        ),
        (
            InvalidOption("increasing", ("a", "b c"), "none"),
            [
                "increasing is ('a', 'b c'); expected none. Leave increasing out.",
                "--increasing is a 'b c'; expected none. Leave --increasing out.",
                "monotone is {'a': 1, 'b c': 1}; expected none. Leave monotone out.",
            ],
        ),
        (
            InvalidOption("early_stopping", EarlyStopping(), "none"),
            [
                "early_stopping is EarlyStopping(part=0.1, steps=10, tolerance=0.0001); expected "
                "none. Leave early_stopping out.",
                "--early-stopping is given; expected none. Leave --early-stopping out.",
                None,
            ],
        ),
        (
            InvalidOption("tolerance", np.inf, "less", 0.1),
            [
                "tolerance is inf; expected less. Write tolerance=0.1.",
                None,
                "tol is inf; expected less. Write tol=0.1.",
            ],
        ),
        (
            OtherRun("my run", False, {"validation": (0.15, 0.3), "increasing": ([], ["a"])}),
            [
                "checkpoint is 'my run', of another run: validation 0.15, not 0.3; increasing [], "
                f"not ['a']; {ANOTHER}",
                "--checkpoint is 'my run', of another run: --holdout 0.15, not 0.3; --increasing "
                f"left out, not a; {ANOTHER}",
                None,
            ],
        ),
        (
            UnusableBackend("foo", "It is not there."),
            [
                "backend is 'foo'. It is not there.",
                "--backend is 'foo'. It is not there.",
                "backend is 'foo'. It is not there.",
            ],
        ),
        (
            InvalidOption("validation", 0.95, "less than 0.9", 0.2),
            [
                "validation is 0.95; expected less than 0.9. Write validation=0.2.",
                "--holdout is 0.95; expected less than 0.9. Type --holdout 0.2.",
                None,
            ],
        ),
        (
            InvalidOption("members", 0, "at least 1", 5),
            [
                "members is 0; expected at least 1. Write members=5.",
                "--members is 0; expected at least 1. Type --members 5.",
                "n_estimators is 0; expected at least 1. Write n_estimators=5.",
            ],
        ),
        (
            InvalidOption("increasing", ["A"], "some of a, b", ["a"], "names 'A'"),
            [
                "increasing names 'A'; expected some of a, b. Write increasing=['a'].",
                "--increasing names 'A'; expected some of a, b. Type --increasing a.",
                "monotone names 'A'; expected some of a, b. Write monotone={'a': 1}.",
            ],
        ),
        (
            InvalidOption("epochs", 2, "nothing"),
            [
                "epochs is 2; expected nothing. Leave epochs out.",
                "--epochs is 2; expected nothing. Leave --epochs out, or add --stream.",
                None,
            ],
        ),
        (
            InvalidTable("A column is bad.", "drop_columns", ["the id"], "to leave it out"),
            [
                "A column is bad. Write drop_columns=['the id'] to leave it out.",
                "A column is bad. Type --drop-columns 'the id' to leave it out.",
                "A column is bad. Leave the column out of X.",
            ],
        ),
        (
            InvalidTable("No target.", "drop_rows_without_target", True),
            [
                "No target. Write drop_rows_without_target=True.",
                "No target. Type --drop-rows-without-target.",
                "No target. Leave those rows out.",
            ],
        ),
        (
            InvalidOption("neuron", {}, "another", {"functional": "kth"}, "is odd"),
            [
                "neuron is odd; expected another. Write neuron={'functional': 'kth'}.",
                None,
                "the neuron is odd; expected another. Write functional='kth'.",
            ],
        ),
    ],
)
def test_an_error_speaks_the_language_of_whoever_asked(error, told):
    for dialect, wanted in zip(dialects(), told, strict=True):
        if wanted is not None:
            assert error.told(dialect) == wanted
    assert str(error) == told[0]


def test_errors_survive_other_processes():
    dialect = dialects()[1]
    for error in (
        InvalidOption("dim", 0, "more", 5, "is too small"),
        InvalidTable("Bad.", "drop_columns", ["a"], "to leave it out"),
        OtherRun("run", True, {"dim": (3, 4)}),
        UnusableBackend("foo", "It is not there."),
    ):
        error.dialect = dialect
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
        assert again.option == error.option


@pytest.mark.parametrize("encoding", ["latin99", "base64", "rot13", 8])
def test_an_encoding_is_one_that_python_knows(encoding):
    with pytest.raises(InvalidOption, match="the name of an encoding of text"):
        FitOptions(encoding=encoding)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.zeros((400, 2)), "is an array of shape (400, 2); "),
        ([0.5] * 400, f"is {repr([0.5] * 400)[:200]} …; "),
        (np.float64(0.5), "is 0.5; "),
    ],
)
def test_a_value_of_many_numbers_is_not_written_out(value, told):
    assert told in str(InvalidOption("offset", value, "one number for each row"))
