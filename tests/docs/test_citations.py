"""What code and documents cite exists: sections, documents, links, files, names and commands."""

import functools
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import eigcore

ROOT = Path(__file__).parents[2]
FOLDERS = "eigcore|backends|benchmarks|docs|tests"
KINDS = {".py", ".md", ".cpp", ".hpp", ".toml"}
HISTORY = ("CHANGELOG.md", "docs/notes/")
"""These may name what was there once; their links are checked nevertheless."""


def texts():
    """Files that hold prose or code."""
    found = [path for name in FOLDERS.split("|") for path in (ROOT / name).rglob("*")]
    built = re.compile(r"/(buil[dt][\w-]*|__pycache__|\w+\.egg-info)/")
    kept = [path for path in found if path.suffix in KINDS and not built.search(str(path))]
    return sorted([*ROOT.glob("*.md"), *kept])


def flowing(text):
    """The text with comments and paragraphs as single lines: a citation may be broken anywhere."""
    return re.sub(r"\n[ \t]*(?:#+|//|\*)?[ \t]*(?=\S)", " ", text)


@functools.cache
def headings(path):
    return re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)


def sections(path):
    """Numbers of the numbered sections of a document."""
    return {m[1] for title in headings(path) if (m := re.match(r"(\d+[a-z]?)\. ", title))}


