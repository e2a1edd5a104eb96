"""`python -m benchmarks.functionals` still runs: README of the kernels promises it."""

import pytest

from benchmarks import functionals


def test_every_line_of_the_table_runs(capsys):
    pytest.importorskip("torch")
    pytest.importorskip("eigcore_native")
    functionals.main(["--dims", "3", "--rows", "5", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 + 2 * 5
    assert all(line.count("|") == 6 for line in lines)
