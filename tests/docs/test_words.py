"""One meaning per word: the glossary has each word once, and prose uses the field's terms."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
INSTEAD = {
    r"\bwish(es)?\b": "constraints",
    r"\bgoals?\b": "targets",
    r"\bpatience\b": "early stopping",
    r"\bblend\b": "ensemble selection",
    r"\blisteners?\b": "callbacks",
    r"\brefusals?\b": "validation",
    r"\b(starting points?)\b": "initialisation",
    r"\bcolumns? with gaps\b|\bgaps \(NaN\b|\bgap in (a|the) (column|target)": "missing cells",
    r"\bmembers follow\b": "say what they are fitted with",
    r"\bWho wants\b": "If you need",
    r"\bthere-\n": "no words broken at the end of a line",
}
PAGES = sorted((ROOT / "docs").glob("*.md"))


def prose(path):
    """A page without its code, or the comments and docstrings of a module."""
    text = path.read_text()
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return "\n".join([*comments, *filter(None, map(ast.get_docstring, nodes))])


def stumbles(text):
    """What is better said in other words."""
    return {
        found[0]: better for old, better in INSTEAD.items() if (found := re.search(old, text, re.I))
    }


MODULES = [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for path in sorted((ROOT / "eigcore").rglob("*.py"))
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_uses_the_terms_of_the_field(path):
    assert not stumbles(prose(path))


@pytest.mark.parametrize("path", MODULES)
def test_a_module_uses_the_terms_of_the_field(path):
    assert not stumbles(prose(path))


def test_old_words_are_seen():
    assert stumbles("The wishes of a column") == {"wishes": "constraints"}
    assert not stumbles("The constraints of a column, and the gap of the spectrum")


def test_the_glossary_has_each_word_once_and_in_few_words():
    words = re.findall(r"^\| ([\w -]+) \| (.+) \|$", GLOSSARY, re.MULTILINE)
    names = [word for word, meaning in words if word != "word"]
    assert len(names) == len(set(names)) > 60
    for word, meaning in words:
        assert len(meaning) < 180, word
