"""No page ends without a next step, scripts lead to pages that exist, and code of pages runs."""

import re
from pathlib import Path

import numpy as np
import pytest

import eigcore
import eigcore.fit as fit_module
from eigcore.testing import kit

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.md"), *DOCS.glob("notes/*.md")]
SCRIPTS = sorted((DOCS / "gallery").glob("*.py"))
RUN = ("proofs", "backends", "spec", "large", "fit")
SMALL = {"members": 1, "dim": 2, "knots": 2, "penalty": 0.01, "max_iter": 20}


def end(page):
    """The last paragraph, list or table of a page."""
    text = re.sub(r"```\{toctree\}.*?```", "", page.read_text(), flags=re.DOTALL)
    return text.strip().split("\n\n")[-1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_ends_with_a_next_step(page):
    assert re.search(r"\]\([^)]+\)|\{doc\}`", end(page))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_of_the_gallery_leads_on(script):
    text = script.read_text()
    assert ".. seealso::" in text
    links = re.findall(r":doc:`[^<`]*<([^>`]+)>`", text)
    assert links
    for link in links:
        built = link.removeprefix("/built/gallery/")
        target = DOCS / f"{link[1:]}.md" if built == link else DOCS / "gallery" / f"{built}.py"
        assert target.exists(), link


@pytest.mark.parametrize("name", RUN)
def test_the_code_of_a_page_runs(name, tmp_path, monkeypatch):
    text = (DOCS / f"{name}.md").read_text()
    for library in ("torch", "jax"):
        if re.search(rf"^import {library}\b|to\(\"{library}", text, re.MULTILINE):
            pytest.importorskip(library, reason=f"{name}.md uses it")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "rows"
    folder.mkdir()
    numbers = np.random.default_rng(0).uniform(1, 2, (60, 2))
    lines = [f"{area},{age},{area - age}" for area, age in numbers]
    (folder / "one.csv").write_text("\n".join(["area,age,price", *lines]))
    fitted = fit_module.fit
    quick = lambda *given, **options: fitted(*given, **options | SMALL)  # noqa: E731
    monkeypatch.setattr(fit_module, "fit", quick)
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    assert code
    exec(compile(code, f"{name}.md", "exec"), {})


def test_the_law_of_the_page_about_conformance_holds(monkeypatch):
    laws = kit.all_laws()
    monkeypatch.setattr(kit, "_laws", dict(laws))
    page = (DOCS / "conformance.md").read_text().replace('"mine"', '"numpy"')
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "conformance.md", "exec"), {})
    (name,) = set(kit.all_laws()) - set(laws)
    law, (case,), _ = kit.all_laws()[name]
    law(eigcore.get_backend("numpy"), case)


def test_every_page_with_code_is_run_by_a_test():
    texts = [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    running = "\n".join(text for text in texts if "```" in text or "doctest" in text)
    for page in DOCS.glob("*.md"):
        if "```python" in page.read_text():
            assert re.search(rf'"{page.stem}"|{page.name}"', running), page.name
