"""Encoded rows: one kernel, or dense terms and the rules, give the same."""

from __future__ import annotations

import numpy as np
import pytest

import eigcore
from eigcore.core.rules import rule_of
from eigcore.core.sources import Encoded
from eigcore.encoding import Categories, Encoding, Linear, Periodic, PiecewiseLinear
from eigcore.encoding.bins import bins
from eigcore.encoding.rows import Rows, kernel_serves
from eigcore.errors import InvalidInput, NonFiniteInput

KNOTS = (-1.0, -0.25, 0.0, 0.75, 2.0)
COLUMNS = {
    "linear": (Linear(0.5, 2.0),),
    "clamped": (PiecewiseLinear(KNOTS, tails="clamped"),),
    "tails": (PiecewiseLinear(KNOTS),),
    "one piece": (PiecewiseLinear((0.0, 1.0), tails="clamped", missing=True),),
    "levels": (Categories(("a", "b", "c")),),
    "all": (
        Linear(-1.0, 3.0, missing=True),
        PiecewiseLinear(KNOTS, tails="clamped", missing=True),
        PiecewiseLinear(KNOTS, missing=True),
        PiecewiseLinear((0.0, 1.0)),
        Categories(("a", "b", "c"), missing=True),
        Categories((1.0, 2.0)),
    ),
}


def cells(column, rows, rng):
    """Cells inside, outside and at the knots; gaps and levels never seen."""
    if isinstance(column, Categories):
        found = rng.integers(-1, len(column.levels), rows).astype(float)
    else:
        found = rng.normal(scale=2.0, size=rows)
        at = rng.random(rows) < 0.3
        found[at] = rng.choice(getattr(column, "knots", (0.5,)), at.sum())
    if column.missing:
        found[rng.random(rows) < 0.2] = np.nan
    return found


def problem(columns, dim, dtype, rows=257, seed=0, **spec):
    rng = np.random.default_rng(seed)
    encoding = Encoding(columns)
    numbers = np.stack([cells(column, rows, rng) for column in columns], axis=-1)
    spec = eigcore.EigSpec(features=encoding.terms, dim=dim, **spec)
    params = rng.normal(size=spec.params_shape).astype(dtype)
    g = rng.normal(size=(rows, spec.outputs) if spec.outputs > 1 else rows).astype(dtype)
    return encoding, numbers, spec, params, g


def composed(encoding, numbers, spec, params, g):
    terms = encoding(numbers, eigcore.get_backend("numpy"), codes=True).astype(np.float64)
    values, pullback = eigcore.vjp(spec, params.astype(np.float64), terms)
    return values, pullback(g.astype(np.float64))[0]


def agree(found, wanted, dtype, factor=1.0):
    size = max(1.0, np.abs(wanted).max(initial=0.0))
    assert found.dtype == dtype
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max(initial=0.0) <= factor * 2e3 * np.finfo(dtype).eps * size


