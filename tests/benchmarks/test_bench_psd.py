"""The benchmark of parametrisations compares descents of one objective."""

from __future__ import annotations

import pytest

from benchmarks import bench_psd


@pytest.mark.parametrize("name", ["one column in waves", "convex, increasing"])
def test_all_ways_descend_from_the_same_additive_model(monkeypatch, name):
    monkeypatch.setattr(bench_psd, "STEPS", 60)
    monkeypatch.setattr(bench_psd, "SEEDS", 1)
    (curves,) = runs = bench_psd.compare(bench_psd.problems()[name])
    assert tuple(curves) == bench_psd.WAYS
    for begin, curve in curves.values():
        assert 0.9 < begin / curves["free"][0] < 1.1
        assert curve[-1, 1] < begin
    assert 1 <= bench_psd.needed(runs, "B Bᵀ")[0] <= 60
    assert bench_psd.gained(runs, "free") == 1.0
