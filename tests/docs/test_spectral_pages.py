"""The examples of the pages about singular values print what the pages say, and every call runs."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import eigcore

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("spectral-maps.md", "spectra.md", "lowrank.md")


@pytest.mark.parametrize("name", PAGES)
def test_examples(name):
    text = re.sub(r"```python.*?```|```", "", (DOCS / name).read_text(), flags=re.DOTALL)
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert len(test.examples) > 5
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_optimisers_of_the_page_run():
    pytest.importorskip("torch")
    [code] = re.findall(r"```python\n(.*?)```", (DOCS / PAGES[0]).read_text(), re.DOTALL)
    exec(compile(code, PAGES[0], "exec"), {})


def test_the_calls_of_the_table_run():
    text = (DOCS / "spectral-maps.md").read_text()
    names = {"X": np.eye(9, 8), "A": np.eye(3)} | {name: getattr(eigcore, name) for name in CALLS}
    calls = re.findall(rf"`((?:{'|'.join(CALLS)})\(.*?\))`", text)
    assert len(calls) > 12
    for call in calls:
        eval(call.replace("X, f", 'X, "polar"').replace("X, phi", 'X, "nuclear"'), names)


CALLS = ("spectral_map", "matrix_function", "spectral_value", "newton_schulz")


def test_muons_polynomial_leaves_the_range_that_the_page_says():
    s = np.linspace(0.05, 1, 2000)
    for _ in range(30):
        s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
    assert 0.67 < s.min() < 0.69
    assert 1.12 < s.max() < 1.14
