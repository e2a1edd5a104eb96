"""The examples of the pages about singular values print what the pages say, and every call runs."""

import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import eigcore

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("spectral-maps.md", "spectra.md", "operators.md", "lowrank.md", "dynamics.md", "graph.md")


# torch.func uses what torch itself deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


@pytest.mark.parametrize("name", PAGES)
def test_examples(name):
    text = re.sub(r"```python.*?```|```", "", (DOCS / name).read_text(), flags=re.DOTALL)
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert len(test.examples) > 5
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", [name for name in PAGES if name != "spectra.md"])
def test_the_code_of_a_page_for_torch_runs(name):
    pytest.importorskip("torch")
    [code] = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    exec(compile(code, name, "exec"), {})


@pytest.mark.parametrize("name", ["dynamics", "graph"])
def test_the_calls_of_a_room_run(name):
    room = getattr(eigcore, name)
    calls = calls_of(name)
    assert len(calls) > 6
    A = np.diag(np.arange(1.0, 17)) + 1
    given = {"A": A, "B": A[0], "C": A[0], "s": 1j, "X": A[:, :-1], "Y": A[:, 1:], "pairs": A}
    given |= {"W": A, "D": A[0], "L": A, "maps": [np.exp], "F": A[:, :2], "Z": A[:, :2]}
    for call in calls:
        eval(call, {**vars(room), **given})


def calls_of(name):
    table = re.findall(r"^\| .*", (DOCS / f"{name}.md").read_text(), re.MULTILINE)
    return [c for c in re.findall(r"`(.*?)`", "".join(table)) if re.match(r"\w+\([^…]*$", c)]


def test_the_calls_of_spectra_run():
    rng, table = np.random.default_rng(0), calls_of("spectra")
    W = rng.normal(size=(80, 70))
    given = {"W": W, "model": {"a": W}, "F": W, "F_test": W, "metric": W[0], "quality": W[1]}
    given |= {"y": np.arange(80) % 3, "y_test": np.arange(80) % 3, "groups": np.arange(70) % 2}
    given |= {"eigenvalues": rng.pareto(1.5, 200) + 1}
    assert len(table) > 8
    for call in table:
        stream = iter(np.array_split(W, 4))
        eval(call, {**vars(eigcore.spectra), **given, "stream": stream})


def test_the_calls_of_low_rank_run():
    rng, table = np.random.default_rng(0), calls_of("lowrank")
    W = rng.normal(size=(20, 18))
    C, x = W.T @ W, np.linspace(0, 1, 40)[:, None]
    given = {"W": W, "g": (W**2).sum(1), "s": (W**2).sum(0), "C": C, "compressed": np.round(W)}
    shapes = [(20, 18), (18, 18)]
    given |= {"shapes": shapes, "spectra": [np.linalg.svd(a)[1] for a in (W, C)]}
    given |= {
        "blocks": [W[:, :9], W[:, 9:]],
        "K": np.exp(-abs(x - x.T)),
        "stream": [x[:20], x[20:]],
    }
    given |= {"kernel": lambda X, Z: np.exp(-abs(X - Z.T))}
    given |= {"M": W[:, :8] @ W[:8, :8].T, "mask": np.ones((20, 8), bool)}
    assert len(table) > 12
    for call in table:
        eval(call, {**vars(eigcore.lowrank), **given})


def test_the_methods_of_the_table_compress_a_model_of_torch():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(9, 8), torch.nn.ReLU(), torch.nn.Linear(8, 7))
    data = [(torch.randn(6, 9), torch.arange(6))]
    text = (DOCS / "lowrank.md").read_text()
    calls = re.findall(r"\| `(\"[^|]*?)`[^|]*\|$", text, re.MULTILINE)
    assert len(calls) > 8
    for call in calls:
        given = {"model": net, "data": data, "loss": torch.nn.functional.cross_entropy}
        found = eval(f"compress(model, data, 0.7, {call})", {**vars(eigcore.lowrank), **given})
        assert found.error < 1.5


def test_the_calls_of_operators_run_and_all_signatures_are_those_of_the_room():
    torch = pytest.importorskip("torch")
    A, p = np.diag(np.arange(1.0, 17)) + 1, torch.ones(3)
    given = {"H": A, "A": A, "start": A[:1], "np": np, "parameters": p, "losses": lambda p: p**2}
    given |= {"outputs": lambda p: p, "loss": lambda p: (p**2).sum()}
    page = (DOCS / "operators.md").read_text()
    published, table = page.split("## From a table")[0], page.split("## All calls")[1]
    calls = re.findall(r"`(\w+\(.*?)`", published)
    assert len(calls) > 7
    for call in calls:
        eval(call, {**given, **vars(eigcore.operators)})
    signatures = re.findall(r"^\| `(\w+)\((.*?)\)`", table, re.MULTILINE)
    assert len(signatures) > 10
    for name, names in signatures:
        known = inspect.signature(getattr(eigcore.operators, name)).parameters
        assert {part.strip(" =") for part in names.split(",")} <= {*known}


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
