"""The page computes what Python computes, to 1e-9, as its controls are moved in a browser."""

import re
from dataclasses import replace

import numpy as np
import pytest
import samples
from browser import driven

from eigcore import get_backend
from eigcore.core.canonical import matrices
from eigcore.core.spec import EigSpec
from eigcore.guarantees.curve import curve
from eigcore.model import SpectralModel
from eigcore.report import report

pytest.importorskip("jinja2")
KINDS = [
    {"functional": "smooth", "alpha": 0.8},
    {"functional": "softmax", "t": 0.5, "structure": "tridiagonal"},
    {"functional": "top_sum", "r": 2, "structure": "banded:2"},
    {"functional": "bottom_sum", "r": 3},
    {"functional": "weighted", "weights": (0.5, 0.0, 2.0, -1.0)},
    {"index": "concave", "structure": "diagonal"},
    {},
]
LINKS = {
    "identity": {"weights": range(1, 8)},
    "logistic": {"classes": ("no", "<b>yes</b>")},
    "log": {"target_scale": 0.2, "clip": (0.9, 1.5)},
    "softmax": {"classes": ("low", "middle", "top"), "target_scale": 0.3},
    "several": {"link": "identity"},
}
"""Each with members of every functional and structure."""
TOWN = "<b>to&wn</b>"


def mixed(link, seed):
    rng, encoding = np.random.default_rng(seed), samples.encoding(towns=("no|rth", "söuth", "<i>"))
    names = tuple(TOWN if name == "town" else name for name in samples.NAMES)
    encoding = replace(encoding, names=names)
    outputs = {"softmax": 3, "several": 2}.get(link, 1)
    specs = [EigSpec(encoding.terms, 4, outputs, **kind) for kind in KINDS]
    options = {"link": link, "target_name": "price"} | LINKS[link]
    members = [(s, samples.params(s, rng)) for s in specs]
    if link == "several":
        for _, own in members:
            own[1] = 0.0  # all eigenvalues are equal
    return SpectralModel(encoding, members, **options)


def table_of(model, numbers):
    """Codes (rows, columns) as a table with levels."""
    levels = [*model.encoding.columns[3].levels, "elsewhere"]
    table = dict(zip(model.encoding.names, numbers.T, strict=True))
    codes = table[TOWN]
    return table | {TOWN: [None if np.isnan(c) else levels[int(c)] for c in codes]}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Name of a link -> model, table and what its page shows for some rows."""
    found = {link: (mixed(link, seed), samples.rows(40, seed)) for seed, link in enumerate(LINKS)}
    pages, rows = [], []
    for model, numbers in found.values():
        pages.append(report(model, table_of(model, numbers), live=True))
        on_knots = [1.0, 1.0, -1.0, 1, 7.0]
        own = [(on_knots, True), ([None] * 5, False), ([-9.5, 40.0, 1e-7, -1, -3.25], True)]
        own += [([None if np.isnan(c) else c for c in row], False) for row in numbers[:2]]
        rows.append(own)
    seen = driven(pages, rows, tmp_path_factory.mktemp("pages"))
    return {link: (*found[link], each) for link, each in zip(LINKS, seen, strict=True)}


def near(page, own):
    scale = max(1.0, float(np.abs(own).max()))
    return np.abs(np.array(page, float).reshape(np.shape(own)) - own).max() <= 1e-9 * scale


@pytest.mark.parametrize("link", LINKS)
def test_the_page_shows_what_python_computes(told, link):
    model, numbers, page = told[link]
    assert page["faults"] == []
    cells = np.array([each["cells"] for each in page["seen"]], dtype=float)
    assert len(cells) == 5
    for name, own in (("decision", model.decision), ("prediction", model.predict)):
        count = model.outputs
        shown = [each[name][:count] for each in page["seen"]]
        assert near(shown, own(cells, codes=True)), name
    explained = model.explain(table_of(model, cells), "mean", sample=table_of(model, numbers))
    assert near([each["contributions"] for each in page["seen"]], explained.contributions)
    for row, each in enumerate(page["seen"]):
        output = int(np.argmax(each["prediction"])) if link == "softmax" else 0
        total = re.search(r"Together ([+−]?\d+\.?\d*)", each["words"])[1].replace("−", "-")
        assert np.isclose(float(total), explained.of_output(output)[row].sum(), rtol=1e-3)


@pytest.mark.parametrize("link", LINKS)
def test_the_page_marks_the_eigenvalues_that_count(told, link):
    model, _, page = told[link]
    numpy = get_backend("numpy")
    for each in page["seen"]:
        terms = model.encoding(np.array(each["cells"], dtype=float), numpy, codes=True)
        for (spec, own), shown in zip(model.members, each["spectrum"], strict=True):
            A = matrices(spec, own)
            values = np.linalg.eigvalsh(A[:, 0] + np.einsum("t,otij->oij", terms, A[:, 1:]))
            weights = spec.phi.weights(numpy, values)
            assert near([output["values"] for output in shown], values)
            assert near([output["weights"] for output in shown], weights)


@pytest.mark.parametrize("link", LINKS)
def test_the_slopes_of_the_page_are_those_that_are_proven(told, link):
    model, _, page = told[link]
    cells = np.array([each["cells"] for each in page["seen"]], dtype=float)
    rows = [row for row, cell in enumerate(cells[:, 2]) if np.isfinite(cell)]
    for row in rows:  # the column has knots, constant tails and a part in two projections
        shown = page["seen"][row]["slopes"]
        assert shown["from"] == cells[row, 2] or shown["to"] == cells[row, 2]
        at = {name: own[row : row + 1] for name, own in table_of(model, cells).items()}
        found = curve(model, "rooms", at, grid=[shown["from"], shown["to"]])
        ends = np.stack([np.atleast_2d(found.low)[0], np.atleast_2d(found.high)[0]], -1)
        assert near(shown["ends"], ends)
    assert len(rows) >= 2


def test_the_page_draws_and_shows_names_as_they_are(told):
    for _, _, page in told.values():
        for each in page["seen"]:
            assert each["pictures"] == 3
            assert each["fault"] == ""
            assert "söuth" in each["words"]
            assert "<i>" in each["words"]
            assert each["words"].count(TOWN) >= 5
        assert page["scripts"] == 4  # two of the test
        assert page["markup"] == 0
    assert "probability of <b>yes</b>" in told["logistic"][2]["seen"][0]["words"]
