"""The one reader: every container gives the same columns, cells and missing cells."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from eigcore.encoding import Categories, Encoding, Linear
from eigcore.encoding.cells import (
    cells_of,
    column_names,
    declared_categories,
    missing,
    read_columns,
)
from eigcore.errors import InvalidInput

A = [1.0, None, 3.0]
TEXT = ["x", None, "z"]


def mapping():
    return {"a": A, "text": TEXT}


def arrays():
    text = np.ma.array(["x", "", "z"], mask=[False, True, False])
    return {"a": np.ma.array([1.0, 9.0, 3.0], mask=[False, True, False]), "text": text}


def records():
    cells = [(1.0, "x"), (np.nan, ""), (3.0, "z")]
    return np.array(cells, dtype=[("a", float), ("text", "U3")])


def pandas_frame():
    return pytest.importorskip("pandas").DataFrame(mapping())


def pandas_nullable():
    pd = pytest.importorskip("pandas")
    return pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "text": pd.array(TEXT, "string")})


def arrow_table():
    return pytest.importorskip("pyarrow").table(mapping())


def arrow_batch():
    return arrow_table().to_batches()[0]


def arrow_decimals():
    pa = pytest.importorskip("pyarrow")
    exact = [None if each is None else Decimal(each) for each in A]
    return pa.table({"a": pa.array(exact, pa.decimal128(20, 2)), "text": TEXT})


def polars_frame():
    return pytest.importorskip("polars").DataFrame(mapping())


CONTAINERS = [
    *(mapping, arrays, records, pandas_frame, pandas_nullable),
    *(arrow_table, arrow_batch, arrow_decimals, polars_frame),
]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each.__name__)
def test_every_container_gives_the_same_cells(container):
    data = container()
    assert column_names(data) == ["a", "text"]
    found = read_columns(data)
    assert list(found) == ["a", "text"]
    np.testing.assert_array_equal(found["a"].astype(float), [1.0, np.nan, 3.0])
    assert found["text"].dtype == object
    assert found["text"].tolist() == ["x", None, "z"]
    for cells in found.values():
        assert missing(cells).tolist() == [False, True, False]
    encoding = Encoding((Linear(missing=True), Categories(("x", "z"), missing=True)), tuple(found))
    np.testing.assert_array_equal(encoding.table(data), [[1.0, 0.0], [np.nan, np.nan], [3.0, 1.0]])


@pytest.mark.parametrize(
    "cells",
    [
        [None, "x"],
        ["", "x"],
        np.array([np.nan, "x"], dtype=object),
        [np.nan, 2.0],
        np.array(["NaT", "2020-01-01"], dtype="datetime64[D]"),
        np.array([np.nan, 1.0], dtype=np.float32),
    ],
    ids=str,
)
def test_what_is_missing(cells):
    assert missing(cells_of(np.asarray(cells))).tolist() == [True, False]


def test_what_pandas_calls_missing():
    pd = pytest.importorskip("pandas")
    cells = np.array([pd.NA, pd.NaT, None, 0, False, "NA"], dtype=object)
    assert missing(cells).tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float32, np.float64, bool])
def test_numbers_keep_their_type(kind):
    cells = cells_of(np.array([0, 1], dtype=kind))
    assert cells.dtype == kind
    assert not missing(cells).any()


def test_declared_categories_are_objects_of_levels():
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"n": [1, 2, 1], "c": pd.Categorical([1, 2, None]), "t": ["u", "v", "u"]})
    assert declared_categories(frame) == [False, True, False]
    assert read_columns(frame)["c"].tolist() == [1.0, 2.0, None]
    levels = pa.array(["u", None, "v"]).dictionary_encode()
    # NumPy would get "v" for the missing cell of a chunked array
    for table in (pa.table({"c": levels}), pa.table({"c": levels}).to_batches()[0]):
        assert declared_categories(table) == [True]
        assert read_columns(table)["c"].tolist() == ["u", None, "v"]
    assert declared_categories(np.zeros((3, 2))) == []


def test_names_are_text_and_found_by_it():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]])
    assert list(read_columns(frame)) == ["0", "1"]
    encoding = Encoding((Linear(), Linear()), ("1", "0"))
    np.testing.assert_array_equal(encoding.table(frame), [[2.0, 1.0], [4.0, 3.0]])


def test_arrays_have_columns_by_place():
    found = read_columns(np.array([[1, "u"], [2, ""]], dtype=object))
    assert list(found) == ["x0", "x1"]
    assert found["x1"].tolist() == ["u", None]
    masked = np.ma.array(np.ones((2, 2)), mask=[[0, 0], [1, 0]])
    assert missing(read_columns(masked)["x0"]).tolist() == [False, True]
    table = Encoding((Linear(missing=True), Linear())).table(masked)
    assert np.isnan(table).tolist() == [[False, False], [True, False]]


def test_single_cells_are_one_row():
    e = Encoding((Linear(), Categories(("north", "south")), Linear(missing=True)))
    row = {"x0": 1.0, "x1": "south", "x2": None}
    np.testing.assert_array_equal(e.table(row), [[1.0, 1.0, np.nan]])
    assert e.unseen(row | {"x1": "west"}) == {"x1": {"west": 1}}
    np.testing.assert_array_equal(e.table({"x0": np.array(1), "x1": "north", "x2": 2}), [[1, 0, 2]])


def test_tables_that_are_none():
    with pytest.raises(InvalidInput, match="expected one axis each"):
        Encoding((Linear(), Linear())).table({"x0": 1.0, "x1": [2]})
    with pytest.raises(InvalidInput, match=r"shape \(3,\); expected \(rows, columns\)"):
        read_columns(np.zeros(3))
    pd = pytest.importorskip("pandas")
    with pytest.raises(InvalidInput, match="'a' occur more than once"):
        read_columns(pd.DataFrame([[1, 2]], columns=["a", "a"]))