def anchors(path):
    """Fragments that a link into a document may have, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings(path)}


def document(name, path):
    """The document that a file means by a name, or None."""
    for folder in (path.parent, ROOT / "docs", ROOT):
        if (folder / name).is_file():
            return folder / name
    return None


def lost_sections(text, path):
    number = r"\d+[a-z]?\b"
    many = rf"{number}(?:(?:, | and |, and ){number})*"
    for name, cited in re.findall(rf"([\w-]+\.md),? (?:sections? )?({many})", flowing(text)):
        known = sections(found) if (found := document(name, path)) else set()
        yield from (f"{name}, section {n}" for n in re.findall(number, cited) if n not in known)
    own = sections(path) if path.suffix == ".md" else set()
    for cited in re.findall(rf"(?<!\.md, )\bsections? ({many})", flowing(text)) if own else ():
        yield from (f"section {n}" for n in re.findall(number, cited) if n not in own)


def lost_documents(text, path):
    for name in re.findall(r"(?<![\w/.:-])(?:\.\./)*([\w][\w/-]*\.md)\b", text):
        if document(name, path) is None:
            yield name


def lost_links(text, path):
    for target in re.findall(r"\]\(([^)\s]+)\)", text) if path.suffix == ".md" else ():
        if re.match(r"https?:", target):
            continue
        name, _, fragment = target.partition("#")
        file = path.parent / name if name else path
        if not file.exists() or (fragment and fragment not in anchors(file)):
            yield target


def lost_paths(text, path):
    pattern = rf"(?<![\w/.*-])(?:{FOLDERS})/[\w./-]*\w/?(?![*<{{\w])(?:::\w+)?"
    for cited in re.findall(pattern, text):
        name, _, test = cited.partition("::")
        file = ROOT / name
        if not file.exists() or (test and f"def {test}(" not in file.read_text()):
            yield cited


def lost_names(text, path):
    quoted = re.findall(r"`+([^`\n]+)`+", text)
    for name in re.findall(r"(?<![\w.-])eigcore(?:\.[A-Za-z_]\w*)+", "\n".join(quoted)):
        if not exists(name):
            yield name
    if path.suffix == ".md":
        for module, names in re.findall(r"^ *from (eigcore[\w.]*) import (\w.*)$", text, re.M):
            for name in re.findall(r"(?:^|, )(\w+)", names.split("#")[0]):
                if not exists(f"{module}.{name}"):
                    yield f"{module}.{name}"
    for name, attribute in re.findall(r"\b([A-Z]\w+)\.([a-z_]\w*)", "\n".join(quoted)):
        if name in classes() and not any(has(each, attribute) for each in classes()[name]):
            yield f"{name}.{attribute}"


@functools.cache
def exists(name):
    try:
        pkgutil.resolve_name(name)
    except ImportError as exc:
        # a library that is not installed here: the module itself is there
        return str(exc.name).split(".")[0] != "eigcore"
    except AttributeError:
        owner, _, attribute = name.rpartition(".")
        try:
            return has(pkgutil.resolve_name(owner), attribute)
        except (ImportError, AttributeError):
            return False
    return True


@functools.cache
def classes():
    """Classes of eigcore by name."""
    found = {}
    for module in pkgutil.walk_packages(eigcore.__path__, "eigcore."):
        if "__main__" in module.name:
            continue
        try:
            members = vars(importlib.import_module(module.name)).values()
        except ImportError:
            continue
        for each in members:
            if inspect.isclass(each) and each.__module__.startswith("eigcore"):
                found.setdefault(each.__name__, []).append(each)
    return found


def has(owner, attribute):
    """Whether instances of a class have an attribute: defined, annotated, or set in a method."""
    if hasattr(owner, attribute):
        return True
    if not inspect.isclass(owner):
        return False
    own = [each for each in owner.__mro__ if each.__module__.startswith("eigcore")]
    if any(attribute in vars(each).get("__annotations__", {}) for each in own):
        return True
    return any(f"self.{attribute} = " in inspect.getsource(each) for each in own)


def lost_commands(text, path):
    for module in re.findall(r"python -m ((?:benchmarks|eigcore)(?:\.\w+)*)", text):
        file = ROOT / module.replace(".", "/")
        if not (file.is_dir() or file.with_suffix(".py").is_file()):
            yield f"python -m {module}"
    code = "".join(each.read_text() for each in (ROOT / "benchmarks").rglob("*.py"))
    for word in re.findall(r"python -m benchmarks (?:-[\w-]+ \w+ )*-k (\w+)", flowing(text)):
        names = [each.name for each in (ROOT / "benchmarks").rglob("*.py")]
        if word not in code and not any(word in name for name in names):
            yield f"-k {word}"
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z][\w-]*)", text):
        if f"\n{target}:" not in makefile:
            yield f"make {target}"


SEARCHES = (lost_sections, lost_documents, lost_links, lost_paths, lost_names, lost_commands)


def lost(text, path):
    """Everything that a text cites and that does not exist."""
    history = str(path.relative_to(ROOT)).startswith(HISTORY)
    searches = (lost_links,) if history else SEARCHES
    return [f"{search.__name__}: {each}" for search in searches for each in search(text, path)]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_file_cites_exists(path):
    if path == Path(__file__):
        pytest.skip("the citations below are wrong on purpose")
    found = lost(path.read_text(), path)
    assert not found


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("(math.md, section 42)", "(math.md, section 2b)"),
        ("(math.md, sections 2 and 42)", "(math.md, sections 2 and 2b)"),
        ("# as in (math.md,\n    # section 42)", "# as in (math.md,\n    # section 4)"),
        ("// math.md 42", "// math.md 2b"),
        ("spec.md, section 1", "see spec.md"),
        ("docs/nowhere.md", "docs/spec.md"),
        ("`nowhere.md`", "`spec.md`"),
        ("[there](nowhere.md)", "[there](spec.md)"),
        ("[there](spec.md#nowhere)", "[there](spec.md#inputs-and-outputs)"),
        ("`eigcore/fit/starts.py`", "`eigcore/errors.py`"),
        ("python -m pytest tests/nowhere.py", "python -m pytest tests/test_model.py"),
        ("tests/test_model.py::test_nowhere", "tests/docs/test_readme.py::test_the_answers_run"),
        ("`eigcore.fit.nowhere`", "`eigcore.fit.fit`"),
        ("`eigcore.stream`", "`eigcore.fit.stream`"),
        ("`eigcore.EigSpec.nowhere`", "`eigcore.EigSpec.params_shape`"),
        ("from eigcore.stream import fit_stream", "from eigcore.fit import fit, resume"),
        ("`Encoding.nowhere`", "`Encoding.table`"),
        ("`LocalCertificate.nowhere`", "`LocalCertificate.scale`"),
        ("python -m benchmarks.nowhere", "python -m benchmarks.accuracy"),
        ("python -m benchmarks -k nowhere_at_all", "python -m benchmarks -k overhead"),
        ("`make nowhere`", "`make test`"),
    ],
)
def test_a_lost_citation_is_seen_and_a_right_one_is_not(text, right):
    page = ROOT / "docs" / "spec.md"
    assert lost(text, page)
    assert not lost(right, page)


def test_a_section_that_a_document_cites_of_itself_exists():
    page = ROOT / "docs" / "math.md"
    assert lost("as in section 42", page)
    assert not lost("as in section 2b", page)


def test_the_code_cites_the_mathematics():
    cited = [path for path in texts() if re.search(r"math\.md, section", path.read_text())]
    assert len(cited) > 15
