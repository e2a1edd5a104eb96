"""A table of containers and kinds of cells: each has the value that it must give."""

import datetime
from decimal import Decimal

import numpy as np
import pytest

from eigcore.encoding.cells import cells_of, declared_categories, joined, missing, read_columns
from eigcore.errors import InvalidInput

BIG = 2**57 + 1
"""An integer that float64 does not hold."""
KINDS = {
    "numbers": ([1.5, None, 3.0], "float"),
    "small": ([1, None, 3], "int"),
    "large": ([BIG, None, BIG + 1], "int"),
    "truth": ([True, None, False], "bool"),
    "text": (["02134", None, "é"], "text"),
    "decimals": ([Decimal("0.10"), None, Decimal("2")], "decimal"),
    "levels": (["u", None, "v"], "levels"),
    "codes": ([BIG, None, BIG + 1], "levels"),
}


def plain(cells, kind):
    return {"c": cells}


def arrays(cells, kind):
    return {"c": np.array(cells, dtype=object)}


def table_of_objects(cells, kind):
    table = np.array([cells, cells], dtype=object).T
    return table, "x0"


def lists_of_rows(cells, kind):
    return [[cell, "beside"] for cell in cells], "x0"


def masked(cells, kind):
    fill = next(cell for cell in cells if cell is not None)
    values = np.array([fill if cell is None else cell for cell in cells])
    return {"c": np.ma.array(values, mask=[cell is None for cell in cells])}


def pandas_objects(cells, kind):
    return pytest.importorskip("pandas").DataFrame({"c": np.array(cells, dtype=object)})


def pandas_nullable(cells, kind):
    pd = pytest.importorskip("pandas")
    types = {"float": "Float64", "int": "Int64", "bool": "boolean", "text": "string"}
    return pd.DataFrame({"c": pd.array(cells, dtype=types.get(kind, "category"))})


def pandas_arrow(cells, kind):
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    array = pa.array(cells)
    array = array.dictionary_encode() if kind == "levels" else array
    return pd.DataFrame({"c": pd.Series(array, dtype=pd.ArrowDtype(array.type))})


def arrow(cells, kind):
    pa = pytest.importorskip("pyarrow")
    array = pa.array(cells)
    return pa.table({"c": array.dictionary_encode() if kind == "levels" else array})


def arrow_chunks(cells, kind):
    pa = pytest.importorskip("pyarrow")
    array = pa.array(cells)
    array = array.dictionary_encode() if kind == "levels" else array
    return pa.table({"c": pa.chunked_array([array[:2], array[2:]])})


def arrow_union(cells, kind):
    pa = pytest.importorskip("pyarrow")
    parts = [arrow(cells, kind)["c"].combine_chunks(), pa.array([7])]
    if isinstance(parts[0], pa.DictionaryArray):
        return arrow(cells, kind)  # a union cannot hold declared levels
    first, places = pa.array([0] * 3, pa.int8()), pa.array(range(3), pa.int32())
    return pa.table({"c": pa.UnionArray.from_dense(first, places, parts)})


def polars_128_bits(cells, kind):
    pl = pytest.importorskip("polars")
    frame = polars(cells, kind)
    return frame.cast(pl.Int128) if kind == "int" else frame


def polars(cells, kind):
    pl = pytest.importorskip("polars")
    as_levels = kind == "levels" and isinstance(cells[0], str)
    return pl.DataFrame({"c": pl.Series(cells, dtype=pl.Categorical if as_levels else None)})


def polars_lazy(cells, kind):
    return polars(cells, kind).lazy()


CONTAINERS = [
    *(plain, arrays, table_of_objects, lists_of_rows, masked, pandas_objects, pandas_nullable),
    *(pandas_arrow, arrow, arrow_chunks, arrow_union, polars, polars_lazy, polars_128_bits),
]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", KINDS)
def test_every_container_gives_the_same_cells(container, name):
    cells, kind = KINDS[name]
    found = container(cells, kind)
    data, column = found if isinstance(found, tuple) else (found, "c")
    read = read_columns(data)[column]
    assert missing(read).tolist() == [False, True, False]
    known = read[[0, 2]].tolist()
    wanted = [0.1, 2] if kind == "decimal" else [cells[0], cells[2]]
    assert known == wanted
    assert [isinstance(each, str) for each in known] == [isinstance(each, str) for each in wanted]
    assert [isinstance(each, bool) for each in known] == [kind == "bool"] * 2


