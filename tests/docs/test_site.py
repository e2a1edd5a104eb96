"""The documentation site, without building it: every page has a place, every name a text."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

import eigcore

DOCS = Path(__file__).parents[2] / "docs"
FRONT = (DOCS / "index.md").read_text()
SMALL = "members=1, dim=3, knots=4, penalty=0.01, max_iter=30"
sys.path.insert(0, str(DOCS / "site"))
docstrings, generated = map(importlib.import_module, ("docstrings", "generated"))


def test_each_page_has_a_place():
    trees = "\n".join(re.findall(r"```\{toctree\}\n(.*?)```", FRONT, re.DOTALL)).split("\n")
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages == {each for each in trees if each and not re.search(r"[:/]", each)}
    assert "notes/*" in trees


def test_the_front_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", FRONT, re.DOTALL)[1]
    quick = code.replace('fit(houses, "price"', f'fit(houses, "price", {SMALL}')
    names = {}
    exec(compile(quick, "index.md", "exec"), names)
    assert quick != code
    area, age = names["model"].certify().columns
    assert area.increasing
    assert age.decreasing


def test_the_tutorial_runs(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "tutorial.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    quick = code.replace('preset="quick"', SMALL)
    assert quick != code
    exec(compile(quick, "tutorial.md", "exec"), {})
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {"weight.png", "cars.eig", "cars.proof.json", "cars.csv"}


def test_the_reference_has_each_room():
    rooms = {f"eigcore.{room}" for room in eigcore._ROOMS} - {"eigcore.guarantees"}
    assert rooms <= set(generated.ROOMS)


@pytest.mark.parametrize("room", [each for each in generated.ROOMS if "_" not in each])
def test_each_public_name_has_a_text(room):
    pytest.importorskip(room)
    named = [*generated.public(room).items()]
    assert named
    assert not [name for name, value in named if inspect.isroutine(value) and not value.__doc__]


def test_a_name_is_documented_once():
    homes = {}
    first = generated.page("eigcore", "Arrays", homes)
    again = generated.page("eigcore.encoding", "Columns", homes)
    assert ".. autoclass:: eigcore.Encoding\n" in first
    assert ":py:obj:`Encoding <eigcore.Encoding>`" in again
    assert ".. autoclass:: eigcore.encoding.Encoding\n" not in again


def test_links_out_of_docs_lead_into_the_site():
    source = ["[a](../CHANGELOG.md) [b](../eigcore/guarantees/checker.py)"]
    generated.mend(None, "policy", source)
    assert source == ["[a]({0}/changelog.md) [b]({0}/checker.py)".format("built")]


def test_docstrings_become_restructured_text():
    lines = ["|x| of ``a|b`` and `f(*y)`, *args, n_", "part : of rows", "    or more", "End."]
    docstrings.plain(None, None, None, None, None, lines)
    assert lines[0] == r"\|x\| of ``a|b`` and `f(*y)`, \*args, n\_"
    assert lines[1:] == ["", "- ``part``: of rows", "  or more", "", "End."]
