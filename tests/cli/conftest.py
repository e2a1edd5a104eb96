"""A table and the command, for the tests of the command."""

from __future__ import annotations

import numpy as np
import pytest

from eigcore.cli import main

QUICK = ["--dim", "3", "--knots", "4", "--members", "1", "--penalty", "0.001"]


@pytest.fixture
def run():
    """Run the command with these words."""
    return lambda *args: main([str(arg) for arg in args])


@pytest.fixture
def houses(tmp_path):
    """A CSV file with postal codes and names of towns, whose first letters are not ASCII."""
    rng = np.random.default_rng(0)
    rows = 90
    area, town = rng.uniform(30, 200, rows), rng.choice(["Żary", "Łódź"], rows)
    code = rng.choice(["02134", "10001", "90210"], rows)
    price = area + 50.0 * (code == "02134") + 20.0 * (town == "Łódź") + rng.normal(size=rows)
    path = tmp_path / "houses.csv"
    lines = [f"{a:.2f},{c},{t},{p:.2f}" for a, c, t, p in zip(area, code, town, price, strict=True)]
    path.write_text("\n".join(["area,code,town,price", *lines, ""]))
    return path


@pytest.fixture
def fit(run, houses):
    """Fit the houses, or another table, with more words."""

    def fit(*args, table=houses):
        own = ["fit", table, "--target", "price", "--categories", "code", *QUICK]
        return run(*own, *([] if "-o" in args else ["-o", houses.with_name("m.eig")]), *args)

    return fit
