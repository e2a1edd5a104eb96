"""Values and pullbacks of encoded columns against the terms they stand for."""

from itertools import pairwise

import numpy as np
import pytest
from door import rule
from eigcore_native import kernel, tables
from reference import CASES, close, reference


def encoded_case(dtype, d, rows=411, columns=3, bins=6):
    """A source "encoded", and the terms (rows, columns · bins + 1) that it stands for."""
    rng = np.random.default_rng(d)
    edges = np.arange(columns + 1) * bins
    params = (rng.standard_normal((1, columns * bins + 1, d * (d + 1) // 2)) / 2).astype(dtype)
    indices = (rng.integers(0, bins, (rows, columns)) + edges[:-1]).astype(np.int32)
    fractions = rng.random((rows, columns)).astype(dtype)
    terms = np.zeros((rows, columns * bins + 1))
    terms[:, 0] = 1
    for c, (first, end) in enumerate(pairwise(edges)):
        here = np.arange(first, end)
        terms[:, 1 + here] = here < indices[:, c, None]
        terms[np.arange(rows), 1 + indices[:, c]] = fractions[:, c]
    runs = [(int(first), int(end)) for first, end in pairwise(edges)]
    return indices, fractions, runs, params, terms


@pytest.mark.parametrize(("dtype", "d"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_encoded_columns(dtype, d, threads):
    indices, fractions, runs, params, terms = encoded_case(dtype, d)
    g = np.random.default_rng(d).standard_normal(len(terms)).astype(dtype)
    values, gradient, gap = reference(terms @ params[0], d, d // 2)
    which = rule("packed", d, d // 2)
    made = tables(params, runs)
    for arrays in ((indices, fractions, runs, params), (indices, fractions, made)):
        answer = kernel(which, "encoded", arrays, "pullback", threads)
        close(answer.values, values, dtype)
        (d_params,) = answer.pullback(g)
        assert d_params.shape == params.shape
        close(d_params[0], terms.T @ (g[:, None] * gradient), dtype, gap)
        alone = kernel(which, "encoded", arrays, "values", threads)
        close(alone.values, values, dtype)
        assert alone.pullback is None
        assert answer.vectors is None
        v = kernel(which, "encoded", arrays, "vectors", threads).vectors
        np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_encoded_columns_at_ties(dtype, threads):
    # diag(1, 1, 5) in every second row: P/m of the lowest eigenvalue is diag(1/2, 1/2, 0)
    params = np.zeros((1, 2, 6), dtype)
    params[0, 0, [0, 2, 5]] = 1, 1, 5
    params[0, 1] = 1, 2, 3, 4, 5, 6
    indices, fractions = np.zeros((150, 1), np.int32), np.zeros((150, 1), dtype)
    fractions[1::2] = 1
    g = np.linspace(0, 1, 150, dtype=dtype)
    arrays = indices, fractions, [(0, 1)], params
    (found,) = kernel(rule("packed", 3, 0), "encoded", arrays, "pullback", threads).pullback(g)
    p = params[0, 0] + fractions * params[0, 1]
    gradient = reference(p, 3, 0)[1]
    gradient[::2] = 0.5, 0, 0.5, 0, 0, 0
    expected = np.stack([g @ gradient, (g * fractions[:, 0]) @ gradient])
    np.testing.assert_allclose(found[0], expected, atol=1e-3 if dtype is np.float32 else 1e-11)


def test_terms_of_no_run_and_of_several():
    rng = np.random.default_rng(0)
    params = rng.standard_normal((1, 12, 6))
    indices = np.array([[3, 10], [0, 5], [4, 4]], np.int32)
    fractions, runs = rng.random((3, 2)), [(0, 4), (5, 11)]
    starts = [[1, 2, 3, *range(6, 11)], [], []]
    p = np.stack([params[0, 0] + params[0, s].sum(0) for s in starts])
    p += (fractions[..., None] * params[0, 1:][indices]).sum(1)
    answer = kernel(rule("packed", 3, 1), "encoded", (indices, fractions, runs, params), "values")
    np.testing.assert_allclose(answer.values, reference(p, 3, 1)[0], atol=1e-12)


@pytest.mark.parametrize("runs", [[(0, 12)], [(-1, 3)], [(4, 4)]])
def test_runs_outside_the_terms_raise(runs):
    with pytest.raises(IndexError, match="runs"):
        tables(np.zeros((1, 12, 6)), runs)


@pytest.mark.parametrize("shape", [(12, 6), (2, 12, 6), (1, 0, 6), (6,)])
def test_tables_of_other_shapes_raise(shape):
    with pytest.raises(ValueError, match=r"params.*\(1, terms \+ 1, K\)"):
        tables(np.zeros(shape), [])


def test_sources_of_encoded_columns_are_checked():
    made, which = tables(np.zeros((1, 5, 6)), [(0, 4)]), rule("packed", 3, 0)
    for index in (4, -1):
        with pytest.raises(IndexError, match="inside the tables"):
            kernel(
                which,
                "encoded",
                (np.full((1, 1), index, np.int32), np.zeros((1, 1)), made),
                "values",
            )
    for shape in [(2, 1), (1, 2), (1,), (1, 1, 1)]:
        arrays = np.zeros((1, 1), np.int32), np.zeros(shape), made
        with pytest.raises(ValueError, match="indices and fractions"):
            kernel(which, "encoded", arrays, "values")
    arrays = np.zeros((1, 1), np.int32), np.zeros((1, 1)), made
    with pytest.raises(ValueError, match="tables of matrices of order 4"):
        kernel(rule("packed", 4, 0), "encoded", arrays, "values")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_do_not_depend_on_the_number_of_threads(dtype):
    indices, fractions, runs, params, _ = encoded_case(dtype, 5, 20_000)
    x = np.random.default_rng(0).standard_normal((20_000, 3)).astype(dtype)
    g = x[:, 0]
    sources = {"encoded": (indices, fractions, runs, params), "pencil": (params[:, :4], x)}
    for source, arrays in sources.items():
        sums = [
            kernel(rule("packed", 5, 2), source, arrays, "pullback", threads).pullback(g)
            for threads in (1, 2, 3, 7)
        ]
        for each in sums[1:]:
            for a, b in zip(each, sums[0], strict=True):
                np.testing.assert_array_equal(a, b)