def check(problem_, dtype):
    encoding, numbers, spec, params, g = problem_
    values, pullback = Rows(encoding, numbers, dtype=dtype).vjp(spec, params)
    wanted, d_params = composed(*problem_)
    agree(values, wanted, dtype)
    # a nearly repeated eigenvalue turns its vector by rounding / gap: hence the larger factor
    agree(pullback(g), d_params, dtype, factor=50.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("dim", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("kind", COLUMNS)
def test_rows_equal_the_composition_from_dense_terms(kind, dim, dtype):
    check(problem(COLUMNS[kind], dim, dtype), dtype)


@pytest.mark.parametrize("seed", range(20))
def test_random_encodings_equal_the_composition(seed):
    rng = np.random.default_rng(seed)
    columns = []
    for _ in range(rng.integers(1, 6)):
        missing = bool(rng.random() < 0.5)
        tails = str(rng.choice(["linear", "clamped"]))
        knots = tuple(np.sort(rng.normal(size=rng.integers(2, 70))))
        levels = tuple(f"l{i}" for i in range(rng.integers(1, 9)))
        kinds = (
            Linear(rng.normal(), 1.5, missing=missing),
            PiecewiseLinear(knots, tails=tails, missing=missing),
            Categories(levels, missing=missing),
        )
        columns.append(kinds[rng.integers(3)])
    check(problem(tuple(columns), int(rng.integers(2, 8)), "float64", seed=seed), "float64")


@pytest.mark.parametrize(
    "options",
    [
        {"functional": "smooth"},
        {"structure": "tridiagonal"},
        {"outputs": 2},
        {"index": "convex"},
        {"index": "concave"},
    ],
)
def test_every_spec_is_served(options):
    if options == {"functional": "smooth"}:
        options = {"functional": "smooth", "alpha": 0.5}
    check(problem(COLUMNS["all"], 4, "float64", **options), "float64")


def test_periodic_columns_take_the_dense_terms():
    columns = (Periodic(24.0, (0.0, 6.0, 12.0)), *COLUMNS["tails"])
    assert bins(Encoding(columns), np.zeros((3, 2))) is None
    check(problem(columns, 3, "float64"), "float64")


def test_bins_describe_the_terms_exactly():
    encoding, numbers, *_ = problem(COLUMNS["all"], 2, "float64")
    found = bins(encoding, numbers)
    terms = np.zeros((len(numbers), encoding.terms))
    for n, j in np.ndindex(numbers.shape):
        index = found.indices[n, j]
        terms[n, index] = found.fractions[n, j]
        for column, (first, end) in zip(found.parts, found.runs, strict=True):
            if column == j and first <= index < end:
                terms[n, first:index] = 1.0
    assert np.array_equal(terms, encoding(numbers, eigcore.get_backend("numpy"), codes=True))
    assert np.array_equal(terms, found.dense(encoding.terms))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ties_have_the_gradient_of_the_tie_rule(dtype):
    encoding, numbers, spec, params, g = problem(COLUMNS["all"], 3, dtype)
    eye = (spec.rows == spec.cols).astype(dtype)
    params = params[..., :1] * eye  # every matrix a multiple of the identity
    values, pullback = Rows(encoding, numbers, dtype=dtype).vjp(spec, params)
    wanted, d_params = composed(encoding, numbers, spec, params, g)
    agree(values, wanted, dtype)
    agree(pullback(g), d_params, dtype, factor=50.0)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_other_libraries_compose_the_same(name):
    pytest.importorskip(name)
    encoding, numbers, spec, params, g = given = problem(COLUMNS["all"], 3, "float64")
    backend = eigcore.get_backend(name)
    values, pullback = Rows(encoding, numbers, backend).vjp(spec, params)
    wanted, d_params = composed(*given)
    agree(backend.to_numpy(values), wanted, "float64")
    agree(backend.to_numpy(pullback(g)), d_params, "float64", factor=50.0)


def test_no_rows_give_no_values_and_a_zero_gradient():
    encoding, numbers, spec, params, g = problem(COLUMNS["all"], 3, "float64", rows=0)
    values, pullback = Rows(encoding, numbers).vjp(spec, params)
    assert values.shape == (0,)
    assert not pullback(g).any()


def test_wrong_parameters_and_cells_are_refused():
    encoding, numbers, spec, params, _ = problem(COLUMNS["tails"], 3, "float64")
    with pytest.raises(InvalidInput, match="encoding"):
        Rows(encoding, numbers).vjp(spec, params[:, :-1])
    with pytest.raises(NonFiniteInput, match="missing"):
        Rows(encoding, numbers * np.nan)


def test_a_trace_names_who_solved():
    encoding, numbers, spec, params, _ = problem(COLUMNS["tails"], 3, "float64")
    rows = Rows(encoding, numbers)
    with eigcore.trace() as calls:
        rows.vjp(spec, params)
    native = any("native" in str(call) for call in calls)
    assert len(calls) == 1
    assert native == kernel_serves(spec, rows.backend)


@pytest.mark.parametrize("functional", ["kth", "smooth"])
@pytest.mark.parametrize("rows", [5, 3000])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_a_backend_evaluates_encoded_rows_like_dense_terms(name, rows, functional):
    pytest.importorskip(name)
    options = {"functional": functional} | ({"alpha": 0.5} if functional == "smooth" else {})
    encoding, numbers, spec, params, _ = problem(COLUMNS["all"], 4, "float64", rows, **options)
    backend, terms = (
        eigcore.get_backend(name),
        encoding(numbers, eigcore.get_backend("numpy"), codes=True),
    )
    source = Encoded(bins(encoding, numbers), backend.asarray(params))
    found = backend.to_numpy(backend.evaluate(rule_of(spec), source))
    agree(found, eigcore.evaluate(spec, params, terms), "float64")


@pytest.mark.parametrize("columns", [COLUMNS["all"], (Periodic(24.0, (1.0, 7.0, 20.0)),)])
def test_some_of_the_rows_are_the_same_rows_encoded_alone(columns):
    encoding, numbers, spec, params, g = problem(columns, 3, "float32")
    whole, some = Rows(encoding, numbers, "numpy", "float32"), np.array([3, 5, 250])
    part, alone = whole.part(some), Rows(encoding, numbers[some], "numpy", "float32")
    assert part.dtype == "float32"
    assert np.array_equal(part.numbers, numbers[some], equal_nan=True)
    for own, other in zip(part.vjp(spec, params), alone.vjp(spec, params), strict=True):
        pulled = (own(g[some]), other(g[some])) if callable(own) else (own, other)
        assert np.array_equal(*pulled)