@pytest.mark.parametrize("absent", [None, "", np.nan, np.float32("nan"), "pandas", "NaT"])
def test_a_missing_cell_of_any_kind(absent):
    if absent == "pandas":
        absent = pytest.importorskip("pandas").NA
    absent = {"NaT": np.datetime64("NaT")}.get(str(absent), absent)
    for other in (1.0, "u", BIG, Decimal("1.5")):
        cells = np.empty(2, dtype=object)
        cells[:] = [absent, other]
        read = cells_of(cells)
        assert missing(read).tolist() == [True, False]
        assert read[1] == other
    assert missing(cells_of([Decimal("NaN"), Decimal("sNaN"), Decimal(1)])).tolist() == [1, 1, 0]


def test_bytes_are_text_or_stay_what_they_are():
    assert cells_of(np.array([b"s", b"\xc3\xa9", b""])).tolist() == ["s", "é", None]
    assert cells_of(np.array([b"\xe9"], dtype=object)).tolist() == [b"\xe9"]


def test_unsigned_and_huge_integers_keep_their_digits():
    assert cells_of([2**64 - 1, 0]).dtype == np.uint64
    assert cells_of([2**70, -1]).tolist() == [2**70, -1]
    assert joined([np.array([BIG]), np.array([np.nan])]).tolist() == [BIG, None]
    assert joined([np.array([1]), np.array([np.nan, 2.0])]).dtype == np.float64
    assert joined([np.array([BIG]), np.array([2**64 - 1], np.uint64)]).tolist() == [BIG, 2**64 - 1]


def test_a_decimal_with_too_many_digits_stays_one():
    exact = Decimal("0.12345678901234567890123")
    assert cells_of([exact, Decimal("0.5")]).tolist() == [exact, 0.5]


def test_equal_labels_are_refused_with_both():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([[1, 2]], columns=pd.Index([1, "1"], dtype=object))
    with pytest.raises(InvalidInput, match="the labels 1 and '1'"):
        read_columns(frame)


def test_sparse_matrices_are_tables():
    sparse = pytest.importorskip("scipy.sparse")
    found = read_columns(sparse.csr_array(np.diag([1.0, 2.0])))
    assert found["x1"].tolist() == [0.0, 2.0]


def test_lazy_frames_declare_categories():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"c": pl.Series(["u"], dtype=pl.Categorical), "n": [1]}).lazy()
    assert declared_categories(frame) == [True, False]


@pytest.mark.parametrize(
    "cells",
    [[[1], [2]], [{"a": 1}, {"a": 2}], [datetime.date(2020, 1, 1)] * 2, [b"\xe9", "x"], [1j, 2j]],
    ids=str,
)
def test_what_is_no_number_nor_text_is_refused_by_name(cells):
    import eigcore.fit

    column = np.empty(2, dtype=object)
    column[:] = cells
    with pytest.raises(InvalidInput, match=r"Column 'odd' holds .*drop_columns=\['odd'\]"):
        eigcore.fit.fit({"odd": column, "a": [1.0, 2.0]}, [1.0, 2.0])


def test_columns_may_be_named_like_methods():
    pd = pytest.importorskip("pandas")
    names = [
        "columns",
        "column_names",
        "collect_schema",
        "collect",
        "toarray",
        "nnz",
        "type",
        "iloc",
    ]
    frame = pd.DataFrame([range(8)], columns=names, index=["type"])
    assert list(read_columns(frame)) == names
    assert [cells.tolist() for cells in read_columns(frame).values()] == [[n] for n in range(8)]
    cells = pd.Series(["category", "u"], index=["type", "dtype"])
    assert cells_of(cells).tolist() == ["category", "u"]
