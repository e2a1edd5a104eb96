"""Cells that write a level in another way, and floats that cannot hold one."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.encoding import Categories, Encoding, Linear
from eigcore.errors import InvalidInput, MissingCells, NonFiniteInput

WHOLE, BROKEN = (1, 3, 12345678901234567891), (0.1, 0.5, 2.0)
SAMPLES = [
    (BROKEN, ["0.50", ".5", "5e-1", " 0.5", "2", "2.00", "+2", "0.10"], [1, 1, 1, 1, 2, 2, 2, 0]),
    (BROKEN, ["0.1000000000000000055", "0.11", "x.5", "1_0"], [0, -1, None, None]),
    (BROKEN, np.float32([0.1, 0.5, 0.3]), [0, 1, -1]),
    (WHOLE, ["1.0", "3", "3e0", "30e-1"], [0, 1, 1, 1]),
    (WHOLE, ["12345678901234567891", "12345678901234567892"], [2, -1]),
    (WHOLE, ["01", "1.5", "1e999999999"], [-1, -1, -1]),
    ((False, True), ["True", "false", "TRUE", "1", "0", "0.0", "2"], [1, 0, 1, 1, 0, 0, -1]),
    ((False, True), np.array([1.0, 0.0]), [1, 0]),
    ((True,), ["false"], [-1]),
    (("1", "01"), ["01", "1.0", "1"], [1, -1, 0]),
    (("1", "01"), [1, 1.0], [0, 0]),
]


def encoding(levels):
    return Encoding((Categories(levels, missing=True),), ("c",))


@pytest.mark.parametrize(("levels", "cells", "expected"), SAMPLES)
def test_a_cell_is_the_level_that_it_writes(levels, cells, expected):
    for cell, code in zip(cells, expected, strict=True):
        if code is None:
            with pytest.raises(InvalidInput, match="Its categories are numbers"):
                encoding(levels).table({"c": [cell]})
        else:
            assert encoding(levels).table({"c": np.array([cell])}).item() == code
    known = [place for place, code in enumerate(expected) if code is not None]
    both = encoding(levels).table({"c": np.array(cells)[known]}).ravel().tolist()
    assert both == [expected[place] for place in known]


@pytest.mark.parametrize("levels", [(2**53, 2**53 + 1), WHOLE, (1, 2**60 + 1)])
@pytest.mark.parametrize("container", [lambda x: {"c": x}, lambda x: x[:, None]])
def test_floats_that_cannot_hold_the_levels_are_refused(levels, container):
    cells = np.array(levels, dtype=np.float64)
    for read in (encoding(levels).table, encoding(levels).unseen):
        with pytest.raises(InvalidInput, match="float64 numbers cannot hold or tell apart"):
            read(container(cells))
    exact = np.array(levels, dtype=object)
    assert encoding(levels).table(container(exact)).ravel().tolist() == list(range(len(levels)))
    assert np.isnan(encoding(levels).table(container(np.full(2, np.nan)))).all()


def test_short_floats_that_cannot_tell_levels_apart_are_refused():
    levels = (2**24, 2**24 + 1)
    assert encoding(levels).table(np.array([levels], float).T).ravel().tolist() == [0, 1]
    with pytest.raises(InvalidInput, match="float32 numbers cannot hold or tell apart"):
        encoding(levels).table(np.float32([levels]).T)


def test_the_cell_that_is_no_number_is_named():
    numbers = Encoding((Linear(),), ("a",))
    with pytest.raises(InvalidInput, match=r"holds '0.5f' in row 2; expected numbers"):
        numbers.table({"a": [None, "0.25", "0.5f", "x"]})
    with pytest.raises(InvalidInput, match=r"holds '0.25' in row 1; expected numbers"):
        numbers.table({"a": [0.5, "0.25"]})
    with pytest.raises(NonFiniteInput, match=r"Write on_missing='neutral' at a fit of a table in"):
        numbers.table({"a": [0.5, None]})
    assert issubclass(MissingCells, NonFiniteInput)
