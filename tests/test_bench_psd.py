"""The benchmark of parametrisations compares descents of one objective."""

from __future__ import annotations

import numpy as np

from benchmarks import bench_psd


def test_all_ways_descend_from_the_same_additive_model(monkeypatch):
    monkeypatch.setattr(bench_psd, "STEPS", 4)
    monkeypatch.setattr(bench_psd, "SEEDS", 1)
    (curves,) = bench_psd.compare(*bench_psd.steps_of_a_column(80), 3)
    assert tuple(curves) == bench_psd.WAYS
    for begin, curve in curves.values():
        assert np.isclose(begin, curves["free"][0], rtol=0.05)
        assert curve[-1, 1] < begin
    assert bench_psd.reached([curves], "free", 1.0, "free")[0] == len(curves["free"][1])
