"""The examples of the pages about singular values print what the pages say, and every call runs."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import eigcore

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("spectral-maps.md", "spectra.md", "lowrank.md", "dynamics.md", "graph.md")


@pytest.mark.parametrize("name", PAGES)
def test_examples(name):
    text = re.sub(r"```python.*?```|```", "", (DOCS / name).read_text(), flags=re.DOTALL)
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert len(test.examples) > 5
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", ["spectral-maps.md", "lowrank.md", "dynamics.md", "graph.md"])
def test_the_code_of_a_page_for_torch_runs(name):
    pytest.importorskip("torch")
    [code] = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    exec(compile(code, name, "exec"), {})


@pytest.mark.parametrize("name", ["dynamics", "graph"])
def test_the_calls_of_a_room_run(name):
    room = getattr(eigcore, name)
    table = re.findall(r"^\| .*", (DOCS / f"{name}.md").read_text(), re.MULTILINE)
    calls = [c for c in re.findall(r"`(.*?)`", "".join(table)) if re.match(r"\w+\(", c)]
    assert len(calls) > 6
    A = np.diag(np.arange(1.0, 17)) + 1
    given = {"A": A, "B": A[0], "C": A[0], "s": 1j, "X": A[:, :-1], "Y": A[:, 1:], "pairs": A}
    given |= {"W": A, "D": A[0], "L": A, "maps": [np.exp], "F": A[:, :2], "Z": A[:, :2]}
    for call in calls:
        eval(call, {**vars(room), **given})


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
