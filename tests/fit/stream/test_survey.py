"""The first pass: counts, and a sample that covers all rows."""

from __future__ import annotations

import numpy as np
import pytest
from streamed import QUICK, cut, rng, table

from eigcore.errors import InvalidInput
from eigcore.fit import fit_stream
from eigcore.fit.stream.source import Source
from eigcore.fit.stream.survey import survey


def test_the_sample_does_not_depend_on_the_batches_and_is_a_part_of_the_rows():
    columns = table() | {"row": np.arange(4000.0)}
    found = [survey(Source.of(cut(columns, n), "y"), 500, 0.2, rng(7)) for n in (97, 4000)]
    for name in columns:
        assert found[0].cells[name].tolist() == pytest.approx(
            found[1].cells[name].tolist(), nan_ok=True
        )
    assert found[0].cells["row"].tolist() == found[0].places.tolist()
    assert len(found[0].places) == 500
    assert found[0].held.sum() == 100


def test_every_row_is_sampled_equally_often():
    columns = {"row": np.arange(50.0), "y": np.arange(50.0) % 2}
    hits = np.zeros(50)
    for seed in range(400):
        hits[survey(Source.of(cut(columns, 7), "y"), 20, 0.0, rng(seed)).places] += 1
    # the first two rows and the last are there always; of the others 17 of 47 (deviation 9.6)
    assert hits[[0, 1, 49]].tolist() == [400, 400, 400]
    assert np.abs(hits[2:49] - 400 * 17 / 47).max() < 5 * 9.6


def test_the_sample_has_the_smallest_and_the_largest_cells():
    columns = table()
    found = survey(Source.of(cut(columns), "y"), 100, 0.5, rng(0))
    for name in "abc":
        seen = found.cells[name][~found.held]
        assert np.nanmin(seen) == np.nanmin(columns[name])
        assert np.nanmax(seen) == np.nanmax(columns[name])


def test_rare_categories_missing_cells_and_values_are_in_the_sample_and_never_held_out():
    columns = table()
    columns["kind"][1234] = "yew"
    columns["kind"][2345] = None
    columns["flag"] = 1.0 * (np.arange(4000) == 3456)
    found = survey(Source.of(cut(columns), "y"), 200, 0.5, rng(0))
    fitted = found.places[~found.held]
    assert {1234, 2345, 3456} <= set(fitted.tolist())


def test_batches_with_other_columns_are_errors():
    batches = cut(table())
    del batches[3]["b"]
    with pytest.raises(InvalidInput, match="expected the same in all"):
        fit_stream(batches, "y", **QUICK)
