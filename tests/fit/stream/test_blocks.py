"""Epochs in shuffled blocks that can be read again by their number."""

from __future__ import annotations

import numpy as np
import pytest
from streamed import FIRST, QUICK, cut, rng, table, write

from eigcore.errors import InvalidInput
from eigcore.fit import fit, fit_stream
from eigcore.fit.stream.blocks import blocks, bounds
from eigcore.fit.stream.sampled import Sampled
from eigcore.fit.stream.source import Source
from eigcore.fit.stream.survey import survey


def sampled_of(path, held=0.2):
    source = Source.of(path, "y")
    found = survey(source, 400, held, rng(0))
    cells = {name: column[~found.held] for name, column in found.cells.items()}
    return source, Sampled.of(found, fit(cells, "y", validation=0.0, **FIRST), False)


def test_an_epoch_has_every_row_once_and_none_that_is_held_out(tmp_path):
    columns = table()
    columns["y"] = np.arange(4000.0)
    source, sampled = sampled_of(write(columns, tmp_path, ".parquet"))
    ends = bounds(sampled, 900)
    assert ends.tolist() == [0, 1000, 2000, 3000, 4000]
    orders = []
    for epoch in range(2):
        read = np.concatenate(list(blocks(source, sampled, ends, (0, epoch))))
        rows = read[:, -1].astype(int)
        assert sorted(rows) == sorted(set(range(4000)) - set(sampled.places[sampled.held]))
        np.testing.assert_array_equal(read[:, 0], columns["a"][rows])
        orders.append(rows)
    assert not np.array_equal(*orders)


def test_reading_may_begin_at_any_block(tmp_path):
    source, sampled = sampled_of(write(table(3777), tmp_path, ".parquet"))
    ends = bounds(sampled, 640)
    whole = list(blocks(source, sampled, ends, (3, 1)))
    for start in range(len(whole)):
        rest = list(blocks(source, sampled, ends, (3, 1), start))
        assert len(rest) == len(whole) - start
        for found, wanted in zip(rest, whole[start:], strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("now", [2000, 3001, 7000])
def test_rows_that_change_between_two_readings_are_errors(now):
    sizes = iter([3000, 3000, now])

    def batches():
        yield from cut(table(next(sizes)))

    with pytest.raises(InvalidInput, match=f"3000 rows at the first pass and {now} now"):
        fit_stream(batches, "y", **QUICK)


def test_blocks_of_single_rows_some_of_them_held_out():
    options = QUICK | {"block_rows": 1, "batch_rows": 1, "epochs": 1, "knots": 1}
    result = fit_stream(cut(table(40)), "y", validation=0.3, **options)
    assert result.solutions[0].iterations == result.report.rows < 40
