"""No page ends without a next step, scripts lead to pages that exist, and code of pages runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.md"), *DOCS.glob("notes/*.md")]
SCRIPTS = sorted((DOCS / "gallery").glob("*.py"))
RUN = ("proofs", "backends")
QUICK = "members=1, dim=2, knots=2, penalty=0.01, max_iter=20, validation=0"


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
    for library in ("torch", "jax"):
        pytest.importorskip(library, reason=f"{name}.md uses it")
    monkeypatch.chdir(tmp_path)
    text = (DOCS / f"{name}.md").read_text().replace("validation=0", QUICK)
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    exec(compile(code, f"{name}.md", "exec"), {})
